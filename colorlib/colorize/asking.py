"""Which color to ask a user for, and which answers to offer, by the distribution that a network predicts."""

import torch
import torch.nn.functional as F
from torch import Tensor

from colorlib import color
from colorlib.color import bins

AREA = 1 / 6         # of the shorter side: over such a square the spread of colors is averaged
APART = 20.0         # Lab units between two colors that are offered


def spread(logits: Tensor) -> Tensor:
    """Standard deviation of the color: logits (1, Q, h, w) -> (1, 1, h, w) in Lab units."""
    probabilities, centers = logits.softmax(1), bins.bin_centers().to(logits)
    mean = torch.einsum("bqhw,qc->bchw", probabilities, centers)
    squares = torch.einsum("bqhw,q->bhw", probabilities, centers.square().sum(1))[:, None]
    return (squares - mean.square().sum(1, keepdim=True)).clamp(min=0).sqrt()


def place_to_ask(logits: Tensor) -> tuple[float, float]:
    """The place whose color would settle most: where colors are spread widest over an area, as x and y from 0 to 1."""
    _, _, h, w = logits.shape
    side = max(1, round(AREA * min(h, w)) // 2 * 2 + 1)
    # Beyond the edge there is nothing to settle.
    settled = F.avg_pool2d(spread(logits), side, 1, side // 2)
    row, column = divmod(int(settled.argmax()), w)
    return (column + 0.5) / w, (row + 0.5) / h


def likely_colors(logits: Tensor, L: Tensor, x: float, y: float, number: int = 8) -> list[str]:
    """Colors that are likely at a place, the likeliest first, none like another.

    Args:
        logits: (1, Q, h, w).
        L: (1, 1, H, W) in [0, 100], of the same photo.
        x, y: from 0 to 1.
        number: of colors, at most.

    Returns:
        Colors at the L of the place, such as "#c08040".
    """
    centers = bins.bin_centers().to(logits)
    order = _at(logits, x, y).argsort(descending=True)
    chosen: list[Tensor] = []
    for center in centers[order]:
        if len(chosen) < number and all((center - other).norm() >= APART for other in chosen):
            chosen.append(center)
    ab = torch.stack(chosen)[:, :, None, None]
    rgb = color.to_uint8(color.join_lab(_at(L, x, y).expand(len(ab), 1, 1, 1), ab))
    return ["#" + "".join(f"{level:02x}" for level in levels) for levels in rgb.flatten(1).tolist()]


def _at(tensor: Tensor, x: float, y: float) -> Tensor:
    """The values of (1, C, H, W) at a place: (C,)."""
    H, W = tensor.shape[-2:]
    return tensor[0, :, min(int(y * H), H - 1), min(int(x * W), W - 1)]
