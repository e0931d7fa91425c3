"""Settings of glibc's allocator; nothing happens with another C library."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4                        # from glibc's malloc.h


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Within the block, the process keeps the memory it frees; afterwards that memory returns to the system.

    By default glibc returns each large block at once, and the system fills the next one with zeros, page by page: a
    third of the time of a training step at 64 px. If the user has configured glibc's malloc, nothing is changed.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "glibc.malloc." in tunables or os.environ.keys() & {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"}:
        yield                                                  # glibc cannot tell us values to restore
        return
    _glibc("mallopt", _M_MMAP_MAX, 0)
    _glibc("mallopt", _M_TRIM_THRESHOLD, 2**30)
    try:
        yield
    finally:
        _glibc("mallopt", _M_MMAP_MAX, 65536)                  # glibc's defaults
        _glibc("mallopt", _M_TRIM_THRESHOLD, 2**17)
        trim_heap()


def trim_after_cells() -> None:
    """In a notebook, return freed memory after each cell: glibc's heap grows with every figure."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell:
        shell.events.register("post_run_cell", lambda _: trim_heap())


def trim_heap() -> None:
    """Return freed memory that the process still holds to the system."""
    _glibc("malloc_trim", 0)


def _glibc(function: str, *arguments: int) -> None:
    """Call a function of glibc; do nothing with another C library."""
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), function):
        getattr(library, function)(*arguments)
