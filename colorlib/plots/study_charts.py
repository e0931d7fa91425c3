"""Charts of a study: its trainings, their curves, and pictures of them to choose among.

Apart from the other charts, since the tables of a study need SciPy and pandas, and pandas alone takes 65 MiB of a small kernel.
"""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from colorlib.metrics.evaluation import MEASURES
from colorlib.plots.charts import finish, new_axes, styled
from colorlib.plots.tabs import Tabs
from colorlib.study.claims import BETTER, TRAINING_LABELS, half_interval
from colorlib.study.study import Row
from colorlib.study.tables import Curves
from colorlib.system.errors import UsageError

LABELS = {name: measure.label for name, measure in MEASURES.items()} | TRAINING_LABELS
CURVE_LABELS = {"loss": "training loss", "valid_ab_mae": "validation ab MAE (Lab units)"}


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
    axes = axes or new_axes(6, 0.45 * len(variants) + 0.9)
    for place, (_, values, style) in enumerate(styled(found)):
        axes.errorbar(np.mean(values), place, xerr=half_interval(values), fmt="|", color="black", markersize=16,
                      markeredgewidth=2, ecolor=style["color"], elinewidth=2)
        axes.plot(values, [place] * len(values), "o", color=style["color"], markeredgecolor="black", alpha=0.8)
    axes.set(yticks=range(len(found)), yticklabels=list(found), ylim=(len(found) - 0.5, -0.5),
             xlabel=f"{LABELS[metric]}; {BETTER[metric]} is better")
    axes.spines["left"].set_visible(False)
    return finish(axes, "x")


def curves(study_curves: Curves, variants: Sequence[str], column: str = "loss", axes: Axes | None = None) -> Axes:
    """Loss or error over epochs: a thin line for each training of some variants, in the style of its variant.

    Variants without curves are left out.

    Raises:
        UsageError: for a column that is not in CURVE_LABELS.
    """
    if column not in CURVE_LABELS:
        raise UsageError(f"column must be one of {', '.join(CURVE_LABELS)}, got {column!r}")
    axes = axes or new_axes(6, 3.2)
    trained = {variant: [points for (name, _), points in study_curves.items() if name == variant] for variant in variants}
    for variant, seeds, style in styled(trained):
        for number, points in enumerate(seeds):
            measured = ~np.isnan(points[column])
            axes.plot(points["epoch"][measured], points[column][measured], linewidth=1,
                      label=None if number else variant, **style | {"marker": "." if measured.sum() < 25 else ""})
    axes.set(xlabel="epoch", ylabel=CURVE_LABELS[column])
    return finish(axes)


def trainings_and_curves(rows: Sequence[Row], study_curves: Curves, variants: Sequence[str], metric: str = "ab_mae",
                         column: str = "valid_ab_mae") -> np.ndarray:
    """``trainings`` beside ``curves``. Returns the two axes."""
    height = max(2.6, 0.45 * len(variants) + 0.9)
    _, panels = plt.subplots(1, 2, figsize=(11, height), layout="constrained", width_ratios=(5, 4))
    trainings(rows, variants, metric, panels[0])
    curves(study_curves, variants, column, panels[1])
    return panels


def study_explorer(rows: Sequence[Row], study_curves: Curves, variants: Sequence[str],
                   metrics: Sequence[str] = ("ab_mae", "psnr", "colorfulness", "lpips_alexnet", "lpips_vgg16", "seconds")) -> Tabs:
    """All trainings and curves of some variants, a picture for each measure to choose from.

    Args:
        rows, study_curves: of the study, from ``read_table`` and ``read_curves``.
        variants: to show; the first is on top.
        metrics: keys of LABELS; those that these variants were not measured by are left out.

    Raises:
        UsageError: if these variants have none of the measures.
    """
    measured = [metric for metric in metrics if all(any(row.variant == variant and metric in row.measures for row in rows) for variant in variants)]
    if not measured:
        raise UsageError(f"there is no measure that all of {', '.join(variants)} have: nothing to explore")
    pictures = {}
    for metric in measured:
        buffer = io.BytesIO()
        figure = trainings_and_curves(rows, study_curves, variants, metric)[0].figure
        figure.savefig(buffer, format="png", dpi=90)                # six of them are stored
        plt.close(figure)
        pictures[LABELS[metric]] = buffer.getvalue()
    return Tabs(pictures)
