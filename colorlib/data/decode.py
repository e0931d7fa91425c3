"""Decode an image file: upright, in 8-bit sRGB, within a limit of memory."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.ExifTags import Base as Tag

from colorlib.data.depth import DARK_PICTURE, eight_bit
from colorlib.data.kinds import why_unknown
from colorlib.data.metadata import Metadata, lies_on_its_side, read_metadata
from colorlib.data.pages import LARGEST_PICTURE, SEVERAL_PICTURES, choose_page
from colorlib.data.repair import repair
from colorlib.data.tiff import TIFF, is_misread, open_tiff
from colorlib.system.errors import PictureError

MiB = 2**20
MAX_DECODING_BYTES = 256 * MiB        # memory for one picture: 67 megapixels, or a much larger JPEG at reduced size
MAX_PARALLEL_BYTES = 16 * MiB         # pictures below this are decoded by many threads at once
REMARKS = {SEVERAL_PICTURES, LARGEST_PICTURE, DARK_PICTURE}    # changes that a user should know of
# Peak memory while decoding, as a multiple of the decoded picture, by format or mode (measured).
MEMORY_FACTORS = {"WEBP": 4, "AVIF": 2.5, "HEIF": 2.5, "P": 1.5, "PA": 1.5, "I": 1.75, "I;16": 1.5, "I;16B": 1.5}
BYTES = 4                    # a pixel, in Pillow's memory
# What undoes each orientation of EXIF 2.3.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90}


class Decoded(NamedTuple):
    """A decoded picture, and what the file was."""

    image: Image.Image           # mode "RGB", or "RGBA" if transparency was kept
    changes: tuple[str, ...]     # such as "turned upright"
    format: str                  # by content, whatever the file's name: "JPEG", "PNG", ...
    width: int                   # of the file, before any change
    height: int
    metadata: Metadata           # that stay true when the picture is stored anew

    @property
    def remark(self) -> str:
        """The changes that a user should know of, or ""."""
        return ", ".join(change for change in self.changes if change in REMARKS)


def decode(data: bytes, name: str, min_side: int | None = None, large_picture_lock: AbstractContextManager | None = None,
           keep_alpha: bool = False, max_bytes: int = MAX_DECODING_BYTES, copies: int = 1) -> Decoded:
    """Decode the bytes of an image file as ``upright_srgb`` does; of several pictures in one file the one that ``choose_page`` chooses.

    Args:
        name: of the file, for error messages.
        min_side: decode larger pictures at a fraction of their size, several times faster, with at least this many
            pixels on the shorter side; by default all pixels are kept.
        large_picture_lock: held while a large picture is decoded, so that threads share the memory.
        keep_alpha: keep transparency, as mode "RGBA".
        max_bytes: memory that decoding may take, and what is done with the picture afterwards.
        copies: pictures of its size that will then be held at once.

    Raises:
        PictureError: for a file that is no image, is damaged, or takes too much memory.
    """
    if not data:
        raise PictureError(name, "empty", "it is empty")
    options = name, min_side, large_picture_lock or nullcontext(), keep_alpha, max_bytes, copies
    try:
        return _decode(data, *options)
    except PictureError:
        raise
    except Exception as error:                 # a damaged file makes Pillow raise nearly anything
        if whole := repair(data):
            with suppress(Exception):
                return _decode(whole, *options)
        raise _explained(error, data, name) from error


def _explained(error: Exception, data: bytes, name: str) -> PictureError:
    """What Pillow raised, in words for a user."""
    if isinstance(error, Image.DecompressionBombError):
        return PictureError(name, "too large", f"{error}".split(",")[0].lower())
    if isinstance(error, Image.UnidentifiedImageError):
        return PictureError(name, "no picture", why_unknown(data))
    return PictureError(name, "damaged", f"it is damaged, or only a part of a picture ({error or type(error).__name__})")


def _decode(data: bytes, name: str, min_side: int | None, large_picture_lock: AbstractContextManager, keep_alpha: bool,
            max_bytes: int, copies: int) -> Decoded:
    image = _open(data, name, max_bytes)
    remark = choose_page(image, name)
    file_format, (width, height) = image.format, image.size
    if min_side:
        image.draft("RGB", (min_side, min_side))              # JPEG: 1/8, 1/4 or 1/2 of the size, almost for free
    need = _decoding_bytes(image, width * height)
    at_most = max(need, copies * BYTES * image.width * image.height)
    if at_most > max_bytes:
        raise PictureError(name, "too large", f"{width} x {height} pixels take {at_most / MiB:,.0f} MiB")
    with large_picture_lock if need > MAX_PARALLEL_BYTES else nullcontext():
        turned_by_pillow = lies_on_its_side(image)
        image.load()
        metadata = read_metadata(image, turned_by_pillow)
        changes = [remark] if remark else []
        image = eight_bit(image, changes)                     # and forget the deeper pixels
        picture, others = upright_srgb(image, min_side, keep_alpha)
    return Decoded(picture, (*changes, *others), file_format, width, height, metadata)


def _open(data: bytes, name: str, max_bytes: int) -> Image.Image:
    """Open a file with Pillow, or else with tifffile."""
    try:
        image = Image.open(io.BytesIO(data), formats=readable_formats())
        if not is_misread(image):
            return image
    except Image.UnidentifiedImageError:
        if not data.startswith(TIFF):
            raise
    try:
        return open_tiff(data, name, max_bytes)
    except ImportError as error:
        raise PictureError(name, "no picture", f"it is a kind of TIFF that needs `pip install tifffile imagecodecs` ({error})") from error


def upright_srgb(image: Image.Image, min_side: int | None = None, keep_alpha: bool = False
                 ) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an opened picture to upright 8-bit sRGB: its EXIF orientation and color profile are applied.

    Transparent parts become white, and more than 8 bits become 8.

    Returns:
        The picture, of mode "RGB" or "RGBA", and the changes that were made.

    Raises:
        ValueError: for floating point numbers of which none is defined as white.
    """
    changes: list[str] = []
    image = eight_bit(image, changes)
    factor = min(image.size) // (2 * min_side) if min_side else 1
    if factor > 1:             # twice min_side stays: with less, the partial squares at the edge would show
        image = image.reduce(factor)
    image = _upright(image, changes)
    if keep_alpha and image.mode == "RGBA" and not image.info.get("icc_profile"):
        return image, tuple(changes)
    image, alpha = _without_alpha(image)
    image = _srgb(image, changes)
    if alpha and keep_alpha:
        image.putalpha(alpha)
    elif alpha and alpha.getextrema()[0] < 255:
        changes.append("laid on white")
        image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    return image, tuple(changes)


