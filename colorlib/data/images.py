"""A data set in memory: one uint8 array, and the batches that training draws from it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from colorlib.color.lab import to_tensor
from colorlib.system.errors import UsageError

# First word of each seed: without it, NumPy gives [seed, epoch] and [seed, epoch, 0] the same random numbers.
ORDER, AUGMENTATION = 0x0DE4, 0xA063


@dataclass(frozen=True, eq=False)
class Images:
    """Square photos of one size. A slice of it, ``images[:1000]``, is an ``Images`` that shares the memory."""

    name: str
    rgb: np.ndarray              # (N,3,H,W) uint8, memory-mapped: a page is read when it is needed
    labels: np.ndarray           # (N,) int64, indices into classes
    group_ids: np.ndarray        # (N,) int64, the same for crops of one photo and for near-duplicates
    classes: tuple[str, ...]
    source: str                  # a sentence: what these images are and which copy was read

    def __len__(self) -> int:
        return len(self.rgb)

    def __getitem__(self, rows: slice | np.ndarray) -> "Images":
        """Some of the images: a slice shares the memory, an array of indices or bools copies them.

        Raises:
            TypeError: for a single index.
        """
        if isinstance(rows, (int, np.integer)):
            raise TypeError(f"images[{rows}] would be one image: take images[{rows}:{rows + 1}] or images.rgb[{rows}]")
        return replace(self, rgb=self.rgb[rows], labels=self.labels[rows], group_ids=self.group_ids[rows])

    @property
    def size(self) -> int:
        """Pixels along each side."""
        return self.rgb.shape[-1]

    @cached_property
    def digest(self) -> str:
        """Hash of the pixels and labels: equal for equal content, wherever it came from."""
        digest = hashlib.blake2b(repr(self.rgb.shape).encode(), digest_size=16)
        for start in range(0, len(self), 4096):
            digest.update(np.ascontiguousarray(self.rgb[start:start + 4096]).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def hold_out(self, num_images: int) -> tuple["Images", "Images"]:
        """Split into training images and about ``num_images`` validation images, the first ones, with no group in both.

        Raises:
            UsageError: if either part would be empty.
        """
        _, first, counts = np.unique(self.group_ids, return_index=True, return_counts=True)
        order = first.argsort()                                                     # groups as they first appear
        ends = counts[order].cumsum()[:-1]                                          # images held out, with one group, two, ...
        if not 0 < num_images < len(self) or not len(ends):
            raise UsageError(f"cannot hold {num_images} images out of {len(self)}: give a number between, "
                             "with at least one photo left on each side")
        number = int(np.abs(ends - num_images).argmin()) + 1
        held_out = np.isin(self.group_ids, self.group_ids[first[order[:number]]])
        if held_out[:ends[number - 1]].all():                                       # slices share the memory
            return self[ends[number - 1]:], self[:ends[number - 1]]
        return self[~held_out], self[held_out]

    def steps(self, batch_size: int) -> int:
        """Training batches in an epoch, all full; one smaller batch where there are not enough images for a full one.

        The remainder of an epoch is left out, and shuffled into the next.
        """
        return max(1, len(self) // batch_size)

    def batches(self, batch_size: int, seed: int = 0, epoch: int = 0, start: int = 0, rows: slice = slice(None),
                pixels: Tensor | None = None, size: int | None = None) -> Iterator[Tensor]:
        """Shuffled training batches, each image mirrored with probability 1/2, and cropped at random if ``size`` says.

        The order is a pure function of (seed, epoch), mirroring and crops of (seed, epoch, step): a step number is
        enough to continue, and there is no sampler state.

        Args:
            start: first step of this epoch.
            rows: of every batch, to yield to one of several processes.
            pixels: ``rgb`` as a tensor on a GPU, to make the batches there without waiting for the CPU.
            size: pixels along each side of the crops; by default the images are not cropped.

        Yields:
            rgb (batch_size, 3, size, size) uint8.
        """
        size = size or self.size
        plan = self._epoch_plan(batch_size, seed, epoch, self.size - size)           # (steps, batch_size[, 2]) each
        if pixels is not None:
            plan = [torch.from_numpy(array).to(pixels.device) for array in plan]
        for step in range(start, self.steps(batch_size)):
            indices, mirrored, corners = (array[step, rows] for array in plan)
            # uint8: a quarter of the memory of float32
            rgb = torch.from_numpy(self.rgb[indices]) if pixels is None else pixels[indices]
            rgb = _crop(rgb, torch.as_tensor(corners), size) if size < self.size else rgb
            yield torch.where(torch.as_tensor(mirrored)[:, None, None, None], rgb.flip(-1), rgb)

    def in_order(self, batch_size: int | None = None) -> Iterator[Tensor]:
        """Every image once, unchanged: rgb (up to batch_size, 3, H, W) uint8.

        Args:
            batch_size: by default ``images_per_batch`` of their size.
        """
        batch_size = batch_size or images_per_batch(self.size, self.size)
        for start in range(0, len(self), batch_size):
            yield to_tensor(self.rgb[start:start + batch_size])

    def _epoch_plan(self, batch_size: int, seed: int, epoch: int, margin: int) -> list[np.ndarray]:
        """Indices (steps, batch_size), which to mirror (steps, batch_size) bool, and corners (steps, batch_size, 2).

        Corners are row and column of a crop, each from 0 to ``margin``.
        """
        steps, batch_size = self.steps(batch_size), min(batch_size, len(self))
        order = np.random.default_rng([ORDER, seed, epoch]).permutation(len(self))[:steps * batch_size]
        generators = [np.random.default_rng([AUGMENTATION, seed, epoch, step]) for step in range(steps)]
        mirrored = np.stack([generator.random(batch_size) < 0.5 for generator in generators])
        corners = np.stack([generator.integers(0, margin, (batch_size, 2), endpoint=True) for generator in generators])
        return [order.reshape(steps, batch_size), mirrored, corners]


def images_per_batch(height: int, width: int) -> int:
    """Pictures to color at a time: 16 of 32 x 32 pixels, or as many of another size as take the same memory."""
    return max(1, 16 * 32**2 // (height * width))             # more are no faster on a CPU, and take more memory


def _crop(rgb: Tensor, corners: Tensor, size: int) -> Tensor:
    """Crop (B,3,H,W) to (B,3,size,size), each image from its own corner (row, column) in ``corners`` (B,2)."""
    rows, columns = (corners[:, :, None] + torch.arange(size, device=rgb.device)).unbind(1)          # (B,size) each
    image = torch.arange(len(rgb), device=rgb.device)[:, None, None]
    return rgb.movedim(1, -1)[image, rows[:, :, None], columns[:, None]].movedim(-1, 1)
