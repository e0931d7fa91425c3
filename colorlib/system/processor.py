"""The processor: how many cores are ours, which precision it is fast in, and how to compute the same bits twice."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from colorlib.system import cgroups


def cores() -> int:
    """Cores that this process may use: a hub's share is often less than the machine has, and torch would not ask.

    The least of the physical cores, those it may run on, and the quota of its control groups.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in cgroups.folders("cpu") if (quota := cpu_quota(folder))]
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed, *map(math.ceil, quotas)))


def cpu_quota(folder: Path) -> float | None:
    """Cores' worth of time that a control group, version 2 or 1, allows, or None."""
    both = folder / "cpu.max"                                   # "200000 100000" or "max 100000"
    period_file, quota = folder / "cpu.cfs_period_us", cgroups.read_number(folder / "cpu.cfs_quota_us")
    if (allowed := cgroups.read_number(both)) is not None:
        return allowed / int(both.read_text().split()[1])
    return quota / cgroups.read_number(period_file) if quota else None


def resolve_precision(precision: str, device: torch.device, before: str | None = None) -> str:
    """Turn "auto" into "bfloat16" where it is faster, or ``accelerate launch --mixed_precision bf16`` asks for it.

    A run that goes on has settled this ``before``.
    """
    if precision != "auto" or before:
        return before if precision == "auto" else precision
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        cpuinfo = Path("/proc/cpuinfo")
        fast = device.type == "cpu" and cpuinfo.exists() and fast_in_bfloat16(cpuinfo.read_text())
    return "bfloat16" if fast or os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16" else "float32"


def fast_in_bfloat16(cpuinfo: str) -> bool:
    """Whether a processor multiplies bfloat16 faster than float32, from Linux's description of it.

    Intel's do with AMX, and AMD's with avx512_bf16. Intel's avx512_bf16 alone takes as long as float32, and what is
    rounded on the way makes it slower.
    """
    return "amx_bf16" in cpuinfo or ("avx512_bf16" in cpuinfo and "AuthenticAMD" in cpuinfo)


@contextmanager
def computing(threads: int | None) -> Iterator[None]:
    """Within this block torch uses ``threads`` CPU threads, and only algorithms that repeat.

    Args:
        threads: None: ``cores()``, or as many as before, if these were fewer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or min(before, cores()))
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.set_num_threads(before)
