"""Plots of a study, read back from matplotlib: every training is there, the intervals are SciPy's."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from colorlib.plots import study as study_figures
from colorlib.plots.widgets import study_explorer
from colorlib.study.study import Row

VALUES = {"wide": [8.0, 8.4, 8.9], "narrow": [9.0, 9.1, 9.3]}
ROWS = [Row(name, seed, "", "", "", {"ab_mae": value, "psnr": 30 - value})
        for name, values in VALUES.items() for seed, value in enumerate(values)]
ROWS.append(Row("broken", 0, "Error", "", "", {}))
POINTS = {"epoch": np.array([0.5, 1, 1.5, 2]), "loss": np.array([4.0, 3, 2, 1]),
          "valid_ab_mae": np.array([np.nan, 9, np.nan, 8])}
CURVES = {(name, seed): POINTS for name in VALUES for seed in range(3)}


def test_every_training_and_the_interval_of_the_mean_are_drawn():
    axes = study_figures.trainings(ROWS, ["narrow", "wide"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["narrow", "wide"]
    bars, means, dots = axes.lines[0::3], axes.lines[1::3], axes.lines[2::3]
    for bar, mean, dot, values in zip(bars, means, dots, (VALUES["narrow"], VALUES["wide"]), strict=True):
        assert dot.get_xdata().tolist() == values
        assert mean.get_xdata() == pytest.approx([np.mean(values)])
        assert tuple(bar.get_xdata()) == pytest.approx(stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))
    assert axes.get_xlabel() == "ab MAE (Lab units); less is better"


def test_what_was_not_trained_or_not_measured_is_named():
    with pytest.raises(ValueError, match="no training of 'broken' has 'ab_mae'"):
        study_figures.trainings(ROWS, ["wide", "broken"])
    with pytest.raises(ValueError, match="no training of 'wide' has 'ssim'"):
        study_figures.trainings(ROWS, ["wide"], "ssim")


def test_a_curve_for_each_training_one_name_for_each_variant():
    axes = study_figures.curves(CURVES, ["wide", "narrow", "unknown"], "valid_ab_mae")
    assert len(axes.lines) == 6
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["wide", "narrow"]


def test_the_explorer_draws_what_is_picked():
    explorer = study_explorer(ROWS, CURVES, ["wide", "broken"])
    metric, variants, picture = explorer.children
    assert dict(metric.options).keys() == {"ab MAE (Lab units)", "PSNR, mean of images (dB)"}
    assert variants.options == ("wide", "narrow")
    seen = [picture.value]
    metric.value = "psnr"
    seen.append(picture.value)
    variants.value = ("wide", "narrow")
    seen.append(picture.value)
    assert len(set(seen)) == 3
    variants.value = ()
    assert picture.value == seen[2], "nothing picked, nothing to draw"
    assert not plt.get_fignums()
    study_explorer(ROWS, {}, ["wide"])
    with pytest.raises(ValueError, match="none of these trainings was finished"):
        study_explorer(ROWS[-1:], CURVES, ["broken"])
