"""Pictures that look alike: a perceptual hash, and groups of near-duplicates."""

from collections.abc import Iterator
from itertools import combinations_with_replacement

import numpy as np
import torch
from PIL import Image
from torch import Tensor

BITS = 128
ALIKE = 16           # of 128 bits may differ: looked at by eye, nearly all such pairs are one photo, or one scene
TILE = 1024          # hashes compared at once with as many


def difference_hash(image: Image.Image) -> np.ndarray:
    """Where a picture gets lighter: 64 steps to the right, 64 steps down. Scaled or recompressed, it is the same.

    The difference hash of Neal Krawetz (2013), in both directions.

    Returns:
        (128,) bool.
    """
    gray = image.convert("L")
    right, down = (np.asarray(gray.resize(size, Image.Resampling.BOX), int) for size in ((9, 8), (8, 9)))
    return np.concatenate([(right[:, 1:] > right[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()])


def near_duplicate_groups(hashes: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Number the groups of pictures that look alike, or would in a mirror; who is alike to one is in the group of all.

    Args:
        hashes, mirrored: (N, 128) bool, of each picture and of its mirror image.

    Returns:
        (N,) int64: the lowest number among the members of its group.
    """
    bits, others = torch.from_numpy(hashes), torch.from_numpy(mirrored)
    group, some = torch.arange(len(hashes)), torch.arange(len(hashes))
    while len(some):
        lowest, has_company = group[some], torch.zeros(len(some), dtype=torch.bool)
        for i, j in _alike(bits[some], others[some]):
            for one, other in ((i, j), (j, i)):
                lowest.scatter_reduce_(0, one, group[some[other]], "amin")
                has_company[one] = True
        before = group.clone()
        group.scatter_reduce_(0, group[some], lowest, "amin")           # what one of a group has found holds for all
        group[some] = torch.minimum(group[some], lowest)
        while not torch.equal(group, group[group]):
            group = group[group]
        some = some[has_company] if not torch.equal(group, before) else some[:0]               # few, as a rule
    return group.numpy()


def _alike(bits: Tensor, mirrored: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Who looks like whom, a few at a time: (n,) and (n,) int64, the first lower than the second.

    As signs, the sum of two hashes' products is 128 less twice the bits that differ: matrix products compare all with
    all, ``TILE`` with ``TILE``, so that however many there are, no more memory is taken.
    """
    for top, left in combinations_with_replacement(range(0, len(bits), TILE), 2):
        one, one_mirrored = (_signs(some[top:top + TILE]) for some in (bits, mirrored))
        other, other_mirrored = (_signs(some[left:left + TILE]) for some in (bits, mirrored))
        likeness = torch.maximum(one @ other.T, torch.maximum(one @ other_mirrored.T, one_mirrored @ other.T))
        i, j = (likeness >= BITS - 2 * ALIKE).nonzero(as_tuple=True)
        i, j = i + top, j + left
        yield i[i < j], j[i < j]


def _signs(bits: Tensor) -> Tensor:
    return bits.float() * 2 - 1
