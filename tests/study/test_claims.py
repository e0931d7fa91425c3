"""Verdicts on invented trainings: the interval against SciPy's, the words by hand."""

import numpy as np
import pytest
from scipy import stats

from colorlib.study.claims import Claim, seeds_needed
from colorlib.study.study import Row


def rows(metric="psnr", **variants):
    """A variant's values by seed -> rows."""
    return [Row(name, seed, "", "", "", {metric: value}) for name, values in variants.items()
            for seed, value in enumerate(values)]


def test_the_interval_is_students_t_of_the_paired_differences():
    values, references = [3.0, 5.0, 4.5, 4.0], [2.0, 2.5, 3.0, 3.5]
    verdict = Claim("", "psnr", "a", "b", 0.1).judge(rows(a=values, b=references))
    expected = stats.ttest_rel(values, references).confidence_interval(0.95)
    assert (verdict.low, verdict.high) == pytest.approx((expected.low, expected.high))
    assert verdict.effect == pytest.approx(1.375)
    assert verdict.seeds == 4


@pytest.mark.parametrize(("values", "kind", "expected"), [
    ([2.0, 2.1, 1.9], "better", "confirmed"),
    ([-2.0, -2.1, -1.9], "better", "refuted"),
    ([0.01, -0.01, 0.02], "better", "no difference that matters"),
    ([5.0, -5.0, 1.0], "better", "not enough evidence"),
    ([0.05, 0.05001, 0.0499], "better", "no difference that matters"),      # certain, and too small to matter
    ([2.0, 2.1, 1.9], "similar", "refuted"),
    ([-2.0, -2.1, -1.9], "similar", "refuted"),
    ([0.01, -0.01, 0.02], "similar", "confirmed"),
    ([5.0, -5.0, 1.0], "similar", "not enough evidence"),
    ([2.0, 2.1, 1.9], "no worse", "confirmed"),
    ([0.01, -0.01, 0.02], "no worse", "confirmed"),
    ([-2.0, -2.1, -1.9], "no worse", "refuted"),
    ([5.0, -5.0, 1.0], "no worse", "not enough evidence"),
])
def test_verdicts_by_hand(values, kind, expected):
    claim = Claim("", "psnr", "a", "b", smallest_effect=0.5, kind=kind)
    assert claim.judge(rows(a=values, b=[0.0, 0.0, 0.0])).word == expected


def test_a_direction_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="direction must be one of more, less, got 'lower'"):
        Claim("", "colorfulness", "a", "b", 0.1, direction="lower")


def test_less_error_is_better_and_more_psnr():
    for metric, expected in [("ab_mae", "refuted"), ("oscillation", "refuted"), ("psnr", "confirmed")]:
        found = Claim("", metric, "a", "b", 0.5).judge(rows(metric, a=[2.0, 2.1, 1.9], b=[0.0, 0.0, 0.0]))
        assert found.word == expected, metric


def test_too_colorful_is_no_better_than_dull():
    """The colorfulness of the truth is 1: 1.4 is further from it than 0.7."""
    found = rows("colorfulness", vivid=[1.4, 1.41, 1.39], dull=[0.7, 0.71, 0.69])
    verdict = Claim("", "colorfulness", "vivid", "dull", 0.05).judge(found)
    assert verdict.word == "refuted"
    assert verdict.effect == pytest.approx(-0.1)


def test_too_colorful_is_not_similar_to_dull():
    found = rows("colorfulness", vivid=[1.3, 1.31, 1.29], dull=[0.7, 0.71, 0.69])
    verdict = Claim("", "colorfulness", "vivid", "dull", 0.05, kind="similar").judge(found)
    assert verdict.word == "refuted"
    assert verdict.effect == pytest.approx(0.6)


def test_a_number_may_be_one_side():
    claim = Claim("duller", "colorfulness", 1.0, "a", 0.05, direction="more")
    verdict = claim.judge(rows("colorfulness", a=[0.5, 0.55, 0.45]))
    assert verdict.word == "confirmed"
    assert verdict.effect == pytest.approx(0.5)


def test_seeds_that_failed_on_one_side_are_left_out():
    found = rows(a=[2.0, 2.1, 1.9], b=[0.0, 0.0, 0.0])
    found[4] = Row("b", 1, "ValueError: no", "", "", {})
    assert Claim("", "psnr", "a", "b", 0.5).judge(found).seeds == 2
    assert Claim("", "psnr", "a", "b", 0.5).judge(rows(a=[2.0], b=[0.0])).word == "not enough evidence"
    assert Claim("", "psnr", "a", "b", 0.5).judge([]).seeds == 0


@pytest.mark.parametrize(("effect_in_deviations", "expected"), [(0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)])
def test_seeds_needed_are_those_of_cohens_tables(effect_in_deviations, expected):
    """A paired t test at 5% (two-sided) with a power of 80%: G*Power gives 34, 15, 10 and 5 pairs."""
    differences = [-1.0, 0.0, 1.0]                     # a standard deviation of 1
    assert seeds_needed(differences, effect_in_deviations, at_most=100) == expected
    assert seeds_needed([value + 7 for value in differences], effect_in_deviations, at_most=100) == expected, "the mean does not matter"
    assert seeds_needed(differences, effect_in_deviations, at_most=4) == 4


def test_with_the_seeds_needed_a_simulated_effect_is_found_in_80_of_100_studies():
    random, effect = np.random.default_rng(0), 1.2
    seeds = seeds_needed([-1.0, 0.0, 1.0], effect, at_most=100)
    found = stats.ttest_1samp(random.normal(effect, 1, (4000, seeds)), 0, axis=1).pvalue < 0.05
    fewer = stats.ttest_1samp(random.normal(effect, 1, (4000, seeds - 1)), 0, axis=1).pvalue < 0.05
    assert fewer.mean() < 0.8 <= found.mean() + 0.02


def test_differences_without_scatter_need_two_seeds():
    assert seeds_needed([0.3, 0.3, 0.3], 0.1, at_most=12) == 2
