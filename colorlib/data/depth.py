"""Pixels of any depth as 8 bits a channel."""

from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag

STRIP = 2**20                # pixels that are converted at a time: all of 100 megapixels would take 800 MB
WHITES = (1, 255, 2**16 - 1, 2**31 - 1)         # levels that may be white, where the file does not say
DARK = 1 / 8                 # of white: a file of more than 8 bits without a lighter pixel may use a part of its levels only
DARK_PICTURE = "very dark: it may use a part of its levels only"
WHITE_IS_ZERO, SIGNED = 0, 2             # values of tags of TIFF 6.0


def eight_bit(image: Image.Image, changes: list[str]) -> Image.Image:
    """Convert palettes and other depths to 8 bits a channel, and add what was done to ``changes``.

    White is the largest level that a TIFF can hold by its number of bits, 65,535 in other files of 16 bits, and else the least of
    ``WHITES`` that no pixel exceeds.

    Raises:
        ValueError: for real numbers that are not finite, or beyond 65,535.
    """
    if image.mode == "1":
        changes.append("1 bit")
        return image.convert("L")
    if image.mode in ("P", "PA"):
        changes.append("palette")
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled(image, changes)
    return image


def white_level(bits: int, largest: float, is_float: bool = False) -> int:
    """The level of white: by the number of bits, or, if that is 0, by the largest level.

    Raises:
        ValueError: for real numbers that are not finite, or beyond 65,535.
    """
    if is_float:
        if not largest <= WHITES[2]:
            raise ValueError("its pixels are floating point numbers, and no level is defined as white")
        return next(white for white in WHITES if largest <= white)
    return 2**bits - 1 if bits else next(white for white in WHITES[1:] if largest <= white)


def to_bytes(levels: np.ndarray, white: int) -> np.ndarray:
    """Levels from 0 to white, as uint8."""
    return (levels * np.float32(255 / white)).round().clip(0, 255).astype(np.uint8)


def _scaled(image: Image.Image, changes: list[str]) -> Image.Image:
    """Gray levels of one number for each pixel, of more than 8 bits."""
    tags, is_float = getattr(image, "tag_v2", {}), image.mode == "F"
    signed = tags.get(Tag.SampleFormat, (1,))[0] == SIGNED
    bits = tags.get(Tag.BitsPerSample, (0 if image.mode == "I" else 16,))[0]
    largest = max(float(strip.max()) for _, strip in _strips(image, signed))
    white = white_level(bits - signed if bits else 0, largest, is_float)
    gray = Image.new("L", image.size)
    for top, strip in _strips(image, signed):
        levels = to_bytes(strip, white)
        # Pillow inverts these where they have 8 bits.
        gray.paste(Image.fromarray(255 - levels if tags.get(Tag.PhotometricInterpretation) == WHITE_IS_ZERO else levels), (0, top))
    changes.append("floating point" if is_float else f"{bits or 16} bits")
    if not is_float and 255 < largest < DARK * white:
        changes.append(DARK_PICTURE)
    gray.info = dict(image.info)
    if isinstance(level := gray.info.get("transparency"), int):
        gray.info["transparency"] = int(to_bytes(np.float32(level), white))
    return gray


def _strips(image: Image.Image, signed: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Row where each strip of a picture begins, and its pixels."""
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        pixels = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        yield top, pixels.view(np.uint32) if pixels.dtype == np.int32 and not signed else pixels
