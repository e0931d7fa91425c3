"""Claims about trainings, and their verdicts: paired differences by seed, with an interval and two tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from scipy import stats

from colorlib.metrics.evaluation import MEASURES
from colorlib.study.study import Row
from colorlib.system.errors import UsageError

# What a training has besides the measures of ``evaluate`` -> its label.
TRAINING_LABELS = {"loss": "last training loss", "oscillation": "oscillation of the loss", "seconds": "seconds"}
LEVEL = 0.05         # of all tests
MAX_RATIO = 1e6      # of an effect to its standard deviation: one as large as this is found with two seeds
BETTER = {name: measure.better for name, measure in MEASURES.items()} | dict.fromkeys(TRAINING_LABELS, "less")


@dataclass(frozen=True)
class Verdict:
    """What the trainings say about a claim, in two words: is its direction certain, and does its size matter?

    Both words are "open" where the p-value is not below ``LEVEL``. The words of ``corrected`` hold for all verdicts of a table at once.
    """

    effect: float                # by how much the variant is better, in the metric's unit; below 0: it is worse
    low: float                   # of the 95% interval
    high: float
    seeds: int                   # pairs of trainings
    smallest_effect: float       # of the claim
    p_direction: float           # p-value of a direction: the chance of so clear an effect where there is none
    p_size: float                # p-value of a size: the chance of data that look so clearly "matters", or "negligible", where it is not

    @property
    def direction(self) -> str:
        """Whether the variant is better: "yes", "no" if it is worse, or "open"."""
        return ("yes" if self.effect > 0 else "no") if self.p_direction < LEVEL else "open"

    @property
    def size(self) -> str:
        """Whether the effect, of either sign, is larger than the smallest one: "matters", "negligible" or "open"."""
        return ("matters" if abs(self.effect) > self.smallest_effect else "negligible") if self.p_size < LEVEL else "open"

    @property
    def excluded(self) -> float:
        """Effects larger than this, of either sign, are outside the interval."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class Claim:
    """The claim that ``variant`` is better than ``reference`` by ``metric``.

    Raises:
        UsageError: for an unknown metric or value of ``better``, or a smallest effect that is not above zero.
    """

    text: str
    metric: str                          # a key of BETTER
    variant: str | float                 # the name of a variant; or a number, such as the value of the truth
    reference: str | float               # the same
    smallest_effect: float               # the smallest difference that matters, in the metric's unit, chosen in advance
    better: str | None = None            # "more" or "less": what is better, if not what is better for the metric

    def __post_init__(self):
        for name, value, known in [("metric", self.metric, BETTER), ("better", self.better or "more", ("more", "less"))]:
            if value not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if not isinstance(self.smallest_effect, Real) or not 0 < self.smallest_effect < np.inf:
            raise UsageError(f"smallest_effect must be a number above zero, got {self.smallest_effect!r}")

    @property
    def variants(self) -> set[str]:
        """Names of the variants that it compares."""
        return {side for side in (self.variant, self.reference) if isinstance(side, str)}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """Judge the claim by trainings with equal seeds, whose common causes of chance cancel out.

        The interval and the p-value of the direction are those of Student's t test of the paired differences. The size is tested twice.
        It *matters* if effects up to the smallest one, of either sign, are rejected (Murphy and Myors 1999, "Testing the hypothesis
        that treatments have negligible effects"). It is *negligible* if all larger ones are (two one-sided tests: Schuirmann 1987).

        Where a measure is best near a value, such as 1 for colorfulness, the difference is that of the distances from
        it, unless the claim says what is better.
        """
        differences = np.array(self.differences(rows))
        if len(differences) < 2:
            effect = float(differences[0]) if len(differences) else np.nan
            return Verdict(effect, np.nan, np.nan, len(differences), self.smallest_effect, 1.0, 1.0)
        mean, around, error, freedom = np.mean(differences), half_interval(differences), stats.sem(differences), len(differences) - 1
        with np.errstate(divide="ignore", invalid="ignore"):         # differences that are all equal have no standard error
            nearer, farther = ((abs(mean) + shift) / error for shift in (-self.smallest_effect, self.smallest_effect))
            p_direction = 2 * stats.t.sf(abs(mean) / error, freedom)
            p_matters = stats.t.sf(nearer, freedom) + stats.t.sf(farther, freedom)
            p_negligible = stats.t.sf(-nearer, freedom)
        p_values = np.nan_to_num([p_direction, min(p_matters, p_negligible)], nan=1.0).tolist()         # NaN: all differences are the limit
        return Verdict(float(mean), float(mean - around), float(mean + around), len(differences), self.smallest_effect, *p_values)

    def differences(self, rows: Sequence[Row]) -> list[float]:
        """By how much the variant is better than the reference, for each seed that both have, in the metric's unit."""
        values, references = (_values_by_seed(side, rows, self.metric) for side in (self.variant, self.reference))
        return [self._score(values[seed]) - self._score(references[seed]) for seed in sorted(values.keys() & references.keys())]

    def _score(self, value: float) -> float:
        """The metric, turned so that more is better."""
        better = self.better or BETTER[self.metric]
        if better.startswith("near "):
            return -abs(value - float(better.removeprefix("near ")))
        return -value if better == "less" else value


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct p-values for the number of tests, after Holm 1979, "A simple sequentially rejective multiple test procedure".

    Those that are below a level then hold all together: the chance that one or more of them is wrong is not above the level.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)                            # the smallest of N is multiplied by N, the next by N - 1
    multiplied = np.empty_like(p_values)
    multiplied[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return multiplied


def corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with p-values, and so words, corrected by ``holm`` for their number: directions and sizes each for themselves."""
    directions, sizes = holm([verdict.p_direction for verdict in verdicts]), holm([verdict.p_size for verdict in verdicts])
    return [replace(verdict, p_direction=float(p_direction), p_size=float(p_size))
            for verdict, p_direction, p_size in zip(verdicts, directions, sizes, strict=True)]


def half_interval(values: Sequence[float]) -> float:
    """Half the width of the 95% interval of the mean, by Student's t; NaN for fewer than two values."""
    return float(stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * stats.sem(values)) if len(values) > 1 else np.nan


def upper_scatter(differences: Sequence[float], certainty: float = 0.8) -> float:
    """A standard deviation that the true one of these differences stays below with a probability of ``certainty``.

    The deviation of a few differences is more often too small than too large, and a study that is planned by one that is too small is too
    small itself. So a plan takes the upper end of the deviation's one-sided interval, by the chi-squared distribution (Browne 1995, "On
    the use of a pilot sample for sample size determination"): for three differences it is 2.1 times the deviation itself.

    Args:
        differences: two or more, of a pilot study. Do not count its trainings in the study that is planned: a number of seeds that was
            chosen by the same differences makes intervals too narrow.
    """
    freedom = len(differences) - 1
    return float(np.std(differences, ddof=1) * np.sqrt(freedom / stats.chi2.ppf(1 - certainty, freedom)))


def seeds_needed(scatter: float, smallest_effect: float, at_most: int, power: float = 0.8) -> int:
    """Number of seeds with which a paired t test finds the smallest effect, if there is one.

    With this number, a true difference as large as ``smallest_effect`` gives an interval of 95% without zero with a probability of
    ``power`` (Cohen 1988), if the differences have the standard deviation ``scatter``.

    Args:
        at_most: the answer where more would be needed.
    """
    ratio = min(smallest_effect / scatter, MAX_RATIO) if scatter else MAX_RATIO
    for seeds in range(2, at_most):
        threshold = stats.t.ppf(1 - LEVEL / 2, seeds - 1)
        # The square of Student's t is F: scipy's noncentral t is NaN for some shifts.
        if stats.ncf.sf(threshold**2, 1, seeds - 1, seeds * ratio**2) >= power:
            return seeds
    return at_most


def _values_by_seed(side: str | float, rows: Sequence[Row], metric: str) -> dict[int, float]:
    """Seed -> the metric of a variant, or the same number for every seed."""
    if not isinstance(side, str):
        return {row.seed: float(side) for row in rows}
    return {row.seed: row.measures[metric] for row in rows if row.variant == side and metric in row.measures}
