"""Memory of a training step, estimated before the step runs, and the number of images to compute at once."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from colorlib.models.objectives import Objective
from colorlib.models.predict import batch_loss, device_of
from colorlib.models.recipe import Recipe
from colorlib.system.distributed import min_over_processes, process_state
from colorlib.system.errors import RunError
from colorlib.system.memory import Limit, MiB, tightest_limit
from colorlib.system.processor import resolve_precision
from colorlib.training.config import TrainConfig
from colorlib.training.optimizers import OPTIMIZERS

Loss = Callable[[nn.Module, Tensor], Tensor]       # (network, rgb (B,3,H,W) uint8) -> a scalar

PARTS = 2            # of a batch that a CPU computes at the same time; more would change batch norm more
SMALLEST_BATCH = 16  # images: a smaller batch is not divided
WEIGHT_COPIES = 11   # of the weights: the parts' gradients and their sums, Adam's two moments, the EMA, a packed checkpoint, ...
MAX_PROBE_SIZE = 32  # pixels: larger images are extrapolated by area


@dataclass(frozen=True)
class Footprint:
    """Memory that training takes in addition to what is in use, in bytes."""

    size: int            # pixels along each side of the images
    fixed: float         # for the weights and their copies
    per_image: float     # for each image that is computed at once

    def micro_batch(self, wanted: int, batch: int, at_once: int, limit: Limit, resumed: bool = False) -> int:
        """Images of a part: ``wanted`` if the parts fit into 90% of the free memory, otherwise equal parts of ``wanted``.

        Args:
            batch: images of the batch, all parts together.
            at_once: parts that are computed at the same time.
            resumed: whether ``wanted`` fitted when the run began. It may then take all of the free memory: another
                micro-batch would change the statistics of batch norm, and so the results.

        Raises:
            RunError: if parts of one image do not fit, with the size of images that would.
        """
        need = self.fixed + min(batch, at_once * wanted) * self.per_image
        if need <= (1.0 if resumed else 0.9) * limit.left:
            return wanted
        smallest = min(batch, at_once) * self.per_image               # parts of one image
        free = 0.9 * limit.left - self.fixed
        if fitting := int(max(0, free) // smallest):
            return math.ceil(wanted / math.ceil(wanted / fitting))
        size = int(self.size * math.sqrt(max(0, free) / smallest)) // 8 * 8
        advice = f"images of {size} px would fit" if size >= 8 else "end other notebooks, or take a smaller network"
        raise RunError(f"training on {min(batch, at_once)} images of {self.size} px at once takes "
                       f"{(self.fixed + smallest) / 0.9 / MiB:,.0f} MiB, and {limit}: {advice}")


@dataclass(frozen=True)
class Plan:
    """How a run computes its batches."""

    precision: str                       # "float32" or "bfloat16"
    micro_batch: int                     # images of each part of a batch
    requested: int | None = None         # the micro_batch of the settings
    at_once: int = 1                     # parts that each process computes at the same time
    num_images: int | None = None        # to train on, and
    num_epochs: int | None = None        # passes through them, if the settings limit the minutes


def plan_memory(network: nn.Module, objective: Objective, recipe: Recipe, config: TrainConfig, batch_size: int,
                saved: Plan | None = None) -> Plan:
    """Choose the precision, and the parts in which batches are computed.

    On a CPU a batch has two parts, each for one half of the cores, or more if memory is short. The parts do not depend on the
    number of cores, nor on what else the machine does.

    Args:
        network: on the device that will train it.
        batch_size: images of a batch, over all processes.
        saved: the plan of the run that is resumed. It is kept if it still fits and ``config`` sets nothing else.

    Raises:
        RunError: if not even one image of each part fits, or batch norm cannot train with so few images at once.
    """
    state = process_state()
    precision = resolve_precision(config.precision, state.device, saved.precision if saved else None)
    per_process = -(-batch_size // state.num_processes)
    at_once = PARTS if state.device.type == "cpu" else 1
    parts = -(-at_once // state.num_processes) if batch_size >= SMALLEST_BATCH else 1
    resumed = saved is not None and saved.requested == config.micro_batch
    wanted = min(saved.micro_batch if resumed else config.micro_batch or -(-per_process // parts), per_process)

    judged = objective.against(objective.build_critic(seed=0))          # a critic of its own: to look on changes nothing

    def loss(model: nn.Module, rgb: Tensor) -> Tensor:
        return batch_loss(model, rgb, judged, precision)

    footprint = estimate_footprint(network, loss, recipe.size, WEIGHT_COPIES)
    OPTIMIZERS[config.optimizer](network.parameters(), lr=config.lr)       # the first one imports about 80 MiB of torch
    limit = tightest_limit(state.device, state)
    micro_batch = min_over_processes(footprint.micro_batch(wanted, per_process, at_once, limit, resumed))
    if micro_batch < wanted:
        state.print(f"notice: parts of {wanted} images do not fit, {limit}: computing parts of {micro_batch}. Batch norm "
                    "normalizes each part by itself")
    smallest_share = batch_size // state.num_processes
    _expect_variance(network, loss, recipe.size, smallest_share // -(-smallest_share // micro_batch))
    at_once = min(at_once, -(-per_process // micro_batch))
    return replace(saved or Plan(precision, micro_batch), precision=precision, micro_batch=micro_batch,
                   requested=config.micro_batch, at_once=at_once)


def estimate_footprint(model: nn.Module, loss: Loss, size: int, copies: int) -> Footprint:
    """Estimate the memory of a training step from forward passes of two and three images of at most 32 px.

    What autograd keeps for the backward pass is counted, scaled to the size by area, and multiplied by 2.5 for gradients,
    the workspace of convolutions and fragmentation. Measured from 32 to 128 px, CourseNet takes 1.3 to 1.8 times the
    bytes that autograd saves, a UNet up to 2.1 times, and 2.5 times as a classifier.

    Args:
        model: the network; it is not changed.
        size: pixels along each side of the images.
        copies: how often the weights are kept: they, their gradients, the optimizer's state, ...
    """
    try:
        per_image = _bytes_per_image(model, loss, min(size, MAX_PROBE_SIZE))
        multiple = getattr(model, "multiple", 1)                # networks pad H and W to multiples of this
        padded, probed = (-(-side // multiple) * multiple for side in (size, min(size, MAX_PROBE_SIZE)))
        per_image *= (padded / probed) ** 2
    except RuntimeError:                                        # a network that takes no other size
        per_image = _bytes_per_image(model, loss, size)
    return Footprint(size, copies * weight_bytes(model), 2.5 * per_image)


def _bytes_per_image(model: nn.Module, loss: Loss, size: int) -> int:
    # The difference of three images and two: one image alone may have no variance for batch norm.
    two, three = (_saved_bytes(model, loss, (images, 3, size, size)) for images in (2, 3))
    return three - two


def weight_bytes(model: nn.Module) -> int:
    """Bytes of the tensors in a network's state."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def _expect_variance(model: nn.Module, loss: Loss, size: int, images: int) -> None:
    """Raise a RunError if batch norm would see a single value per channel."""
    if images > 1:
        return
    try:
        _saved_bytes(model, loss, (1, 3, size, size))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise RunError(f"batch norm cannot train on 1 image at once where the network reduces {size} px to one value "
                       "per channel: take larger batches, larger images, or a network of less depth") from error


def _saved_bytes(model: nn.Module, loss: Loss, shape: tuple[int, ...]) -> int:
    """Bytes that autograd saves for the backward pass of a copy of the network."""
    model = copy.deepcopy(model)
    storages: dict[int, torch.UntypedStorage] = {}

    def count(tensor: Tensor) -> None:                            # storing the tensor itself would be a reference cycle
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage                        # a tensor that is saved twice takes memory once

    with saved_tensors_hooks(count, lambda nothing: nothing):
        loss(model, torch.zeros(shape, dtype=torch.uint8, device=device_of(model)))
    return sum(storage.nbytes() for storage in storages.values())
