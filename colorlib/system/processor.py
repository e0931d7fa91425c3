"""Available processor cores, threads and precision."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from colorlib.system import cgroups
from colorlib.system.heap import trim_heap

T = TypeVar("T")
R = TypeVar("R")
Mapper = Callable[[Callable[[T], R], Iterable[T]], Iterator[R]]       # like the built-in ``map``
READ_AHEAD = 8           # items per thread that parallel_map reads before their results are used


def available_cores() -> int:
    """Number of cores that this process may use, which in a hub is often less than torch assumes.

    The minimum of the physical cores, the process's affinity and the quotas of its control groups.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in cgroups.folders("cpu") if (quota := cpu_quota(folder))]
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed, *map(math.ceil, quotas)))


def cpu_quota(folder: Path) -> float | None:
    """Processor quota of one control group, version 2 or 1, in cores; None if there is none."""
    version2 = folder / "cpu.max"                               # "200000 100000" or "max 100000"
    if (quota := cgroups.read_number(version2)) is not None:
        return quota / int(version2.read_text().split()[1])
    quota = cgroups.read_number(folder / "cpu.cfs_quota_us")
    return quota / cgroups.read_number(folder / "cpu.cfs_period_us") if quota else None


def usable_threads() -> int:
    """Number of threads to compute with: torch's setting, but no more than there are cores."""
    return min(torch.get_num_threads(), available_cores())


@contextmanager
def core_threads(at_once: int) -> Iterator[Mapper]:
    """Pool of threads that compute one item each, with its share of the cores.

    Threads that share each of torch's operations wait for the slowest of them at each: beside other busy processes, most
    of the time. Threads with an item each wait once, at the end.

    Args:
        at_once: items to compute at the same time, at most one per core. If there are more cores, torch's operations use
            several threads.

    Yields:
        A function like ``map``. Its results come in the order of the items, and it reads one item per thread ahead.
    """
    threads = usable_threads()
    workers = min(at_once, threads)
    with _pool(workers, threads // workers) as pool:
        torch.set_num_threads(threads // workers)
        yield partial(_map, pool, workers)


def parallel_map(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``map`` on as many threads as torch uses, at most one per core, for work such as decoding.

    Yields results in the order of ``items``, and reads at most eight items per thread ahead.
    """
    workers = usable_threads()
    with _pool(workers, 1) as pool:
        yield from _map(pool, READ_AHEAD * workers, function, items)


@contextmanager
def _pool(workers: int, torch_threads: int) -> Iterator[ThreadPoolExecutor]:
    """Pool of threads in which torch's operations use ``torch_threads`` threads each."""
    trim_heap()                                        # each thread has a heap of its own: it cannot use what others freed
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(torch_threads,))
    try:
        yield pool
    finally:
        try:
            pool.shutdown(cancel_futures=True)
        finally:                                       # also after another Ctrl-C
            torch.set_num_threads(before)              # the pool's threads have set it for all threads that are new
            trim_heap()


def _map(pool: ThreadPoolExecutor, ahead: int, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    items = iter(items)
    pending = deque(pool.submit(function, item) for item in islice(items, ahead))
    while pending:
        result = pending.popleft().result()
        pending.extend(pool.submit(function, item) for item in islice(items, 1))
        yield result


def resolve_precision(precision: str, device: torch.device, before: str | None = None) -> str:
    """Replace the precision "auto" by "bfloat16" or "float32".

    bfloat16 where the device computes faster in it, or under ``accelerate launch --mixed_precision bf16``.

    Args:
        before: precision that a resumed run began with, which "auto" keeps.
    """
    if precision != "auto":
        return precision
    if before:
        return before
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        cpuinfo = Path("/proc/cpuinfo")
        fast = device.type == "cpu" and cpuinfo.exists() and fast_in_bfloat16(cpuinfo.read_text())
    return "bfloat16" if fast or os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16" else "float32"


def fast_in_bfloat16(cpuinfo: str) -> bool:
    """Whether a processor multiplies bfloat16 faster than float32, by the text of Linux's ``/proc/cpuinfo``.

    True for Intel with AMX and for AMD with avx512_bf16. Intel's avx512_bf16 alone multiplies no faster than float32,
    and the conversions make it slower.
    """
    return "amx_bf16" in cpuinfo or ("avx512_bf16" in cpuinfo and "AuthenticAMD" in cpuinfo)


@contextmanager
def deterministic_torch(threads: int | None) -> Iterator[None]:
    """Within the block, torch uses ``threads`` CPU threads and deterministic cuDNN algorithms.

    Args:
        threads: None for one per available core, but never more than before.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or usable_threads())
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.set_num_threads(before)
