"""A run directory: what a training leaves behind, and all that it needs to go on.

config.json       recipe, settings and data: what the run is
history.csv       the losses, every few steps, and the validation after each epoch
last.ckpt         everything needed to continue
best.safetensors  the weights with the lowest validation loss, and their recipe
"""

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from colorlib.checkpoints import load_state, save_state, write_whole
from colorlib.color import to_tensor
from colorlib.errors import RunError, no_room
from colorlib.objectives import Objective
from colorlib.recipe import Recipe, colorize

COLUMNS = ("step", "epoch", "loss", "valid_loss", "valid_psnr", "valid_ab_mae", "valid_colorfulness")


class RunDir:
    """The files of one run.

    Args:
        path: the directory, made if it is missing.
        identity: what the run is, as JSON values; anything that differs makes another run.

    Raises:
        RunError: if the directory holds a run with another identity; it names each difference.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path = path
        self.best, self._last = path / "best.safetensors", path / "last.ckpt"
        config = path / "config.json"
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise no_room(path.parent, error) from error
        if config.exists():
            _expect_same(path, _read_config(config), identity)
        else:
            write_whole(config, json.dumps(identity, indent=1).encode())

    def restore(self) -> dict[str, Any] | None:
        """The state that was saved last, or None."""
        return load_state(self._last) if self._last.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state; its "history" is also written as CSV."""
        # The CSV first: killed in between, the run goes on from the older state, and writes both again.
        write_whole(self.path / "history.csv", _as_csv(state["history"]).encode())
        save_state(self._last, state)


@dataclass(frozen=True)
class Run:
    """What ``fit`` gives back: the trained network and how it came about."""

    model: nn.Module
    objective: Objective
    recipe: Recipe
    history: dict[str, np.ndarray]       # a column of history.csv each
    path: Path                           # the run directory

    def colorize(self, rgb: Tensor | np.ndarray) -> Tensor:
        """rgb (B,3,H,W) -> what the network makes of its lightness: rgb (B,3,H,W) in [0,1]."""
        return colorize(self.model, self.objective, to_tensor(rgb))

    @property
    def epochs(self) -> list[dict[str, float]]:
        """The rows of the history that end an epoch: its validation."""
        rows = np.flatnonzero(~np.isnan(self.history["valid_loss"]))
        return [{name: column[row].item() for name, column in self.history.items()} for row in rows]


def read_history(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The columns of a history.csv as float arrays; NaN where a row has no value."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in COLUMNS}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise RunError(f"{path} is damaged: delete {path.parent} and train again") from error


def _as_csv(history: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in row.items()} for row in history)
    return text.getvalue()


def _expect_same(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    theirs, ours = _flat(theirs), _flat(ours)
    differing = [name for name in sorted(theirs | ours) if theirs.get(name) != ours.get(name)]
    if differing:
        listed = "; ".join(f"{name} was {theirs.get(name)}, is now {ours.get(name)}" for name in differing)
        raise RunError(f"{path} holds another run: {listed}. Give a new run directory, or delete this one")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    flat = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
