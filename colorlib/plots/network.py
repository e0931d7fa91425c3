"""A network drawn to scale, from the network itself: what each convolution puts out, as a block."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from colorlib.models.networks import evaluating

CHANNELS = 8                 # of a block, for one pixel of the drawing
GAP = 5                      # pixels of the drawing between two blocks
SLANT = 0.35                 # how far the depth of a block is drawn to the right and up


class Block(NamedTuple):
    """What a convolution puts out."""

    channels: int
    height: int
    width: int
    kernel: int
    stride: int
    dilation: int


def blocks(model: nn.Module, size: int) -> list[Block]:
    """The outputs of all convolutions, in the order in which a gray picture of size x size pixels passes them.

    Raises:
        ValueError: for a size that the network cannot take.
    """
    found: dict[nn.Module, Block] = {}                     # a network that looks in a mirror, too, looks twice

    def note(layer: nn.Conv2d, _: tuple[Tensor], output: Tensor) -> None:
        found[layer] = Block(*output.shape[1:], layer.kernel_size[0], layer.stride[0], layer.dilation[0])

    hooks = [layer.register_forward_hook(note) for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    try:
        with evaluating(model):
            model(torch.zeros(1, 1, size, size, device=next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return list(found.values())


def draw_network(model: nn.Module, size: int = 32, axes: Axes | None = None) -> Axes:
    """All convolutions from left to right. As high and as deep as the map has pixels, an eighth as wide as channels.

    Below each its channels; above, where they change, the pixels. s2 halves the map, d2 sees twice as far, 1x1 sees
    one pixel.
    """
    row = [Block(1, size, size, 0, 1, 1), *blocks(model, size)]
    total = sum(block.channels / CHANNELS + SLANT * block.width + GAP for block in row)
    axes = axes or plt.subplots(figsize=(11, 11 * (1.35 * size + 16) / total), layout="constrained")[1]
    x, before = 0.0, None
    for block in row:
        thick = block.channels / CHANNELS
        _cuboid(axes, x, thick, block)
        axes.text(x + thick / 2, -block.height / 2 - 2, _caption(block), ha="center", va="top", fontsize=7)
        if block.height != before:
            axes.text(x + thick / 2 + SLANT * block.width / 2, block.height * (0.5 + SLANT) + 1,
                      f"{block.height} x {block.width}", ha="center", va="bottom", fontsize=7)
        x, before = x + thick + SLANT * block.width + GAP, block.height
    axes.set(xlim=(-GAP, x), ylim=(-size / 2 - 13, size * (0.5 + SLANT) + 6), aspect="equal")
    axes.axis("off")
    return axes


def _caption(block: Block) -> str:
    marks = [f"s{block.stride}"] * (block.stride > 1) + [f"d{block.dilation}"] * (block.dilation > 1)
    return "\n".join([str(block.channels), *marks, *["1x1"] * (block.kernel == 1)])


def _cuboid(axes: Axes, x: float, thick: float, block: Block) -> None:
    low, high, shift = -block.height / 2, block.height / 2, SLANT * block.width
    faces = [([(x, low), (x + thick, low), (x + thick, high), (x, high)], "#56B4E9"),
             ([(x, high), (x + thick, high), (x + thick + shift, high + shift), (x + shift, high + shift)], "#A9D8F3"),
             ([(x + thick, low), (x + thick + shift, low + shift), (x + thick + shift, high + shift),
               (x + thick, high)], "#0072B2")]
    for corners, fill in faces:
        axes.add_patch(plt.Polygon(corners, facecolor=fill, edgecolor="black", linewidth=0.5))
