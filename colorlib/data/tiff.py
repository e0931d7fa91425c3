"""TIFFs that Pillow cannot read, such as gray with transparency in 16 bits: by tifffile, where that is installed."""

import io
import logging
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag

from colorlib.data.depth import to_bytes, white_level
from colorlib.data.pages import RAW
from colorlib.system.errors import PictureError

TIFF = b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"         # how a file begins, with places of 4 or 8 bytes
SEPARATE = 2                 # planar configuration: a plane for each channel
MOST_PAGES = 256
CAMERAS = "CFA", "LINEAR_RAW"
MODES = {("MINISBLACK", 1): "L", ("MINISBLACK", 2): "LA", ("RGB", 3): "RGB", ("RGB", 4): "RGBA", ("SEPARATED", 4): "CMYK"}


def is_misread(image: Image.Image) -> bool:
    """Whether Pillow opens a file and reads other pixels or none: it takes separate planes for planes of 8 bits and of colors."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(Tag.PlanarConfiguration) == SEPARATE and (tags[Tag.BitsPerSample][0] != 8 or image.mode == "LA")


def open_tiff(data: bytes, name: str, max_bytes: int) -> Image.Image:
    """The largest page, in 8 bits a channel, with its orientation and color profile.

    Args:
        name: of the file, for error messages.
        max_bytes: memory that its pixels may take.

    Raises:
        ImportError: if tifffile is not installed, or what it needs to decompress this file.
        PictureError: for a page that is too large, or of another kind.
    """
    with opened(data) as file:
        page = largest_page(file)
        if page.photometric.name in CAMERAS:
            raise PictureError(name, "no picture", RAW)
        white_is_zero = page.photometric.name == "MINISWHITE"
        mode = MODES.get(("MINISBLACK" if white_is_zero else page.photometric.name, page.samplesperpixel))
        if mode is None or page.imagedepth > 1:
            raise PictureError(name, "no picture", f"it is a TIFF of the kind {page.photometric.name} with {page.samplesperpixel} samples: "
                               "save it as RGB")
        if 2 * page.nbytes > max_bytes:
            raise PictureError(name, "too large", f"{page.imagewidth} x {page.imagelength} pixels take {2 * page.nbytes / 2**20:,.0f} MiB to decode")
        image = Image.fromarray(_eight_bit(page_pixels(page), page.bitspersample, white_is_zero).squeeze(), mode)
        image.format = "TIFF"
        if page.iccprofile:
            image.info["icc_profile"] = page.iccprofile
        if Tag.Orientation in page.tags:
            image.getexif()[Tag.Orientation] = int(page.tags[Tag.Orientation].value)
        return image


def opened(data: bytes) -> Any:
    """A ``tifffile.TiffFile``, without the remarks on damaged tags that tifffile logs.

    Raises:
        ImportError: if tifffile is not installed.
    """
    import tifffile  # not at the top: it is optional, and takes a while

    tifffile.logger().setLevel(logging.CRITICAL)
    return tifffile.TiffFile(io.BytesIO(data))


def largest_page(file: Any) -> Any:
    """The page of a ``tifffile.TiffFile`` with the most pixels, apart from reduced copies; of a damaged file there may be no end of pages."""
    pages = islice(file.pages, MOST_PAGES)
    return max((page for page in pages if not page.is_reduced), key=lambda page: page.imagewidth * page.imagelength)


def page_pixels(page: Any) -> np.ndarray:
    """Pixels of a page: (H, W, C).

    Raises:
        ImportError: if what decompresses them is not installed.
    """
    try:
        pixels = page.asarray().reshape(_shape(page))
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImportError(str(error)) from error
        raise
    return np.moveaxis(pixels, 0, -1) if page.planarconfig == SEPARATE else pixels


def _shape(page: Any) -> tuple[int, ...]:
    size, samples = (page.imagelength, page.imagewidth), page.samplesperpixel
    return (samples, *size) if page.planarconfig == SEPARATE else (*size, samples)


def _eight_bit(pixels: np.ndarray, bits: int, white_is_zero: bool) -> np.ndarray:
    kind = pixels.dtype.kind
    white = white_level(bits - (kind == "i"), float(pixels.max()), kind == "f")
    levels = to_bytes(pixels, white)
    if white_is_zero:
        levels[..., 0] = 255 - levels[..., 0]
    return levels
