"""The ab plane in bins, so that a color can be classified: Zhang, Isola and Efros 2016, section 2.

Between ab and bins stand two translations. ``soft_encode`` spreads a color over the bins around it; ``annealed_mean``
makes one color of a distribution again. Colors are (..., 2, H, W), distributions (..., Q, H, W).
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily

from colorlib import color

GRID = 10            # Lab units from one bin to the next (section 2.1)
NEIGHBORS = 5        # bins that share a color, in Gaussian weights of this width (section 2.2)
SIGMA = 5.0
REACH = 140          # Lab units: no color of sRGB lies further from gray along a or b


@cache
def bin_centers() -> Tensor:
    """The centers of the bins: those points of a grid of 10 Lab units to which some color of sRGB is the nearest.

    By this rule there are 261. The paper keeps 313, and does not say by which: some of them lie outside of the gamut,
    and no color would be counted there.

    Returns:
        (Q, 2) float, a and b in Lab units, ordered by a, then by b.
    """
    with _real_tensors():
        levels = torch.arange(0, 256, 3, dtype=torch.uint8)         # all 256 levels find the same bins
        pairs = torch.cartesian_prod(levels, levels).T[..., None]                               # (2,86**2,1)
        planes = (torch.cat([red.expand(1, *pairs.shape[1:]), pairs]) for red in levels)        # (3,86**2,1) each
        found = [(color.rgb_to_lab(plane)[1:, :, 0] / GRID).round().unique(dim=1) for plane in planes]
        return torch.cat(found, 1).T.unique(dim=0) * GRID


def nearest(ab: Tensor, count: int = NEIGHBORS) -> tuple[Tensor, Tensor]:
    """The bins next to each color.

    Args:
        ab: (..., 2, H, W) in Lab units.
        count: how many, at most 5.

    Returns:
        Their numbers, (..., count, H, W) int64, the nearest first, and their squared distances in Lab units.

    Raises:
        ValueError: for another count.
    """
    if not 1 <= count <= NEIGHBORS:
        raise ValueError(f"count must be from 1 to {NEIGHBORS}, got {count}")
    centers, candidates = bin_centers().to(ab.device), _candidates().to(ab.device)
    cell = (ab / GRID).round().clamp(-REACH // GRID, REACH // GRID).long() + REACH // GRID
    a, b = cell.unbind(-3)
    numbers = candidates[a, b]                                                  # (...,H,W,C)
    squared = (centers[numbers] - ab.movedim(-3, -1).unsqueeze(-2)).square().sum(-1)
    squared, order = squared.topk(count, largest=False)
    return numbers.gather(-1, order).movedim(-1, -3), squared.movedim(-1, -3)


@cache
def _candidates() -> Tensor:
    """For each cell of the grid the bins that can be among the five nearest of a color in it: (cells, cells, C) int64.

    So that not all 261 need be searched. A bin cannot be among them if five others are nearer even to the far corner of
    the cell.
    """
    with _real_tensors():
        steps = torch.arange(-REACH, REACH + 1, GRID).float()
        cells = torch.cartesian_prod(steps, steps)
        distance = torch.cdist(cells, bin_centers())
        half = GRID / 2 * 2**0.5                                    # from the middle of a cell to its corner
        possible = distance - half <= distance.topk(NEIGHBORS, largest=False).values[:, -1:] + half
        count = int(possible.sum(1).max())
        return distance.topk(count, largest=False).indices.reshape(len(steps), len(steps), count)


@contextmanager
def _real_tensors() -> Iterator[None]:
    """For what is kept for good, whoever asks first: on the CPU, with memory, fit for gradients."""
    with unset_fake_temporarily(), torch.inference_mode(False), torch.no_grad(), torch.device("cpu"):
        yield


def soft_encode(ab: Tensor) -> tuple[Tensor, Tensor]:
    """H^-1 of section 2.2: each color as five bins that share it, in Gaussian weights of sigma 5.

    Sparse, since 256 of the 261 numbers would be zero: a batch of 64 images of 64 px would take 274 MB.

    Args:
        ab: (..., 2, H, W) in Lab units.

    Returns:
        The bins' numbers, (..., 5, H, W) int64, the nearest first, and their weights, which add up to 1.
    """
    numbers, squared = nearest(ab)
    return numbers, (-squared / (2 * SIGMA**2)).softmax(-3)


def annealed_mean(logits: Tensor, temperature: float = 0.38) -> Tensor:
    """H of section 2.3, equation 5: the mean color of the distribution, after dividing its logarithm by T.

    Args:
        logits: (..., Q, H, W).
        temperature: 1 is the mean of the distribution as it is, 0 its mode; the paper takes 0.38.

    Returns:
        ab (..., 2, H, W) in Lab units.

    Raises:
        ValueError: for a temperature outside of 0...1, or another number of bins.
    """
    if not 0 <= temperature <= 1:
        raise ValueError(f"temperature must be from 0 (the mode) to 1 (the mean), got {temperature}")
    centers = bin_centers().to(logits)
    if logits.ndim < 3 or logits.shape[-3] != len(centers):
        raise ValueError(f"logits must be (..., {len(centers)}, H, W), got {tuple(logits.shape)}")
    if temperature == 0:
        return centers[logits.argmax(-3)].movedim(-1, -3)
    with torch.autocast(logits.device.type, enabled=False):     # colors need more than bfloat16's three digits
        return torch.einsum("...qhw,qc->...chw", (logits / temperature).softmax(-3), centers)


def entropy(logits: Tensor) -> Tensor:
    """How unsure a network is of each pixel's color: the entropy of its distribution.

    Args:
        logits: (..., Q, H, W).

    Returns:
        (..., 1, H, W) in bits: 0 for one certain bin, log2(261), about 8, if all are as likely.
    """
    logs = logits.log_softmax(-3)
    return -(logs.exp() * logs).sum(-3, keepdim=True) / math.log(2)


def count(batches: Iterable[Tensor]) -> Tensor:
    """How many pixels each bin is the nearest of, give or take half a Lab unit.

    Args:
        batches: rgb (B, 3, H, W) each, uint8 or in [0, 1].

    Returns:
        (Q,) int64.
    """
    whole = torch.arange(-REACH, REACH + 1)
    seen = torch.zeros(len(whole)**2, dtype=torch.int64)
    for rgb in batches:
        a, b = color.split_lab(rgb)[1].floor().long().unbind(1)
        seen = seen + torch.bincount(((a + REACH) * len(whole) + b + REACH).flatten().cpu(), minlength=len(seen))
    colors = torch.cartesian_prod(whole, whole).T[:, :, None] + 0.5             # (2,G,1): none between two bins
    numbers = nearest(colors, 1)[0].flatten()                                   # (G,)
    return torch.zeros(len(bin_centers()), dtype=torch.int64).index_add(0, numbers, seen)


def prior(counts: Tensor, sigma: float = SIGMA) -> Tensor:
    """p~ of section 2.2: how frequent each bin is, smoothed by a Gaussian in the ab plane.

    Args:
        counts: (Q,), as ``count`` gives them.
        sigma: of the Gaussian, in Lab units.

    Returns:
        (Q,) float64 that adds up to 1.
    """
    kernel = (-torch.cdist(bin_centers(), bin_centers()).double().square() / (2 * sigma**2)).exp()
    smooth = kernel @ (counts.double() / counts.sum())
    return smooth / smooth.sum()


def rarity(prior: Tensor, uniform: float = 0.5) -> Tensor:
    """The weight of a pixel by its bin, equation 4: w = 1 / ((1 - l) p~ + l / Q), scaled to a mean of 1 under p~.

    Args:
        prior: (Q,) p~, which adds up to 1.
        uniform: l, how much of an even distribution to mix in: the paper takes 1/2. With 1 all weigh the same.

    Returns:
        (Q,) of the type of ``prior``.

    Raises:
        ValueError: for l outside of 0...1.
    """
    if not 0 <= uniform <= 1:
        raise ValueError(f"l must be from 0 (rare colors count most) to 1 (all count the same), got {uniform}")
    weights = 1 / ((1 - uniform) * prior + uniform / len(prior))
    return weights / (prior * weights).nansum()                 # a bin that never comes may weigh infinitely much
