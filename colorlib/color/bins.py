"""Colorization as classification: the ab plane in bins (Zhang, Isola and Efros 2016, section 2).

``soft_encode`` turns colors into distributions over the bins, and ``annealed_mean`` turns distributions into colors.
Colors are (..., 2, H, W) in Lab units, distributions (..., Q, H, W).
"""

import math
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from colorlib.color.lab import rgb_to_lab, split_lab
from colorlib.system.errors import UsageError

GRID = 10            # distance between bin centers, in Lab units (section 2.1)
NEIGHBORS = 5        # bins of a soft-encoded color, weighted by a Gaussian of width SIGMA (section 2.2)
SIGMA = 5.0
REACH = 140          # Lab units: a and b of every sRGB color lie in [-REACH, REACH]


@cache
def bin_centers() -> Tensor:
    """Centers of the bins: the points of a grid of 10 Lab units that are nearest to some sRGB color.

    There are 261. The paper keeps 313 by a rule that it does not give; some of those lie outside the gamut, and no
    color would fall into them.

    Returns:
        (Q, 2) float, a and b in Lab units, ordered by a, then by b.
    """
    # The cached tensor must serve training, even if the first call is in inference mode or under another device.
    with torch.inference_mode(False), torch.device("cpu"):
        levels = torch.arange(0, 256, 3, dtype=torch.uint8)         # all 256 levels give the same bins
        pairs = torch.cartesian_prod(levels, levels).T[..., None]                               # (2,86**2,1)
        planes = (torch.cat([red.expand(1, *pairs.shape[1:]), pairs]) for red in levels)        # (3,86**2,1) each
        reached = [(rgb_to_lab(plane)[1:, :, 0] / GRID).round().unique(dim=1) for plane in planes]
        return torch.cat(reached, 1).T.unique(dim=0) * GRID


@cache
def _candidates() -> Tensor:
    """Bins that can be among the five nearest, for each cell of the grid: (cells, cells, C) int64.

    They spare ``nearest`` a search of all 261 bins. A bin is excluded if five others are nearer to every color of the
    cell, even to its far corner.
    """
    with torch.inference_mode(False), torch.device("cpu"):         # as in bin_centers
        steps = torch.arange(-REACH, REACH + 1, GRID).float()
        distance = torch.cdist(torch.cartesian_prod(steps, steps), bin_centers())                   # (cells**2,Q)
        half_diagonal = GRID / 2 * 2**0.5
        possible = distance - half_diagonal <= distance.topk(NEIGHBORS, largest=False).values[:, -1:] + half_diagonal
        count = int(possible.sum(1).max())
        return distance.topk(count, largest=False).indices.reshape(len(steps), len(steps), count)


