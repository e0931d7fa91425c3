"""Tables of a study as CSV: one row per training, and the curve of each training in a few points."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from colorlib.study.study import Row
from colorlib.system.errors import DataError
from colorlib.system.files import write_atomic
from colorlib.system.paths import expand_user, runs_dir
from colorlib.training.runs import read_history

POINTS = 40          # of a curve, at most: the curves of a hundred trainings are a small file

Curves = Mapping[tuple[str, int], Mapping[str, np.ndarray]]        # variant and seed -> each of CURVE_COLUMNS -> (N,)
CURVE_COLUMNS = ["epoch", "loss", "valid_ab_mae"]
ROW_COLUMNS = ["variant", "seed", "error", "data", "run"]


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, one line per training.

    Raises:
        WriteError: if the file cannot be written.
    """
    measures = dict.fromkeys(name for row in rows for name in row.measures)
    write_csv(path, pd.DataFrame([row._asdict() | row.measures for row in rows], columns=[*ROW_COLUMNS, *measures]))


def read_table(path: str | os.PathLike) -> list[Row]:
    """Read what ``write_table`` wrote.

    Raises:
        DataError: for a file that is missing, damaged, or another table.
    """
    lines = _read_csv(path, ROW_COLUMNS, ROW_COLUMNS).to_dict("records")
    return [Row(*map(line.pop, ROW_COLUMNS), {name: value for name, value in line.items() if not np.isnan(value)})
            for line in lines]


def thin_history(history: Mapping[str, np.ndarray], points: int = POINTS) -> dict[str, np.ndarray]:
    """Thin a history to a few points, each for as many steps: their mean loss, and their last validation.

    Args:
        history: the columns of a history.csv.
        points: how many, at most.

    Returns:
        CURVE_COLUMNS; epochs have fractions, and points without a validation are NaN.
    """
    frame = pd.DataFrame({name: np.asarray(history[name]) for name in ("step", *CURVE_COLUMNS)})
    frame["epoch"] = frame["step"] / frame["step"].iloc[-1] * frame["epoch"].iloc[-1]
    point = np.arange(len(frame)) * min(points, len(frame)) // len(frame)
    thin = frame.groupby(point).agg({"epoch": "last", "loss": "mean", "valid_ab_mae": "last"})     # last but for NaN
    return {name: thin[name].to_numpy() for name in CURVE_COLUMNS}


def collect_curves(rows: Sequence[Row]) -> Curves:
    """Thinned histories of the trainings that finished."""
    return {(row.variant, row.seed): thin_history(read_history(runs_dir() / row.run / "history.csv"))
            for row in rows if not row.error}


def write_curves(path: Path, curves: Curves) -> None:
    """Write the curve of each training as CSV.

    Raises:
        WriteError: if the file cannot be written.
    """
    parts = [pd.DataFrame({"variant": variant, "seed": seed, **columns}) for (variant, seed), columns in curves.items()]
    empty = pd.DataFrame(columns=["variant", "seed", *CURVE_COLUMNS])
    write_csv(path, pd.concat(parts) if parts else empty, digits=5)


def read_curves(path: str | os.PathLike) -> Curves:
    """Read what ``write_curves`` wrote.

    Raises:
        DataError: for a file that is missing, damaged, or another table.
    """
    frame = _read_csv(path, ["variant", "seed", *CURVE_COLUMNS], ["variant", "seed"])
    return {training: {name: part[name].to_numpy() for name in CURVE_COLUMNS}
            for training, part in frame.groupby(["variant", "seed"], sort=False)}


def write_csv(path: Path, frame: pd.DataFrame, digits: int = 6) -> None:
    """Write a table with so many digits; cells without a value are empty.

    Raises:
        WriteError: if the file cannot be written.
    """
    write_atomic(path, frame.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n").encode())


def _read_csv(path: str | os.PathLike, columns: list[str], text: list[str]) -> pd.DataFrame:
    """Table whose first columns are ``columns``: a seed is an integer, ``text`` are strings, all others are floats."""
    try:
        # The Python engine alone leaves NaN where a line is too short.
        frame = pd.read_csv(expand_user(path), dtype=str, keep_default_na=False, engine="python")
        if list(frame.columns[:len(columns)]) != columns:
            raise ValueError(f"its columns are not {', '.join(columns)}")
        if frame.isna().any(axis=None) or not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("it has lines that are too short or too long")
        numbers = {name: frame[name].replace("", "nan").astype(float) for name in frame.columns if name not in text}
        return frame.assign(seed=[int(seed) for seed in frame["seed"]], **numbers)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a table of a study ({error}): write it with colorlib ablate") from error
