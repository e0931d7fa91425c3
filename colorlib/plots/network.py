"""Draw a network to scale: the output of each convolution as a block."""

from contextlib import ExitStack

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from colorlib.models.predict import device_of, eval_mode

CHANNELS = 8                 # channels of a block per unit of the drawing
GAP = 5                      # units between two blocks
SLANT = 0.35                 # length of a receding edge, to the right and up, per pixel of depth


def conv_shapes(model: nn.Module, size: int) -> dict[nn.Conv2d, tuple[int, int, int]]:
    """Output shape (channels, height, width) of each convolution for a gray picture of size x size pixels.

    The convolutions are in the order in which they first run.

    Raises:
        ValueError: for a size that the network cannot take.
    """
    shapes: dict[nn.Conv2d, tuple[int, int, int]] = {}

    def note(layer: nn.Module, _: tuple[Tensor], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            shapes[layer] = tuple(output.shape[1:])

    with eval_mode(model), ExitStack() as hooks:
        for layer in model.modules():
            hooks.enter_context(layer.register_forward_hook(note))
        model(torch.zeros(1, 1, size, size, device=device_of(model)))
    return shapes


def draw_network(model: nn.Module, size: int = 32, axes: Axes | None = None) -> Axes:
    """Draw all convolutions from left to right: height and depth by pixels, width by channels (8 per pixel).

    Below each block are its channels; above, where they change, its pixels. s2 is a stride of 2, d2 a dilation of 2,
    and 1x1 a kernel of one pixel.
    """
    blocks = [("1", (1, size, size))]
    blocks += [(_caption(layer), shape) for layer, shape in conv_shapes(model, size).items()]
    total = sum(channels / CHANNELS + SLANT * width + GAP for _, (channels, _, width) in blocks)
    axes = axes or plt.subplots(figsize=(11, 11 * (1.35 * size + 16) / total), layout="constrained")[1]
    x, previous_height = 0.0, None
    for caption, (channels, height, width) in blocks:
        thickness, shift = channels / CHANNELS, SLANT * width
        _cuboid(axes, x, x + thickness, height / 2, shift)
        axes.text(x + thickness / 2, -height / 2 - 2, caption, ha="center", va="top", fontsize=7)
        if height != previous_height:
            axes.text(x + thickness / 2 + shift / 2, height * (0.5 + SLANT) + 1, f"{height} x {width}",
                      ha="center", va="bottom", fontsize=7)
        x, previous_height = x + thickness + shift + GAP, height
    axes.set(xlim=(-GAP, x), ylim=(-size / 2 - 13, size * (0.5 + SLANT) + 6), aspect="equal")
    axes.axis("off")
    return axes


def _caption(layer: nn.Conv2d) -> str:
    (stride, _), (dilation, _), (kernel, _) = layer.stride, layer.dilation, layer.kernel_size
    marks = [f"s{stride}"] * (stride > 1) + [f"d{dilation}"] * (dilation > 1) + ["1x1"] * (kernel == 1)
    return "\n".join([str(layer.out_channels), *marks])


def _cuboid(axes: Axes, left: float, right: float, top: float, shift: float) -> None:
    """A cuboid around y = 0: its front, its top, and its right side."""
    back_left, back_right, back_top = left + shift, right + shift, top + shift
    faces = {"#56B4E9": [(left, -top), (right, -top), (right, top), (left, top)],
             "#A9D8F3": [(left, top), (right, top), (back_right, back_top), (back_left, back_top)],
             "#0072B2": [(right, -top), (back_right, shift - top), (back_right, back_top), (right, top)]}
    for fill, corners in faces.items():
        axes.add_patch(plt.Polygon(corners, facecolor=fill, edgecolor="black", linewidth=0.5))
