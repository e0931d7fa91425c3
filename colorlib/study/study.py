"""A study: variants of one training, several seeds each; whatever was trained once is never trained again."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from tqdm.auto import tqdm

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.evaluation import evaluate
from colorlib.metrics.probes import available_probes
from colorlib.models.classifier import WEIGHTS
from colorlib.models.recipe import Recipe
from colorlib.system import paths
from colorlib.system.files import write_atomic
from colorlib.training.config import TrainConfig
from colorlib.training.identity import NUMERICS, default_run_dir, identity
from colorlib.training.loop import fit
from colorlib.training.runs import read_history

RESULT = "result.json"       # in the run directory of a training that is finished


@dataclass(frozen=True)
class Trial:
    """One training of a study: everything but the seed."""

    recipe: Recipe
    config: TrainConfig
    data: str = "cifar10"
    num_images: int = 10_000             # to learn from
    num_valid: int = 1_000               # to measure on
    measured_at: int | None = None       # pixels that pictures and truth are shrunk to before they are compared

    def but(self, recipe: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None,
            **changes: Any) -> "Trial":
        """The same trial with some fields changed: of its recipe, of its config, of itself."""
        return replace(self, recipe=replace(self.recipe, **(recipe or {})),
                       config=replace(self.config, **(config or {})), **changes)


class Row(NamedTuple):
    """What came out of one training."""

    variant: str
    seed: int
    error: str                           # "" if all went well
    data: str                            # what it trained on: a data set, and how many images of it
    run: str                             # the name of its run directory
    measures: dict[str, float]           # as ``evaluate`` has them; "loss", "oscillation"; "seconds" if never stopped


@dataclass(frozen=True)
class Study:
    """Variants x seeds."""

    variants: Mapping[str, Trial]
    seeds: Sequence[int] = (0, 1, 2)

    def run(self, executor: Executor | None = None) -> list[Row]:
        """Train all that is missing. Killed, the same call goes on where it was, in the middle of a training as well.

        Args:
            executor: any of ``concurrent.futures``, or Dask's ``client.get_executor()``; its workers must see the same
                ``COLORLIB_HOME``. By default one training after another, here.

        Returns:
            A row for each variant and seed. A training that failed has its error in it, and stops none of the others.
        """
        jobs = {_key(trial, seed): (trial, seed) for trial in self.variants.values() for seed in self.seeds}
        if executor is None:
            found = {key: train(*job) for key, job in tqdm(jobs.items(), "trainings", leave=False)}
        else:
            futures = {key: executor.submit(train, *job) for key, job in jobs.items()}
            found = {key: _outcome(future) for key, future in tqdm(futures.items(), "trainings", leave=False)}
        return [Row(name, seed, *found[_key(trial, seed)])
                for name, trial in self.variants.items() for seed in self.seeds]


def train(trial: Trial, seed: int) -> tuple[str, str, str, dict[str, float]]:
    """One training, unless it was done before: the last four fields of its row.

    Raises:
        KeyboardInterrupt: if it was interrupted; any other error is in the row.
    """
    try:
        images, valid = _images(trial, seed)
        config = replace(trial.config, seed=seed)
        path = default_run_dir(trial.recipe, identity(trial.recipe, images, valid, config), config.num_epochs)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):          # another worker may have the same
            how = _how(trial, valid)
            measures = _known(path / RESULT, how) or _trained(trial, config, images, valid, path, how)
        return "", f"{len(images):,} of {images.name}", path.name, measures
    except Exception as error:
        return f"{type(error).__name__}: {error}", "", "", {}


def oscillation(losses: np.ndarray) -> float:
    """How much a loss jumps about: over the last half, its mean step up or down as a fraction of its mean.

    Args:
        losses: (N,) in the order of training, each a mean over as many steps.
    """
    last = losses[len(losses) // 2:]
    return float(np.abs(np.diff(last)).mean() / last.mean()) if len(last) > 1 else 0.0


def curves(row: Row) -> dict[str, np.ndarray]:
    """The columns of the history of one training."""
    return read_history(paths.runs_dir() / row.run / "history.csv")


def _images(trial: Trial, seed: int) -> tuple[Images, Images]:
    """The images to train on, others for each seed, as far as there are enough; and those to measure on."""
    images, valid = data.load_to_train(trial.data, trial.recipe.size)
    start = seed * trial.num_images % max(1, len(images) - trial.num_images + 1)
    return images[start:start + trial.num_images], valid[:trial.num_valid]


def _known(path: Path, how: list[Any]) -> dict[str, float] | None:
    """What a finished training was measured to have, if at the same size and by the code of today."""
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return found["measures"] if found["how"] == how else None


def _timed(path: Path) -> dict[str, float]:
    """How long a finished training took, if it was timed: measured anew, it keeps that."""
    measures = json.loads(path.read_text())["measures"] if path.exists() else {}
    return {name: value for name, value in measures.items() if name == "seconds"}


def _trained(trial: Trial, config: TrainConfig, images: Images, valid: Images, path: Path,
             how: list[Any]) -> dict[str, float]:
    fresh, start = not path.exists(), time.perf_counter()
    run = fit(trial.recipe, images, valid, config, path)
    seconds = {"seconds": time.perf_counter() - start} if fresh else _timed(path / RESULT)
    if not run.finished(config.num_epochs):
        raise KeyboardInterrupt                 # half a training is no result
    probes = available_probes(valid, trial.measured_at)[0]
    scores = evaluate({"": (run.model, run.objective)}, valid, probes, size=trial.measured_at)[""]
    losses = run.history["loss"]
    measures = {name: estimate.value for name, estimate in scores.estimates.items()} | seconds | {
        "loss": float(losses[-1]), "oscillation": oscillation(losses)}
    write_atomic(path / RESULT, json.dumps({"how": how, "measures": measures}).encode())
    return measures


def _how(trial: Trial, valid: Images) -> list[Any]:
    """All that decides what a training is measured to have: size, what can be measured here, the judge, the code."""
    probes = sorted(available_probes(valid[:1], trial.measured_at)[0])
    judge = hashlib.blake2b(WEIGHTS.read_bytes(), digest_size=4).hexdigest() if "recognition" in probes else ""
    return [trial.measured_at, probes, judge, NUMERICS]


def _outcome(future: Any) -> tuple[str, str, str, dict[str, float]]:
    try:
        return future.result()
    except Exception as error:                  # the worker died
        return f"{type(error).__name__}: {error}", "", "", {}


def _key(trial: Trial, seed: int) -> str:
    return json.dumps([asdict(trial), seed], sort_keys=True)
