"""Line, dot and bar charts of measures and losses. Each takes axes or makes them, and returns them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

MARKERS = "osD^vPX"          # one more than there are colors, so that up to 42 series look different


def line_styles() -> list[dict[str, str]]:
    """Line styles that differ in color (Okabe and Ito, safe for the color-blind) and in dashes (for gray print)."""
    return list(plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"],
                           linestyle=["-", "--", "-.", ":", "-", "--"]))


def bars(values: Mapping[str, float], label: str, axes: Axes | None = None) -> Axes:
    """Horizontal bars, the longest on top: a name -> its value. ``label`` says what it is, with its unit."""
    axes = axes or new_axes(6, 0.3 * len(values) + 0.8)
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
    axes = axes or new_axes(6, 0.3 * len(names) + 0.8)
    for name, values, style in styled(series):
        axes.plot([values[row] for row in names], names, label=name, **style | {"linestyle": ""})
    axes.set(xlabel=label)
    return finish(axes, "y")


def line_plot(series: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str,
              axes: Axes | None = None) -> Axes:
    """Lines with markers: a name -> its (x, y) points."""
    axes = axes or new_axes()
    for name, points, style in styled(series):
        axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return finish(axes)


def trade_off(series: Mapping[str, Mapping[str, tuple[float, float]]], gray: float, axes: Axes | None = None) -> Axes:
    """PSNR over colorfulness: a line for each series through its settings, with the setting beside each point.

    Args:
        series: a name -> a setting, such as "0.38" (short, or they overlap) -> (colorfulness / truth, PSNR in dB).
        gray: PSNR of the gray copy in dB, drawn as a dashed line.
    """
    axes = line_plot({name: list(settings.values()) for name, settings in series.items()},
                     "colorfulness / truth; 1 is best", "PSNR (dB); more is better", axes or new_axes(6.5, 4))
    for settings in series.values():
        for setting, point in settings.items():
            axes.annotate(setting, point, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.axhline(gray, color="black", linestyle="--", linewidth=1, label="gray copy")
    axes.axvline(1, color="gray", linewidth=1)
    return finish(axes)


def loss_curves(histories: Mapping[str, Mapping[str, np.ndarray]], axes: Axes | None = None) -> Axes:
    """Training loss over steps as lines, validation loss after each epoch as dots: a name -> ``Run.history``."""
    axes = axes or new_axes()
    for name, history, style in styled(histories):
        marker = "" if len(history["step"]) > 1 else "s"                  # a line of one point would not be seen
        axes.plot(history["step"], history["loss"], linewidth=1, label=f"{name}, training", **style | {"marker": marker})
        ends = ~np.isnan(history["valid_loss"])
        axes.plot(history["step"][ends], history["valid_loss"][ends], label=f"{name}, validation",
                  **style | {"linestyle": ""})
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    return finish(axes)


def new_axes(width: float = 6, height: float = 3.5) -> Axes:
    """Axes of a new figure of this size in inches."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def styled(series: Mapping[str, Any]) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Each name and its values, with a line style and a marker of its own."""
    for (name, values), marker, style in zip(series.items(), cycle(MARKERS), cycle(line_styles()), strict=False):
        yield name, values, style | {"marker": marker, "markeredgecolor": "black"}


def finish(axes: Axes, grid: str = "both") -> Axes:
    """Add a grid, and a legend if anything has a label; remove the frame at the top and right."""
    axes.grid(axis=grid, which="both", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small")
    return axes
