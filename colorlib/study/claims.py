"""Claims about trainings, and their verdicts: paired differences by seed, with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from colorlib.metrics.evaluation import MEASURES
from colorlib.study.study import Row
from colorlib.system.errors import UsageError

# What a training has besides the measures of ``evaluate`` -> its label.
TRAINING_LABELS = {"loss": "last training loss", "oscillation": "oscillation of the loss", "seconds": "seconds"}
BETTER = {name: measure.better for name, measure in MEASURES.items()} | dict.fromkeys(TRAINING_LABELS, "less")


class Verdict(NamedTuple):
    """What the trainings say about a claim."""

    word: str                    # confirmed, refuted, no difference that matters, or not enough evidence
    effect: float                # how much better the variant is, in the metric's unit; below 0: worse
    low: float                   # of the 95% interval
    high: float
    seeds: int                   # pairs of trainings


@dataclass(frozen=True)
class Claim:
    """The claim that ``variant`` is better than ``reference`` by ``metric``; or that it is similar, or no worse.

    Raises:
        UsageError: for an unknown metric, kind or direction.
    """

    text: str
    metric: str                          # a key of BETTER
    variant: str | float                 # the name of a variant; or a number, such as the value of the truth
    reference: str | float               # the same
    smallest_effect: float               # the smallest difference that matters, in the metric's unit, chosen in advance
    kind: str = "better"                 # or "similar" or "no worse"
    direction: str | None = None         # "more" or "less": what "better" means, if not what it means for the metric

    def __post_init__(self):
        for name, value, known in [("metric", self.metric, BETTER),
                                   ("kind", self.kind, ("better", "similar", "no worse")),
                                   ("direction", self.direction or "more", ("more", "less"))]:
            if value not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}, got {value!r}")

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """Judge the claim by trainings with equal seeds, whose common causes of chance cancel out.

        The interval is Student's t interval for the mean of the paired differences. The claim is *confirmed* if the
        interval is above zero and the mean at least the smallest effect, and *refuted* if the same holds below zero. If
        the whole interval is within the smallest effect there is *no difference that matters*; otherwise *not enough
        evidence*. "similar" is confirmed by no difference and refuted by a difference. "no worse" is confirmed if the
        lower end of the interval is above minus the smallest effect.

        Where a measure is best near a value, such as 1 for colorfulness, the difference is that of the distances from
        it. But not for "similar": two variants may be far from the value on opposite sides.
        """
        differences = self.differences(rows)
        mean, around = float(np.mean(differences)) if differences else np.nan, half_interval(differences)
        low, high = mean - around, mean + around
        return Verdict(self._word(mean, low, high), mean, low, high, len(differences))

    def differences(self, rows: Sequence[Row]) -> list[float]:
        """By how much the variant is better than the reference, for each seed that both have, in the metric's unit."""
        values, references = (_values_by_seed(side, rows, self.metric) for side in (self.variant, self.reference))
        return [self._score(values[seed]) - self._score(references[seed]) for seed in sorted(values.keys() & references.keys())]

    def _score(self, value: float) -> float:
        """More is better."""
        better = self.direction or BETTER[self.metric]
        if better.startswith("near ") and self.kind != "similar":
            return -abs(value - float(better.removeprefix("near ")))
        return -value if better == "less" else value

    def _word(self, mean: float, low: float, high: float) -> str:
        if self.kind == "no worse" and low > -self.smallest_effect:
            return "confirmed"
        if low > -self.smallest_effect and high < self.smallest_effect:
            return "confirmed" if self.kind == "similar" else "no difference that matters"
        if low > 0 and mean >= self.smallest_effect:
            return "refuted" if self.kind == "similar" else "confirmed"
        if high < 0 and mean <= -self.smallest_effect:
            return "refuted"
        return "not enough evidence"


def half_interval(values: Sequence[float]) -> float:
    """Half the width of the 95% interval of the mean, by Student's t; NaN for fewer than two values."""
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else np.nan


def seeds_needed(differences: Sequence[float], smallest_effect: float, at_most: int, power: float = 0.8) -> int:
    """Number of seeds with which a paired t test finds the smallest effect, if there is one.

    With this number, a true difference as large as ``smallest_effect`` gives an interval of 95% without zero with a probability of
    ``power``, by the noncentral t distribution (Cohen 1988). It depends on the scatter of a first few differences and not
    on their mean, so that the interval of all seeds stays one of 95%, nearly (Stein 1945).

    Args:
        differences: two or more, from the first seeds.
        at_most: the answer where more would be needed.
    """
    scatter = float(np.std(differences, ddof=1))
    for seeds in range(2, at_most):
        threshold = stats.t.ppf(0.975, seeds - 1)
        shift = smallest_effect / scatter * seeds**0.5 if scatter else np.inf
        if scatter == 0 or stats.nct.sf(threshold, seeds - 1, shift) + stats.nct.cdf(-threshold, seeds - 1, shift) >= power:
            return seeds
    return at_most


def _values_by_seed(side: str | float, rows: Sequence[Row], metric: str) -> dict[int, float]:
    """Seed -> the metric of a variant, or the same number for every seed."""
    if not isinstance(side, str):
        return {row.seed: float(side) for row in rows}
    return {row.seed: row.measures[metric] for row in rows if row.variant == side and metric in row.measures}
