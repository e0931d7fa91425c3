"""Work on all cores, in order, and never far ahead of whoever takes the results."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from colorlib.system.processor import cores

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``map`` on as many threads as there are cores: for reading and decoding, which leave Python free meanwhile.

    A few results wait to be taken, however many items there are.
    """
    items, threads = iter(items), cores()
    with ThreadPoolExecutor(threads) as pool:
        pending = deque(pool.submit(function, item) for item in islice(items, 8 * threads))
        try:
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(items, 1))
                yield result
        finally:
            for future in pending:
                future.cancel()
