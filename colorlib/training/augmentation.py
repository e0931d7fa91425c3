"""What a network sees of a batch in training: L, perhaps of a photo that looks old, and perhaps hints."""

from math import exp, log

import numpy as np
import torch
from torch import Tensor

from colorlib import color
from colorlib.models.hints import random_hints
from colorlib.training.aging import with_border, worn

BORDERED = 0.3       # share of the aged photos that get a border
MOST_HINTS = 100
JITTER = 3.0         # Lab units


def augmented(rgb: Tensor, keys: Tensor, aged: float = 0.0, hinted: float = 0.0) -> tuple[Tensor, ...]:
    """The truth and the inputs of a network, for some photos.

    Args:
        rgb: (B, 3, H, W) uint8.
        keys: (B,) int64: each decides what happens to its photo, wherever in a batch that is.
        aged: share of the photos whose L looks old; some of them get a border, which is part of the truth too.
        hinted: share of the photos with 1 to 100 hints, few as often as many.

    Returns:
        rgb (B, 3, H, W) uint8, gray (B, 1, H, W) in [0, 1] and, if ``hinted`` is above 0, hints (B, 3, H, W).
    """
    generators = [np.random.default_rng(key) for key in keys.tolist()]
    is_aged, is_hinted = np.stack([generator.random(2) < (aged, hinted) for generator in generators], 1)
    rgb = torch.stack([with_border(photo, generator) if old and generator.random() < BORDERED else photo
                       for photo, old, generator in zip(rgb, is_aged, generators, strict=True)])
    gray = torch.stack([worn(photo, generator) if old else photo
                        for photo, old, generator in zip(color.to_gray(rgb), is_aged, generators, strict=True)])
    if not hinted:
        return rgb, gray
    hints = [some_hints(color.split_lab(photo)[1], generator) if known else torch.zeros_like(photo, dtype=torch.float32)
             for photo, known, generator in zip(rgb, is_hinted, generators, strict=True)]
    return rgb, gray, torch.stack(hints)


def some_hints(ab: Tensor, generator: np.random.Generator) -> Tensor:
    """Between 1 and 100 random hints, as often 1 to 10 as 10 to 100: ab (2, H, W) in Lab units -> (3, H, W)."""
    return random_hints(ab.cpu(), round(exp(generator.uniform(0, log(MOST_HINTS)))), generator, JITTER).to(ab.device)
