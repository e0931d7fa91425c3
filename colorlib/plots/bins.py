"""Plots of the ab plane in bins: what each bin looks like, how frequent it is, what a network believes of a pixel."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from colorlib import color
from colorlib.color.bins import GRID, bin_centers
from colorlib.plots.pictures import PLANE, show

RADIUS = 120         # Lab units: how much of the plane is drawn


def bin_colors(L: float = 60, axes: Axes | None = None) -> Axes:
    """Every bin as a square of its color at lightness L; what sRGB cannot show at that L is pulled toward gray."""
    axes = _plane(axes)
    _squares(axes, bin_centers(), _colors(L))
    axes.set_title(f"{len(bin_centers())} bins, at L = {L:g}")
    return axes


def bin_values(values: Tensor, label: str, axes: Axes | None = None) -> Axes:
    """A number for each bin, (Q,), as brightness, on a logarithmic scale: their prior, their weights.

    Args:
        label: names it, with its unit.
    """
    axes = _plane(axes)
    mapped = plt.cm.ScalarMappable(plt.matplotlib.colors.LogNorm(), "viridis")
    mapped.set_array(values.numpy())
    _squares(axes, bin_centers(), mapped.to_rgba(values.numpy())[:, :3])
    axes.figure.colorbar(mapped, ax=axes, label=label)
    return axes


def distribution(logits: Tensor, axes: Axes | None = None, L: float = 60) -> Axes:
    """What a network believes of one pixel, logits (Q,): dots in the bins' colors, their areas the probabilities."""
    axes, (a, b) = _plane(axes), bin_centers().T
    areas = 1500 * logits.softmax(0).detach().numpy()
    axes.scatter(a, b, areas, _colors(L), edgecolors="black", linewidths=0.5)
    return axes


def uncertainty(rgb: Tensor, entropy: Tensor) -> np.ndarray:
    """Pictures (N,3,H,W) over how unsure the network is of each pixel's color, (N,1,h,w) in bits. Returns the axes."""
    _, axes = plt.subplots(2, len(rgb), figsize=(1.4 * len(rgb) + 0.8, 3), squeeze=False, layout="constrained")
    for picture, bits, (above, below) in zip(rgb, entropy, axes.T, strict=True):
        show(picture, above)
        drawn = below.imshow(bits[0], cmap="magma", vmin=0, vmax=float(entropy.max()))
        below.set(xticks=[], yticks=[])
    below.figure.colorbar(drawn, ax=axes[1, :], label="entropy (bits)")
    return axes


def _colors(L: float) -> np.ndarray:
    """The bins' colors at lightness L: (Q,3) in [0,1]."""
    ab = bin_centers()[:, :, None, None]
    return color.join_lab(torch.full_like(ab[:, :1], L), ab).flatten(1).numpy()


def _plane(axes: Axes | None) -> Axes:
    axes = axes or plt.subplots(figsize=(4.6, 4), layout="constrained")[1]
    axes.set(xlim=(-RADIUS, RADIUS), ylim=(-RADIUS, RADIUS), **PLANE)
    return axes


def _squares(axes: Axes, ab: Tensor, rgb: np.ndarray) -> None:
    for (a, b), fill in zip(ab.tolist(), rgb, strict=True):
        axes.add_patch(plt.Rectangle((a - GRID / 2, b - GRID / 2), GRID, GRID, color=fill))
