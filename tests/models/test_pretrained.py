"""The weights that come with colorlib: small and documented; those for photos are better than no color."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import safetensors
import torch
from PIL import Image

import colorlib as cl
from colorlib import color
from colorlib.color.bins import entropy
from colorlib.colorize.colorizer import Colorizer
from colorlib.models.hints import random_hints
from colorlib.models.predict import network_output
from colorlib.models.weights import load_weights, shipped
from colorlib.system import paths
from colorlib.system.errors import RunError

CARDS = (paths.PACKAGE / "models" / "trained" / "README.md").read_text()


@pytest.mark.parametrize("path", sorted((paths.PACKAGE / "models" / "trained").glob("*.safetensors")), ids=lambda path: path.stem)
def test_weights_are_small_and_have_a_card(path):
    assert path.stat().st_size < 12_000_000
    with safetensors.safe_open(path, "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds <= {torch.float16, torch.int64}
    card = re.search(rf"^## `{path.stem}`\n(.*?)(?=^## |\Z)", CARDS, re.M | re.S)[1]
    for row in ("Network", "Trained on", "How", "Time", "Measured", "Limits"):
        assert row in card, row
    assert "## License" in CARDS


@pytest.mark.parametrize("name", [name for name in shipped() if name.startswith("photos")])
def test_photos_it_never_saw_come_closer_to_the_truth_than_gray(name):
    colorizer, errors = Colorizer(name), []
    for path in sorted(paths.samples_dir().glob("*.jpg")):
        photo = Image.open(path).convert("RGB")
        (_, ours), (_, actual) = (color.split_lab(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])
                                  for image in (colorizer(photo), photo))
        errors.append([(ours - actual).square().mean().item(), actual.square().mean().item()])
    ours, gray = np.mean(errors, 0)
    assert ours < gray


@pytest.mark.parametrize("name", ["cifar-vivid", "photos-vivid"])
def test_the_tilt_of_vivid_weights_is_in_their_recipe(name):
    """The network outputs the distribution that it learned. With the tilt in it, 4.8 bits of uncertainty were shown for 4.2."""
    model, recipe = load_weights(name)
    tilted = recipe.build_objective()
    tilt, temperature = tilted.tilt_and_temperature
    plain = replace(tilted, tilt=0.0, temperature=temperature, vividness=None)
    rgb = torch.from_numpy(np.array(cl.load("samples", "test", 64).rgb[::20]))
    output, L = network_output(model, rgb), 100 * color.to_gray(rgb)
    vivid, careful = (color.colorfulness(objective.decode(output, L)).mean() for objective in (tilted, plain))
    assert vivid > 1.2 * careful
    shifted = output + tilt * torch.tensor(tilted.rarity).log()[:, None, None]
    assert entropy(output).mean() < entropy(shifted).mean()


def test_more_vividness_is_more_color():
    model, recipe = load_weights("photos")
    rgb = torch.from_numpy(np.array(cl.load("samples", "test", 128).rgb[::20]))
    output, L = network_output(model, rgb), 100 * color.to_gray(rgb)
    colorfulness = [color.colorfulness(recipe.build_objective().with_vividness(vividness).decode(output, L)).mean().item()
                    for vividness in np.linspace(0, 1, 9)]
    assert all(less < more for less, more in pairwise(colorfulness))


def test_photos_vivid_is_photos_at_full_vividness():
    vivid, careful = load_weights("photos-vivid"), load_weights("photos")
    assert vivid[1].build_objective() == careful[1].build_objective().with_vividness(1)
    assert all(torch.equal(a, b) for a, b in zip(vivid[0].state_dict().values(), careful[0].state_dict().values(), strict=True))


def test_hints_bring_photos_nearer_to_the_truth():
    model, recipe = load_weights("photos")
    objective = recipe.build_objective()
    rgb = torch.from_numpy(np.array(cl.load("samples", "test", 128).rgb[::10]))
    L, ab = color.split_lab(rgb)
    errors = []
    for number in (0, 1, 10, 100):
        hints = torch.stack([random_hints(colors, number, np.random.default_rng(seed)) for seed, colors in enumerate(ab)])
        with torch.no_grad():
            colored = objective.decode(model(L / 100, hints), L)
        errors.append((color.split_lab(colored)[1] - ab).abs().mean().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(RunError, match="no weights 'sepia': give a file, or one of .*photos"):
        load_weights("sepia")


def test_a_name_too_long_for_a_file_is_an_error_of_ours():
    with pytest.raises(RunError):
        load_weights("x" * 300)


def test_all_names_that_help_and_errors_mention_are_there():
    assert {"study", "cifar", "cifar-vivid", "photos", "photos-vivid"} <= set(shipped())
