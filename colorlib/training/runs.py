"""A run directory: what a training leaves behind, and all that it needs to go on.

config.json       recipe, settings, data and code: what the run is
history.csv       the losses, every few steps, and the validation after each epoch
last.ckpt         everything needed to continue
previous.ckpt     the same at the end of the last whole epoch, to go back to
best.safetensors  the weights with the lowest validation loss, and their recipe
lock              held by the process that trains
"""

import csv
import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from torch import Tensor, nn

from colorlib.color.lab import to_tensor
from colorlib.models.objectives import Objective
from colorlib.models.recipe import Recipe, colorize
from colorlib.system.distributed import team
from colorlib.system.errors import RunError, WriteError
from colorlib.system.files import make_folder, write_atomic, write_errors
from colorlib.system.paths import expanded
from colorlib.training.checkpoints import load_state, save_state

COLUMNS = ("step", "epoch", "loss", "valid_loss", "valid_psnr", "valid_ab_mae", "valid_auc", "valid_colorfulness")


class RunDir:
    """The files of one run, locked against other processes for as long as this is entered (``with RunDir(...)``).

    Args:
        path: the directory, made if it is missing.
        identity: what the run is, as JSON values; anything that differs makes another run.

    Raises:
        RunError: if another process trains in it, or if it holds a run with another identity: each difference is named.
        WriteError: if nothing can be written there.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        path = expanded(path)
        self.path, self.identity = path, identity
        self._last, self._previous, self._config = path / "last.ckpt", path / "previous.ckpt", path / "config.json"
        self._epoch_end: int | None = None     # the step that last.ckpt holds, if it ends an epoch
        self._best: bytes | None = None        # what best.safetensors holds
        self._lock = FileLock(path / "lock", timeout=0)
        self._held: int | None = None          # the inode of the lock file that is ours: another may have its name

    def __enter__(self) -> "RunDir":
        make_folder(self.path)
        with write_errors(self.path):
            try:
                self._acquire()
            except Timeout as error:
                raise RunError(f"another process trains in {self.path}: wait for it, stop it, or give another run "
                               "directory") from error
        try:
            if self._config.exists():
                _expect_same(self._config, self.identity)
            self._write_config()
            for part in self.path.glob(".*.tmp"):               # of writes that a kill broke off
                part.unlink(missing_ok=True)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def restore(self, step: int | None = None) -> dict[str, Any] | None:
        """The state that was saved last, or None; with ``step``, the one that was saved at this step."""
        damage = None
        for path in (self._last, self._previous):
            try:
                state = load_state(path) if path.exists() else None
            except RunError as error:
                damage = error
                continue
            if state and step in (None, state["step"]):
                if damage:
                    team().print(f"{damage}; going on from {path.name}, after step {state['step']:,}")
                self._epoch_end = state["step"] if path == self._last and state["ends_epoch"] else None
                return state
        if damage:
            raise RunError(f"{damage}: delete {self.path} and train again") from damage
        return None

    def save(self, state: dict[str, Any], best: bytes | None = None) -> None:
        """Keep a state, and the best weights if they are new.

        Args:
            state: its "history" is also written as CSV; if it "ends_epoch", it outlives those of later steps until
                another does.
            best: the content of best.safetensors.

        Raises:
            WriteError: if it cannot be written; all that was kept before still is.
        """
        make_folder(self.path)                                  # deleted under our feet: everything is written anew
        self._lock_again()
        self._write_config()
        best_file = self.path / "best.safetensors"
        if best and not (best == self._best and best_file.exists()):
            write_atomic(best_file, best)
            self._best = best
        # The checkpoint last: killed in between, the run goes on from the older one, and writes the others again.
        write_atomic(self.path / "history.csv", as_csv(state["history"]).encode())
        outlived = self._epoch_end not in (None, state["step"]) and self._last.exists()
        save_state(self._last, state, self._previous if outlived else None)
        self._epoch_end = state["step"] if state["ends_epoch"] else None

    def expect_room(self, state: int) -> None:
        """Raise a WriteError now if the disk will be full later: three states of so many bytes, and best weights."""
        make_folder(self.path)
        need, free = 4 * state, shutil.disk_usage(self.path).free
        if free < need:
            raise WriteError(f"cannot write in {self.path}: a run takes {need / 2**20:,.0f} MiB, and the disk has "
                             f"{free / 2**20:,.0f} MiB left. Make room, or choose another folder")

    def _acquire(self) -> None:
        self._lock.acquire()
        self._held = (self.path / "lock").stat().st_ino

    def _lock_again(self) -> None:
        """Hold the lock, also after its file was deleted; not if another process has made and locked a new one."""
        lock = self.path / "lock"
        if not lock.exists() or lock.stat().st_ino != self._held:
            self._lock.release()
            try:
                self._acquire()
            except (Timeout, OSError) as error:
                raise WriteError(f"cannot write in {self.path}: another process trains there") from error

    def _write_config(self) -> None:
        if not self._config.exists():
            write_atomic(self._config, json.dumps(self.identity, indent=1).encode())


@dataclass(frozen=True)
class Run:
    """What ``fit`` gives back: the trained network and how it came about."""

    model: nn.Module
    objective: Objective
    recipe: Recipe
    history: dict[str, np.ndarray]       # a column of history.csv each
    path: Path                           # the run directory
    saved: bool = True                   # whether all of this is in it; a full disk may have kept it out

    def colorize(self, rgb: Tensor | np.ndarray) -> Tensor:
        """rgb (B,3,H,W) -> what the network makes of its lightness: rgb (B,3,H,W) in [0,1]."""
        return colorize(self.model, self.objective, to_tensor(rgb))

    def finished(self, num_epochs: int) -> bool:
        """Whether all epochs are done, and in the run directory."""
        return bool(self.epochs) and self.epochs[-1]["epoch"] == num_epochs and self.saved

    @property
    def epochs(self) -> list[dict[str, float]]:
        """The rows of the history that end an epoch: its validation."""
        rows = np.flatnonzero(~np.isnan(self.history["valid_loss"]))
        return [{name: column[row].item() for name, column in self.history.items()} for row in rows]


def read_history(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The columns of a history.csv as float arrays; NaN where a row has no value."""
    return parse_history(Path(path).read_text())


def parse_history(text: str) -> dict[str, np.ndarray]:
    """The columns of the text of a history.csv, as ``read_history``."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in COLUMNS}


def as_csv(history: list[dict[str, float]]) -> str:
    """The text of a history.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in row.items()} for row in history)
    return text.getvalue()


def _expect_same(path: Path, identity: dict[str, Any]) -> None:
    try:
        theirs, ours = _flat(json.loads(path.read_text())), _flat(identity)
    except (ValueError, AttributeError) as error:
        raise RunError(f"{path} is damaged: delete {path.parent} and train again") from error
    if differing := [name for name in sorted(theirs | ours) if theirs.get(name) != ours.get(name)]:
        listed = "; ".join(f"{name} was {theirs.get(name)}, is now {ours.get(name)}" for name in differing)
        raise RunError(f"{path.parent} holds another run: {listed}. Give another run directory, or delete this one; to "
                       f"go on in it all the same, from what it has learned, delete {path.name}")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    flat = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
