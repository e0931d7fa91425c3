"""Checkpoints to go on from, and weights to give away; each file is whole or not there."""

import io
import sys
from pathlib import Path
from typing import Any

import torch

from colorlib.system.errors import RunError
from colorlib.system.files import write_atomic


def save_state(path: Path, state: dict[str, Any], keep_as: Path | None = None) -> None:
    """Write tensors, numbers and strings, in dicts, lists and tuples, as one whole file: equal states, equal bytes.

    Raises:
        WriteError: if it cannot be written.
    """
    buffer = io.BytesIO()                                # in memory: torch.save to a path leaves a part when killed
    torch.save(_canonical(state), buffer)
    write_atomic(path, buffer.getbuffer(), keep_as)       # a view: a copy would need the memory twice


def _canonical(value: Any) -> Any:
    """The same value from fresh containers and interned strings.

    Pickle writes a reference where it meets an object for the second time, so its bytes tell a string that was loaded
    from an equal one that was not.
    """
    if isinstance(value, dict):
        return {_canonical(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_canonical(item) for item in value)
    return sys.intern(value) if isinstance(value, str) else value


def load_state(path: Path) -> dict[str, Any]:
    """Read what ``save_state`` wrote.

    Raises:
        RunError: if the file is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:                           # torch raises many kinds for a damaged zip or pickle
        raise RunError(f"{path} is damaged") from error
