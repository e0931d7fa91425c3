"""Claims about training, and what the seeds say of them: paired differences with an interval, and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from colorlib.metrics.evaluation import EVERY
from colorlib.study.study import Row

VERDICTS = ("confirmed", "refuted", "no difference that matters", "not enough evidence")
# What a training has besides what ``evaluate`` measures -> its label.
TRAINING = {"loss": "last training loss", "oscillation": "oscillation of the loss", "seconds": "seconds"}
BETTER = {name: measure.better for name, measure in EVERY.items()} | dict.fromkeys(TRAINING, "less")
KINDS = ("better", "similar", "no worse")
DIRECTIONS = ("more", "less")


class Verdict(NamedTuple):
    """What the trainings say of a claim."""

    word: str                    # one of VERDICTS
    effect: float                # how much better, in the metric's unit; below 0: worse
    low: float                   # of the 95% interval
    high: float
    seeds: int                   # pairs of trainings


@dataclass(frozen=True)
class Claim:
    """"``better`` has a better ``metric`` than ``than``": or one that is similar, or no worse.

    Raises:
        ValueError: for a metric, a kind or a direction that there is not.
    """

    text: str
    metric: str                  # a key of EVERY, or of TRAINING
    better: str | float          # a variant; or a number, such as that of the truth
    than: str | float
    smallest_effect: float       # a difference that matters, in the metric's unit: fixed before the trainings
    kind: str = "better"         # one of KINDS
    direction: str | None = None         # one of DIRECTIONS, where the claim is not about which is better

    def __post_init__(self):
        for name, value, known in [("metric", self.metric, BETTER), ("kind", self.kind, KINDS),
                                   ("direction", self.direction or "more", DIRECTIONS)]:
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """Compare by seed: what the seeds share, such as the order of the images, cancels out.

        The interval is Student's t for the mean of the paired differences. The claim is *confirmed* if zero lies
        outside, on the right side, and the mean is no smaller than the smallest effect that matters; *refuted* if that
        holds on the wrong side. If the whole interval lies within the smallest effect there is *no difference that
        matters*; else *not enough evidence*. "similar" is confirmed by no difference, and refuted by one; "no worse" is
        confirmed if even the lower end of the interval is above minus the smallest effect.

        Where a measure is best near a value, such as the truth's colorfulness, what counts is how near; but for
        "similar", which two are not that miss it on opposite sides.
        """
        ours, theirs = (_by_seed(of, rows, self.metric) for of in (self.better, self.than))
        seeds = sorted(set(ours) & set(theirs))
        differences = np.array([self._score(ours[seed]) - self._score(theirs[seed]) for seed in seeds])
        if len(differences) < 2:
            return Verdict("not enough evidence", float(differences.mean()) if seeds else np.nan, np.nan, np.nan,
                           len(seeds))
        mean, around = float(differences.mean()), half_interval(differences)
        word = self._word(mean, mean - around, mean + around)
        return Verdict(word, mean, mean - around, mean + around, len(seeds))

    def _score(self, value: float) -> float:
        """More is better."""
        better = self.direction or BETTER[self.metric]
        if better.startswith("near ") and self.kind != "similar":
            return -abs(value - float(better.removeprefix("near ")))
        return -value if better == "less" else value

    def _word(self, mean: float, low: float, high: float) -> str:
        least = self.smallest_effect
        if self.kind == "no worse" and low > -least:
            return "confirmed"
        if low > -least and high < least:
            return "confirmed" if self.kind == "similar" else "no difference that matters"
        if low > 0 and mean >= least:
            return "refuted" if self.kind == "similar" else "confirmed"
        if high < 0 and mean <= -least:
            return "refuted"
        return "not enough evidence"


def half_interval(values: Sequence[float] | np.ndarray) -> float:
    """Half the width of the 95% interval of a mean of two or more values, by Student's t."""
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))


def _by_seed(of: str | float, rows: Sequence[Row], metric: str) -> dict[int, float]:
    """Seed -> the metric of a variant; a number is the same for every seed."""
    if not isinstance(of, str):
        return {row.seed: float(of) for row in rows}
    return {row.seed: row.measures[metric] for row in rows if row.variant == of and metric in row.measures}
