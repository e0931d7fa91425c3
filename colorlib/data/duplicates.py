"""Near-duplicates: a perceptual hash of pictures, and the groups of pictures that look alike."""

from itertools import combinations_with_replacement

import numpy as np
import torch
from PIL import Image
from torch import Tensor

BITS = 128
MAX_DIFFERENT_BITS = 16        # nearly all such pairs, looked at by eye, are one photo or one scene
TILE = 1024                    # hashes compared at once with as many others, so that memory does not grow


def difference_hash(image: Image.Image) -> np.ndarray:
    """Where a picture gets lighter: 64 steps to the right, 64 steps down. Scaling and recompression change few bits.

    The difference hash of Neal Krawetz (2013), in both directions.

    Returns:
        (128,) bool.
    """
    gray = image.convert("L")
    right, down = (np.asarray(gray.resize(size, Image.Resampling.BOX), int) for size in ((9, 8), (8, 9)))
    return np.concatenate([(right[:, 1:] > right[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()])


def near_duplicate_groups(hashes: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Group pictures that look alike, as they are or mirrored, directly or through others.

    Args:
        hashes, mirrored: (N, 128) bool, of each picture and of its mirror image.

    Returns:
        (N,) int64: the lowest index among the pictures of the group.
    """
    from scipy.sparse import coo_array  # imported here, since it takes 0.3 s and 30 MiB
    from scipy.sparse.csgraph import connected_components

    def signs(bits: np.ndarray, start: int) -> Tensor:
        return torch.from_numpy(bits[start:start + TILE]).float() * 2 - 1

    groups = np.arange(len(hashes))
    for top, left in combinations_with_replacement(range(0, len(hashes), TILE), 2):
        # The dot product of two hashes as signs is 128 minus twice the number of different bits: a matrix product
        # compares all of a tile with all of another.
        first, second = signs(hashes, top), signs(hashes, left)
        products = torch.maximum(first @ second.T,
                                 torch.maximum(first @ signs(mirrored, left).T, signs(mirrored, top) @ second.T))
        i, j = np.nonzero((products >= BITS - 2 * MAX_DIFFERENT_BITS).numpy())
        if len(i):
            links = coo_array((np.ones(len(i), bool), (groups[i + top], groups[j + left])), shape=2 * groups.shape)
            _, components = connected_components(links, directed=False)      # (N,): of each picture
            _, lowest = np.unique(components, return_index=True)
            groups = lowest[components][groups]
    return groups
