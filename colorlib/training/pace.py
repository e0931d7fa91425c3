"""How many images a training can see in the minutes that it may take."""

import math
import time
from collections.abc import Iterable
from itertools import cycle

from torch import Tensor

from colorlib.data.images import Images, images_per_batch
from colorlib.system.distributed import min_over_processes
from colorlib.training.trainer import Trainer

TIMED_SECONDS = 1.5
FEWEST_EPOCHS = 2        # so that the history has a slope
FEWEST_TIMED = 16        # images: fewer at once take longer each


def images_in(minutes: float, trainer: Trainer, train: Images) -> int:
    """Number of images, of all epochs together, that can be trained on in some minutes on this machine, as it is now.

    Times a few steps. The result is rounded down to 1, 2 or 5 times a power of ten, so that two calls on one machine seldom
    differ.

    Args:
        trainer: it is changed, and of no use afterwards.
    """
    number = min(trainer.batch_size, max(FEWEST_TIMED, images_per_batch(train.size, train.size)))
    batches = cycle([next(train.batches(number))])
    seconds = _seconds_of_a_step(trainer, batches)
    return min_over_processes(rounded_down(minutes * 60 * number / seconds))


def rounded_down(number: float) -> int:
    """Largest of 1, 2, 5, 10, 20, 50, ... that is not above ``number``; at least 1."""
    power = 10 ** math.floor(math.log10(max(1, number)))
    return max(int(factor * power) for factor in (1, 2, 5) if factor * power <= max(1, number))


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


def _seconds_of_a_step(trainer: Trainer, batches: Iterable[Tensor]) -> float:
    trainer.train_step(next(batches))                                # chooses kernels, allocates memory
    start, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - start < TIMED_SECONDS:
        trainer.train_step(next(batches))
        steps += 1
    trainer.unfetched_losses[-1].item()                              # waits for a GPU
    return (time.perf_counter() - start) / steps
