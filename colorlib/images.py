"""A data set in memory: one uint8 array, and the batches that training draws from it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from colorlib.color import to_tensor


@dataclass(frozen=True, eq=False)
class Images:
    """Square photos of one size; a slice of it, ``images[:1000]``, is an ``Images`` that shares the memory."""

    name: str
    rgb: np.ndarray              # (N,3,H,W) uint8, memory-mapped: a page is read when it is needed
    labels: np.ndarray           # (N,) int64, indices into classes
    groups: np.ndarray           # (N,) int64, crops of one photo share a number
    classes: tuple[str, ...]
    source: str                  # a sentence: what these images are and which copy was read

    def __len__(self) -> int:
        return len(self.rgb)

    def __getitem__(self, rows: slice | np.ndarray) -> "Images":
        """Some of the images: a slice shares the memory, an array of indices or of bools copies them."""
        return replace(self, rgb=self.rgb[rows], labels=self.labels[rows], groups=self.groups[rows])

    @property
    def size(self) -> int:
        """Pixels along each side."""
        return self.rgb.shape[-1]

    @cached_property
    def digest(self) -> str:
        """A hash of the pixels and labels: equal for equal content, wherever it came from."""
        digest = hashlib.blake2b(repr(self.rgb.shape).encode(), digest_size=16)
        for start in range(0, len(self), 4096):
            digest.update(np.ascontiguousarray(self.rgb[start:start + 4096]).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def hold_out(self, num_images: int) -> tuple["Images", "Images"]:
        """Split into (the rest, about ``num_images`` to validate on): whole groups, so no photo is on both sides.

        Raises:
            ValueError: if either side would be empty.
        """
        ends = np.flatnonzero(np.diff(self.groups)) + 1                 # where one group ends and the next begins
        cut = ends[np.abs(ends - num_images).argmin()] if len(ends) else 0
        if not 0 < num_images < len(self) or cut == 0:
            raise ValueError(f"cannot hold {num_images} images out of {len(self)}: give a number between, "
                             "with at least one photo left on each side")
        return self[cut:], self[:cut]

    def steps(self, batch_size: int) -> int:
        """Training batches in an epoch: all full, the remainder waits for another shuffle (one, if none is full)."""
        return max(1, len(self) // batch_size)

    def batches(self, batch_size: int, seed: int = 0, epoch: int = 0, start: int = 0, share: slice = slice(None),
                pixels: Tensor | None = None) -> Iterator[Tensor]:
        """Training batches, shuffled, each image mirrored with probability 1/2.

        The order is a pure function of (seed, epoch) and the flips of (seed, epoch, step): there is no sampler state,
        and a step number is enough to go on.

        Args:
            start: the step of this epoch to begin with.
            share: the rows of every batch to yield, if several processes share the work.
            pixels: this array as a tensor on a GPU; then the batches are made there, and nothing waits for the CPU.

        Yields:
            rgb (batch_size, 3, H, W) uint8.
        """
        rows, flips = self._order(batch_size, seed, epoch)              # (steps, batch_size) each
        if pixels is not None:
            rows, flips = (torch.from_numpy(array).to(pixels.device) for array in (rows, flips))
        for step in range(start, len(rows)):
            # uint8: a quarter of the memory of float32
            rgb = torch.from_numpy(self.rgb[rows[step, share]]) if pixels is None else pixels[rows[step, share]]
            mirrored = torch.as_tensor(flips[step, share])
            yield torch.where(mirrored[:, None, None, None], rgb.flip(-1), rgb)

    def _order(self, batch_size: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The images of each step of an epoch, and which of them to mirror: (steps, batch_size) int64 and bool."""
        steps, batch_size = self.steps(batch_size), min(batch_size, len(self))
        order = np.random.default_rng([seed, epoch]).permutation(len(self))[:steps * batch_size]
        flips = [np.random.default_rng([seed, epoch, step]).random(batch_size) < 0.5 for step in range(steps)]
        return order.reshape(steps, batch_size), np.stack(flips)

    def in_order(self, batch_size: int) -> Iterator[Tensor]:
        """Every image once, as it is: rgb (up to batch_size, 3, H, W) uint8, to measure and to look at."""
        for start in range(0, len(self), batch_size):
            yield to_tensor(self.rgb[start:start + batch_size])
