"""The gray levels of photos of more than 8 bits a channel, where tifffile and imagecodecs are installed.

Pillow has no pixels of three channels and 16 bits. A photo is colored from its L, so its gray levels are all that is needed.
"""

import io
from contextlib import suppress
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from PIL.ExifTags import Base as Tag

from colorlib import color
from colorlib.data.decode import TRANSPOSITIONS
from colorlib.data.depth import white_level
from colorlib.data.tiff import TIFF, largest_page, opened, page_pixels

PNG, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24         # how a file begins, and which byte is the number of bits
WHITE = 2**16 - 1
ASSOCIATED = 1               # of the tag ExtraSamples
STRIP = 2**20                # pixels that are converted at a time
BYTES = 12                   # a pixel, without those of the file: the photo in 8 bits, gray levels, the result


class DeepPixels(NamedTuple):
    """Pixels of a file, as they are stored."""

    pixels: np.ndarray           # (H, W, 1 to 4), of a whole-number type; the channel after the colors is transparency
    white: int                   # the level of white
    profile: bytes
    orientation: int
    white_is_zero: bool = False
    is_premultiplied: bool = False       # colors are stored as they look on black


def is_deep(data: bytes) -> bool:
    """Whether a file is a PNG or TIFF of more than 8 bits a channel."""
    if data.startswith(PNG):
        return data[PNG_DEPTH:PNG_DEPTH + 1] == b"\x10"
    if not data.startswith(TIFF):
        return False
    for bits in (_bits_by_pillow, _bits_by_tifffile):
        with suppress(Exception):                # each opens files that the other does not; damaged ones may need a repair
            return bits(data) > 8
    return False


def can_read_deep() -> bool:
    """Whether what reads and writes 16 bits is installed."""
    return all(find_spec(package) for package in ("imagecodecs", "tifffile"))


def gray_levels(data: bytes, max_bytes: int) -> np.ndarray | None:
    """Gray levels of a deep PNG or TIFF as sRGB encodes them, upright, from 0 to 65,535: (H, W) uint16.

    Returns:
        None for a file of real numbers or CMYK, and for one that takes more than ``max_bytes``: it becomes 8 bits.
    """
    found = _png(data, max_bytes) if data.startswith(PNG) else _tiff(data, max_bytes)
    if found is None:
        return None
    levels = np.empty(found.pixels.shape[:2], np.uint16)
    rows = max(1, STRIP // levels.shape[1])
    for top in range(0, len(levels), rows):
        strip = found.pixels[top:top + rows].astype(np.float64) * (WHITE / found.white)
        if found.is_premultiplied:
            strip *= WHITE / strip[..., -1:].clip(1)
        strip = (WHITE - strip if found.white_is_zero else strip).round().clip(0, WHITE).astype(np.uint16)
        levels[top:top + rows] = _gray(strip, found.profile)
    return _upright(levels, found.orientation)


def _bits_by_pillow(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return max(image.tag_v2.get(Tag.BitsPerSample, (1,)))


def _bits_by_tifffile(data: bytes) -> int:
    with opened(data) as file:
        return largest_page(file).bitspersample


def _png(data: bytes, max_bytes: int) -> DeepPixels | None:
    import imagecodecs

    with Image.open(io.BytesIO(data)) as image:
        if (BYTES + 2 * len(image.getbands())) * image.width * image.height > max_bytes:
            return None
        orientation, profile = image.getexif().get(Tag.Orientation, 1), image.info.get("icc_profile", b"")
    pixels = imagecodecs.png_decode(data)
    return DeepPixels(pixels.reshape(*pixels.shape[:2], -1), WHITE, profile, orientation)


def _tiff(data: bytes, max_bytes: int) -> DeepPixels | None:
    with opened(data) as file:
        page = largest_page(file)
        if page.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB") or page.dtype.kind == "f":
            return None
        if BYTES * page.imagewidth * page.imagelength + page.nbytes > max_bytes:
            return None
        pixels, is_signed = page_pixels(page), page.dtype.kind == "i"
        orientation = int(page.tags[Tag.Orientation].value) if Tag.Orientation in page.tags else 1
        return DeepPixels(pixels, white_level(page.bitspersample - is_signed, float(pixels.max())), page.iccprofile or b"", orientation,
                          page.photometric.name == "MINISWHITE", ASSOCIATED in page.extrasamples)


def _gray(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Gray levels in sRGB of some rows: (h, W, C) uint16 -> (h, W) uint16."""
    colors = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
    space = {3: b"RGB ", 1: b"GRAY"}[colors.shape[2]]
    if profile[16:20] == space:                                   # a profile of another kind cannot be applied
        import imagecodecs

        colors = imagecodecs.cms_transform(np.ascontiguousarray(colors.squeeze(2) if colors.shape[2] == 1 else colors), profile, imagecodecs.cms_profile("srgb"),
                                           colorspace=space.decode().strip().lower(), outcolorspace="rgb", outdtype="uint16")
    if colors.shape[2] == 1:
        return colors[..., 0]
    linear = color.to_linear(torch.from_numpy(colors.astype(np.float64)) / WHITE)
    luminance = linear @ torch.from_numpy(color.XYZ_FROM_RGB[1].copy())
    return (WHITE * color.from_linear(luminance)).round().clamp(0, WHITE).numpy().astype(np.uint16)


def _upright(levels: np.ndarray, orientation: int) -> np.ndarray:
    turn = TRANSPOSITIONS.get(orientation)
    return levels if turn is None else np.asarray(Image.fromarray(levels).transpose(turn))
