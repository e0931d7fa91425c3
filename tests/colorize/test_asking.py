"""The place to ask for is where the colors are spread widest; the answers are the likely ones."""

import numpy as np
import pytest
import skimage.color
import torch

from colorlib.color import bins
from colorlib.colorize.asking import APART, likely_colors, place_to_ask, spread

CENTERS = bins.bin_centers()


def certain(height, width, ab=(0, 0)):
    """Logits of a network that is sure of one color."""
    logits = torch.full((1, len(CENTERS), height, width), -30.0)
    logits[:, (torch.tensor(ab).float() == CENTERS).all(1)] = 30.0
    return logits


def test_the_spread_of_two_equal_colors_is_half_their_distance():
    logits = certain(1, 1, (30, 40))
    logits[:, (torch.tensor([-30.0, -40.0]) == CENTERS).all(1)] = 30.0
    assert spread(logits).item() == pytest.approx(50, abs=0.01)
    assert spread(certain(1, 1)).item() == pytest.approx(0, abs=0.01)


def test_the_place_is_the_middle_of_the_largest_doubt():
    logits = certain(48, 64)
    logits[:, :, 4:6, 4:6] = 0               # a small doubt
    logits[:, :, 24:40, 40:56] = 0           # a large one
    x, y = place_to_ask(logits)
    assert (x, y) == (pytest.approx(48 / 64, abs=0.08), pytest.approx(32 / 48, abs=0.1))


def test_likely_colors_are_in_order_and_apart():
    logits = certain(10, 10)
    for place, ab in enumerate([(30, 40), (30, 50), (-40, 30), (20, -50)]):
        logits[:, (torch.tensor(ab).float() == CENTERS).all(1)] = 40.0 - place
    found = likely_colors(logits, torch.full((1, 1, 20, 20), 60.0), 0.5, 0.5, 3)
    lab = skimage.color.rgb2lab(np.array([[int(rgb[i:i + 2], 16) for i in (1, 3, 5)] for rgb in found], np.uint8)[None])[0]
    assert lab[:, 0] == pytest.approx([60] * 3, abs=1)
    assert lab[:, 1:] == pytest.approx(np.array([(30, 40), (-40, 30), (20, -50)]), abs=1.5), "not (30, 50), which is like the first"
    assert len(likely_colors(logits, torch.full((1, 1, 20, 20), 60.0), 0.5, 0.5, 1000)) < len(CENTERS) / (APART / 10)
