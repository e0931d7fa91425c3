"""The tables of a study, as CSV: a row for each training, and the curves of each in a few points."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from colorlib.study.study import Row, curves
from colorlib.system.errors import DataError
from colorlib.system.files import write_atomic
from colorlib.system.paths import expanded

POINTS = 40          # of a curve, at most: those of a hundred trainings are a small file

Curves = Mapping[tuple[str, int], Mapping[str, np.ndarray]]        # variant and seed -> a column of COLUMNS -> (N,)
COLUMNS = ("epoch", "loss", "valid_ab_mae")
FIELDS = ("variant", "seed", "error", "data", "run")


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """All rows as CSV, one a training.

    Raises:
        WriteError: if it cannot be written.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    write_lines(path, [*FIELDS, *names],
                ([*row[:5], *(f"{row.measures[name]:.6g}" if name in row.measures else "" for name in names)]
                 for row in rows))


def read_table(path: str | os.PathLike) -> list[Row]:
    """What ``write_table`` wrote.

    Raises:
        DataError: for a file that is missing, or no such table.
    """
    with _lines(path, FIELDS) as lines:
        return [Row(line.pop("variant"), int(line.pop("seed")), *map(line.pop, FIELDS[2:]),
                    {name: float(value) for name, value in line.items() if value}) for line in lines]


def thinned(history: Mapping[str, np.ndarray], points: int = POINTS) -> dict[str, np.ndarray]:
    """A history in a few points, each the end of as many steps: the mean of their loss, the last of their validations.

    Args:
        history: the columns of a history.csv.
        points: how many, at most.

    Returns:
        The columns of COLUMNS; epochs are counted in fractions, and what was not validated is NaN.
    """
    epochs = history["step"] / history["step"][-1] * history["epoch"][-1]
    parts = np.array_split(np.arange(len(epochs)), min(points, len(epochs)))
    valid = [history["valid_ab_mae"][part] for part in parts]
    last = [values[~np.isnan(values)][-1:] for values in valid]
    return {"epoch": epochs[[part[-1] for part in parts]],
            "loss": np.array([history["loss"][part].mean() for part in parts]),
            "valid_ab_mae": np.array([values[0] if len(values) else np.nan for values in last])}


def write_curves(path: Path, known: Curves) -> None:
    """The curves of each training as CSV.

    Raises:
        WriteError: if it cannot be written.
    """
    write_lines(path, ["variant", "seed", *COLUMNS],
                ([variant, seed, *("" if np.isnan(value) else f"{value:.5g}" for value in point)]
                 for (variant, seed), columns in known.items()
                 for point in zip(*(columns[name] for name in COLUMNS), strict=True)))


def read_curves(path: str | os.PathLike) -> Curves:
    """What ``write_curves`` wrote.

    Raises:
        DataError: for a file that is missing, or no such table.
    """
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    with _lines(path, ("variant", "seed", *COLUMNS)) as lines:
        for line in lines:
            of_one = found.setdefault((line["variant"], int(line["seed"])), {name: [] for name in COLUMNS})
            for name in COLUMNS:
                of_one[name].append(float(line[name] or "nan"))
    return {training: {name: np.array(column) for name, column in columns.items()}
            for training, columns in found.items()}


def curves_of(rows: Sequence[Row]) -> Curves:
    """The thinned histories of trainings that are here; those that failed have none."""
    return {(row.variant, row.seed): thinned(curves(row)) for row in rows if not row.error}


def write_lines(path: Path, names: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """A line of names, and then the others, as CSV.

    Raises:
        WriteError: if it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(lines)
    write_atomic(path, text.getvalue().encode())


@contextmanager
def _lines(path: str | os.PathLike, names: Sequence[str]) -> Iterator[list[dict[str, str]]]:
    """The lines of a table whose first columns are these; whatever is wrong with them is a DataError."""
    try:
        with expanded(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
        if tuple(reader.fieldnames or ())[:len(names)] != tuple(names):
            raise ValueError(f"its columns are not {', '.join(names)}")
        if any(None in line or None in line.values() for line in lines):
            raise ValueError("it has lines that are too short or too long")
        yield lines
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is no table of a study ({error}): run colorlib ablate to make it") from error
