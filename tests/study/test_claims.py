"""Verdicts on invented trainings: intervals and p-values against SciPy's, the words by hand."""

import numpy as np
import pytest
from scipy import stats

from colorlib.study.claims import Claim, Verdict, corrected, holm, seeds_needed, upper_scatter
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


@pytest.mark.parametrize(("values", "direction", "size"), [
    ([2.0, 2.1, 1.9], "yes", "matters"),
    ([-2.0, -2.1, -1.9], "no", "matters"),
    ([0.01, -0.01, 0.02], "open", "negligible"),
    ([0.05, 0.05001, 0.0499], "yes", "negligible"),             # certain, and too small to matter
    ([0.6, 0.5, 0.55], "yes", "open"),                          # certain, and about as large as what matters
    ([5.0, -5.0, 1.0], "open", "open"),
    ([2.0], "open", "open"),
    ([0.3, 0.3, 0.3], "yes", "negligible"),
    ([0.0, 0.0, 0.0], "open", "negligible"),
])
def test_both_words_by_hand(values, direction, size):
    verdict = Claim("", "psnr", "a", "b", smallest_effect=0.5).judge(rows(a=values, b=[0.0] * len(values)))
    assert (verdict.direction, verdict.size) == (direction, size)


def test_the_p_values_are_those_of_scipys_tests():
    """Of the direction: the paired t test. Negligible: the larger of two one-sided tests."""
    random = np.random.default_rng(0)
    for _ in range(20):
        values, references = random.normal(0.1, 0.3, 6), random.normal(0, 0.3, 6)
        verdict = Claim("", "psnr", "a", "b", 1.0).judge(rows(a=values, b=references))
        assert verdict.p_direction == pytest.approx(stats.ttest_rel(values, references).pvalue)
        two_sides = [stats.ttest_1samp(values - references, side, alternative=which).pvalue for side, which in [(-1, "greater"), (1, "less")]]
        assert verdict.p_size == pytest.approx(max(two_sides))
        assert verdict.excluded == pytest.approx(max(abs(verdict.low), abs(verdict.high)))


@pytest.mark.parametrize(("effect", "scatter"), [(-1.0, 1.0), (1.0, 1.0), (1.0, 10.0)])
def test_an_effect_at_the_border_is_called_large_or_negligible_in_one_of_twenty_studies_each(effect, scatter):
    """Also where it is small compared with the scatter: a one-sided test there would call it large in one of fourteen."""
    random, words = np.random.default_rng(1), []
    for _ in range(6000):
        words.append(Claim("", "psnr", "a", "b", abs(effect)).judge(rows(a=random.normal(effect, scatter, 5), b=[0.0] * 5)).size)
    expected, deviation = 0.05 * len(words), (0.05 * 0.95 * len(words)) ** 0.5
    assert words.count("matters") == pytest.approx(expected, abs=3 * deviation)
    assert words.count("negligible") < expected + 3 * deviation


def test_the_minimum_effect_test_by_hand():
    """Differences 3, 4, 5: the mean is 4 and its standard error 0.577; from 1 it is 5.196 errors, from -1 8.660."""
    verdict = Claim("", "psnr", "a", "b", 1.0).judge(rows(a=[3.0, 4.0, 5.0], b=[0.0] * 3))
    assert verdict.p_size == pytest.approx(stats.t.sf(5.19615, 2) + stats.t.sf(8.66025, 2), rel=1e-4)


