"""Shorten a training to a time limit."""

import time
from collections.abc import Iterator

from torch import Tensor

from colorlib.system.distributed import min_over_processes
from colorlib.training.trainer import Trainer

TIMED_SECONDS = 1.5
FEWEST_EPOCHS = 2        # so that the history has a slope


def images_in(minutes: float, trainer: Trainer, batches: Iterator[Tensor]) -> int:
    """Number of images, of all epochs together, that can be trained on in some minutes on this machine, as it is now.

    Times a few steps after the first. The result is rounded down to 1, 2 or 5 times a power of ten, so that two calls on one machine seldom
    differ.

    Args:
        trainer: it is changed, and of no use afterwards.
        batches: of training, without end.
    """
    _seconds(trainer, batches, 1)                      # the first one chooses kernels and allocates memory
    steps = min_over_processes(max(1, int(TIMED_SECONDS / _seconds(trainer, batches, 1))))     # the same in all processes
    seconds = _seconds(trainer, batches, steps) / steps
    return min_over_processes(rounded_down(minutes * 60 * trainer.batch_size / seconds))


def rounded_down(number: float) -> int:
    """Largest of 1, 2, 5, 10, 20, 50, ... that is not above ``number``; at least 1."""
    number = max(1, int(number))
    power = 10 ** (len(str(number)) - 1)
    return max(factor * power for factor in (1, 2, 5) if factor * power <= number)


def shortened(seen: int, num_images: int, num_epochs: int, batch_size: int) -> tuple[int, int]:
    """Shorten a training to ``seen`` images: first to fewer epochs, but at least two; then to fewer images.

    Args:
        num_images: to train on.
        num_epochs: passes through them.

    Returns:
        Number of images, at least a batch, and number of epochs; both unchanged if there is time for all.
    """
    epochs = min(num_epochs, max(FEWEST_EPOCHS, seen // num_images))
    return min(num_images, max(batch_size, seen // epochs)), epochs


def _seconds(trainer: Trainer, batches: Iterator[Tensor], steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        trainer.train_step(next(batches))
    trainer.unfetched_losses[-1].item()                              # waits for a GPU
    return time.perf_counter() - start
