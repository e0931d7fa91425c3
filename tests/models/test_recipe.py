"""Recipes: names, equality, what is refused."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.torch

from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights, save_weights
from colorlib.system.errors import UsageError


def test_equal_recipes_have_equal_hashes():
    first, second = (Recipe("unet", "bins", 32, {"width": 8}, {"rebalance": 1.0}) for _ in range(2))
    assert len({first, second}) == 1
    assert len({first, Recipe("unet", "bins", 32, {"width": 9}, {"rebalance": 1.0})}) == 2


def test_settings_are_what_a_file_will_hold():
    rarity = tuple(range(1, 262))
    recipe = Recipe("unet", "bins", settings={"tilt": 0.5, "rarity": rarity})
    assert Recipe(**json.loads(json.dumps(recipe.as_dict()))) == recipe
    with pytest.raises(UsageError, match="settings must be numbers, texts and lists that JSON can hold"):
        Recipe("unet", "bins", settings={"rarity": np.ones(261)})


def test_a_weights_file_with_the_old_name_of_the_network_still_loads(tmp_path):
    recipe = Recipe("study", "rgb-l2", 16, {"width": 4, "depth": 8})
    save_weights(tmp_path / "new.safetensors", recipe.build_model(), recipe)
    with safetensors.safe_open(tmp_path / "new.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        old = json.loads(file.metadata()["recipe"]) | {"model": "course"}
    safetensors.torch.save_file(tensors, tmp_path / "old.safetensors", {"recipe": json.dumps(old)})
    assert load_weights(tmp_path / "old.safetensors")[1] == recipe


@pytest.mark.parametrize("size", ["32", 7, 32.0, None])
def test_a_size_that_no_network_could_take_is_refused(size):
    with pytest.raises(UsageError, match="size must be an integer of at least 8 pixels"):
        Recipe(size=size)


def test_a_numpy_integer_is_a_size():
    assert json.dumps(Recipe(size=np.int64(32)).as_dict())
