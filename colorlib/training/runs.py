"""A run directory: everything that a training leaves behind and needs to go on.

config.json       the run's identity: recipe, settings, data, NUMERICS
history.csv       training loss every few steps, validation measures after each epoch
last.ckpt         everything needed to resume, except the best weights
previous.ckpt     the checkpoint before, until training is finished
best.safetensors  the weights with the lowest validation loss, and their recipe
lock              held by the process that trains
"""

import csv
import io
import json
import os
import shutil
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from torch import Tensor, nn

from colorlib.color import to_tensor
from colorlib.models.objectives import Objective
from colorlib.models.predict import colorize, network_output
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system.distributed import process_state
from colorlib.system.errors import DataError, RunError, WriteError
from colorlib.system.files import make_folder, write_atomic, write_errors
from colorlib.system.paths import expand_user
from colorlib.training.checkpoints import DamagedError, load_state, save_state

COLUMNS = ("step", "epoch", "loss", "valid_loss", "valid_psnr", "valid_ab_mae", "valid_auc", "valid_colorfulness")


class RunDir:
    """The files of one run, locked against other processes within ``with RunDir(...)``.

    Args:
        path: the directory, created if it is missing.
        identity: what the run is, as JSON values. A directory with another identity is refused.

    Raises:
        RunError: if another process trains in the directory, or it holds another run; each difference is named,
            unless another version of colorlib wrote it.
        WriteError: if the directory is not writable.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path, self.identity = expand_user(path), identity
        self._last, self._previous = self.path / "last.ckpt", self.path / "previous.ckpt"
        self._config = self.path / "config.json"
        self._written_best: bytes | None = None      # content of best.safetensors, if this process knows it
        self._last_is_damaged = False
        self._lock = FileLock(self.path / "lock", timeout=0)
        self._locked_inode: int | None = None  # another process may have made a new lock file of the same name

    def __enter__(self) -> "RunDir":
        make_folder(self.path)
        with write_errors(self.path):
            try:
                self._acquire_lock()
            except Timeout as error:
                raise RunError(f"another process trains in {self.path}: wait for it, stop it, or give another run "
                               "directory") from error
        try:
            if self._config.exists():
                _expect_same(self._config, self.identity)
            self._write_config()
            for leftover in self.path.glob(".*.tmp"):               # left by a kill in the middle of a write
                leftover.unlink(missing_ok=True)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def load(self) -> dict[str, Any] | None:
        """State of the last checkpoint, or of the one before if the last is damaged; None for a new run.

        Raises:
            RunError: if both are damaged, or one cannot be read.
        """
        damage = None
        for path in (self._last, self._previous):
            try:
                if path.exists():
                    state = load_state(path)
                    if damage:
                        process_state().print(f"{damage}; resuming from {path.name}, after step {state['step']:,}")
                    return state
            except DamagedError as error:
                damage, self._last_is_damaged = error, True
        if damage:
            raise RunError(f"{damage}: delete {self.path} and train again") from damage
        return None

    def save(self, state: dict[str, Any], best: bytes | None = None) -> None:
        """Write a checkpoint, the history, and the best weights if they are new.

        Args:
            best: content of best.safetensors.

        Raises:
            WriteError: if a file cannot be written. The last checkpoint stays; the other files may be new already.
        """
        make_folder(self.path)                                  # in case somebody deleted it
        self._renew_lock()
        self._write_config()
        best_file = self.path / "best.safetensors"
        if best and not (best == self._written_best and best_file.exists()):
            write_atomic(best_file, best)
            self._written_best = best
        # The checkpoint last: after a kill in between, the run resumes from the older one and writes the others again.
        write_atomic(self.path / "history.csv", as_csv(state["history"]).encode())
        keep = self._last.exists() and not self._last_is_damaged
        save_state(self._last, state, self._previous if keep else None)
        self._last_is_damaged = False

    def read_best(self) -> bytes | None:
        """Content of best.safetensors, to write it again if the directory is deleted; None if there is none."""
        file = self.path / "best.safetensors"
        self._written_best = file.read_bytes() if file.exists() else None
        return self._written_best

    def delete_previous(self) -> None:
        """Delete the checkpoint before the last, which a finished run does not need."""
        with suppress(OSError):
            self._previous.unlink()

    def expect_space(self, state_bytes: int) -> None:
        """Raise a WriteError if the disk has no space for three checkpoints of this size and the best weights."""
        make_folder(self.path)
        need, free = 4 * state_bytes, shutil.disk_usage(self.path).free
        if free < need:
            raise WriteError(f"cannot write in {self.path}: a run needs up to {need / 2**20:,.0f} MiB, and the disk has "
                             f"{free / 2**20:,.0f} MiB left. Make room, or choose another folder")

    def _acquire_lock(self) -> None:
        self._lock.acquire()
        self._locked_inode = (self.path / "lock").stat().st_ino

    def _renew_lock(self) -> None:
        """Hold the lock again if its file was deleted, unless another process, or another run, took the directory."""
        try:
            if (self.path / "lock").stat().st_ino == self._locked_inode:
                return
        except FileNotFoundError:
            pass
        self._lock.release()
        try:
            self._acquire_lock()
            if self._config.exists():
                _expect_same(self._config, self.identity)
        except (Timeout, OSError) as error:
            raise WriteError(f"cannot write in {self.path}: another process trains there") from error
        except RunError as error:
            self._lock.release()
            self._locked_inode = None
            raise WriteError(f"cannot write in {self.path}: it holds another run now") from error

    def _write_config(self) -> None:
        if not self._config.exists():
            write_atomic(self._config, json.dumps(self.identity, indent=1).encode())


@dataclass(frozen=True)
class Run:
    """Result of ``fit``: the last and the best network, and the history.

    ``last`` is the network after the last step (or its EMA, if there is one). ``best`` is the network after the epoch with
    the lowest validation loss, as best.safetensors holds it. They differ where training went on past the best epoch.
    """

    last: nn.Module
    objective: Objective
    recipe: Recipe
    history: dict[str, np.ndarray]       # the columns of history.csv
    path: Path                           # the run directory
    num_images: int                      # that it trains on: fewer than were given if ``minutes`` are short
    num_epochs: int                      # of the whole training
    saved: bool = True                   # False: the last save failed, for example on a full disk

    @property
    def best(self) -> nn.Module:
        """Network with the lowest validation loss, read from best.safetensors, in eval mode on the CPU.

        Raises:
            RunError: before the end of the first epoch, when there is none.
        """
        file = self.path / "best.safetensors"
        if not file.exists():
            raise RunError(f"{self.path} has no best.safetensors: it is written at the end of the first epoch")
        return load_weights(file)[0]

    def output(self, rgb: Tensor | np.ndarray) -> Tensor:
        """Output of ``last`` for the lightness of rgb (B,3,H,W): (B,C,h,w), on the CPU whatever the device."""
        return network_output(self.last, to_tensor(rgb))

    def colorize(self, rgb: Tensor | np.ndarray) -> Tensor:
        """Color rgb (B,3,H,W) from its lightness with ``last``: rgb (B,3,H,W) in [0,1], on the CPU."""
        return colorize(self.last, self.objective, to_tensor(rgb))

    @property
    def finished(self) -> bool:
        """Whether all epochs are done and saved."""
        return bool(self.epochs) and self.epochs[-1]["epoch"] == self.num_epochs and self.saved

    @property
    def epochs(self) -> list[dict[str, float]]:
        """Rows of the history that end an epoch, with its validation measures."""
        rows = np.flatnonzero(~np.isnan(self.history["valid_loss"]))
        return [{name: column[row].item() for name, column in self.history.items()} for row in rows]


def read_history(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Columns of a history.csv as float arrays; NaN where a row has no value.

    Raises:
        DataError: for a file that is missing, damaged, or empty.
    """
    try:
        history = parse_history(Path(path).read_text())
        if not len(history["step"]):
            raise ValueError("it has no lines")
        return history
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not the history of a training ({error}): delete its folder to train again") from error


