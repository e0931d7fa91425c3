"""The whole study repeated, and what came of each claim."""

from collections.abc import Sequence, Set
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from colorlib.study.claims import Claim, Verdict
from colorlib.study.questions import Question, all_questions
from colorlib.study.study import Row, Study
from colorlib.study.tables import curves_of, read_table, write_curves, write_lines, write_table
from colorlib.system.errors import DataError
from colorlib.system.files import expect_writable

COLUMNS = ("number", "report", "claim", "metric", "better", "than", "smallest_effect", "effect", "low", "high",
           "seeds", "verdict")


def repeat(numbers: Sequence[int] | None = None, seeds: int = 3, out: Path | None = None,
           executor: Executor | None = None) -> list[Row]:
    """Train what the claims need, and keep the tables.

    Args:
        numbers: of the claims; by default all.
        seeds: trainings of each variant.
        out: a folder for trainings.csv (a row each), curves.csv (some points each) and verdicts.csv (a row for each
            claim). If it holds them already, this call must repeat all that is in them.
        executor: as for ``Study.run``.

    Raises:
        DataError: if the folder holds trainings that this call would not repeat, or a trainings.csv that is none.
        ValueError: for a claim that has no such number, or fewer than one seed.
        WriteError: if the tables cannot be written.
    """
    if seeds < 1:
        raise ValueError(f"seeds must be 1 or more, got {seeds}: with fewer than 2 there is no interval")
    chosen = _chosen(numbers)
    variants = {name: trial for question in chosen.values() for name, trial in question.variants.items()}
    if out is not None:
        _expect_nothing_lost(out, {(name, seed) for name in variants for seed in range(seeds)})
    rows = Study(variants, range(seeds)).run(executor)
    if out is not None:
        write_curves(out / "curves.csv", curves_of(rows))
        write_table(out / "trainings.csv", rows)
        cells = (_cells(*found) for found in judged(rows, numbers))
        write_lines(out / "verdicts.csv", COLUMNS, cells)
    return rows


def judged(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> list[tuple[int, str, Claim, Verdict]]:
    """(number, what the report said, claim, verdict) for each part of each claim."""
    return [(number, question.said, claim, claim.judge(rows))
            for number, question in _chosen(numbers).items() for claim in question.claims]


def table(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> str:
    """The verdicts as text, a line each."""
    lines = [f"{'':3} {'claim':60} {'better by':>22}  verdict"]
    said = ""
    for number, report, claim, verdict in judged(rows, numbers):
        if report and report != said:
            lines.append(f"{number:3} the report: {report}")
        said = report
        effect = f"{verdict.effect:.3g} [{verdict.low:.3g}, {verdict.high:.3g}]"
        lines.append(f"{number:3} {claim.text + ' (' + claim.metric + ')':60} {effect:>22}  {verdict.word}")
    trained_on = sorted({row.data for row in rows if row.data}) or ["nothing"]
    lines.append(f"trained on {'; '.join(trained_on)}. At 95%, one interval in twenty misses by chance.")
    return "\n".join(lines)


def _chosen(numbers: Sequence[int] | None) -> dict[int, Question]:
    every = all_questions()
    if unknown := [number for number in numbers or () if number not in every]:
        raise ValueError(f"there is no claim {unknown[0]}: they go from 1 to {max(every)}")
    return {number: every[number] for number in (every if numbers is None else numbers)}


def _expect_nothing_lost(out: Path, coming: Set[tuple[str, int]]) -> None:
    """Raise an error before hours of training, if the tables could not be written, or others would be lost."""
    trainings = out / "trainings.csv"
    expect_writable(trainings)
    kept = read_table(trainings) if trainings.exists() else []
    if lost := [f"{row.variant!r}, seed {row.seed}" for row in kept if (row.variant, row.seed) not in coming]:
        raise DataError(f"{trainings} holds {len(lost)} trainings that this call does not repeat, such as {lost[0]}: "
                        "name their claims as well, and as many seeds, or give another folder")


def _cells(number: int, report: str, claim: Claim, verdict: Verdict) -> list[Any]:
    effect = [f"{value:.5g}" for value in (verdict.effect, verdict.low, verdict.high)]
    return [number, report, claim.text, claim.metric, claim.better, claim.than, claim.smallest_effect, *effect,
            verdict.seeds, verdict.word]
