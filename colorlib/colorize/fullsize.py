"""Bring the colors of a small copy to the full-size photo: guided upsampling along edges, strip by strip.

A network colors a small copy of the photo. Its ab map, simply enlarged, would bleed over edges that only the large
photo shows. The guided filter of He, Sun and Tang (2010), in its fast form (He and Sun 2015, "Fast Guided Filter"),
fits a line ab = slope x L + offset in each small window. Slopes and offsets are enlarged, and the full-size L brings
the edges back. The original filter averages the lines of all windows around a pixel, which smooths. Here each pixel
keeps its own line, through the color that the network gave it.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.system.processor import parallel_map, usable_threads
from colorlib.system.progress import progress_bar

RADIUS = 1           # of the windows, in pixels of the small copy
SMOOTHNESS = 16.0    # epsilon of He, Sun and Tang, in squared Lab units: where L varies less, the slope is near zero
STRIP = 2**18        # pixels of a strip: smaller ones are slower, larger ones take more memory
PATIENCE = 2         # seconds without a progress bar
DEEP_WHITE = 2**16 - 1
LEVELS = 2**14       # of linear light, in the table of sRGB levels


def local_linear_fit(L: Tensor, ab: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares line from L to ab in the window around each pixel: He, Sun and Tang 2010, equation 5.

    Args:
        L: (B, 1, h, w) in [0, 100].
        ab: (B, 2, h, w) in Lab units.

    Returns:
        slope and offset, (B, 2, h, w) each, with ab = slope x L + offset at each pixel.
    """
    # A window cannot be larger than the image; in a row or a column of pixels all slopes are 0.
    radius = min(RADIUS, *(side - 1 for side in L.shape[-2:]))

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, [radius] * 4, mode="replicate"), 2 * radius + 1, 1)

    mean_L, mean_ab = mean(L), mean(ab)
    slope = (mean(L * ab) - mean_L * mean_ab) / (mean(L * L) - mean_L.square() + SMOOTHNESS)
    return slope, ab - slope * L


def render_full_size(photo: Image.Image, slope: Tensor, offset: Tensor, saturation: float = 1.0) -> Image.Image:
    """Color a photo at its full size with ab = slope x L + offset.

    Args:
        photo: of mode "RGB" or "RGBA" and any size; its L and its transparency are kept.
        slope, offset: (1, 2, h, w), from ``local_linear_fit``; they are enlarged to the size of the photo.
        saturation: factor for a and b.

    Returns:
        The colored photo, of the same mode. Colors outside of sRGB are moved toward gray, at the same L.
    """
    def render(top: int, bottom: int, coefficients: Tensor) -> np.ndarray:
        L = lightness_of_pixels(np.asarray(photo.crop((0, top, photo.width, bottom)).convert("RGB")))
        return pixels_from_lab(L[0], _applied(coefficients, L))

    photo.load()                                                                # once, before several threads crop it
    result = Image.new("RGB", photo.size)
    for top, strip in _strips(render, photo.size, slope, offset, saturation):
        result.paste(Image.fromarray(strip), (0, top))
    if photo.mode == "RGBA":
        result.putalpha(photo.getchannel("A"))
    return result


def render_deep(levels: np.ndarray, slope: Tensor, offset: Tensor, saturation: float = 1.0) -> np.ndarray:
    """Color the gray levels of a photo of 16 bits a channel; other arguments as for ``render_full_size``.

    Args:
        levels: (H, W) uint16, as sRGB encodes them.

    Returns:
        (H, W, 3) uint16. Colors outside of sRGB are moved toward gray. Every pixel has the L of its gray level, up to rounding.
    """
    def render(top: int, bottom: int, coefficients: Tensor) -> np.ndarray:
        luminance = color.to_linear(torch.from_numpy(levels[top:bottom].astype(np.float64)) / DEEP_WHITE)[None]
        L = color.luminance_to_L(luminance)
        return _deep_pixels(luminance, torch.cat([L, _applied(coefficients, L[None].float())]))

    result = np.empty((*levels.shape, 3), np.uint16)
    for top, strip in _strips(render, levels.shape[::-1], slope, offset, saturation):
        result[top:top + len(strip)] = strip
    return result