def parse_history(text: str) -> dict[str, np.ndarray]:
    """Columns of the text of a history.csv, as in ``read_history``."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in COLUMNS}


def as_csv(history: list[dict[str, float]]) -> str:
    """Text of a history.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in row.items()} for row in history)
    return text.getvalue()


def _expect_same(path: Path, identity: dict[str, Any]) -> None:
    try:
        kept, new = _flatten(json.loads(path.read_text())), _flatten(identity)
    except (ValueError, AttributeError) as error:
        raise RunError(f"{path} is damaged: delete {path.parent} and train again") from error
    if kept.get("numerics") != new.get("numerics"):
        raise RunError(f"{path.parent} holds a run of another version of colorlib, whose training gives other numbers: give "
                       "another run directory, or delete this one")
    if differing := [name for name in sorted(kept | new) if kept.get(name) != new.get(name)]:
        listed = "; ".join(f"{name} was {_shortened(kept.get(name))}, is now {_shortened(new.get(name))}"
                           for name in differing)
        raise RunError(f"{path.parent} holds another run: {listed}. Give another run directory, or delete this one; to "
                       f"continue from its checkpoint anyway, delete {path.name}")


def _shortened(value: Any) -> str:
    return textwrap.shorten(str(value), 60, placeholder=" ...")


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    flat = {}
    for name, value in tree.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
