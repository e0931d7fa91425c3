"""Charts of measures, losses and studies, read back from matplotlib, with intervals compared to SciPy's."""

import base64
import io
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from colorlib import plots
from colorlib.plots.study_charts import study_explorer
from colorlib.study.study import Row
from colorlib.system.errors import UsageError

VALUES = {"wide": [8.0, 8.4, 8.9], "narrow": [9.0, 9.1, 9.3]}
ROWS = [Row(name, seed, "", "", "", {"ab_mae": value, "psnr": 30 - value})
        for name, values in VALUES.items() for seed, value in enumerate(values)]
ROWS.append(Row("broken", 0, "Error", "", "", {}))
POINTS = {"epoch": np.array([0.5, 1, 1.5, 2]), "loss": np.array([4.0, 3, 2, 1]),
          "valid_ab_mae": np.array([np.nan, 9, np.nan, 8])}
CURVES = {(name, seed): POINTS for name in VALUES for seed in range(3)}


def test_dots_draw_every_series():
    axes = plots.dots({f"series {i}": {"a": i, "b": -i} for i in range(8)}, "value")
    assert [sorted(line.get_xdata()) for line in axes.lines] == [[-i, i] for i in range(8)]
    assert len({(line.get_marker(), line.get_color()) for line in axes.lines}) == 8


def test_dots_put_each_value_on_its_row():
    axes = plots.dots({"gray": {"cat": 1.0, "dog": 3.0}, "ours": {"dog": 2.0, "cat": 0.5}}, "error")
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 0], [3, 1]], [[0.5, 0], [2, 1]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["gray", "ours"]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()
    assert axes.get_xlabel() == "error"


def test_bars_are_sorted():
    axes = plots.bars({"low": 1, "high": 3, "middle": 2}, "things")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["low", "middle", "high"]
    assert [bar.get_width() for bar in axes.patches] == [1, 2, 3]


def test_loss_curves_draw_each_run_and_its_validation():
    loss, valid_loss = np.array([3.0, 2, 1]), np.array([np.nan, 2.5, np.nan])
    history = {"step": np.array([1.0, 2, 3]), "loss": loss, "valid_loss": valid_loss}
    axes = plots.loss_curves({"one": history, "two": history})
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "one, training", "one, validation", "two, training", "two, validation"]
    assert axes.lines[1].get_xydata().tolist() == [[2, 2.5]]
    assert axes.lines[0].get_linestyle() != axes.lines[2].get_linestyle()          # told apart in gray print, too
    assert axes.get_xlabel()
    assert axes.get_ylabel()


def test_the_trade_off_names_every_setting():
    axes = plots.trade_off({"bins": {"T = 0": (1.2, 22.0), "T = 1": (0.6, 25.0)}}, gray=25.5)
    assert axes.lines[0].get_xydata().tolist() == [[1.2, 22], [0.6, 25]]
    assert [text.get_text() for text in axes.texts] == ["T = 0", "T = 1"]
    assert axes.lines[1].get_ydata()[0] == 25.5
    many = plots.trade_off({str(i): {"": (1, i)} for i in range(8)}, gray=0).lines[:8]
    assert len({(line.get_marker(), line.get_color()) for line in many}) == 8


def test_each_series_is_a_line_through_its_points():
    axes = plots.line_plot({"student": [(10, 9.0), (100, 8.5)], "ours": [(1, 8.5)]}, "seconds", "ab MAE (Lab units)")
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[10, 9], [100, 8.5]], [[1, 8.5]]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["student", "ours"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("seconds", "ab MAE (Lab units)")


def test_every_training_and_the_interval_of_the_mean_are_drawn():
    axes = plots.trainings(ROWS, ["narrow", "wide"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["narrow", "wide"]
    means, dots = axes.lines[0::2], axes.lines[1::2]
    for bar, mean, dot, values in zip(axes.collections, means, dots, (VALUES["narrow"], VALUES["wide"]), strict=True):
        assert dot.get_xdata().tolist() == values
        assert mean.get_xdata() == pytest.approx([np.mean(values)])
        assert tuple(bar.get_segments()[0][:, 0]) == pytest.approx(stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))
    assert axes.get_xlabel() == "ab MAE (Lab units); less is better"


def test_a_variant_without_trainings_or_measures_is_named():
    with pytest.raises(UsageError, match="no training of 'broken' has 'ab_mae'"):
        plots.trainings(ROWS, ["wide", "broken"])
    with pytest.raises(UsageError, match="no training of 'wide' has 'ssim'"):
        plots.trainings(ROWS, ["wide"], "ssim")


def test_each_training_has_a_curve_and_each_variant_a_name():
    axes = plots.curves(CURVES, ["wide", "narrow", "unknown"], "valid_ab_mae")
    assert len(axes.lines) == 6
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["wide", "narrow"]


def test_an_unknown_column_of_curves_is_refused():
    with pytest.raises(UsageError, match="column must be one of loss, valid_ab_mae, got 'psnr'"):
        plots.curves(CURVES, ["wide"], "psnr")


def test_the_explorer_has_a_picture_of_the_variants_for_each_measure():
    bundle = study_explorer(ROWS, CURVES, ["wide", "narrow"])._repr_mimebundle_()
    assert re.findall(r"<label[^>]*>(.*?)</label>", bundle["text/html"]) == ["ab MAE (Lab units)", "PSNR, mean of images (dB)"]
    pictures = re.findall(r'base64,([^"]+)"', bundle["text/html"])
    assert len(set(pictures)) == 2
    assert pictures[0] == bundle["image/png"]
    plots.trainings_and_curves(ROWS, CURVES, ["wide", "narrow"], "psnr")[0].figure.savefig(drawn := io.BytesIO(), format="png", dpi=90)
    assert np.array_equal(*(plt.imread(io.BytesIO(picture)) for picture in (base64.b64decode(pictures[1]), drawn.getvalue())))


def test_the_explorer_keeps_no_figure_open_and_refuses_variants_without_a_measure():
    plt.close("all")
    study_explorer(ROWS, {}, ["wide"], ["psnr"])
    assert not plt.get_fignums()
    for variants, metrics in ((["wide", "broken"], ["psnr"]), (["wide"], ["ssim"])):
        with pytest.raises(UsageError, match=f"all of {', '.join(variants)} have: nothing to explore"):
            study_explorer(ROWS, CURVES, variants, metrics)


def test_training_with_charts_and_sliders_loads_neither_pandas_nor_scipy():
    """Pandas alone takes 65 MiB of a kernel of 1 GiB."""
    script = ("import sys, colorlib as cl\n"
              "cl.fit, cl.evaluate, cl.plots.bars, cl.plots.loss_curves, cl.plots.compare_slider, cl.plots.triptychs\n"
              "print(sorted({'pandas', 'scipy'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
