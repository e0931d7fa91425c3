"""A study: variants of one training, several seeds each. What was trained once is not trained again."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from torch import nn

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.evaluation import evaluate
from colorlib.metrics.probes import available_probes
from colorlib.models.recipe import Recipe
from colorlib.system.errors import WriteError
from colorlib.system.files import make_folder, write_atomic, write_errors
from colorlib.system.progress import progress_bar
from colorlib.training.config import TrainConfig
from colorlib.training.identity import NUMERICS, default_run_dir, identity
from colorlib.training.loop import fit

SLOW = ("recognition",)          # probes that take as long as all others together, and that no claim needs


@dataclass(frozen=True)
class Trial:
    """One training of a study, without its seed."""

    recipe: Recipe
    config: TrainConfig
    data: str = "cifar10"
    root: str | None = None              # of the data, as for ``load``: "folder" needs one
    num_images: int = 10_000             # to train on
    num_valid: int = 1_000               # to measure on
    measured_at: int | None = None       # pixels that pictures are shrunk to before they are compared
    missing: str = "error"               # or "samples": what to do if the data is not there, as for ``load``
    start: Callable[[Recipe, int], nn.Module] | None = None     # network to start from, by recipe and seed, such as ``pretrained``

    def with_changes(self, recipe: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None,
                     **changes: Any) -> "Trial":
        """Copy of the trial with other fields: of its recipe, of its config, and of the trial itself."""
        return replace(self, recipe=replace(self.recipe, **(recipe or {})),
                       config=replace(self.config, **(config or {})), **changes)


class Row(NamedTuple):
    """Result of one training."""

    variant: str
    seed: int
    error: str                           # "" if the training finished
    data: str                            # the number of training images, and their data set
    run: str                             # the name of the run directory
    measures: dict[str, float]           # keys of MEASURES; "loss", "oscillation"; "seconds" if it was never stopped


@dataclass(frozen=True)
class Study:
    """Variants x seeds."""

    variants: Mapping[str, Trial]
    seeds: Sequence[int] = (0, 1, 2)

    def run(self, executor: Executor | None = None, known: Sequence[Row] = ()) -> list[Row]:
        """Train all that is missing. After a kill, the same call continues, also in the middle of a training.

        Args:
            known: results of an earlier call, perhaps on another machine. A variant and seed that is among them is not trained again.
            executor: any of ``concurrent.futures``, or Dask's ``client.get_executor()``; its workers must see the same
                ``COLORLIB_HOME``. By default trainings run here, one after another.

        Returns:
            A row for each variant and seed. A training that failed has its error in its row; the others go on.

        Raises:
            KeyboardInterrupt: if a training was interrupted.
        """
        # Variants may be equal, and then share a training.
        found = {(row.variant, row.seed): row for row in known if not row.error}
        missing = [(name, seed) for name in self.variants for seed in self.seeds if (name, seed) not in found]
        jobs = dict.fromkeys((self.variants[name], seed) for name, seed in missing)
        if executor is None:
            rows = {job: _row(train, *job) for job in progress_bar(jobs, "trainings", leave=False)}
        else:
            futures = {job: executor.submit(_row, train, *job) for job in jobs}
            # Again _row, in case a worker dies.
            rows = {job: _row(future.result) for job, future in progress_bar(futures.items(), "trainings", leave=False)}
        found |= {(name, seed): rows[self.variants[name], seed]._replace(variant=name, seed=seed) for name, seed in missing}
        return [found[name, seed] for name in self.variants for seed in self.seeds]


def train(trial: Trial, seed: int) -> Row:
    """Train and measure one trial, or read its measures if that was done before: a row without a variant.

    Raises:
        KeyboardInterrupt: if it was interrupted.
    """
    images, valid, config, start, path = _prepare(trial, seed)
    make_folder(path.parent)
    with write_errors(path.parent):
        lock = FileLock(f"{path}.lock").acquire()              # another worker may have the same
    with lock:
        file = path / "result.json"
        result = _read_result(file)
        current = (result.get("numerics"), result.get("measured_at")) == (NUMERICS, trial.measured_at)
        # A probe that was not available then may be now.
        if not current or available_probes(valid, trial.measured_at, skip=[*result["probes"], *SLOW])[0]:
            result = _train_and_measure(trial, config, images, valid, start, path, result)
            write_atomic(file, json.dumps(result).encode())
    return Row("", seed, "", f"{len(images):,} of {images.name}", path.name, result["measures"])


def run_name(trial: Trial, seed: int) -> str:
    """Name of the run directory: another one if the trial, its data or the code's numerics are others."""
    return _prepare(trial, seed)[-1].name


def oscillation(losses: np.ndarray) -> float:
    """Mean step of the loss, (N,), up or down, over the last half of training, as a fraction of its mean."""
    last = losses[len(losses) // 2:]
    return float(np.abs(np.diff(last)).mean() / last.mean()) if len(last) > 1 else 0.0


def _prepare(trial: Trial, seed: int) -> tuple[Images, Images, TrainConfig, nn.Module | None, Path]:
    """Images to train on and to measure on, settings, network to start from, and run directory of a training."""
    images, valid = data.load_to_train(trial.data, trial.recipe.size, trial.root, trial.missing)
    first = seed * trial.num_images % max(1, len(images) - trial.num_images + 1)       # others, while there are enough
    images, valid = images[first:first + trial.num_images], valid[:trial.num_valid]
    config = replace(trial.config, seed=seed)
    start = trial.start(trial.recipe, seed) if trial.start else None
    run_identity = identity(trial.recipe, images, valid, config, start)
    return images, valid, config, start, default_run_dir(trial.recipe, run_identity, config.num_epochs)


def _read_result(file: Path) -> dict[str, Any]:
    """Content of a result.json; empty if there is none, or a damaged one: then the training is measured again."""
    try:
        result = json.loads(file.read_text())
        return result if {"numerics", "probes", "measures"} <= set(result) else {}
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _train_and_measure(trial: Trial, config: TrainConfig, images: Images, valid: Images, start: nn.Module | None, path: Path,
                       before: Mapping[str, Any]) -> dict[str, Any]:
    """Train what is left to train, and measure the last network. The result; ``before`` is an older one, or empty."""
    fresh, before_training = not path.exists(), time.perf_counter()
    run = fit(trial.recipe, images, valid, config, path, start)
    seconds = time.perf_counter() - before_training if fresh else before.get("measures", {}).get("seconds", math.nan)
    if not run.epochs or run.epochs[-1]["epoch"] < run.num_epochs:
        raise KeyboardInterrupt                 # fit returned early
    if not run.saved:
        raise WriteError(f"the training in {path} finished and could not be written: make room on the disk, and run the "
                         "study again")
    probes = available_probes(valid, trial.measured_at, skip=SLOW)[0]
    scores = evaluate({"": (run.last, run.objective)}, valid, probes, size=trial.measured_at)[""]
    losses = run.history["loss"]
    measures = scores.values | {"seconds": seconds, "loss": float(losses[-1]), "oscillation": oscillation(losses)}
    return {"numerics": NUMERICS, "measured_at": trial.measured_at, "probes": list(probes),
            "measures": {name: value for name, value in measures.items() if math.isfinite(value)}}


def _row(function: Callable[..., Row], *arguments: Any) -> Row:
    """Result of the function, or a row with its error."""
    try:
        return function(*arguments)
    except Exception as error:
        return Row("", 0, f"{type(error).__name__}: {error}", "", "", {})
