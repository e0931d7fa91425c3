"""Which color to ask a user for, and which answers to offer, by the distribution that a network predicts."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.color import bins
from colorlib.colorize.borders import cropped, inside_borders
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.hints import Hint, inside

AREA = 1 / 6         # of the shorter side: over such a square the spread of colors is averaged
APART = 20.0         # Lab units between two colors that are offered


@torch.inference_mode()
def place_to_ask(colorizer: Colorizer, photo: Image.Image, hints: Iterable[Hint] = ()) -> tuple[float, float]:
    """The place of a photo whose color would settle most, where the network's colors are spread widest over an area.

    Args:
        colorizer: with weights that take hints and predict a distribution.
        photo: of mode "RGB" or "RGBA".
        hints: that are known already; places near them are not asked for.

    Returns:
        x and y from 0 to 1.
    """
    box = left, top, right, bottom = inside_borders(photo)
    known = inside(tuple(hints), box, *photo.size)
    _, logits = colorizer.lightness_and_output(cropped(photo, box), known)
    x, y = widest_place(logits, known)
    return (left + x * (right - left)) / photo.width, (top + y * (bottom - top)) / photo.height


@torch.inference_mode()
def answers(colorizer: Colorizer, photo: Image.Image, x: float, y: float, hints: Iterable[Hint] = (), number: int = 8) -> list[str]:
    """Colors that are likely at a place, the most colorful first, such as "#c08040"; arguments as above."""
    box = inside_borders(photo)
    others = tuple(hint for hint in hints if (hint.x, hint.y) != (x, y))
    L, logits = colorizer.lightness_and_output(cropped(photo, box), inside(others, box, *photo.size))
    place = inside((Hint(x, y, "#808080"),), box, *photo.size)
    return likely_colors(logits, L, *(place[0][:2] if place else (x, y)), number)


def spread(logits: Tensor) -> Tensor:
    """Standard deviation of the color: logits (1, Q, h, w) -> (1, 1, h, w) in Lab units."""
    probabilities, centers = logits.softmax(1), bins.bin_centers().to(logits)
    mean = torch.einsum("bqhw,qc->bchw", probabilities, centers)
    squares = torch.einsum("bqhw,q->bhw", probabilities, centers.square().sum(1))[:, None]
    return (squares - mean.square().sum(1, keepdim=True)).clamp(min=0).sqrt()


def widest_place(logits: Tensor, known: Iterable[Hint] = ()) -> tuple[float, float]:
    """Middle of the square, away from known places, over which colors are spread widest, as x and y from 0 to 1."""
    _, _, h, w = logits.shape
    side = max(1, round(AREA * min(h, w)) // 2 * 2 + 1)
    settled = F.avg_pool2d(spread(logits), side, 1, side // 2)             # beyond the edge there is nothing to settle
    for hint in known:
        row, column = int(hint.y * h), int(hint.x * w)
        settled[..., max(0, row - side // 2):row + side // 2 + 1, max(0, column - side // 2):column + side // 2 + 1] = -1
    row, column = divmod(int(settled.argmax()), w)
    return (column + 0.5) / w, (row + 0.5) / h


def likely_colors(logits: Tensor, L: Tensor, x: float, y: float, number: int = 8) -> list[str]:
    """The likeliest colors at a place, none like another, the most colorful first.

    Args:
        logits: (1, Q, h, w).
        L: (1, 1, H, W) in [0, 100], of the same photo.
        x, y: from 0 to 1.
        number: of colors, at most.

    Returns:
        Colors at the L of the place, such as "#c08040".
    """
    centers = bins.bin_centers().to(logits)
    chosen: list[Tensor] = []
    for center in centers[_at(logits, x, y).argsort(descending=True)]:
        if len(chosen) < number and all((center - other).norm() >= APART for other in chosen):
            chosen.append(center)
    ab = torch.stack(sorted(chosen, key=lambda center: -float(center.norm())))[:, :, None, None]
    rgb = color.to_uint8(color.join_lab(_at(L, x, y).expand(len(ab), 1, 1, 1), ab))
    return ["#" + "".join(f"{level:02x}" for level in levels) for levels in rgb.flatten(1).tolist()]


def _at(tensor: Tensor, x: float, y: float) -> Tensor:
    """The values of (1, C, H, W) at a place: (C,)."""
    H, W = tensor.shape[-2:]
    return tensor[0, :, min(int(y * H), H - 1), min(int(x * W), W - 1)]
