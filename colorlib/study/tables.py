"""The whole study, repeated, and its tables as CSV: trainings, their curves in a few points, verdicts on the claims."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pandas as pd

from colorlib.study.claims import Claim, holm, seeds_needed
from colorlib.study.questions import Question, all_questions
from colorlib.study.study import Row, Study, Trial, run_name
from colorlib.system.errors import DataError, UsageError
from colorlib.system.files import expect_writable, write_atomic
from colorlib.system.paths import expand_user, runs_dir
from colorlib.training.runs import read_history

POINTS = 40          # of a curve, at most: the curves of a hundred trainings are a small file

Curves = Mapping[tuple[str, int], Mapping[str, np.ndarray]]        # variant and seed -> each of CURVE_COLUMNS -> (N,)
CURVE_COLUMNS = ["epoch", "loss", "valid_ab_mae"]
ROW_COLUMNS = ["variant", "seed", "error", "data", "run"]
VERDICT_COLUMNS = ["number", "part", "report", "claim", "metric", "better", "than", "smallest_effect", "effect", "low", "high", "excluded",
                   "seeds", "direction", "size", "p_direction", "p_size", "direction_holm", "size_holm", "ties"]


def repeat(numbers: Sequence[int] | None = None, seeds: int = 3, out: Path | None = None,
           executor: Executor | None = None, missing: str = "error", most_seeds: int | None = None,
           questions: Mapping[int, Question] | None = None) -> list[Row]:
    """Repeat the study: train all variants that its claims need, and write the tables.

    Args:
        numbers: of the questions; by default all.
        seeds: trainings of each variant.
        out: a folder for trainings.csv (a line per training), curves.csv (some points per training) and verdicts.csv
            (a line per claim). Trainings that are in these tables are not repeated, and others in them stay.
        executor: as for ``Study.run``.
        missing: what to do if a data set is not there, as for ``load``: "error", or "samples".
        most_seeds: then train further seeds: as many as the scatter of the first ones says are needed, and no more than these.
        questions: other ones than the report's, by number.

    Returns:
        All rows of the tables; without ``out``, those of this call.

    Raises:
        DataError: if the folder holds trainings of another budget, data or version, or a damaged table.
        UsageError: for a number that no question has, fewer than one seed, or ``most_seeds`` without two seeds to plan by.
        WriteError: if the tables cannot be written.
    """
    if seeds < 1:
        raise UsageError(f"seeds must be 1 or more, and 2 or more for intervals, got {seeds}")
    if most_seeds is not None and not 2 <= seeds <= most_seeds:
        raise UsageError(f"most_seeds is planned by the scatter of the first seeds: give 2 seeds or more, and not more than "
                         f"most_seeds; got {seeds} and {most_seeds}")
    questions = all_questions() if questions is None else questions
    trials = {name: trial.with_changes(missing=missing) for question in questions.values() for name, trial in question.variants.items()}
    chosen = _chosen(numbers, questions)
    variants = {name: trials[name] for question in chosen.values() for name in question.variants}
    claims = [claim for question in chosen.values() for claim in question.claims]
    if out is None:
        return _trained(variants, claims, seeds, most_seeds, executor, [])
    trainings, curves = out / "trainings.csv", out / "curves.csv"
    expect_writable(trainings)                  # an error after hours of training would come too late
    kept = read_table(trainings) if trainings.exists() else []
    kept_curves = dict(read_curves(curves)) if curves.exists() else {}
    _expect_current(trainings, kept, trials)
    rows = _trained(variants, claims, seeds, most_seeds, executor, kept)
    together = {(row.variant, row.seed): row for row in [*kept, *rows]}
    new_curves = {key: thin_history(read_history(file)) for key, row in together.items()
                  if (file := runs_dir() / row.run / "history.csv").is_file()}
    write_curves(curves, kept_curves | new_curves)
    write_table(trainings, list(together.values()))
    _write_csv(out / "verdicts.csv", judge(list(together.values()), questions=questions), digits=5)
    return list(together.values())


def _trained(variants: Mapping[str, Trial], claims: Sequence[Claim], seeds: int, most_seeds: int | None,
             executor: Executor | None, known: Sequence[Row]) -> list[Row]:
    """Rows of the first seeds of all variants, and of further ones where they are needed."""
    rows = Study(variants, range(seeds)).run(executor, known)
    if most_seeds is None:
        return rows
    needed = dict.fromkeys(variants, seeds)
    for claim in claims:
        if len(differences := claim.differences(rows)) > 1:
            for name in claim.variants:
                needed[name] = max(needed[name], seeds_needed(differences, claim.smallest_effect, most_seeds))
    for number in sorted(set(needed.values())):             # few seeds first: what was planned for all comes before what few need
        larger = {name: trial for name, trial in variants.items() if needed[name] >= number}
        more = Study(larger, range(number)).run(executor, [*known, *rows])
        rows = list(({(row.variant, row.seed): row for row in rows + more}).values())
    return rows


def _expect_current(trainings: Path, rows: Sequence[Row], trials: Mapping[str, Trial]) -> None:
    """Raise a DataError if a training in the table is not what the code would train now."""
    for row in rows:
        if not row.error and (row.variant not in trials or row.run != run_name(trials[row.variant], row.seed)):
            raise DataError(f"{trainings} holds trainings of another budget, data or version, such as {row.variant!r}, seed {row.seed}: "
                            "give another folder")


def judge(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> pd.DataFrame:
    """Verdicts on all claims of the questions with these numbers, by default of all that were trained: the table verdicts.csv.

    Args:
        questions: other ones than the report's, by number.

    Returns:
        A line per claim, with the fields and words of its ``Verdict``; both words again, corrected by ``holm`` for the number of claims in
        the table; and its ties, the number of other claims that share trainings with it: what chance did to one, it did to those too.
    """
    claims = list(_claims(rows, numbers, all_questions() if questions is None else questions))
    verdicts = [claim.judge(rows) for _, _, _, claim in claims]
    directions, sizes = holm([verdict.p_direction for verdict in verdicts]), holm([verdict.p_size for verdict in verdicts])
    lines = []
    for (number, part, report, claim), verdict, p_direction, p_size in zip(claims, verdicts, directions, sizes, strict=True):
        corrected = replace(verdict, p_direction=p_direction, p_size=p_size)
        ties = sum(1 for *_, other in claims if other is not claim and other.variants & claim.variants)
        lines.append([number, part, report, claim.text, claim.metric, claim.variant, claim.reference, claim.smallest_effect,
                      verdict.effect, verdict.low, verdict.high, verdict.excluded, verdict.seeds, verdict.direction, verdict.size,
                      verdict.p_direction, verdict.p_size, corrected.direction, corrected.size, ties])
    return pd.DataFrame(lines, columns=VERDICT_COLUMNS)


def verdict_table(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> str:
    """Text table of the verdicts of ``judge``, a line per claim."""
    lines = [f"{'':4} {'claim':60} {'better by':>22}  seeds  direction  size"]
    verdicts = judge(rows, numbers, questions)
    for line, repeated in zip(verdicts.itertuples(), verdicts["number"].duplicated(), strict=True):
        if line.report and not repeated:
            lines.append(f"{line.number:3}  the report: {line.report}")
        effect = f"{line.effect:.3g} [{line.low:.3g}, {line.high:.3g}]"
        lines.append(f"{line.number:3}{line.part:1} {line.claim + ' (' + line.metric + ')':60} {effect:>22}  {line.seeds:5}  {line.direction:9}  {line.size}")
    trained_on = sorted({row.data for row in rows if row.data}) or ["nothing"]
    lines.append(f"trained on {'; '.join(trained_on)}. Of 95% intervals, one in twenty misses by chance; corrected for the number of claims "
                 f"(Holm), {(verdicts['direction_holm'] != 'open').sum()} of {(verdicts['direction'] != 'open').sum()} directions and "
                 f"{(verdicts['size_holm'] != 'open').sum()} of {(verdicts['size'] != 'open').sum()} sizes stay.")
    return "\n".join(lines)


def _claims(rows: Sequence[Row], numbers: Sequence[int] | None, questions: Mapping[int, Question]) -> Iterator[tuple[int, str, str, Claim]]:
    """Number and part (a, b, ...; "" if there is one), the report's words, and claim."""
    trained = {row.variant for row in rows}
    for number, question in _chosen(numbers, questions).items():
        if numbers is not None or question.variants.keys() <= trained:
            parts = ascii_lowercase if len(question.claims) > 1 else [""]
            for part, claim in zip(parts, question.claims, strict=False):
                yield number, part, question.report_text, claim


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, one line per training."""
    measures = dict.fromkeys(name for row in rows for name in row.measures)
    _write_csv(path, pd.DataFrame([row._asdict() | row.measures for row in rows], columns=[*ROW_COLUMNS, *measures]))


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
    _write_csv(path, pd.concat(parts) if parts else empty, digits=5)


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


def _chosen(numbers: Sequence[int] | None, questions: Mapping[int, Question]) -> dict[int, Question]:
    if unknown := [number for number in numbers or () if number not in questions]:
        raise UsageError(f"there is no claim {unknown[0]}: they go from 1 to {max(questions)}")
    return {number: questions[number] for number in (questions if numbers is None else numbers)}


def _write_csv(path: Path, frame: pd.DataFrame, digits: int = 6) -> None:
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
