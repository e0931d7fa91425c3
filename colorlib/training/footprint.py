"""How much memory a training step needs, before it is taken, and how many images can be computed at once."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from colorlib.system.errors import RunError
from colorlib.system.memory import Limit, MiB


@dataclass(frozen=True)
class Footprint:
    """Memory that training takes on top of what is in use, in bytes."""

    size: int            # pixels along each side of the images
    fixed: float         # for the weights and what goes with them
    per_image: float     # for each image that is computed at once

    def micro_batch(self, wanted: int, limit: Limit, goes_on: bool = False) -> int:
        """The images to compute at once: ``wanted`` if they fit in nine tenths of what is left, else equal parts of it.

        Args:
            goes_on: whether this was found to fit before. Then it may take all that is left, since with other parts
                batch norm would make another run of it.

        Raises:
            RunError: if not even one image fits; it names the size of images that would.
        """
        free = 0.9 * limit.left - self.fixed                     # a tenth for what nobody can foresee
        fits = int(free // self.per_image)
        if fits >= wanted or (goes_on and self.fixed + wanted * self.per_image <= limit.left):
            return wanted
        if fits >= 1:
            return math.ceil(wanted / math.ceil(wanted / fits))
        size = int(self.size * math.sqrt(max(0, free) / self.per_image)) // 8 * 8      # memory goes with the area
        way_out = f"images of {size} px would fit" if size >= 8 else "end other notebooks, or take a smaller network"
        need = (self.fixed + self.per_image) / 0.9 / MiB
        raise RunError(f"to train on one image of {self.size} px takes {need:,.0f} MiB, and {limit}: {way_out}")


def estimate_footprint(model: nn.Module, loss: Callable[[nn.Module, Tensor], Tensor], size: int, copies: int) -> Footprint:
    """Estimate what training a network takes, without taking it.

    What is kept for the backward pass is counted, and one and a half times as much again is allowed for its gradients,
    the convolutions' own workspace, and gaps. Measured from 32 to 128 px, CourseNet takes 1.3 to 1.8 times what it
    keeps, a UNet up to 2.1 times, and 2.5 times where it classifies.

    Args:
        model: the network.
        loss: (network, rgb (B,3,H,W) uint8) -> a scalar, as in training.
        size: pixels along each side of the images.
        copies: how often the weights are kept: they, their gradients, what the optimizer remembers, ...
    """
    # One image alone may have no variance for batch norm.
    two, three = (_kept(copy.deepcopy(model), loss, (n, 3, size, size)) for n in (2, 3))
    return Footprint(size, copies * weight_bytes(model), 2.5 * (three - two))


def expect_trainable(model: nn.Module, loss: Callable[[nn.Module, Tensor], Tensor], size: int, images: int) -> None:
    """Raise a RunError if batch norm cannot do with so few images at once: it needs a variance."""
    try:
        _kept(copy.deepcopy(model), loss, (images, 3, size, size))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise RunError(f"batch norm cannot train on {images} image at once where the network sees {size} px as one "
                       "pixel: take larger batches, larger images, or a network of less depth") from error


def weight_bytes(model: nn.Module) -> int:
    """Bytes of a network's weights, and of what else it remembers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def _kept(model: nn.Module, loss: Callable[[nn.Module, Tensor], Tensor], shape: tuple[int, ...]) -> int:
    """Bytes that a forward pass keeps for the backward pass."""
    kept: dict[int, torch.UntypedStorage] = {}

    def count(tensor: Tensor) -> None:                            # to give the tensor back would tie it to itself
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage                            # what is kept twice lies in memory once

    # Fake tensors have a shape and no memory: images that do not fit can be counted, too. How many colors lie outside
    # of the gamut they cannot know; the shapes that follow from it are symbols, and none of these is kept.
    shapes = ShapeEnv(allow_dynamic_output_shape_ops=True)
    fake = FakeTensorMode(allow_non_fake_inputs=True, shape_env=shapes, static_shapes=True)
    with fake, saved_tensors_hooks(count, lambda nothing: nothing):
        loss(model, torch.zeros(shape, dtype=torch.uint8, device=next(model.parameters()).device))
    return sum(storage.nbytes() for storage in kept.values())
