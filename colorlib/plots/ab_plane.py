"""The ab plane: where the colors of photos lie, and its bins with their colors, values and probabilities."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from colorlib import color
from colorlib.color.bins import bin_centers
from colorlib.plots.pictures import Pixels, on_cpu, show

SQUARE = 95          # area of a bin in square points, on axes of 3.3 inches


def ab_density(rgb: Pixels, axes: Axes | None = None) -> Axes:
    """Number of pixels in cells of 2 x 2 Lab units, on a logarithmic scale: rgb (N, 3, H, W), uint8 or in [0, 1]."""
    axes = _plane(axes, 110)
    edges = np.arange(-110, 111, 2)
    counts = 0
    for batch in color.to_tensor(rgb).split(500):              # all photos as floats would take much memory
        a, b = color.split_lab(on_cpu(batch))[1].transpose(0, 1).flatten(1).numpy()
        counts = counts + np.histogram2d(b, a, bins=edges)[0]
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0), norm="log", cmap="viridis")
    axes.axhline(0, color="gray", linewidth=0.5)
    axes.axvline(0, color="gray", linewidth=0.5)
    axes.figure.colorbar(mesh, ax=axes, label="pixels")
    return axes


def bin_colors(L: float = 60, axes: Axes | None = None) -> Axes:
    """Every bin as a square of its color at lightness L, moved toward gray where it is outside of sRGB."""
    axes = _plane(axes)
    axes.scatter(*bin_centers().T, SQUARE, _colors(L), "s")
    axes.set_title(f"{len(bin_centers())} bins, at L = {L:g}")
    return axes


def bin_values(values: Tensor, label: str, axes: Axes | None = None) -> Axes:
    """One number per bin, (Q,), as brightness on a logarithmic scale. ``label`` says what it is, with its unit."""
    axes = _plane(axes)
    squares = axes.scatter(*bin_centers().T, SQUARE, on_cpu(values), "s", norm="log")
    axes.figure.colorbar(squares, ax=axes, label=label)
    return axes


def distribution(logits: Tensor, axes: Axes | None = None) -> Axes:
    """Predicted distribution of one pixel, logits (Q,): dots in the colors of the bins.

    The area of a dot is the probability of its bin, in a scale where the most likely bin fills its square.
    """
    axes = _plane(axes)
    probabilities = on_cpu(logits).softmax(0)
    axes.scatter(*bin_centers().T, SQUARE * probabilities / probabilities.max(), _colors(60), edgecolors="black", linewidths=0.5)
    return axes


def uncertainty(rgb: Pixels, entropy: Tensor) -> np.ndarray:
    """Pictures (N, 3, H, W) above maps of their entropy, (N, 1, h, w) in bits. Returns the axes, (2, N)."""
    entropy = on_cpu(entropy)
    _, axes = plt.subplots(2, len(rgb), figsize=(1.4 * len(rgb) + 0.8, 3), squeeze=False, layout="constrained")
    for picture, bits, (above, below) in zip(rgb, entropy, axes.T, strict=True):
        show(picture, above)
        heat_map = below.imshow(bits[0], cmap="magma", vmin=0, vmax=float(entropy.max()))
        below.set(xticks=[], yticks=[])
    below.figure.colorbar(heat_map, ax=axes[1, :], label="entropy (bits)")
    return axes


def _colors(L: float) -> np.ndarray:
    """Colors of the bins at lightness L: (Q,3) in [0,1]."""
    ab = bin_centers()[:, :, None, None]
    return color.join_lab(torch.full_like(ab[:, :1], L), ab).flatten(1).numpy()


def _plane(axes: Axes | None, radius: int = 120) -> Axes:
    axes = axes or plt.subplots(figsize=(4.6, 4), layout="constrained")[1]
    axes.set(xlim=(-radius, radius), ylim=(-radius, radius), aspect="equal",
             xlabel="a: green to red (Lab units)", ylabel="b: blue to yellow (Lab units)")
    return axes
