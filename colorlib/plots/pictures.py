"""Plots. Each takes data and returns matplotlib axes, with labels and units set."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from colorlib import color

MARKERS = "osD^vPX"          # one more than there are colors, so that many series stay apart
TRIPTYCH = ("gray", "predicted", "actual")
PLANE = {"xlabel": "a: green to red (Lab units)", "ylabel": "b: blue to yellow (Lab units)", "aspect": "equal"}


def show(rgb: Tensor | np.ndarray, axes: Axes | None = None, title: str = "") -> Axes:
    """One picture without ticks: rgb (3,H,W), or gray (1,H,W) in [0,1], pixels as sharp squares."""
    axes = axes or plt.subplots(figsize=(2, 2), layout="constrained")[1]
    pixels = color.to_uint8(color.to_tensor(rgb)).permute(1, 2, 0).squeeze(-1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes


def contact_sheet(rgb: Tensor | np.ndarray, titles: Sequence[str] = (), columns: int = 8) -> np.ndarray:
    """A grid of pictures: rgb (N,3,H,W), with a title above each if given. Returns the axes, (rows, columns)."""
    rows = -(-len(rgb) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(1.25 * columns, (1.25 + 0.2 * bool(titles)) * rows),
                           squeeze=False, layout="constrained")
    for i, cell in enumerate(axes.flat):
        if i < len(rgb):
            show(rgb[i], cell, titles[i] if titles else "")
            cell.title.set_fontsize(9)
        else:
            cell.set_visible(False)
    return axes


def triptychs(gray: Tensor, predicted: Tensor, actual: Tensor) -> np.ndarray:
    """The study's Figure 3 for several images: a row each of gray, predicted and actual.

    Args:
        gray: (N, 1, H, W) in [0, 1].
        predicted, actual: (N, 3, H, W), uint8 or in [0, 1].

    Returns:
        The axes, (3, N).
    """
    _, axes = plt.subplots(3, len(gray), figsize=(1.25 * len(gray) + 0.3, 3.9), squeeze=False, layout="constrained")
    for row, (name, pictures) in enumerate(zip(TRIPTYCH, (color.gray_to_rgb(gray), predicted, actual), strict=True)):
        for cell, picture in zip(axes[row], pictures, strict=True):
            show(picture, cell)
        axes[row, 0].set_ylabel(name)
    return axes


def loss_curves(histories: Mapping[str, Mapping[str, np.ndarray]], axes: Axes | None = None) -> Axes:
    """Training loss over steps, a line for each named history, its validation as dots at the end of each epoch.

    Args:
        histories: a name -> the columns of a history.csv, as ``Run.history`` has them.
    """
    axes = axes or plt.subplots(figsize=(6, 3.5), layout="constrained")[1]
    for (name, history), marker, style in zip(histories.items(), cycle(MARKERS), cycle(styles()), strict=False):
        axes.plot(history["step"], history["loss"], linewidth=1, label=f"{name}, training", **style)
        ends = ~np.isnan(history["valid_loss"])
        axes.plot(history["step"][ends], history["valid_loss"][ends], marker, color=style["color"],
                  markeredgecolor="black", label=f"{name}, validation")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return axes


def ab_density(rgb: Tensor | np.ndarray, axes: Axes | None = None) -> Axes:
    """Where the colors of some images lie in the ab plane: counts of pixels in cells of 2 x 2 Lab units, logarithmic.

    Args:
        rgb: (N, 3, H, W), uint8 or in [0, 1].
    """
    axes = axes or plt.subplots(figsize=(4.6, 4), layout="constrained")[1]
    edges = np.arange(-110, 111, 2)
    counts = 0
    for part in color.to_tensor(rgb).split(500):              # as floats all of them would take much memory
        _, ab = color.split_lab(part)
        a, b = ab.transpose(0, 1).flatten(1).numpy()
        counts = counts + np.histogram2d(b, a, bins=edges)[0]
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0), norm="log", cmap="viridis")
    axes.axhline(0, color="gray", linewidth=0.5)
    axes.axvline(0, color="gray", linewidth=0.5)
    axes.set(**PLANE)
    axes.figure.colorbar(mesh, ax=axes, label="pixels")
    return axes


def channel_views(rgb: Tensor | np.ndarray) -> np.ndarray:
    """One picture (3,H,W) taken apart: itself with R, G, B as grays; its color alone, at L = 60, with L, a, b as grays.

    Returns:
        The axes, (2, 4).
    """
    rgb = color.to_float(color.to_tensor(rgb))
    lab = color.rgb_to_lab(rgb)
    L, a, b = lab.split(1)
    chroma = color.join_lab(torch.full_like(L, 60), lab[1:])
    views = {"rgb": rgb, "R": rgb[:1], "G": rgb[1:2], "B": rgb[2:], "ab alone": chroma, "L": L / 100,
             "a: green to red": a / 200 + 0.5, "b: blue to yellow": b / 200 + 0.5}
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for cell, (name, view) in zip(axes.flat, views.items(), strict=True):
        show(view, cell, name)
    return axes


def bars(values: Mapping[str, float], label: str, axes: Axes | None = None) -> Axes:
    """Horizontal bars, the longest on top: a name -> its value, which ``label`` names with its unit."""
    axes = axes or plt.subplots(figsize=(6, 0.3 * len(values) + 0.8), layout="constrained")[1]
    names = sorted(values, key=values.get)
    axes.barh(names, [values[name] for name in names], color="0.45")
    axes.set(xlabel=label)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def dots(values: Mapping[str, Mapping[str, float]], label: str, axes: Axes | None = None) -> Axes:
    """A row of dots for each thing measured: a series -> a thing -> its value, which ``label`` names with its unit.

    The things are sorted by the first series, the largest value on top.
    """
    first = next(iter(values.values()))
    names = sorted(first, key=first.get)
    axes = axes or plt.subplots(figsize=(6, 0.3 * len(names) + 0.8), layout="constrained")[1]
    for (series, of), marker, style in zip(values.items(), cycle(MARKERS), cycle(styles()), strict=False):
        axes.plot([of[name] for name in names], names, marker, color=style["color"], markeredgecolor="black",
                  label=series)
    axes.set(xlabel=label)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    return axes


def styles() -> list[dict[str, str]]:
    """Line styles that differ in color (Okabe and Ito's, safe for the color-blind) and in dashes (for gray print)."""
    colors = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
    return [{"color": c, "linestyle": s} for c, s in zip(colors, ("-", "--", "-.", ":", "-", "--"), strict=True)]
