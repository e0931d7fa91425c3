"""Memory limits of the machine and its containers."""

import gc
import os
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch
from accelerate import PartialState

from colorlib.system import cgroups
from colorlib.system.errors import RunError
from colorlib.system.heap import trim_heap

MiB = 2**20


@dataclass(frozen=True)
class Limit:
    """A memory limit, in bytes."""

    name: str            # what sets the limit
    total: int
    used: int

    @property
    def left(self) -> int:
        """Bytes that are still free."""
        return max(0, self.total - self.used)

    def __str__(self) -> str:
        return f"{self.left // MiB:,} MiB are left of the {self.total // MiB:,} that {self.name} allows"


def limits(processes: int = 1) -> list[Limit]:
    """All memory limits of this process: ``MEM_LIMIT`` (set by hubs), its control groups, and the machine's memory.

    Args:
        processes: how many processes train together and share ``MEM_LIMIT``.

    Raises:
        RunError: if ``MEM_LIMIT`` is not a number of bytes.
    """
    machine = psutil.virtual_memory()
    found = [Limit("this machine", machine.total, machine.total - machine.available)]
    if hub := os.environ.get("MEM_LIMIT"):
        if not hub.isdecimal():
            raise RunError(f"MEM_LIMIT must be a number of bytes, as in 1073741824, got {hub!r}: correct it")
        found.append(Limit("MEM_LIMIT", int(hub), processes * private_memory()))
    return found + [limit for folder in cgroups.folders("memory") if (limit := group_limit(folder))]


def group_limit(folder: Path) -> Limit | None:
    """Memory limit of one control group, version 2 or 1; None if there is none.

    Cached files do not count as used: the system frees them when memory is short.
    """
    for total_file, used_file, prefix in [("memory.max", "memory.current", ""),
                                          ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")]:
        total, used = cgroups.read_number(folder / total_file), cgroups.read_number(folder / used_file)
        if total is not None and used is not None:
            statistics = folder / "memory.stat"
            stat = dict(map(str.split, statistics.read_text().splitlines())) if statistics.exists() else {}
            cached = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
            return Limit("its control group", total, max(0, used - cached))
    return None


def tightest_limit(device: torch.device, state: PartialState) -> Limit:
    """Memory limit with the least left on ``device``, divided by the number of processes on this machine.

    Every process must call this: each waits for the others.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()                                 # so that memory of an earlier training counts as free
        free, total = torch.cuda.mem_get_info(device)
        return Limit(str(device), total, total - free)
    gc.collect()                                                 # an earlier trainer and its gradients refer to each other
    trim_heap()
    state.wait_for_everyone()                                    # until every process holds its network
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", state.num_processes))
    tightest = min(limits(processes), key=lambda limit: limit.left)
    state.wait_for_everyone()                                    # before any process allocates more
    return replace(tightest, total=tightest.total // processes, used=tightest.used // processes)


def private_memory() -> int:
    """Bytes that this process alone uses, without mapped files such as libraries."""
    info = psutil.Process().memory_info()
    return info.rss - getattr(info, "shared", 0)