def nearest(ab: Tensor, count: int = NEIGHBORS) -> tuple[Tensor, Tensor]:
    """Find the bins nearest to each color.

    Args:
        ab: (..., 2, H, W) in Lab units.
        count: number of bins, at most 5.

    Returns:
        Bin indices, (..., count, H, W) int64, nearest first, and their squared distances in Lab units.

    Raises:
        ValueError: if ``count`` is not in 1..5.
    """
    if not 1 <= count <= NEIGHBORS:
        raise ValueError(f"count must be from 1 to {NEIGHBORS}, got {count}")
    centers, candidates = bin_centers().to(ab.device), _candidates().to(ab.device)
    cell = (ab / GRID).round().clamp(-REACH // GRID, REACH // GRID).long() + REACH // GRID
    a, b = cell.unbind(-3)
    indices = candidates[a, b]                                                  # (...,H,W,C)
    squared = (centers[indices] - ab.movedim(-3, -1).unsqueeze(-2)).square().sum(-1)
    squared, order = squared.topk(count, largest=False)
    return indices.gather(-1, order).movedim(-1, -3), squared.movedim(-1, -3)


def soft_encode(ab: Tensor) -> tuple[Tensor, Tensor]:
    """Soft-encode colors: the five nearest bins with Gaussian weights of sigma 5 (H^-1 of section 2.2).

    The result is sparse, since 256 of the 261 weights are zero: dense, a batch of 64 images of 64 px takes 274 MB.

    Args:
        ab: (..., 2, H, W) in Lab units.

    Returns:
        Bin indices, (..., 5, H, W) int64, nearest first, and their weights, which sum to 1.
    """
    indices, squared = nearest(ab)
    return indices, (-squared / (2 * SIGMA**2)).softmax(-3)


def annealed_mean(logits: Tensor, temperature: float = 0.38) -> Tensor:
    """Annealed mean of the distributions (H of section 2.3, equation 5): the mean color of softmax(logits / T).

    Args:
        logits: (..., Q, H, W).
        temperature: T, from 0, the mode of the distribution, to 1, its mean; the paper uses 0.38.

    Returns:
        ab (..., 2, H, W) in Lab units.

    Raises:
        UsageError: if ``temperature`` is not in [0, 1].
        ValueError: if the number of bins is not Q.
    """
    if not 0 <= temperature <= 1:
        raise UsageError(f"temperature must be from 0 (the mode) to 1 (the mean), got {temperature}")
    centers = bin_centers().to(logits)
    if logits.ndim < 3 or logits.shape[-3] != len(centers):
        raise ValueError(f"logits must be (..., {len(centers)}, H, W), got {tuple(logits.shape)}")
    if temperature == 0:
        return centers[logits.argmax(-3)].movedim(-1, -3)
    with torch.autocast(logits.device.type, enabled=False):     # bfloat16 has too few digits for colors
        return torch.einsum("...qhw,qc->...chw", (logits / temperature).softmax(-3), centers)


def entropy(logits: Tensor) -> Tensor:
    """Entropy of the distribution of each pixel: logits (..., Q, H, W) -> (..., 1, H, W) in bits.

    0 if one bin is certain; log2(261), about 8, if all bins are equally likely.
    """
    logs = logits.log_softmax(-3)
    return -(logs.exp() * logs).sum(-3, keepdim=True) / math.log(2)


def count_bins(batches: Iterable[Tensor]) -> Tensor:
    """Count the pixels in each bin.

    Colors are first rounded to squares of one Lab unit, so pixels within half a unit of two bins may move.

    Args:
        batches: rgb (B, 3, H, W) each, uint8 or in [0, 1].

    Returns:
        (Q,) int64.
    """
    units = torch.arange(-REACH, REACH + 1)
    histogram = torch.zeros(len(units)**2, dtype=torch.int64)
    for rgb in batches:
        a, b = split_lab(rgb)[1].floor().long().unbind(1)
        squares = ((a + REACH) * len(units) + b + REACH).flatten().cpu()
        histogram = histogram + torch.bincount(squares, minlength=len(histogram))
    middles = torch.cartesian_prod(units, units).T[:, :, None] + 0.5            # (2,len(units)**2,1)
    indices = nearest(middles, 1)[0].flatten()
    return torch.zeros(len(bin_centers()), dtype=torch.int64).index_add(0, indices, histogram)


def smoothed_prior(counts: Tensor) -> Tensor:
    """Frequency of each bin, smoothed by a Gaussian of sigma 5 in the ab plane (p~ of section 2.2).

    Args:
        counts: (Q,), from ``count_bins``.

    Returns:
        (Q,) float64 that sums to 1.
    """
    kernel = (-torch.cdist(bin_centers(), bin_centers()).double().square() / (2 * SIGMA**2)).exp()
    smooth = kernel @ (counts.double() / counts.sum())
    return smooth / smooth.sum()


def rebalancing_weights(prior: Tensor, uniform: float = 0.5) -> Tensor:
    """Class-rebalancing weight of each bin (equation 4): 1 / ((1 - l) p~ + l / Q), scaled to a mean of 1 under p~.

    Args:
        prior: (Q,) p~, which sums to 1.
        uniform: l, the weight of a uniform distribution that is mixed in; the paper uses 1/2. With 1 all bins weigh the same.

    Returns:
        (Q,) of the dtype of ``prior``.

    Raises:
        UsageError: if ``uniform`` is not in [0, 1].
    """
    if not 0 <= uniform <= 1:
        raise UsageError(f"uniform must be from 0 (rare colors count most) to 1 (all count the same), got {uniform}")
    weights = 1 / ((1 - uniform) * prior + uniform / len(prior))
    return weights / (prior * weights).nansum()                 # with uniform=0, an empty bin has infinite weight
