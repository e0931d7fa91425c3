"""From a small estimate of ab to a photo at its full size: edge-aware, and in strips, so that memory stays small.

A network colors a small copy of the photo. Enlarged as it is, its color would bleed over edges that only the large
photo shows. The guided filter of He, Sun and Tang (2010), in the form of He and Sun 2015, "Fast Guided Filter",
explains ab by L with a line in every small window, ab = slope x L + offset. Slopes and offsets are enlarged; the
full-size L brings the edges in. Theirs is made to smooth, and averages both; we keep the network's colors as they are:
every line goes through its own pixel.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorlib import color

STRIP = 2**18        # pixels that are worked on at a time
LEVELS = 2**14       # of linear light, to look the gamma up


def lines(L: Tensor, ab: Tensor, radius: int = 1, smoothness: float = 16.0) -> tuple[Tensor, Tensor]:
    """The line that explains ab by L around each pixel: its slope by He, Sun and Tang 2010, equation 5.

    Args:
        L: (B, 1, h, w) in [0, 100].
        ab: (B, 2, h, w) in Lab units.
        radius: of the window, in pixels.
        smoothness: their epsilon, in squared Lab units: where L varies less, the slope is near zero.

    Returns:
        slope and offset, (B, 2, h, w) each; ab = slope x L + offset.
    """
    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, [radius] * 4, mode="replicate"), 2 * radius + 1, 1)

    radius = min(radius, *(side - 1 for side in L.shape[-2:])) if min(L.shape[-2:]) > 1 else 0
    mean_L, mean_ab = mean(L), mean(ab)
    slope = (mean(L * ab) - mean_L * mean_ab) / (mean(L * L) - mean_L.square() + smoothness)
    return slope, ab - slope * L


def colored(photo: Image.Image, slope: Tensor, offset: Tensor, saturation: float = 1.0) -> Image.Image:
    """A photo in the colors slope x L + offset, each enlarged to its size, with the photo's own L.

    Args:
        photo: of mode "RGB", any size.
        slope, offset: (1, 2, h, w), as ``lines`` gives them.
        saturation: what to multiply a and b with.

    Returns:
        Mode "RGB". Colors that sRGB cannot show are pulled toward gray, at the same L.
    """
    result = Image.new("RGB", photo.size)
    coefficients = saturation * torch.cat([slope, offset], 1)                   # (1,4,h,w)
    for top, bottom in _strips(*photo.size):
        strip = photo.crop((0, top, photo.width, bottom))
        wanted = _enlarged(coefficients, photo.size, top, bottom)
        L = lightness(np.asarray(strip))
        ab = wanted[:, :2] * L + wanted[:, 2:]
        result.paste(Image.fromarray(to_pixels(L[0], ab[0])), (0, top))
    return result


def lightness(pixels: np.ndarray) -> Tensor:
    """Pixels (H, W, 3) uint8 -> L (1, 1, H, W) in [0, 100]. Looks the gamma up in a table."""
    levels = color.to_tensor(pixels)
    red, green, blue = (_looked_up(table, levels[..., i]) for i, table in enumerate(_luminances()))
    table = _lightness_of_luminance()
    return _looked_up(table, ((red + green + blue) * (len(table) - 1)).round_())[None, None]


def to_pixels(L: Tensor, ab: Tensor) -> np.ndarray:
    """L (1, H, W) and ab (2, H, W) -> (H, W, 3) uint8, clipped to the gamut at the same L."""
    linear = color.lab_to_linear(torch.cat([L, ab]))
    outside = ~color.shown(linear)[0]
    if outside.any():                                           # few pixels: only these take the slow way
        few = torch.cat([L, ab])[:, outside][:, None]           # (3,1,P)
        linear[:, outside] = color.lab_to_linear(color.clip_to_gamut(few))[:, 0]
    levels = linear.clamp_(0, 1).mul_(LEVELS).add_(0.5)
    return _looked_up(_gamma(), levels).permute(1, 2, 0).contiguous().numpy()


def _looked_up(table: Tensor, numbers: Tensor) -> Tensor:
    """table[numbers], for numbers of any type: several times as fast as the brackets."""
    return table.index_select(0, numbers.flatten().int()).reshape(numbers.shape)


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _enlarged(coefficients: Tensor, size: tuple[int, int], top: int, bottom: int) -> Tensor:
    """The rows top...bottom of (1,C,h,w) enlarged to size (width, height), bilinear, pixel centers aligned."""
    (width, height), h = size, coefficients.shape[-2]
    y = (torch.arange(top, bottom) + 0.5) * h / height - 0.5
    low = y.floor().clamp(0, h - 1).long()
    weight = (y - low).clamp(0, 1)[:, None]
    high = (low + 1).clamp(max=h - 1)
    rows = torch.lerp(coefficients[:, :, low], coefficients[:, :, high], weight)        # (1,C,rows,w)
    return F.interpolate(rows, (bottom - top, width), mode="bilinear")


@cache
def _levels() -> Tensor:
    """Linear light of the 256 levels of sRGB."""
    return color.to_linear(torch.arange(256) / 255)


@cache
def _luminances() -> Tensor:
    """What each level of red, green and blue adds to the luminance: (3,256)."""
    return torch.tensor(color.XYZ_FROM_RGB[1])[:, None] * _levels()


@cache
def _lightness_of_luminance() -> Tensor:
    """L of 65,536 luminances from 0 to 1."""
    return color.lightness(torch.linspace(0, 1, 2**16))


@cache
def _gamma() -> Tensor:
    """The level of sRGB for each of LEVELS + 1 levels of linear light."""
    return color.to_uint8(color.from_linear(torch.arange(LEVELS + 1) / LEVELS))
