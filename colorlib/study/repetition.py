"""Repeat the study: train the variants that its claims need, with the planned number of seeds, and write its tables."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from pathlib import Path

from filelock import FileLock

from colorlib.study.claims import Claim, seeds_needed, upper_scatter
from colorlib.study.questions import Question, all_questions, choose_questions
from colorlib.study.study import Row, Study, Trial, run_name
from colorlib.study.tables import Curves, read_curves, read_table, thin_history, write_csv, write_curves, write_table
from colorlib.study.verdicts import judge
from colorlib.system.errors import DataError, UsageError
from colorlib.system.files import expect_writable, make_folder, write_errors
from colorlib.system.paths import runs_dir
from colorlib.training.runs import read_history

TABLES = ("trainings.csv", "curves.csv", "verdicts.csv")


def repeat(numbers: Sequence[int] | None = None, seeds: int = 3, out: Path | None = None,
           executor: Executor | None = None, missing: str = "error", plan: Sequence[Row] = (), most_seeds: int | None = None,
           questions: Mapping[int, Question] | None = None) -> list[Row]:
    """Repeat the study: train all variants that its claims need, and write the tables.

    Args:
        numbers: of the questions; by default all.
        seeds: trainings of each variant; with a plan: at least.
        out: a folder for trainings.csv (a line per training), curves.csv (some points per training) and verdicts.csv
            (a line per claim). Trainings that are in these tables are not repeated, and others in them stay. Two calls with one
            ``COLORLIB_HOME`` may write to one folder at the same time.
        executor: as for ``Study.run``.
        missing: what to do if a data set is not there, as for ``load``: "error", or "samples".
        plan: rows of a pilot study. Its scatter says how many seeds each claim needs (``upper_scatter``, ``seeds_needed``); its own
            seeds are not used again.
        most_seeds: upper limit of the seeds that a plan may choose. If the size of a claim is still open, its variants get this many,
            and the claim is tested again: two tests, so a higher chance of a false answer. By default 12 with a plan, else ``seeds``.
        questions: other ones than the report's, by number.

    Returns:
        All rows of the tables; without ``out``, those of this call.

    Raises:
        DataError: if the folder holds trainings of another budget, data or version, or of the plan, or a damaged table; if the plan has
            nothing about these claims; or if the history of a training is damaged: then the tables are written without its curve.
        UsageError: for a number that no question has, fewer than one seed, or a ``most_seeds`` below ``seeds``.
        WriteError: if the tables cannot be written.
    """
    if seeds < 1:
        raise UsageError(f"seeds must be 1 or more, and 2 or more for intervals, got {seeds}")
    if most_seeds is not None and most_seeds < seeds:
        raise UsageError(f"most_seeds must be {seeds} or more, as seeds is, got {most_seeds}")
    questions = all_questions() if questions is None else questions
    chosen = choose_questions(numbers, questions)
    trials = {name: trial.with_changes(missing=missing) for question in questions.values() for name, trial in question.variants.items()}
    variants = {name: trials[name] for question in chosen.values() for name in question.variants}
    claims = [claim for question in chosen.values() for claim in question.claims]
    if plan and not any(len(claim.differences(plan)) > 1 for claim in claims):
        raise DataError("the plan has fewer than two seeds for every one of these claims: give a pilot study of them")
    first_seed = 1 + max((row.seed for row in plan), default=-1)
    compared = {name: trials[name] for name in _compared_with(variants, questions)}
    known = [] if out is None else _known(Path(out), compared, plan)
    if most_seeds is None:
        most_seeds = max(12, seeds) if plan else seeds
    numbers_of_seeds = _planned(variants, claims, seeds, plan, most_seeds)
    rows = _trained(variants, dict.fromkeys(variants, 0), numbers_of_seeds, first_seed, executor, known)
    more = _planned_further(numbers_of_seeds, claims, rows, most_seeds)
    rows += _trained(variants, numbers_of_seeds, more, first_seed, executor, known)
    return rows if out is None else _written(Path(out), rows, questions, compared, known)


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


def _compared_with(variants: Iterable[str], questions: Mapping[int, Question]) -> set[str]:
    """Names of these variants, and of all that any claim compares with one of them."""
    variants = set(variants)
    claims = [claim for question in questions.values() for claim in question.claims]
    return variants.union(*(claim.variants for claim in claims if not claim.variants.isdisjoint(variants)))


def _known(out: Path, trials: Mapping[str, Trial], plan: Sequence[Row]) -> list[Row]:
    """Rows of the tables that are there; raises if they cannot be replaced: an error after hours of training would come too late."""
    for name in TABLES:
        expect_writable(out / name)
    trainings, curves, _ = (out / name for name in TABLES)
    known = read_table(trainings) if trainings.exists() else []
    if curves.exists():
        read_curves(curves)                                     # raises if it is damaged
    _expect_current(trainings, known, trials)
    _expect_not_planned_by(trainings, known, plan)
    return known


def _expect_current(trainings: Path, rows: Sequence[Row], trials: Mapping[str, Trial]) -> None:
    """Raise a DataError if a training of these variants in the table is not what the code would train now."""
    for row in rows:
        if not row.error and row.variant in trials and row.run != run_name(trials[row.variant], row.seed):
            raise DataError(f"{trainings} holds trainings of another budget, data or version, such as {row.variant!r}, seed {row.seed}: "
                            "give another folder")


def _expect_not_planned_by(trainings: Path, rows: Sequence[Row], plan: Sequence[Row]) -> None:
    """Raise a DataError if the table holds trainings of the plan: they would count among those that it planned."""
    for row in rows:
        if (row.variant, row.seed) in {(planned.variant, planned.seed) for planned in plan}:
            raise DataError(f"{trainings} holds trainings with the seeds of the plan, such as {row.variant!r}, seed {row.seed}, which must not "
                            "be counted: give another folder")


def _written(out: Path, rows: Sequence[Row], questions: Mapping[int, Question], trials: Mapping[str, Trial], known: Sequence[Row]) -> list[Row]:
    """Add rows to the tables, also to what another call wrote there meanwhile; return all, with the digits that the tables have."""
    make_folder(runs_dir())
    with write_errors(runs_dir()):
        lock = FileLock(runs_dir() / "tables.lock").acquire()
    with lock:
        trainings, curves, verdicts = (out / name for name in TABLES)
        there = read_table(trainings) if trainings.exists() else []
        _expect_current(trainings, [row for row in there if row not in known], trials)
        before = {(row.variant, row.seed): row for row in there}
        # A training that failed here may have been finished by the other call.
        together = before | {(row.variant, row.seed): row for row in rows if not row.error or (row.variant, row.seed) not in before}
        merged, damaged = _merged_curves(curves, before, together)
        write_curves(curves, merged)
        write_table(trainings, list(together.values()))
        rows = read_table(trainings)
        write_csv(verdicts, judge(rows, questions=questions), digits=5)
    if damaged:
        raise DataError(f"the tables in {out} are written, but without these curves: {'; '.join(damaged)}")
    return rows


def _merged_curves(curves: Path, before: Mapping[tuple[str, int], Row], together: Mapping[tuple[str, int], Row]) -> tuple[Curves, list[str]]:
    """Curves of the table whose training is the same as before, and those of new histories; and a sentence for each damaged history."""
    kept = {key: curve for key, curve in (read_curves(curves) if curves.exists() else {}).items()
            if key in before and before[key].run == together[key].run}
    new, damaged = {}, []
    for key, row in together.items():
        if key not in kept and (file := runs_dir() / row.run / "history.csv").is_file():
            try:
                new[key] = thin_history(read_history(file))
            except DataError as error:
                damaged.append(str(error))
    return kept | new, damaged
