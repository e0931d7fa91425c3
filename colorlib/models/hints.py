"""Hints: the colors of some pixels, from which a network colors the rest.

Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors".
"""

import numpy as np
import torch
from torch import Tensor

UNIT = 110.0         # Lab units: a and b of hints are divided by it (section 3.1)
SIDES = (1, 9)       # pixels along each side of the squares that a random hint reveals (section 3.3)


def random_hints(ab: Tensor, number: int, generator: np.random.Generator, jitter: float = 0.0) -> Tensor:
    """Reveal the mean color of some squares, as if a user had clicked there.

    Args:
        ab: (2, H, W) in Lab units: the true colors.
        number: of squares, anywhere; their sides are drawn from ``SIDES``.
        generator: decides where.
        jitter: standard deviation of what is added to each color, in Lab units: users do not know the true one.

    Returns:
        (3, H, W): a / 110, b / 110 and 1 at the revealed pixels, 0 at all others.
    """
    H, W = ab.shape[1:]
    hints = torch.zeros(3, H, W)
    sides = np.minimum(generator.integers(*SIDES, size=number, endpoint=True), min(H, W))
    tops, lefts = generator.integers(0, H - sides, endpoint=True), generator.integers(0, W - sides, endpoint=True)
    offsets = jitter * torch.from_numpy(generator.standard_normal((number, 2))).float()
    for side, top, left, offset in zip(sides.tolist(), tops.tolist(), lefts.tolist(), offsets, strict=True):
        place = np.s_[:, top:top + side, left:left + side]
        color = (ab[place].mean((1, 2)) + offset) / UNIT
        hints[place] = torch.cat([color, torch.ones(1)])[:, None, None]
    return hints
