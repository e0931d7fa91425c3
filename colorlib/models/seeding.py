"""Building networks from a seed, without a change of torch's random state."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Torch has one random state for all threads: only one thread at a time may build a network from a seed.
SEEDING_LOCK = threading.Lock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within this block torch's random numbers depend on ``seed`` alone; afterwards its random state is what it was."""
    with SEEDING_LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
