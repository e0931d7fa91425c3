"""The tables of a study as CSV: trainings, and their curves in a few points."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from colorlib.study.study import Row
from colorlib.system.errors import DataError
from colorlib.system.files import write_atomic
from colorlib.system.paths import expand_user

POINTS = 40          # of a curve, at most: the curves of a hundred trainings are a small file

Curves = Mapping[tuple[str, int], Mapping[str, np.ndarray]]        # variant and seed -> each of CURVE_COLUMNS -> (N,)
CURVE_COLUMNS = ["epoch", "loss", "valid_ab_mae"]
ROW_COLUMNS = ["variant", "seed", "error", "data", "run"]


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, one line per training."""
    measures = dict.fromkeys(name for row in rows for name in row.measures)
    write_csv(path, pd.DataFrame([row._asdict() | row.measures for row in rows], columns=[*ROW_COLUMNS, *measures]))


def read_table(path: str | os.PathLike) -> list[Row]:
    """Read what ``write_table`` wrote.

    Raises:
        DataError: for a file that is missing, damaged, or another table.
    """
    lines = _read_csv(path, ROW_COLUMNS).to_dict("records")
    return [Row(*map(line.pop, ROW_COLUMNS), {name: value for name, value in line.items() if not np.isnan(value)})
            for line in lines]


def write_curves(path: Path, curves: Curves) -> None:
    """Write the curve of each training as CSV."""
    parts = [pd.DataFrame({"variant": variant, "seed": seed, **columns}) for (variant, seed), columns in curves.items()]
    empty = pd.DataFrame(columns=["variant", "seed", *CURVE_COLUMNS])
    write_csv(path, pd.concat(parts) if parts else empty, digits=5)


def read_curves(path: str | os.PathLike) -> Curves:
    """Read what ``write_curves`` wrote.

    Raises:
        DataError: for a file that is missing, damaged, or another table.
    """
    frame = _read_csv(path, ["variant", "seed", *CURVE_COLUMNS])
    return {training: {name: part[name].to_numpy() for name in CURVE_COLUMNS}
            for training, part in frame.groupby(["variant", "seed"], sort=False)}


def thin_history(history: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Thin the columns of a history.csv to POINTS or fewer, each for as many steps.

    Returns:
        CURVE_COLUMNS: the mean loss and the last validation of each point, NaN without one. Epochs have fractions; a point with a
        validation has the epoch of the validation.
    """
    frame = pd.DataFrame({name: history[name] for name in ("step", *CURVE_COLUMNS)})
    frame["epoch"] = frame["step"] / frame["step"].iloc[-1] * frame["epoch"].iloc[-1]
    frame["valid_epoch"] = frame["epoch"].where(frame["valid_ab_mae"].notna())
    point = np.arange(len(frame)) * min(POINTS, len(frame)) // len(frame)
    thin = frame.groupby(point).agg({"epoch": "last", "valid_epoch": "last", "loss": "mean", "valid_ab_mae": "last"})    # last but for NaN
    thin["epoch"] = thin["valid_epoch"].fillna(thin["epoch"])
    return {name: thin[name].to_numpy() for name in CURVE_COLUMNS}


def write_csv(path: Path, frame: pd.DataFrame, digits: int = 6) -> None:
    """Write a table as CSV, with floats of so many digits."""
    write_atomic(path, frame.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n").encode())


def _read_csv(path: str | os.PathLike, columns: list[str]) -> pd.DataFrame:
    """Table whose first columns are ``columns``; those that are not in ROW_COLUMNS are floats."""
    try:
        # The Python engine alone leaves NaN where a line is too short.
        frame = pd.read_csv(expand_user(path), dtype=str, keep_default_na=False, engine="python")
        if list(frame.columns[:len(columns)]) != columns:
            raise ValueError(f"its columns are not {', '.join(columns)}")
        if frame.isna().any(axis=None) or not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("it has lines that are too short or too long")
        numbers = {name: frame[name].replace("", "nan").astype(float) for name in frame if name not in ROW_COLUMNS}
        return frame.assign(seed=[int(seed) for seed in frame["seed"]], **numbers)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a table of a study ({error}): write it with colorlib ablate") from error
