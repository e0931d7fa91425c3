"""The place to ask for is where the colors are spread widest; the answers are the likely ones."""

import numpy as np
import pytest
import skimage.color
import torch
from PIL import Image, ImageOps

from colorlib.color import bins
from colorlib.colorize.asking import APART, answers, likely_colors, place_to_ask, spread, widest_place
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.hints import Hint
from colorlib.system import paths

CENTERS = bins.bin_centers()
COLORIZER = Colorizer("photos")


@pytest.fixture
def photo():
    return Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB")


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
    x, y = widest_place(logits)
    assert (x, y) == (pytest.approx(48 / 64, abs=0.08), pytest.approx(32 / 48, abs=0.1))


def test_a_place_that_is_known_is_not_asked_for_again():
    logits = certain(48, 64)
    logits[:, :, 4:6, 4:6] = 0
    logits[:, :, 24:40, 40:56] = 0
    x, y = widest_place(logits, [Hint(48 / 64, 32 / 48, "#808080")])
    assert abs(x - 48 / 64) > 0.05 or abs(y - 32 / 48) > 0.07
    known = [Hint(*widest_place(logits), "#808080")]
    for _ in range(5):
        place = widest_place(logits, known)
        assert place not in [hint[:2] for hint in known]
        known.append(Hint(*place, "#808080"))


def test_a_border_is_not_asked_for(photo):
    framed = ImageOps.expand(photo, 100, "black")
    places = []
    for _ in range(3):
        x, y = place_to_ask(COLORIZER, framed, [Hint(*place, "#808080") for place in places])
        assert 100 <= x * framed.width <= framed.width - 100
        assert 100 <= y * framed.height <= framed.height - 100
        places.append((x, y))


def test_what_was_answered_at_a_place_does_not_change_what_is_offered_there(photo):
    before = answers(COLORIZER, photo, 0.4, 0.6)
    assert 3 <= len(before) <= 8
    assert answers(COLORIZER, photo, 0.4, 0.6, [Hint(0.4, 0.6, before[0])]) == before


def test_likely_colors_are_apart_and_the_most_colorful_is_first():
    logits = certain(10, 10)
    for place, ab in enumerate([(30, 40), (30, 50), (-40, 30), (20, -50), (10, 0)]):
        logits[:, (torch.tensor(ab).float() == CENTERS).all(1)] = 40.0 - place
    found = likely_colors(logits, torch.full((1, 1, 20, 20), 60.0), 0.5, 0.5, 4)
    lab = skimage.color.rgb2lab(np.array([[int(rgb[i:i + 2], 16) for i in (1, 3, 5)] for rgb in found], np.uint8)[None])[0]
    assert lab[:, 0] == pytest.approx([60] * 4, abs=1)
    assert lab[:, 1:] == pytest.approx(np.array([(20, -50), (30, 40), (-40, 30), (10, 0)]), abs=1.5), "not (30, 50), which is like the first"
    assert len(likely_colors(logits, torch.full((1, 1, 20, 20), 60.0), 0.5, 0.5, 1000)) < len(CENTERS) / (APART / 10)
