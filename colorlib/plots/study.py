"""Plots of a study: every training visible, and what the trainings together can tell."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from colorlib.metrics.evaluation import EVERY
from colorlib.plots.pictures import styles
from colorlib.study.claims import BETTER, TRAINING, half_interval
from colorlib.study.study import Row
from colorlib.study.tables import Curves

LABELS = {name: measure.label for name, measure in EVERY.items()} | TRAINING
AXES = {"loss": "training loss", "valid_ab_mae": "validation ab MAE (Lab units)"}


def trainings(rows: Sequence[Row], variants: Sequence[str], metric: str = "ab_mae", axes: Axes | None = None) -> Axes:
    """A line for each variant: every training a dot, their mean a bar, and, of two or more, its 95% interval.

    Args:
        rows: of a study.
        variants: names, the first on top.
        metric: a key of LABELS.

    Raises:
        ValueError: for a variant or a metric that no training has.
    """
    found = {variant: [row.measures[metric] for row in rows if row.variant == variant and metric in row.measures]
             for variant in variants}
    if empty := [variant for variant, values in found.items() if not values]:
        raise ValueError(f"no training of {empty[0]!r} has {metric!r}")
    axes = axes or plt.subplots(figsize=(6, 0.45 * len(variants) + 0.9), layout="constrained")[1]
    for place, (values, style) in enumerate(zip(found.values(), cycle(styles()), strict=False)):
        mean, around = np.mean(values), half_interval(values) if len(values) > 1 else 0
        axes.plot([mean - around, mean + around], [place, place], color=style["color"], linewidth=2)
        axes.plot([mean], [place], "|", color="black", markersize=16, markeredgewidth=2)
        axes.plot(values, [place] * len(values), "o", color=style["color"], markeredgecolor="black", alpha=0.8)
    axes.set(yticks=range(len(found)), yticklabels=list(found), ylim=(len(found) - 0.5, -0.5),
             xlabel=f"{LABELS[metric]}; {BETTER[metric]} is better")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return axes


def curves(known: Curves, variants: Sequence[str], column: str = "loss", axes: Axes | None = None) -> Axes:
    """How the variants got there: every training a thin line over epochs, named in the legend by its variant.

    Args:
        known: as ``read_curves`` gives them.
        variants: names; those without curves are left out.
        column: a key of AXES.

    Raises:
        KeyError: for another column.
    """
    axes = axes or plt.subplots(figsize=(6, 3.2), layout="constrained")[1]
    trained = {variant: [points for (name, _), points in known.items() if name == variant] for variant in variants}
    for (variant, seeds), style in zip(trained.items(), cycle(styles()), strict=False):
        for number, points in enumerate(seeds):
            there = ~np.isnan(points[column])
            axes.plot(points["epoch"][there], points[column][there], linewidth=1, **style,
                      marker="." if there.sum() < 25 else "", label=None if number else variant)
    axes.set(xlabel="epoch", ylabel=AXES[column])
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if any(trained.values()):
        axes.legend(fontsize="small")
    return axes


def both(rows: Sequence[Row], known: Curves, variants: Sequence[str], metric: str = "ab_mae",
         column: str = "valid_ab_mae") -> np.ndarray:
    """``trainings`` beside ``curves``. Returns the two axes."""
    _, panels = plt.subplots(1, 2, figsize=(11, max(2.6, 0.45 * len(variants) + 0.9)), layout="constrained",
                             width_ratios=(5, 4))
    trainings(rows, variants, metric, panels[0])
    curves(known, variants, column, panels[1])
    return panels
