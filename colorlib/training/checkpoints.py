"""Checkpoints: the state of a training as one file, equal bytes for equal states."""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from colorlib.system.errors import RunError
from colorlib.system.files import write_atomic


class DamagedError(RunError):
    """A checkpoint with other bytes than were written."""


def save_state(path: Path, state: dict[str, Any], keep_as: Path | None = None) -> None:
    """Write tensors, numbers and strings, in dicts, lists and tuples, atomically.

    Args:
        keep_as: where to keep the file that was there before.

    Raises:
        WriteError: if the file cannot be written.
    """
    buffer = io.BytesIO()                                # torch.save to a path would leave a part when killed
    torch.save(_canonical(state), buffer)
    write_atomic(path, buffer.getbuffer(), keep_as)      # a view: a copy would need the memory twice


def load_state(path: Path) -> dict[str, Any]:
    """Read a file of ``save_state``. Its tensors are memory-mapped: they take no memory until they are copied.

    Raises:
        DamagedError: if the file is damaged.
        RunError: if it cannot be read, for example for lack of memory or permission.
    """
    try:
        with zipfile.ZipFile(path) as file:              # torch checks no checksum of what it maps
            if damaged := file.testzip():
                raise ValueError(f"wrong checksum of {damaged}")
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, MemoryError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    except Exception as error:                           # torch and zipfile raise many kinds for a damaged file
        raise DamagedError(f"{path} is damaged") from error


def _canonical(value: Any) -> Any:
    """The same value in new containers, with interned strings.

    Pickle writes a reference where it meets an object for the second time, so that its bytes would differ between strings
    that are the same object and strings that are only equal.
    """
    if isinstance(value, dict):
        return {_canonical(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_canonical(item) for item in value)
    return sys.intern(value) if isinstance(value, str) else value
