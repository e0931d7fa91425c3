"""Fine-tuning on photos of one color teaches that color."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from tiny import divide

from colorlib import color
from colorlib.color import bins
from colorlib.colorize.colorizer import Colorizer
from colorlib.models.predict import colorize
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system import paths
from colorlib.system.errors import DataError
from colorlib.training.config import TrainConfig
from colorlib.training.finetuning import finetune
from colorlib.training.loop import fit


def test_it_begins_with_what_was_learned(tmp_path, home, samples):
    """The loss of its first step is that of the trained network, not of a fresh one."""
    recipe = Recipe("unet", "ab-l1", 16, {"width": 8, "depth": 2})
    train, valid = divide(samples)
    trained = fit(recipe, train, valid, TrainConfig(4, 16, 0.01, threads=1), tmp_path / "trained")
    folder = tmp_path / "mine"
    folder.mkdir()
    for i, pixels in enumerate(train.rgb[:24]):
        Image.fromarray(pixels.transpose(1, 2, 0)).resize((32, 32)).save(folder / f"{i}.png")
    run = finetune(trained.path / "best.safetensors", folder, 1, lr=1e-9, batch_size=16, run_dir=tmp_path / "run")
    before = min(row["valid_loss"] for row in trained.epochs)
    assert run.epochs[0]["valid_loss"] < 2 * before
    best, _ = load_weights(trained.path / "best.safetensors")
    for tuned, initial in zip(run.last.parameters(), best.parameters(), strict=True):
        torch.testing.assert_close(tuned, initial, atol=1e-5, rtol=1e-4)


def test_training_on_does_not_unlearn_the_tilt(samples, tmp_path):
    """With the tilt in the bias of the head instead, the loss would train it away, and with it a third of the colors."""
    train, valid = divide(samples)
    rarity = bins.rebalancing_weights(bins.smoothed_prior(bins.count_bins(train.in_order())))
    options, config = {"width": 8, "depth": 2, "patch": 2, "full_size": False}, TrainConfig(4, 32, 0.01, threads=1, micro_batch=32)
    recipe = Recipe("unet", "bins", 16, options, {"rebalance": 1.0, "tilt": 0.75, "rarity": rarity.tolist()})
    first = fit(recipe, train, valid, config, tmp_path / "first")
    more = fit(recipe, train, valid, config, tmp_path / "more", start=first.last)
    assert color.colorfulness(more.colorize(valid.rgb)).mean() > 0.9 * color.colorfulness(first.colorize(valid.rgb)).mean()

    in_the_bias, plain = copy.deepcopy(first.last), replace(recipe, settings={"rebalance": 1.0})
    with torch.no_grad():
        in_the_bias.head[0].bias += 0.75 * rarity.log().float()
    unlearned = fit(plain, train, valid, config, tmp_path / "unlearned", start=in_the_bias)
    before = colorize(in_the_bias, plain.build_objective(), color.to_tensor(valid.rgb))
    torch.testing.assert_close(before, first.colorize(valid.rgb), atol=1e-3, rtol=0)
    assert color.colorfulness(unlearned.colorize(valid.rgb)).mean() < 2 / 3 * color.colorfulness(before).mean()


@pytest.fixture
def weights(tmp_path):
    return tiny.weights(tmp_path)


def test_a_folder_of_orange_photos_teaches_orange(weights, tmp_path, home):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(40):
        gray = Image.effect_noise((40, 30), 20 + i)
        orange = [gray.point([round(share * level) for level in range(256)]) for share in (1, 0.6, 0.2)]
        Image.merge("RGB", orange).save(folder / f"{i}.png")
    photo = Image.effect_noise((60, 50), 40)
    run = finetune(weights, folder, num_epochs=30, lr=0.01, batch_size=16, run_dir=tmp_path / "run")
    red, _, blue = (channel.astype(float).mean() for channel in np.asarray(
        Colorizer(run.path / "best.safetensors")(photo)).transpose(2, 0, 1))
    assert red > 1.3 * blue
    assert [*paths.cache_dir().glob("folder-train-18-*")], "photos are an eighth larger than 16 px, to cut from"
    assert run.recipe.size == 16


def test_a_folder_without_photos_is_named(weights, tmp_path, home):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no pictures for train"):
        finetune(weights, tmp_path / "empty")
