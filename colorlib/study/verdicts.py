"""The whole study, repeated: trainings, tables, and a verdict on each claim."""

from collections.abc import Sequence, Set
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd

from colorlib.study.questions import Question, all_questions
from colorlib.study.study import Row, Study
from colorlib.study.tables import collect_curves, read_table, write_csv, write_curves, write_table
from colorlib.system.errors import DataError, UsageError
from colorlib.system.files import expect_writable

COLUMNS = ["number", "report", "claim", "metric", "better", "than", "smallest_effect", "effect", "low", "high", "seeds",
           "verdict"]

def repeat(numbers: Sequence[int] | None = None, seeds: int = 3, out: Path | None = None,
           executor: Executor | None = None, missing: str = "error") -> list[Row]:
    """Repeat the study: train all variants that its claims need, and write the tables.

    Args:
        numbers: of the questions; by default all.
        seeds: trainings of each variant.
        out: a folder for trainings.csv (a line per training), curves.csv (some points per training) and verdicts.csv
            (a line per claim). If it holds these tables, this call must repeat all trainings in them.
        executor: as for ``Study.run``.
        missing: what to do if a data set is not there, as for ``load``: "error", or "samples".

    Raises:
        DataError: if the folder holds trainings that this call would not repeat, or a damaged trainings.csv.
        UsageError: for a number that no question has, or fewer than one seed.
        WriteError: if the tables cannot be written.
    """
    if seeds < 1:
        raise UsageError(f"seeds must be 1 or more, and 2 or more for intervals, got {seeds}")
    variants = {name: trial.with_changes(missing=missing)
                for question in _chosen(numbers).values() for name, trial in question.variants.items()}
    if out is not None:
        _expect_no_row_lost(out, {(name, seed) for name in variants for seed in range(seeds)})
    rows = Study(variants, range(seeds)).run(executor)
    if out is not None:
        write_curves(out / "curves.csv", collect_curves(rows))
        write_table(out / "trainings.csv", rows)
        write_csv(out / "verdicts.csv", judge(rows, numbers), digits=5)
    return rows


def judge(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """Verdicts on all claims of the questions with these numbers, by default of all: the table verdicts.csv."""
    lines = []
    for number, question in _chosen(numbers).items():
        for claim in question.claims:
            word, *interval_and_seeds = claim.judge(rows)
            lines.append([number, question.report_text, claim.text, claim.metric, claim.variant, claim.reference,
                          claim.smallest_effect, *interval_and_seeds, word])
    return pd.DataFrame(lines, columns=COLUMNS)


def verdict_table(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> str:
    """Text table of the verdicts, a line per claim."""
    lines = [f"{'':3} {'claim':60} {'better by':>22}  verdict"]
    text_above = ""
    for line in judge(rows, numbers).itertuples():
        if line.report and line.report != text_above:
            lines.append(f"{line.number:3} the report: {line.report}")
        text_above = line.report
        effect = f"{line.effect:.3g} [{line.low:.3g}, {line.high:.3g}]"
        lines.append(f"{line.number:3} {line.claim + ' (' + line.metric + ')':60} {effect:>22}  {line.verdict}")
    trained_on = sorted({row.data for row in rows if row.data}) or ["nothing"]
    lines.append(f"trained on {'; '.join(trained_on)}. Of 95% intervals, one in twenty misses by chance.")
    return "\n".join(lines)


def _chosen(numbers: Sequence[int] | None) -> dict[int, Question]:
    questions = all_questions()
    if unknown := [number for number in numbers or () if number not in questions]:
        raise UsageError(f"there is no claim {unknown[0]}: they go from 1 to {max(questions)}")
    return {number: questions[number] for number in (questions if numbers is None else numbers)}


def _expect_no_row_lost(out: Path, planned: Set[tuple[str, int]]) -> None:
    """Raise an error before hours of training, if tables could not be written, or trainings in them would be lost."""
    trainings = out / "trainings.csv"
    expect_writable(trainings)
    kept = read_table(trainings) if trainings.exists() else []
    if lost := [f"{row.variant!r}, seed {row.seed}" for row in kept if (row.variant, row.seed) not in planned]:
        raise DataError(f"{trainings} holds {len(lost)} trainings that this call does not repeat, such as {lost[0]}: "
                        "repeat their claims and seeds too, or give another folder")