def center_square(image: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to ``size`` pixels and crop the longer side to the center."""
    return image if image.size == (size, size) else ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


@contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Ignore warnings around threads that call ``decode``, which judges or repairs what Pillow warns of."""
    readable_formats()
    with warnings.catch_warnings():                             # not in decode: it is not safe in threads
        warnings.simplefilter("ignore")
        yield


@cache
def readable_formats() -> tuple[str, ...]:
    """Formats that Pillow can open, with HEIC and JPEG XL if their plugins are installed, but not EPS, which runs another program.

    Call it before threads are started: it loads Pillow's plugins.
    """
    Image.init()
    with suppress(ImportError):
        import pillow_heif
        pillow_heif.register_heif_opener()
    with suppress(ImportError):
        import pillow_jxl  # noqa: F401 (it registers itself)
    return tuple(name for name in Image.ID if name != "EPS")


def _decoding_bytes(image: Image.Image, file_pixels: int) -> int:
    """Memory that decoding takes: Pillow keeps 4 bytes a pixel, a progressive JPEG all coefficients of the file."""
    progressive = 6 * file_pixels if image.info.get("progressive") else 0
    factor = max(MEMORY_FACTORS.get(image.format, 1), MEMORY_FACTORS.get(image.mode, 1))
    return int(BYTES * factor * image.width * image.height) + progressive


def _upright(image: Image.Image, changes: list[str]) -> Image.Image:
    """Apply the orientation in the EXIF.

    Not ``ImageOps.exif_transpose``: it rewrites the tags, and raises where one of them is odd.
    """
    try:
        orientation = image.getexif().get(Tag.Orientation)
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        changes.append("unusable EXIF ignored")
        return image
    if orientation not in TRANSPOSITIONS:
        return image
    changes.append("turned upright")
    turned = image.transpose(TRANSPOSITIONS[orientation])
    # Without the tag, which may stand in several places, the picture cannot be turned a second time.
    turned.info = {name: value for name, value in image.info.items() if name in ("icc_profile", "transparency")}
    return turned


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colors of all pixels, the transparent ones too, and the transparency if there is any."""
    if not image.has_transparency_data:
        return image, None                     # of any mode: only its color profile can convert CMYK well
    mode = "L" if image.mode in ("L", "LA", "La") else "RGB"          # a color profile for gray is for gray pixels
    layers = image.convert("LA" if mode == "L" else "RGBA")
    colors = layers.getchannel("L") if mode == "L" else layers.convert("RGB")
    colors.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return colors, layers.getchannel("A")


def _srgb(image: Image.Image, changes: list[str]) -> Image.Image:
    """Apply the color profile, if there is one."""
    profile, change = image.info.get("icc_profile"), "CMYK" if image.mode == "CMYK" else ""
    if profile:
        try:
            if not _is_srgb(profile):
                image, change = _apply_profile(profile, image), "color profile applied"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            change = "unusable color profile ignored"
    changes += [change] if change else []
    return image if image.mode == "RGB" else image.convert("RGB")


def _apply_profile(profile: bytes, image: Image.Image) -> Image.Image:
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, source, target, outputMode="RGB")


@lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """Whether a profile leaves 512 test colors as they are, as most do; the name of a profile says little."""
    levels = np.linspace(0, 255, 8).astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(8, 64, 3)
    try:
        converted = np.asarray(_apply_profile(profile, Image.fromarray(colors))).astype(int)
        return int(np.abs(converted - colors).max()) <= 2
    except ImageCms.PyCMSError:               # a profile for gray or CMYK
        return False
