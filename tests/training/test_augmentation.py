"""What a network sees of a batch: decided by the key of each photo, wherever it is."""

import pytest
import torch

from colorlib import color
from colorlib.models.hints import UNIT
from colorlib.models.recipe import Recipe
from colorlib.system.errors import UsageError
from colorlib.training.augmentation import augmented
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

KEYS = torch.arange(24)


@pytest.fixture
def rgb(samples):
    return color.to_tensor(samples.rgb[:24])


def test_without_changes_the_network_sees_lightness(rgb):
    same, gray = augmented(rgb, KEYS)
    assert torch.equal(same, rgb)
    assert torch.equal(gray, color.to_gray(rgb))


def test_a_photo_changes_by_its_key_alone(rgb):
    whole = augmented(rgb, KEYS, 0.5, 0.5)
    part = augmented(rgb[7:11], KEYS[7:11], 0.5, 0.5)
    for all_of_it, some in zip(whole, part, strict=True):
        assert torch.equal(all_of_it[7:11], some)
    other = augmented(rgb, KEYS + 100, 0.5, 0.5)
    assert not torch.equal(whole[1], other[1])


def test_only_borders_change_the_truth(rgb):
    truth, gray = augmented(rgb.repeat(10, 1, 1, 1), torch.arange(240), aged=1.0)
    same = (truth == rgb.repeat(10, 1, 1, 1)).flatten(1).all(1).float().mean()
    assert 0.6 < same < 0.8
    aged = (gray != color.to_gray(truth)).flatten(1).any(1).float().mean()
    assert aged > 0.9


def test_shares(rgb):
    _, gray, hints = augmented(rgb.repeat(10, 1, 1, 1), torch.arange(240), aged=0.25, hinted=0.5)
    numbers = hints[:, 2].flatten(1).sum(1)
    assert (numbers == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert (gray != color.to_gray(rgb.repeat(10, 1, 1, 1))).flatten(1).any(1).float().mean().item() == pytest.approx(0.25, abs=0.08)


def test_hints_are_near_the_truth(rgb):
    _, _, hints = augmented(rgb, KEYS, hinted=1.0)
    _, ab = color.split_lab(rgb)
    known = (hints[:, 2:] == 1).expand(-1, 2, -1, -1)
    assert (UNIT * hints[:, :2] - ab)[known].abs().mean() < 12 < ab[known].abs().mean() * 12
    assert not hints[:, :2][~known].any()


def test_training_with_both_is_equal_in_one_part_and_in_several(split, tmp_path):
    """To the rounding of float32: the keys belong to photos, not to parts."""
    recipe = Recipe("encoder-unet", "bins", 16, {"encoder": "frozen", "widths": (8,) * 5}, {"rebalance": 1.0})
    losses = []
    for micro_batch in (16, 5):
        config = TrainConfig(1, 16, lr=1e-6, aged=0.5, hinted=0.5, micro_batch=micro_batch, precision="float32", log_every=1)
        losses.append(fit(recipe, *split, config, tmp_path / str(micro_batch)).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=0.02), "batch norm differs a little"


def test_a_network_without_hints_is_refused(split):
    with pytest.raises(UsageError, match="'unet' takes no hints"):
        fit(Recipe("unet", "ab-l1", 16), *split, TrainConfig(1, hinted=0.5))
    with pytest.raises(UsageError, match="hinted must be from 0 to 1"):
        TrainConfig(hinted=2)