def _strips(render: Callable[[int, int, Tensor], np.ndarray], size: tuple[int, int], slope: Tensor, offset: Tensor,
            saturation: float) -> Iterator[tuple[int, np.ndarray]]:
    """The first row of each strip of a picture of size (width, height), and what ``render`` makes of it."""
    small, (width, height) = saturation * torch.cat([slope, offset], 1), size               # (1,4,h,w)
    rows = max(1, min(STRIP // width, -(-height // usable_threads())))
    tops = range(0, height, rows)

    def rendered(top: int) -> np.ndarray:
        bottom = min(top + rows, height)
        return render(top, bottom, _enlarge_rows(small, size, top, bottom))

    strips = parallel_map(rendered, tops)
    yield from zip(tops, progress_bar(strips, "one photo", total=len(tops), unit=" strips", delay=PATIENCE, leave=False), strict=True)


def _applied(coefficients: Tensor, L: Tensor) -> Tensor:
    """Slopes and offsets (1, 4, h, w) on L (1, 1, h, w): ab (2, h, w)."""
    slopes, offsets = coefficients.chunk(2, 1)
    return (slopes * L + offsets)[0]


def lightness_of_pixels(pixels: np.ndarray) -> Tensor:
    """L of sRGB pixels, from tables: (H, W, 3) uint8 -> (1, 1, H, W) in [0, 100]."""
    levels, (luminances, lightness, _) = color.to_tensor(pixels), _tables()
    luminance = sum(_take(table, levels[..., i]) for i, table in enumerate(luminances))
    return _take(lightness, (luminance * (len(lightness) - 1)).round_())[None, None]


def pixels_from_lab(L: Tensor, ab: Tensor) -> np.ndarray:
    """L (1, H, W) and ab (2, H, W) -> sRGB (H, W, 3) uint8, clipped to the gamut at the same L."""
    linear = color.lab_to_linear(torch.cat([L, ab]))
    outside = ~color.linear_in_gamut(linear)[0]
    if outside.any():                                     # clipping is slow: only where it is needed
        clipped = color.clip_to_gamut(torch.cat([L, ab])[:, outside][:, None])          # (3,1,P)
        linear[:, outside] = color.lab_to_linear(clipped)[:, 0]
    *_, srgb_of_linear = _tables()
    return _take(srgb_of_linear, linear.clamp_(0, 1).mul_(LEVELS).add_(0.5)).permute(1, 2, 0).contiguous().numpy()


def _deep_pixels(luminance: Tensor, lab: Tensor) -> np.ndarray:
    """Lab (3, h, W) -> sRGB (h, W, 3) uint16 with exactly this luminance, (1, h, W)."""
    off = color.lab_to_linear(color.clip_to_gamut(lab)) - luminance
    # What is still outside of [0, 1] is moved toward gray in linear light, where this does not change the luminance.
    room = torch.where(off < 0, luminance, 1 - luminance) / off.abs().clamp(min=1e-12)
    linear = luminance + off * room.amin(0).clamp(max=1)
    return (DEEP_WHITE * color.from_linear(linear.clamp(0, 1))).round().permute(1, 2, 0).numpy().astype(np.uint16)


def _take(table: Tensor, index: Tensor) -> Tensor:
    """table[index], several times as fast; an index of floats is rounded down."""
    return table.index_select(0, index.flatten().int()).reshape(index.shape)


def _enlarge_rows(small: Tensor, size: tuple[int, int], top: int, bottom: int) -> Tensor:
    """Rows top...bottom of (1,C,h,w) enlarged to size (width, height), bilinear, pixel centers aligned."""
    (width, height), h = size, small.shape[-2]
    y = (torch.arange(top, bottom) + 0.5) * h / height - 0.5
    above = y.floor().clamp(0, h - 1).long()
    weight = (y - above).clamp(0, 1)[:, None]
    rows = torch.lerp(small[:, :, above], small[:, :, (above + 1).clamp(max=h - 1)], weight)    # (1,C,rows,w)
    return F.interpolate(rows, (bottom - top, width), mode="bilinear")


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Luminance that each level of red, green and blue adds, (3,256); L of 65,536 luminances; sRGB of linear levels."""
    luminances = torch.from_numpy(color.XYZ_FROM_RGB[1]).float()[:, None] * color.to_linear(torch.arange(256) / 255)
    lightness = color.luminance_to_L(torch.linspace(0, 1, 2**16))
    srgb_of_linear = color.to_uint8(color.from_linear(torch.arange(LEVELS + 1) / LEVELS))
    return luminances, lightness, srgb_of_linear
