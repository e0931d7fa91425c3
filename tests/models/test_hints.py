"""Random hints: the color of squares, where they are."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from colorlib.models.hints import SIDES, UNIT, random_hints


def ab_of_ramps(H=40, W=60):
    return torch.stack([torch.linspace(-50, 50, W).expand(H, W), torch.linspace(80, 0, H)[:, None].expand(H, W)])


def test_hints_hold_the_mean_color_of_their_squares():
    ab = ab_of_ramps()
    hints = random_hints(ab, 1, np.random.default_rng(3))
    rows, columns = hints[2].nonzero().T
    assert set(hints[2].unique().tolist()) == {0, 1}
    assert SIDES[0] <= np.ptp(rows) + 1 == np.ptp(columns) + 1 <= SIDES[1]
    assert (UNIT * hints[:2, rows[0], columns[0]]).tolist() == pytest.approx(ab[:, rows, columns].mean(1).tolist(), abs=1e-4)
    assert not hints[:2, hints[2] == 0].any()


@pytest.mark.parametrize("number", [0, 1, 5, 100])
def test_as_many_squares_as_asked_for(number):
    _, found = scipy.ndimage.label(random_hints(torch.zeros(2, 400, 400), number, np.random.default_rng(0))[2])
    assert number - 8 <= found <= number, "some may touch"


def test_hints_are_everywhere_and_of_every_size():
    seen, sides = torch.zeros(12, 30), set()
    for seed in range(2000):
        mask = random_hints(torch.zeros(2, 12, 30), 1, np.random.default_rng(seed))[2]
        seen += mask
        sides.add(int(mask.sum()))
    assert seen.min() > 0
    assert sides == {side**2 for side in range(1, 10)}


def test_jitter_moves_the_colors():
    ab = torch.full((2, 200, 200), 20.0)
    hints = random_hints(ab, 300, np.random.default_rng(0), jitter=3)
    moved = UNIT * hints[:2, hints[2] == 1] - 20
    assert moved.std(1).tolist() == pytest.approx([3, 3], rel=0.15)
    assert torch.equal(hints, random_hints(ab, 300, np.random.default_rng(0), jitter=3))


def test_a_square_is_never_larger_than_the_picture():
    assert random_hints(torch.zeros(2, 5, 50), 200, np.random.default_rng(0))[2].all()
