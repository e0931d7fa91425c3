"""Verdicts on all claims of a study, with Holm's correction."""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase

import pandas as pd

from colorlib.study.claims import Claim, corrected
from colorlib.study.questions import Question, all_questions, choose_questions
from colorlib.study.study import Row

VERDICT_COLUMNS = ["number", "part", "report", "claim", "metric", "variant", "reference", "smallest_effect", "effect", "low", "high",
                   "excluded", "seeds", "failed", "direction", "size", "p_direction", "p_size", "direction_holm", "size_holm", "ties"]


def judge(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> pd.DataFrame:
    """Verdicts on all claims whose variants were trained: the table verdicts.csv.

    Set ``COLORLIB_BUDGET`` to the budget of the trainings: the claims about epochs and image sizes depend on it.

    Args:
        numbers: only the lines of these questions. (All claims count for the correction.)
        questions: other ones than the report's, by number.

    Returns:
        A line per claim, with the fields and words of its ``Verdict``; both words again, ``corrected`` for the number of claims;
        its ties, the number of other claims that share trainings with it: what chance did to one, it did to those too; and the number
        of its trainings that failed, such as by diverging: the verdict is one of the others only.

    Raises:
        UsageError: for a number that no question has.
    """
    questions = all_questions() if questions is None else questions
    chosen = choose_questions(numbers, questions)
    claims = list(_trained_claims(rows, questions))
    verdicts = [claim.judge(rows) for *_, claim in claims]
    runs = [{row.run for row in rows if row.variant in claim.variants and not row.error} for *_, claim in claims]
    lines = []
    for (number, part, report, claim), verdict, stricter, own in zip(claims, verdicts, corrected(verdicts), runs, strict=True):
        failed = sum(bool(row.error) for row in rows if row.variant in claim.variants)
        lines.append({"number": number, "part": part, "report": report, "claim": claim.text, "metric": claim.metric, "variant": claim.variant,
                      "reference": claim.reference, **vars(verdict), "excluded": verdict.excluded, "failed": failed, "direction": verdict.direction,
                      "size": verdict.size, "direction_holm": stricter.direction, "size_holm": stricter.size,
                      "ties": sum(not own.isdisjoint(other) for other in runs) - bool(own)})
    table = pd.DataFrame(lines, columns=VERDICT_COLUMNS)
    return table[table["number"].isin(list(chosen))]


def verdict_table(rows: Sequence[Row], numbers: Sequence[int] | None = None, questions: Mapping[int, Question] | None = None) -> str:
    """Text table of the verdicts of ``judge``, a line per claim."""
    lines = [f"{'':4} {'claim':64} {'better by':>22}  seeds  direction  size        corrected"]
    questions = all_questions() if questions is None else questions
    verdicts, num_claims = judge(rows, numbers, questions), len(list(_trained_claims(rows, questions)))
    for line, repeated in zip(verdicts.itertuples(), verdicts["number"].duplicated(), strict=True):
        if line.report and not repeated:
            lines.append(f"{line.number:3}  the report: {line.report}")
        effect = f"{line.effect:.3g} [{line.low:.3g}, {line.high:.3g}]"
        failed = f"; {line.failed} failed" if line.failed else ""
        lines.append(f"{line.number:3}{line.part:1} {line.claim + ' (' + line.metric + ')':64} {effect:>22}  {line.seeds:5}  {line.direction:9}  "
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
            parts = ascii_lowercase[:len(question.claims)] if len(question.claims) > 1 else [""]
            for part, claim in zip(parts, question.claims, strict=True):
                yield number, part, question.report_text, claim