def test_holm_by_hand():
    """.005 is multiplied by 4, .01 by 3, .03 by 2, and .04, which would be .04, must not be below the one before."""
    assert list(holm([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert list(holm([0.5, 0.9])) == [1, 1]
    assert len(holm([])) == 0


def test_both_words_of_a_verdict_are_corrected_each_for_itself():
    """Of three claims: directions .001 x 3, .01 x 2 and .04 stay below .05; sizes .02 x 3 does not, nor .03 x 2."""
    p_values = [(0.04, 0.02), (0.01, 0.9), (0.001, 0.03)]
    found = corrected([Verdict(1.0, 0.5, 1.5, 5, 0.5, *both) for both in p_values])
    assert [(verdict.direction, verdict.size) for verdict in found] == [("yes", "open"), ("yes", "open"), ("yes", "open")]
    assert [verdict.p_direction for verdict in found] == pytest.approx([0.04, 0.02, 0.003])
    assert [verdict.p_size for verdict in found] == pytest.approx([0.06, 0.9, 0.06])
    assert found[0].effect == 1.0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="better must be one of more, less, got 'lower'"):
        Claim("", "colorfulness", "a", "b", 0.1, better="lower")
    for value in (-1, 0, float("nan"), float("inf"), "0.1"):
        with pytest.raises(ValueError, match=f"smallest_effect must be a number above zero, got {value!r}"):
            Claim("", "colorfulness", "a", "b", value)


def test_less_error_is_better_and_more_psnr():
    for metric, expected in [("ab_mae", "no"), ("oscillation", "no"), ("psnr", "yes")]:
        found = Claim("", metric, "a", "b", 0.5).judge(rows(metric, a=[2.0, 2.1, 1.9], b=[0.0, 0.0, 0.0]))
        assert found.direction == expected, metric


def test_too_colorful_is_no_better_than_dull():
    """The colorfulness of the truth is 1: 1.4 is further from it than 0.7."""
    found = rows("colorfulness", vivid=[1.4, 1.41, 1.39], dull=[0.7, 0.71, 0.69])
    verdict = Claim("", "colorfulness", "vivid", "dull", 0.05).judge(found)
    assert (verdict.direction, verdict.size) == ("no", "matters")
    assert verdict.effect == pytest.approx(-0.1)


def test_more_colorful_is_more_wherever_the_truth_is():
    found = rows("colorfulness", vivid=[1.3, 1.31, 1.29], dull=[0.7, 0.71, 0.69])
    verdict = Claim("", "colorfulness", "vivid", "dull", 0.05, "more").judge(found)
    assert (verdict.direction, verdict.size) == ("yes", "matters")
    assert verdict.effect == pytest.approx(0.6)


def test_a_number_may_be_one_side():
    claim = Claim("duller", "colorfulness", 1.0, "a", 0.05, better="more")
    assert claim.variants == {"a"}
    verdict = claim.judge(rows("colorfulness", a=[0.5, 0.55, 0.45]))
    assert verdict.direction == "yes"
    assert verdict.effect == pytest.approx(0.5)


def test_seeds_that_failed_on_one_side_are_left_out():
    found = rows(a=[2.0, 2.1, 1.9], b=[0.0, 0.0, 0.0])
    found[4] = Row("b", 1, "ValueError: no", "", "", {})
    assert Claim("", "psnr", "a", "b", 0.5).judge(found).seeds == 2
    assert Claim("", "psnr", "a", "b", 0.5).judge([]).seeds == 0


@pytest.mark.parametrize(("effect_in_deviations", "expected"), [(0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)])
def test_seeds_needed_are_those_of_cohens_tables(effect_in_deviations, expected):
    """A paired t test at 5% (two-sided) with a power of 80%: G*Power gives 34, 15, 10 and 5 pairs."""
    assert seeds_needed(1.0, effect_in_deviations, at_most=100) == expected
    assert seeds_needed(0.1, 0.1 * effect_in_deviations, at_most=100) == expected, "only the ratio matters"
    assert seeds_needed(1.0, effect_in_deviations, at_most=4) == 4


def test_with_the_seeds_needed_a_simulated_effect_is_found_in_80_of_100_studies():
    random, effect = np.random.default_rng(0), 1.2
    seeds = seeds_needed(1.0, effect, at_most=100)
    found = stats.ttest_1samp(random.normal(effect, 1, (4000, seeds)), 0, axis=1).pvalue < 0.05
    fewer = stats.ttest_1samp(random.normal(effect, 1, (4000, seeds - 1)), 0, axis=1).pvalue < 0.05
    assert fewer.mean() < 0.8 <= found.mean() + 0.02


@pytest.mark.parametrize("scatter", [0.0, 1e-200, 1e-12])
def test_differences_without_scatter_need_two_seeds(scatter):
    assert seeds_needed(scatter, 0.1, at_most=12) == 2


def test_less_scatter_never_needs_more_seeds():
    needed = [seeds_needed(scatter, 0.1, at_most=50) for scatter in np.linspace(0.001, 0.2, 150)]
    assert needed == sorted(needed)


def test_the_upper_scatter_of_four_pilots_in_five_is_above_the_true_one():
    pilots = np.random.default_rng(0).normal(7, 0.3, (4000, 3))
    assert np.mean([upper_scatter(pilot) > 0.3 for pilot in pilots]) == pytest.approx(0.8, abs=0.02)
    assert upper_scatter([7.0, 6.0, 8.0]) == pytest.approx(2.117, abs=0.001)              # the 20% point of chi-squared with 2 is 0.446
    assert upper_scatter([7.0, 7.0, 7.0]) == 0
