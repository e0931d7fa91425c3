"""Print the verdicts of a study as a table in Markdown: that of RESULTS.md.

Usage: ``python benchmarks/claims_table.py notebooks/results/verdicts.csv``
"""

import argparse
from pathlib import Path

import pandas as pd

from colorlib.plots.study_charts import LABELS

HEADER = ("", "the report", "our claim", "measure", "smallest effect", "better by", "seeds", "direction", "size", "excluded", "corrected")


def claims_table(verdicts: pd.DataFrame) -> str:
    """Lines of a table; decided words are bold. Where the size is open, effects above *excluded* are outside the interval."""
    lines = [HEADER, ("---",) * len(HEADER)]
    for line, repeated in zip(verdicts.itertuples(), verdicts["number"].duplicated(), strict=True):
        lines.append((f"{line.number}{line.part}", "" if repeated else line.report, line.claim, LABELS[line.metric], f"{line.smallest_effect:g}",
                      f"{line.effect:.3g} ({line.low:.3g} to {line.high:.3g})", f"{line.seeds}" + (f", {line.failed} failed" if line.failed else ""),
                      _bold(line.direction), _bold(line.size), f"{line.excluded:.3g}" if line.size == "open" else "",
                      f"{line.direction_holm}, {line.size_holm}"))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bold(word: str) -> str:
    return word if word == "open" else f"**{word}**"


def main() -> None:
    """Print the table of a verdicts.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verdicts", type=Path)
    print(claims_table(pd.read_csv(parser.parse_args().verdicts, keep_default_na=False)))


if __name__ == "__main__":
    main()
