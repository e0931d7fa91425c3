"""Plots of results, and figures kept as files for print."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorlib import color
from colorlib.plots.pictures import MARKERS, TRIPTYCH, contact_sheet, styles
from colorlib.system.files import make_folder, write_atomic

KERNEL = 1024                # MiB of a hub's kernel
Points = Sequence[tuple[float, float]]


def keep(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG, 300 dots an inch, and as SVG, under ``folder``; what was there is replaced.

    Raises:
        WriteError: if they cannot be written.
    """
    make_folder(folder)
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=path.suffix[1:], dpi=300)
        write_atomic(path, buffer.getvalue())
    return paths


def trade_off(series: Mapping[str, Mapping[str, tuple[float, float]]], gray: float, axes: Axes | None = None) -> Axes:
    """How vivid against how true: a line for each series through its settings, each named beside its point.

    Args:
        series: a name -> a setting, such as "0.38" (short, or they overlap) -> (colorfulness / truth, PSNR in dB).
        gray: the PSNR of the gray copy, drawn as a dashed line.
    """
    axes = axes or plt.subplots(figsize=(6.5, 4), layout="constrained")[1]
    for (name, settings), marker, style in zip(series.items(), cycle(MARKERS), cycle(styles()), strict=False):
        axes.plot(*zip(*settings.values(), strict=True), marker=marker, markeredgecolor="black", label=name, **style)
        for setting, point in settings.items():
            axes.annotate(setting, point, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.axhline(gray, color="black", linestyle="--", linewidth=1, label="gray copy")
    axes.axvline(1, color="gray", linewidth=1)
    axes.set(xlabel="colorfulness / truth; 1 is best", ylabel="PSNR (dB); more is better")
    axes.grid(alpha=0.3)
    axes.legend()
    return axes


def against_time(series: Mapping[str, Points], label: str, axes: Axes | None = None) -> Axes:
    """What was reached after how long: a name -> (seconds, value) points; the time is logarithmic."""
    axes = _lines(series, axes)
    axes.set(xlabel="seconds of training", ylabel=label, xscale="log")
    axes.legend()
    return axes


def against_size(series: Mapping[str, Points], axes: Axes | None = None) -> Axes:
    """Memory for each size of the pictures: a name -> (pixels, MiB) points; the dashed line is a kernel of 1 GiB."""
    axes = _lines(series, axes)
    axes.axhline(KERNEL, color="black", linestyle="--", linewidth=1, label="1 GiB")
    axes.legend()
    axes.set(xlabel="pixels along a side", ylabel="memory (MiB)", ylim=(0, None))
    return axes


def by_class(rgb: np.ndarray, predicted: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """The first picture of each class: gray, predicted, actual, one above the other. Returns the axes, (3, classes).

    Args:
        rgb: (N, 3, H, W) uint8.
        predicted: (N, 3, H, W), uint8 or in [0, 1].
        labels: (N,).
    """
    first = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]
    actual = color.to_float(color.to_tensor(rgb[first]))
    rows = [*color.gray_to_rgb(color.to_gray(actual)), *color.to_float(color.to_tensor(predicted[first])), *actual]
    titles = [classes[labels[i]] for i in first] + [""] * (2 * len(first))
    axes = contact_sheet(rows, titles, columns=len(first))
    for row, name in zip(axes, TRIPTYCH, strict=True):
        row[0].set_ylabel(name)
    return axes


def _lines(series: Mapping[str, Points], axes: Axes | None) -> Axes:
    axes = axes or plt.subplots(figsize=(6, 3.5), layout="constrained")[1]
    for (name, points), marker, style in zip(series.items(), cycle(MARKERS), cycle(styles()), strict=False):
        axes.plot(*zip(*points, strict=True), marker=marker, markeredgecolor="black", label=name, **style)
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    return axes
