"""Show pictures: single ones, grids, rows to compare, channels; and save figures for print."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from colorlib import color
from colorlib.system.files import make_folder, write_atomic

Pixels = Tensor | np.ndarray        # on any device


def on_cpu(values: Pixels) -> Tensor:
    """An array, or a tensor of any device, as a tensor on the CPU without gradient."""
    return color.to_tensor(values).detach().cpu()


def show(rgb: Pixels, axes: Axes | None = None, title: str = "") -> Axes:
    """Show one picture with sharp pixels and no ticks: rgb (3, H, W), or gray (1, H, W) in [0, 1]."""
    axes = axes or plt.subplots(figsize=(2, 2), layout="constrained")[1]
    pixels = color.to_uint8(on_cpu(rgb)).permute(1, 2, 0).squeeze(-1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes


def contact_sheet(rgb: Pixels | Sequence[Pixels], titles: Sequence[str] = (), columns: int = 8) -> np.ndarray:
    """Show pictures (N, 3, H, W) in a grid, with a title above each if given. Returns the axes, (rows, columns)."""
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


def triptychs(gray: Pixels, predicted: Pixels, actual: Pixels) -> np.ndarray:
    """Show a row each of gray, predicted and actual pictures, as in Figure 3 of the study. Returns the axes, (3, N).

    Args:
        gray: (N, 1, H, W) in [0, 1].
        predicted, actual: (N, 3, H, W), uint8 or in [0, 1].
    """
    rows = {"gray": color.gray_to_rgb(on_cpu(gray)), "predicted": predicted, "actual": actual}
    _, axes = plt.subplots(3, len(gray), figsize=(1.25 * len(gray) + 0.3, 3.9), squeeze=False, layout="constrained")
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for cell, picture in zip(row, pictures, strict=True):
            show(picture, cell)
        row[0].set_ylabel(name)
    return axes


def channel_views(rgb: Pixels) -> np.ndarray:
    """Show the channels of one picture (3, H, W), and its color alone, at L = 60. Returns the axes, (2, 4)."""
    rgb = color.to_float(on_cpu(rgb))
    lab = color.rgb_to_lab(rgb)
    L, a, b = lab.split(1)

    def at_one_lightness(a: Tensor, b: Tensor) -> Tensor:
        return color.join_lab(torch.full_like(L, 60), torch.cat([a, b]))

    views = {"rgb": rgb, "R": rgb[:1], "G": rgb[1:2], "B": rgb[2:], "ab alone": at_one_lightness(a, b), "L": L / 100,
             "a: green to red": at_one_lightness(a, 0 * b), "b: blue to yellow": at_one_lightness(0 * a, b)}
    _, axes = plt.subplots(2, 4, figsize=(8, 4.4), layout="constrained")
    for cell, (name, view) in zip(axes.flat, views.items(), strict=True):
        show(view, cell, name)
    return axes


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as folder/name.png, at 300 dots per inch, and as folder/name.svg; existing files are replaced.

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
