"""A data set in memory: one uint8 array, and the batches that training draws from it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from colorlib.color.lab import to_tensor


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
        """Some of the images: a slice shares the memory, an array of indices or of bools copies them.

        Raises:
            TypeError: for a single index.
        """
        if isinstance(rows, (int, np.integer)):
            raise TypeError(f"one image is no collection of them: take images[{rows}:{rows + 1}] or images.rgb[{rows}]")
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
            ValueError: if either side would be empty, or the images of a group do not stand together.
        """
        ends = np.flatnonzero(np.diff(self.groups)) + 1                 # where one group ends and the next begins
        cut = ends[np.abs(ends - num_images).argmin()] if len(ends) else 0
        if not 0 < num_images < len(self) or cut == 0:
            raise ValueError(f"cannot hold {num_images} images out of {len(self)}: give a number between, "
                             "with at least one photo left on each side")
        if len(ends) >= len(np.unique(self.groups)):
            raise ValueError("cannot hold out whole photos: their crops do not stand together, sort them by group")
        return self[cut:], self[:cut]

    def steps(self, batch_size: int) -> int:
        """Training batches in an epoch: all full, the remainder waits for another shuffle (one, if none is full)."""
        return max(1, len(self) // batch_size)

    def batches(self, batch_size: int, seed: int = 0, epoch: int = 0, start: int = 0, share: slice = slice(None),
                pixels: Tensor | None = None, size: int | None = None) -> Iterator[Tensor]:
        """Training batches, shuffled, each image mirrored with probability 1/2, and cut at random if it is too large.

        The order is a pure function of (seed, epoch), flips and cuts are of (seed, epoch, step): there is no sampler
        state, and a step number is enough to go on.

        Args:
            start: the step of this epoch to begin with.
            share: the rows of every batch to yield, if several processes share the work.
            pixels: this array as a tensor on a GPU; then the batches are made there, and nothing waits for the CPU.
            size: pixels along each side of the squares to cut; by default the images are used whole.

        Yields:
            rgb (batch_size, 3, size, size) uint8.
        """
        size = size or self.size
        orders = self._order(batch_size, seed, epoch, self.size - size)              # (steps, batch_size[, 2]) each
        if pixels is not None:
            orders = [torch.from_numpy(array).to(pixels.device) for array in orders]
        for rows, flips, corners in (tuple(array[step, share] for array in orders)
                                     for step in range(start, self.steps(batch_size))):
            # uint8: a quarter of the memory of float32
            rgb = torch.from_numpy(self.rgb[rows]) if pixels is None else pixels[rows]
            rgb = _cut(rgb, torch.as_tensor(corners), size) if size < self.size else rgb
            yield torch.where(torch.as_tensor(flips)[:, None, None, None], rgb.flip(-1), rgb)

    def _order(self, batch_size: int, seed: int, epoch: int, room: int) -> list[np.ndarray]:
        """For the steps of an epoch: which images (steps, batch_size), which of them to mirror, and the corners to cut.

        Corners, (steps, batch_size, 2), are a row and a column from 0 to ``room``.
        """
        steps, batch_size = self.steps(batch_size), min(batch_size, len(self))
        order = np.random.default_rng([seed, epoch]).permutation(len(self))[:steps * batch_size]
        dice = [np.random.default_rng([seed, epoch, step]) for step in range(steps)]
        flips = np.stack([die.random(batch_size) < 0.5 for die in dice])
        corners = np.stack([die.integers(0, room, (batch_size, 2), endpoint=True) for die in dice])
        return [order.reshape(steps, batch_size), flips, corners]

    def in_order(self, batch_size: int | None = None) -> Iterator[Tensor]:
        """Every image once, as it is: rgb (up to batch_size, 3, H, W) uint8, to measure and to look at.

        By default a batch has as many as ``at_once`` says.
        """
        batch_size = batch_size or at_once(self.size, self.size)
        for start in range(0, len(self), batch_size):
            yield to_tensor(self.rgb[start:start + batch_size])


def _cut(rgb: Tensor, corners: Tensor, size: int) -> Tensor:
    """Squares of (B,3,H,W), each from its own corner, (B,2) row and column, on: (B,3,size,size)."""
    rows, columns = (corners[:, :, None] + torch.arange(size, device=rgb.device)).unbind(1)          # (B,size) each
    every = torch.arange(len(rgb), device=rgb.device)[:, None, None]
    return rgb.movedim(1, -1)[every, rows[:, :, None], columns[:, None]].movedim(-1, 1)


def at_once(height: int, width: int) -> int:
    """How many pictures to color at once: 64 of 32 x 32 pixels, and of others as many as take as much memory."""
    return max(1, 64 * 32**2 // (height * width))
