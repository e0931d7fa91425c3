"""Checkpoints to go on from, and weights to give away; each file is whole or not there."""

import copy
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from colorlib.errors import RunError
from colorlib.paths import expanded
from colorlib.recipe import Recipe
from colorlib.writing import write_whole


def save_state(path: Path, state: dict[str, Any], keep_as: Path | None = None) -> None:
    """Write tensors, numbers and strings, in dicts, lists and tuples, as one whole file: equal states, equal bytes.

    Raises:
        WriteError: if it cannot be written.
    """
    buffer = io.BytesIO()                                # in memory: torch.save to a path leaves a part when killed
    torch.save(_canonical(state), buffer)
    write_whole(path, buffer.getbuffer(), keep_as)       # a view: a copy would need the memory twice


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


def save_weights(path: Path, model: nn.Module, recipe: Recipe, half: bool = False) -> None:
    """Write a network's weights as safetensors, with the recipe that rebuilds it in the metadata.

    Args:
        half: in float16, half as many bytes; they are float32 again once loaded, rounded to three digits.

    Raises:
        WriteError: if it cannot be written.
    """
    write_whole(path, pack_weights(copy.deepcopy(model).half() if half else model, recipe))


def pack_weights(model: nn.Module, recipe: Recipe) -> bytes:
    """What ``save_weights`` writes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(weights, metadata={"recipe": json.dumps(recipe.as_dict())})


def load_weights(path: str | os.PathLike) -> tuple[nn.Module, Recipe]:
    """Rebuild a trained network from its weights file alone.

    Returns:
        The network, in eval mode, and its recipe.

    Raises:
        RunError: for a file that is missing, damaged or not written by colorlib.
    """
    path = expanded(path)
    try:
        _expect_no_pickle(path)
        with safetensors.safe_open(path, framework="pt") as file:
            recipe = Recipe(**json.loads((file.metadata() or {})["recipe"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
        model = recipe.build_model()
        model.load_state_dict(weights)
    except FileNotFoundError as error:
        raise RunError(f"there is no weights file {path}") from error
    except KeyError as error:
        raise RunError(f"{path} holds weights, but no recipe to use them with: colorlib did not write it") from error
    except (safetensors.SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} is no weights file of colorlib, or a damaged one ({error})") from error
    return model.eval(), recipe


def _expect_no_pickle(path: Path) -> None:
    """Refuse what torch.save or pickle wrote, told by the first bytes; safetensors have a length there, and a brace."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(9)
        if start.startswith((b"PK\x03\x04", b"\x80")) and not start.endswith(b"{"):
            raise RunError(f"{path} was written by torch.save, and to load that can run anybody's code: ask for "
                           "safetensors that colorlib wrote")
