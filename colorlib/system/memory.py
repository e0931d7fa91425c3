"""Memory: how much this kernel may still take, whatever the machine has, and how to keep what was freed at hand."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch
from accelerate import PartialState

from colorlib.system import cgroups
from colorlib.system.errors import RunError

MiB = 2**20


@dataclass(frozen=True)
class Limit:
    """A limit on memory, in bytes, and how much of it is in use."""

    name: str            # who sets it
    total: int
    used: int

    @property
    def left(self) -> int:
        """Bytes that can still be taken."""
        return max(0, self.total - self.used)

    def __str__(self) -> str:
        return f"{self.left // MiB:,} MiB are left of the {self.total // MiB:,} that {self.name} allows"


def limits(processes: int = 1) -> list[Limit]:
    """All limits that this process is under: ``MEM_LIMIT`` (a hub's), each control group's, and the machine's memory.

    Args:
        processes: how many train together under them.

    Raises:
        RunError: if ``MEM_LIMIT`` is set to something else than a number of bytes.
    """
    machine = psutil.virtual_memory()
    found = [Limit("this machine", machine.total, machine.total - machine.available)]
    if promised := os.environ.get("MEM_LIMIT"):
        if not promised.isdecimal():
            raise RunError(f"MEM_LIMIT must be a number of bytes, as in 1073741824, got {promised!r}: correct it")
        found.append(Limit("MEM_LIMIT", int(promised), processes * private_memory()))
    return found + [limit for folder in cgroups.folders("memory") if (limit := group_limit(folder))]


def group_limit(folder: Path) -> Limit | None:
    """The limit of one control group, version 2 or 1, or None. Cached files do not count as used: they give way."""
    for total_file, used_file, prefix in [("memory.max", "memory.current", ""),
                                          ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")]:
        total, used = cgroups.read_number(folder / total_file), cgroups.read_number(folder / used_file)
        if total is not None and used is not None:
            statistics = folder / "memory.stat"
            stat = dict(map(str.split, statistics.read_text().splitlines())) if statistics.exists() else {}
            cached = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
            return Limit("its control group", total, max(0, used - cached))
    return None


def tightest_limit(device: torch.device, team: PartialState) -> Limit:
    """The limit that leaves the least on ``device``, of which each process of a team on this machine has its share.

    All processes of the team must call it: each waits for the others.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()                                 # what an earlier training left counts as free
        free, total = torch.cuda.mem_get_info(device)
        return Limit(str(device), total, total - free)
    trim_heap()
    team.wait_for_everyone()                                     # until all have what they hold now
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", team.num_processes))
    least = min(limits(processes), key=lambda limit: limit.left)
    team.wait_for_everyone()                                     # before anyone takes more
    return replace(least, total=least.total // processes, used=least.used // processes)


def private_memory() -> int:
    """Bytes in use by this process alone; files that it has mapped, such as libraries, do not count."""
    info = psutil.Process().memory_info()
    return info.rss - getattr(info, "shared", 0)


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Within this block, what is freed stays with the process; afterwards it goes back to the system.

    glibc hands each large block back as it is freed, and the system fills the next one with zeros, page by page: a
    third of the time of a training step at 64 px.
    """
    keep_all = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**30}
    defaults = {_M_MMAP_MAX: 65536, _M_TRIM_THRESHOLD: 2**17}
    for option, value in keep_all.items():
        _glibc("mallopt", option, value)
    try:
        yield
    finally:
        for option, value in defaults.items():
            _glibc("mallopt", option, value)
        trim_heap()


_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4                        # from glibc's malloc.h


def trim_heap() -> None:
    """Hand what was freed, and only kept at hand, back to the system."""
    _glibc("malloc_trim", 0)


def _glibc(function: str, *arguments: int) -> None:
    """Call a function of the C library, if it is glibc; others manage memory in their own way."""
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), function):
        getattr(library, function)(*arguments)
