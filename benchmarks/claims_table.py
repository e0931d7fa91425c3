"""Print the verdicts of a study as a table in Markdown, and what changed since an earlier one: the tables of RESULTS.md.

Usage: ``python benchmarks/claims_table.py notebooks/results/verdicts.csv --before notebooks/results/pilot/verdicts.csv``
"""

import argparse
from pathlib import Path

import pandas as pd

from colorlib.plots.study_charts import LABELS

HEADER = ("", "the report", "our claim", "measure", "smallest effect", "better by", "seeds", "direction", "size", "excluded", "corrected")
CHANGES = ("", "claim", "measure", "better by, before", "words before", "better by", "words")


def read_verdicts(path: Path) -> pd.DataFrame:
    """Table of a verdicts.csv, in which a claim without parts has an empty one."""
    return pd.read_csv(path, keep_default_na=False)


def claims_table(verdicts: pd.DataFrame) -> str:
    """Lines of a table; decided words are bold. Where the size is open, effects above *excluded* are outside the interval.

    The column with the report's words is left out if they are all empty.
    """
    lines = [HEADER, ("---",) * len(HEADER)]
    for line, repeated in zip(verdicts.itertuples(), verdicts["number"].duplicated(), strict=True):
        lines.append((f"{line.number}{line.part}", "" if repeated else line.report, line.claim, LABELS[line.metric], f"{line.smallest_effect:g}",
                      _interval(line.effect, line.low, line.high), f"{line.seeds}" + (f", {line.failed} failed" if line.failed else ""),
                      _bold(line.direction), _bold(line.size), f"{line.excluded:.3g}" if line.size == "open" else "",
                      f"{line.direction_holm}, {line.size_holm}"))
    if not verdicts["report"].any():
        lines = [(number, *rest) for number, _, *rest in lines]
    return _markdown(lines)


def changes_table(before: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """Lines of a table: claims about the same variants whose direction or size changed."""
    both = before.merge(verdicts, on=["number", "part", "claim", "metric", "variant", "reference"], suffixes=("_before", ""))
    lines = [CHANGES, ("---",) * len(CHANGES)]
    for line in both.itertuples():
        if (line.direction_before, line.size_before) != (line.direction, line.size):
            lines.append((f"{line.number}{line.part}", line.claim, LABELS[line.metric],
                          _interval(line.effect_before, line.low_before, line.high_before), f"{line.direction_before}, {line.size_before}",
                          _interval(line.effect, line.low, line.high), f"{line.direction}, {line.size}"))
    return _markdown(lines)


def _markdown(lines: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _interval(effect: float, low: float, high: float) -> str:
    return f"{effect:.3g} ({low:.3g} to {high:.3g})"


def _bold(word: str) -> str:
    return word if word == "open" else f"**{word}**"


def main() -> None:
    """Print the tables of one verdicts.csv, or two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verdicts", type=Path)
    parser.add_argument("--before", type=Path, metavar="VERDICTS", help="of an earlier study")
    options = parser.parse_args()
    verdicts = read_verdicts(options.verdicts)
    print(claims_table(verdicts))
    if options.before:
        print(f"\n{changes_table(read_verdicts(options.before), verdicts)}")


if __name__ == "__main__":
    main()
