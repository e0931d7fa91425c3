"""Pictures that look alike: a perceptual hash, and groups of near-duplicates."""

import numpy as np
import torch
from PIL import Image

BITS = 128
ALIKE = 16           # of 128 bits may differ: looked at by eye, nearly all such pairs are one photo, or one scene


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """Where a picture gets lighter: 64 steps to the right, 64 steps down. Scaled or recompressed, it is the same.

    The difference hash of Neal Krawetz (2013), in both directions.

    Returns:
        (128,) bool.
    """
    gray = image.convert("L")
    right, down = (np.asarray(gray.resize(size, Image.Resampling.BOX), int) for size in ((9, 8), (8, 9)))
    return np.concatenate([(right[:, 1:] > right[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()])


def groups_alike(hashes: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Number the groups of pictures that look alike, or would in a mirror; who is alike to one is in the group of all.

    Args:
        hashes, mirrored: (N, 128) bool, of each picture and of its mirror image.

    Returns:
        (N,) int64: the lowest number among the members of its group.
    """
    group = np.arange(len(hashes))

    def first(i: int) -> int:
        while group[i] != i:
            group[i] = i = group[group[i]]
        return i

    for i, j in _pairs(hashes, mirrored):
        low, high = sorted((first(i), first(j)))
        group[high] = low
    return np.array([first(i) for i in range(len(group))], dtype=np.int64)


def _pairs(hashes: np.ndarray, mirrored: np.ndarray) -> list[list[int]]:
    """Whose bits differ in few places.

    As signs, the sum of their products is 128 less twice the bits that differ: a matrix product compares all with all.
    """
    signs, others = (torch.from_numpy(bits).float() * 2 - 1 for bits in (hashes, mirrored))
    pairs = []
    for start in range(0, len(signs), 256):
        block = signs[start:start + 256]
        alike = torch.maximum(block @ signs.T, block @ others.T) >= BITS - 2 * ALIKE
        found = alike.nonzero() + torch.tensor([start, 0])
        pairs += found[found[:, 0] < found[:, 1]].tolist()
    return pairs
