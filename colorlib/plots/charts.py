"""Line, dot and bar charts of measures, losses and studies. Each takes axes or makes them, and returns them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from colorlib.metrics.evaluation import MEASURES
from colorlib.study.claims import BETTER, TRAINING_LABELS, half_interval
from colorlib.study.study import Row
from colorlib.study.tables import Curves
from colorlib.system.errors import UsageError

LABELS = {name: measure.label for name, measure in MEASURES.items()} | TRAINING_LABELS
CURVE_LABELS = {"loss": "training loss", "valid_ab_mae": "validation ab MAE (Lab units)"}
MARKERS = "osD^vPX"          # one more than there are colors, so that up to 42 series look different


def line_styles() -> list[dict[str, str]]:
    """Line styles that differ in color (Okabe and Ito, safe for the color-blind) and in dashes (for gray print)."""
    return list(plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"],
                           linestyle=["-", "--", "-.", ":", "-", "--"]))


def bars(values: Mapping[str, float], label: str, axes: Axes | None = None) -> Axes:
    """Horizontal bars, the longest on top: a name -> its value. ``label`` says what it is, with its unit."""
    axes = axes or _new_axes(6, 0.3 * len(values) + 0.8)
    names = sorted(values, key=values.get)
    axes.barh(names, [values[name] for name in names], color="0.45")
    axes.set(xlabel=label)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def dots(series: Mapping[str, Mapping[str, float]], label: str, axes: Axes | None = None) -> Axes:
    """Dots in a row for each name: a series -> a name -> its value. ``label`` says what it is, with its unit.

    The rows are sorted by the first series, with the largest value on top.
    """
    first = next(iter(series.values()))
    names = sorted(first, key=first.get)
    axes = axes or _new_axes(6, 0.3 * len(names) + 0.8)
    for name, values, style in _styled(series):
        axes.plot([values[row] for row in names], names, label=name, **style | {"linestyle": ""})
    axes.set(xlabel=label)
    return _finish(axes, "y")


def line_plot(series: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str,
              axes: Axes | None = None) -> Axes:
    """Lines with markers: a name -> its (x, y) points."""
    axes = axes or _new_axes()
    for name, points, style in _styled(series):
        axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return _finish(axes)


def trade_off(series: Mapping[str, Mapping[str, tuple[float, float]]], gray: float, axes: Axes | None = None) -> Axes:
    """PSNR over colorfulness: a line for each series through its settings, with the setting beside each point.

    Args:
        series: a name -> a setting, such as "0.38" (short, or they overlap) -> (colorfulness / truth, PSNR in dB).
        gray: PSNR of the gray copy in dB, drawn as a dashed line.
    """
    axes = line_plot({name: list(settings.values()) for name, settings in series.items()},
                     "colorfulness / truth; 1 is best", "PSNR (dB); more is better", axes or _new_axes(6.5, 4))
    for settings in series.values():
        for setting, point in settings.items():
            axes.annotate(setting, point, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.axhline(gray, color="black", linestyle="--", linewidth=1, label="gray copy")
    axes.axvline(1, color="gray", linewidth=1)
    return _finish(axes)


def loss_curves(histories: Mapping[str, Mapping[str, np.ndarray]], axes: Axes | None = None) -> Axes:
    """Training loss over steps as lines, validation loss after each epoch as dots: a name -> ``Run.history``."""
    axes = axes or _new_axes()
    for name, history, style in _styled(histories):
        axes.plot(history["step"], history["loss"], linewidth=1, label=f"{name}, training", **style | {"marker": ""})
        ends = ~np.isnan(history["valid_loss"])
        axes.plot(history["step"][ends], history["valid_loss"][ends], label=f"{name}, validation",
                  **style | {"linestyle": ""})
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    return _finish(axes)


def trainings(rows: Sequence[Row], variants: Sequence[str], metric: str = "ab_mae", axes: Axes | None = None) -> Axes:
    """Every training of some variants as a dot, with the mean of each variant and its 95% interval, if it has two.

    The first variant is on top. ``metric`` is a key of LABELS.

    Raises:
        UsageError: for a variant or a metric that no training has.
    """
    found = {variant: [row.measures[metric] for row in rows if row.variant == variant and metric in row.measures]
             for variant in variants}
    if empty := [variant for variant, values in found.items() if not values]:
        raise UsageError(f"no training of {empty[0]!r} has {metric!r}")
    axes = axes or _new_axes(6, 0.45 * len(variants) + 0.9)
    for place, (_, values, style) in enumerate(_styled(found)):
        axes.errorbar(np.mean(values), place, xerr=half_interval(values), fmt="|", color="black", markersize=16,
                      markeredgewidth=2, ecolor=style["color"], elinewidth=2)
        axes.plot(values, [place] * len(values), "o", color=style["color"], markeredgecolor="black", alpha=0.8)
    axes.set(yticks=range(len(found)), yticklabels=list(found), ylim=(len(found) - 0.5, -0.5),
             xlabel=f"{LABELS[metric]}; {BETTER[metric]} is better")
    axes.spines["left"].set_visible(False)
    return _finish(axes, "x")


def curves(study_curves: Curves, variants: Sequence[str], column: str = "loss", axes: Axes | None = None) -> Axes:
    """Loss or error over epochs: a thin line for each training of some variants, in the style of its variant.

    Variants without curves are left out.

    Raises:
        UsageError: for a column that is not in CURVE_LABELS.
    """
    if column not in CURVE_LABELS:
        raise UsageError(f"column must be one of {', '.join(CURVE_LABELS)}, got {column!r}")
    axes = axes or _new_axes(6, 3.2)
    trained = {variant: [points for (name, _), points in study_curves.items() if name == variant] for variant in variants}
    for variant, seeds, style in _styled(trained):
        for number, points in enumerate(seeds):
            measured = ~np.isnan(points[column])
            axes.plot(points["epoch"][measured], points[column][measured], linewidth=1,
                      label=None if number else variant, **style | {"marker": "." if measured.sum() < 25 else ""})
    axes.set(xlabel="epoch", ylabel=CURVE_LABELS[column])
    return _finish(axes)


def trainings_and_curves(rows: Sequence[Row], study_curves: Curves, variants: Sequence[str], metric: str = "ab_mae",
                         column: str = "valid_ab_mae") -> np.ndarray:
    """``trainings`` beside ``curves``. Returns the two axes."""
    height = max(2.6, 0.45 * len(variants) + 0.9)
    _, panels = plt.subplots(1, 2, figsize=(11, height), layout="constrained", width_ratios=(5, 4))
    trainings(rows, variants, metric, panels[0])
    curves(study_curves, variants, column, panels[1])
    return panels


def _new_axes(width: float = 6, height: float = 3.5) -> Axes:
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _styled(series: Mapping[str, Any]) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Each name and its values, with a line style and a marker of its own."""
    for (name, values), marker, style in zip(series.items(), cycle(MARKERS), cycle(line_styles()), strict=False):
        yield name, values, style | {"marker": marker, "markeredgecolor": "black"}


def _finish(axes: Axes, grid: str = "both") -> Axes:
    """Add a grid, and a legend if anything has a label; remove the frame at the top and right."""
    axes.grid(axis=grid, which="both", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small")
    return axes
