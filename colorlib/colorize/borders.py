"""Find the plain borders of a scan: a network should see the photo, not its frame."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]          # left, top, right, bottom

NEAR = 10            # of 255: as far from the level of a border its pixels may be
PLAIN = 0.97         # share of a line that must be near the level: the rest is dust
ABRUPT = 0.5         # share of a line inside of the photo that must not be near it. The edge of a plain sky is not as straight
INSIDE = 0.02        # of the length of a side: where that line is, for scans that are a little turned
THINNEST = 0.01      # of the length of a side: a thinner border is seen, and colored
STRIP = 32           # lines that are read at a time


def cropped(photo: Image.Image, box: Box) -> Image.Image:
    """The part of a photo in a box; the photo itself where that is all of it, since a copy of 100 megapixels takes 400 MB."""
    return photo if box == (0, 0, *photo.size) else photo.crop(box)


def put_back(photo: Image.Image, box: Box, inner: Image.Image) -> Image.Image:
    """The photo with another picture in a box; that picture itself where the box is all of it."""
    if inner.size == photo.size:
        return inner
    result = photo.copy()
    result.paste(inner, box)
    return result


def strips_outside(photo: Image.Image, box: Box) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """What is outside of a box, some lines at a time: the place in an array, and its pixels, (h, w, 3) uint8."""
    left, top, right, bottom = box
    width, height = photo.size
    for part in ((0, 0, width, top), (0, bottom, width, height), (0, top, left, bottom), (right, top, width, bottom)):
        for start in range(part[1], part[3], STRIP):
            lines = (part[0], start, part[2], min(start + STRIP, part[3]))
            if lines[0] < lines[2]:
                yield np.s_[lines[1]:lines[3], lines[0]:lines[2]], np.asarray(photo.crop(lines).convert("RGB"))


def inside_borders(photo: Image.Image) -> Box:
    """The part of a photo inside of its plain borders.

    A border may be on any of the four sides and of any level. All of the photo is inside if it has none, or if less than a quarter of
    its width or height would be left. A border thinner than a hundredth of that is left where it is.
    """
    whole = (0, 0, *photo.size)
    widths = [_plain_lines(photo, whole, side) for side in range(4)]
    box = _without(whole, widths)
    if not all(_length(box, side) >= max(8, _length(whole, side) / 4) for side in range(4)):
        return whole
    levels = [np.median(_lines(photo, whole, side, 0, 1)) for side in range(4)]
    wide = [side for side, width in enumerate(widths) if width > THINNEST * _length(whole, side)]
    sure = [levels[side] for side in wide if _is_abrupt(photo, whole, box, side)]
    found = [side for side in wide if any(abs(levels[side] - level) <= NEAR for level in sure)]      # one frame, one level
    return _without(whole, [width if side in found else 0 for side, width in enumerate(widths)])


def _plain_lines(photo: Image.Image, box: Box, side: int) -> int:
    """Number of lines at one side that are all near the level of the outermost."""
    number, level = 0, None
    for strip in _strips(photo, box, side):
        level = np.median(strip[0]) if level is None else level
        plain = (abs(strip - level) <= NEAR).mean(1) >= PLAIN
        if not plain.all():
            return number + int(plain.argmin())
        number += len(strip)
    return number


def _is_abrupt(photo: Image.Image, whole: Box, box: Box, side: int) -> bool:
    """Whether levels jump between the border and a line a little inside of the box: those of a plain sky change slowly."""
    border = _lines(photo, whole, side, abs(box[side] - whole[side]) - 1, 1)
    inside = _lines(photo, box, side, round(INSIDE * _length(box, side)), 1)
    return (abs(inside - np.median(border)) > 2 * NEAR).mean() >= ABRUPT


def _strips(photo: Image.Image, box: Box, side: int) -> Iterator[np.ndarray]:
    """The lines of a box from one side on, ``STRIP`` at a time."""
    length = _length(box, side)
    return (_lines(photo, box, side, start, min(STRIP, length - start)) for start in range(0, length, STRIP))


def _lines(photo: Image.Image, box: Box, side: int, start: int, number: int) -> np.ndarray:
    """Some lines of a box, counted from one side: (number, length) int, 0 to 255, the outermost first."""
    left, top, right, bottom = box
    part = [(left + start, top, left + start + number, bottom), (left, top + start, right, top + start + number),
            (right - start - number, top, right - start, bottom), (left, bottom - start - number, right, bottom - start)][side]
    gray = np.asarray(photo.crop(part).convert("L")).astype(int)
    gray = gray if side % 2 else gray.T
    return gray if side < 2 else gray[::-1]


def _without(box: Box, widths: list[int]) -> Box:
    """A box that is smaller on each side."""
    return tuple(place + (width if side < 2 else -width) for side, (place, width) in enumerate(zip(box, widths, strict=True)))


def _length(box: Box, side: int) -> int:
    """Lines of a box that are parallel to a side: its width for left and right, else its height."""
    return box[side % 2 + 2] - box[side % 2]
