"""What a network sees of a batch: decided by the key of each photo, wherever it is."""

import pytest
import torch

from colorlib import color
from colorlib.models.hints import UNIT
from colorlib.models.recipe import Recipe
from colorlib.system.errors import UsageError
from colorlib.training.augmentation import JITTER, augmented
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


def test_hints_are_near_the_truth():
    """Of plain photos: the colors differ by the jitter alone."""
    rgb = torch.arange(20, 140, 5, dtype=torch.uint8)[:, None, None, None].expand(24, 3, 16, 16).clone()
    rgb[:, 0] += 90
    _, _, hints = augmented(rgb, KEYS, hinted=1.0)
    _, ab = color.split_lab(rgb)
    known = (hints[:, 2:] == 1).expand(-1, 2, -1, -1)
    assert (UNIT * hints[:, :2] - ab)[known].std().item() == pytest.approx(JITTER, rel=0.2)
    assert ab[known].abs().mean() > 5 * JITTER
    assert not hints[:, :2][~known].any()


def test_each_part_of_a_batch_sees_what_the_whole_would(split, tmp_path, monkeypatch):
    """The keys belong to photos: a batch in three parts is changed as in one."""
    recipe = Recipe("encoder-unet", "bins", 16, {"encoder": "frozen", "widths": (8,) * 5}, {"rebalance": 1.0})
    seen = {}
    for micro_batch in (16, 6):
        parts = seen.setdefault(micro_batch, [])

        def recorded(rgb, keys, *shares, parts=parts):
            parts.append((keys, *augmented(rgb, keys, *shares)))
            return parts[-1][1:]

        monkeypatch.setattr("colorlib.training.trainer.augmented", recorded)
        config = TrainConfig(1, 16, aged=0.5, hinted=0.5, micro_batch=micro_batch, threads=1)
        fit(recipe, *split, config, tmp_path / str(micro_batch))
    whole = sorted(zip(*map(torch.cat, zip(*seen[16], strict=True)), strict=True), key=lambda photo: int(photo[0]))
    parted = sorted(zip(*map(torch.cat, zip(*seen[6], strict=True)), strict=True), key=lambda photo: int(photo[0]))
    assert len(seen[6]) == 3 * len(seen[16])
    assert len({int(photo[0]) for photo in whole}) == len(whole), "each photo of each step has a key of its own"
    assert all(torch.equal(a, b) for one, other in zip(whole, parted, strict=True) for a, b in zip(one, other, strict=True))


def test_a_network_without_hints_is_refused(split):
    with pytest.raises(UsageError, match="'unet' takes no hints"):
        fit(Recipe("unet", "ab-l1", 16), *split, TrainConfig(1, hinted=0.5))
    with pytest.raises(UsageError, match="hinted must be from 0 to 1"):
        TrainConfig(hinted=2)
