"""The whole study, repeated, and its tables as CSV: trainings, their curves in a few points, verdicts on the claims."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pandas as pd

from colorlib.study.claims import Claim, holm, seeds_needed, upper_scatter
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
VERDICT_COLUMNS = ["number", "part", "report", "claim", "metric", "variant", "reference", "smallest_effect", "effect", "low", "high",
                   "excluded", "seeds", "failed", "direction", "size", "p_direction", "p_size", "direction_holm", "size_holm", "ties"]


def repeat(numbers: Sequence[int] | None = None, seeds: int = 3, out: Path | None = None,
           executor: Executor | None = None, missing: str = "error", plan: Sequence[Row] = (), most_seeds: int | None = None,
           questions: Mapping[int, Question] | None = None) -> list[Row]:
    """Repeat the study: train all variants that its claims need, and write the tables.

    Args:
        numbers: of the questions; by default all.
        seeds: trainings of each variant; with a plan: at least.
        out: a folder for trainings.csv (a line per training), curves.csv (some points per training) and verdicts.csv
            (a line per claim). Trainings that are in these tables are not repeated, and others in them stay.
        executor: as for ``Study.run``.
        missing: what to do if a data set is not there, as for ``load``: "error", or "samples".
        plan: rows of a pilot study. Its scatter says how many seeds each claim needs (``upper_scatter``, ``seeds_needed``); its own
            seeds are not used again.
        most_seeds: the most that a plan may ask for. And a claim whose size is open with its seeds goes on to so many; it is then tested
            twice, so that chance has two occasions. By default 12 with a plan; without one, no claim goes on.
        questions: other ones than the report's, by number.

    Returns:
        All rows of the tables; without ``out``, those of this call.

    Raises:
        DataError: if the folder holds trainings of another budget, data or version, or a damaged table.
        UsageError: for a number that no question has, fewer than one seed, or a ``most_seeds`` below ``seeds``.
        WriteError: if the tables cannot be written.
    """
    if seeds < 1:
        raise UsageError(f"seeds must be 1 or more, and 2 or more for intervals, got {seeds}")
    if most_seeds is not None and most_seeds < seeds:
        raise UsageError(f"most_seeds must be {seeds} or more, as seeds is, got {most_seeds}")
    questions = all_questions() if questions is None else questions
    chosen = _chosen(numbers, questions)
    variants = {name: trial.with_changes(missing=missing) for question in chosen.values() for name, trial in question.variants.items()}
    claims = [claim for question in chosen.values() for claim in question.claims]
    first_seed = 1 + max((row.seed for row in plan), default=-1)
    known = _known(Path(out), variants) if out is not None else []
    if most_seeds is None:
        most_seeds = max(12, seeds) if plan else seeds
    numbers_of_seeds = _planned(variants, claims, seeds, plan, most_seeds)
    rows = _trained(variants, dict.fromkeys(variants, 0), numbers_of_seeds, first_seed, executor, known)
    more = _planned_further(numbers_of_seeds, claims, rows, most_seeds)
    rows += _trained(variants, numbers_of_seeds, more, first_seed, executor, known)
    return rows if out is None else _written(Path(out), [*known, *rows], questions)


def _known(out: Path, variants: Mapping[str, Trial]) -> list[Row]:
    """Rows of the tables that are there; raises if they cannot be replaced: an error after hours of training would come too late."""
    trainings = out / "trainings.csv"
    expect_writable(trainings)
    known = read_table(trainings) if trainings.exists() else []
    _expect_current(trainings, known, variants)
    return known


def _written(out: Path, rows: Sequence[Row], questions: Mapping[int, Question]) -> list[Row]:
    """Write the tables. The rows of trainings.csv: of two with equal variant and seed, the last."""
    together = {(row.variant, row.seed): row for row in rows}
    rows, curves = list(together.values()), out / "curves.csv"
    kept = dict(read_curves(curves)) if curves.exists() else {}
    new = {key: thin_history(read_history(file)) for key, row in together.items()
           if key not in kept and (file := runs_dir() / row.run / "history.csv").is_file()}
    write_curves(curves, kept | new)
    write_table(out / "trainings.csv", rows)
    _write_csv(out / "verdicts.csv", judge(rows, questions=questions), digits=5)
    return rows


def _planned(variants: Mapping[str, Trial], claims: Sequence[Claim], seeds: int, plan: Sequence[Row], most_seeds: int) -> dict[str, int]:
    """Number of seeds of each variant: as many as the most demanding of its claims needs."""
    planned = dict.fromkeys(variants, seeds)
    for claim in claims:
        if len(differences := claim.differences(plan)) > 1:
            needed = seeds_needed(upper_scatter(differences), claim.smallest_effect, most_seeds)
            for name in claim.variants:
                planned[name] = max(planned[name], needed)
    return planned


def _planned_further(planned: Mapping[str, int], claims: Sequence[Claim], rows: Sequence[Row], most_seeds: int) -> dict[str, int]:
    """The same numbers, but ``most_seeds`` for the variants of claims whose size is open."""
    undecided = {name for claim in claims if claim.judge(rows).size == "open" for name in claim.variants}
    return {name: max(number, most_seeds) if name in undecided else number for name, number in planned.items()}


def _trained(variants: Mapping[str, Trial], before: Mapping[str, int], numbers_of_seeds: Mapping[str, int], first_seed: int,
             executor: Executor | None, known: Sequence[Row]) -> list[Row]:
    """Rows of all variants, of the seeds that follow those ``before``; few seeds first: what all need comes before what some need."""
    rows = []
    for low, high in pairwise(sorted({*before.values(), *numbers_of_seeds.values()})):
        some = {name: trial for name, trial in variants.items() if before[name] <= low and high <= numbers_of_seeds[name]}
        rows += Study(some, range(first_seed + low, first_seed + high)).run(executor, known)
    return rows


def _expect_current(trainings: Path, rows: Sequence[Row], variants: Mapping[str, Trial]) -> None:
    """Raise a DataError if a training of these variants in the table is not what the code would train now."""
    for row in rows:
        if not row.error and row.variant in variants and row.run != run_name(variants[row.variant], row.seed):
            raise DataError(f"{trainings} holds trainings of another budget, data or version, such as {row.variant!r}, seed {row.seed}: "
                            "give another folder")


def judge(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> pd.DataFrame:
    """Verdicts on all claims whose variants were trained: the table verdicts.csv.

    Args:
        numbers: only the lines of these questions. (All claims count for the correction.)
        questions: other ones than the report's, by number.

    Returns:
        A line per claim, with the fields and words of its ``Verdict``; both words again, corrected by ``holm`` for the number of claims;
        its ties, the number of other claims that share trainings with it: what chance did to one, it did to those too; and the number
        of its trainings that failed, such as by diverging: the verdict is one of the others only.

    Raises:
        UsageError: for a number that no question has.
    """
    questions = all_questions() if questions is None else questions
    chosen = _chosen(numbers, questions)
    claims = list(_trained_claims(rows, questions))
    verdicts = [claim.judge(rows) for *_, claim in claims]
    directions, sizes = holm([verdict.p_direction for verdict in verdicts]), holm([verdict.p_size for verdict in verdicts])
    runs = [{row.run for row in rows if row.variant in claim.variants and not row.error} for *_, claim in claims]
    lines = []
    for (number, part, report, claim), verdict, p_direction, p_size, own in zip(claims, verdicts, directions, sizes, runs, strict=True):
        corrected = replace(verdict, p_direction=p_direction, p_size=p_size)
        failed = sum(bool(row.error) for row in rows if row.variant in claim.variants)
        lines.append({"number": number, "part": part, "report": report, "claim": claim.text, "metric": claim.metric, "variant": claim.variant,
                      "reference": claim.reference, **vars(verdict), "excluded": verdict.excluded, "failed": failed, "direction": verdict.direction,
                      "size": verdict.size, "direction_holm": corrected.direction, "size_holm": corrected.size,
                      "ties": sum(not own.isdisjoint(other) for other in runs) - bool(own)})
    table = pd.DataFrame(lines, columns=VERDICT_COLUMNS)
    return table[table["number"].isin(list(chosen))]


def verdict_table(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> str:
    """Text table of the verdicts of ``judge``, a line per claim."""
    lines = [f"{'':4} {'claim':60} {'better by':>22}  seeds  direction  size        corrected"]
    questions = all_questions() if questions is None else questions
    verdicts, num_claims = judge(rows, numbers, questions), len(list(_trained_claims(rows, questions)))
    for line, repeated in zip(verdicts.itertuples(), verdicts["number"].duplicated(), strict=True):
        if line.report and not repeated:
            lines.append(f"{line.number:3}  the report: {line.report}")
        effect = f"{line.effect:.3g} [{line.low:.3g}, {line.high:.3g}]"
        failed = f"; {line.failed} failed" if line.failed else ""
        lines.append(f"{line.number:3}{line.part:1} {line.claim + ' (' + line.metric + ')':60} {effect:>22}  {line.seeds:5}  {line.direction:9}  "
                     f"{line.size:10}  {line.direction_holm}, {line.size_holm}{failed}")
    trained_on = sorted({row.data for row in rows if row.data}) or ["nothing"]
    lines.append(f"trained on {'; '.join(trained_on)}. Of 95% intervals, one in twenty misses by chance; corrected: for the {num_claims} "
                 "claims of all these trainings (Holm).")
    return "\n".join(lines)


def _trained_claims(rows: Sequence[Row], questions: Mapping[int, Question]) -> Iterator[tuple[int, str, str, Claim]]:
    """Number and part (a, b, ...; "" if there is one), the report's words, and claim."""
    trained = {row.variant for row in rows}
    for number, question in questions.items():
        if question.variants.keys() <= trained:
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
