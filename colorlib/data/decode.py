"""Any image file that Pillow can open -> an upright picture in 8-bit sRGB, and what was done to make it one."""

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps

from colorlib.data.exif import telling
from colorlib.system.errors import PictureError

MiB = 2**20
LARGEST = 256 * MiB          # what one picture may take while it is decoded: 67 megapixels, or a JPEG of far more
FIRST = "first of several pictures"
SMALL = 16 * MiB             # pictures that many threads may decode at once
# How often as much as the picture itself is taken on the way, by format or by mode: measured.
WEIGHTS = {"WEBP": 4, "AVIF": 2.5, "HEIF": 2.5, "P": 2.5, "PA": 2.5, "I": 3.5, "I;16": 3.5, "I;16B": 3.5}
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}        # what undoes each orientation of EXIF 2.3, tag 274


class Decoded(NamedTuple):
    """A picture, and how it came about."""

    image: Image.Image           # mode "RGB"; or "RGBA", if what is transparent was to stay so
    changes: tuple[str, ...]     # such as "turned upright"
    format: str                  # what the file really is, whatever its name: "JPEG", "PNG", ...
    width: int                   # of the file, before anything was done
    height: int
    told: Image.Exif             # what its EXIF tells of the photo

    @property
    def remark(self) -> str:
        """What a reader should know of the result, or ""."""
        return FIRST if FIRST in self.changes else ""


def decode(data: bytes, name: str, at_least: int | None = None, alone: AbstractContextManager | None = None,
           keep_alpha: bool = False, largest: int = LARGEST) -> Decoded:
    """The bytes of an image file -> an RGB picture.

    Turned upright as its EXIF says, in sRGB whatever its color profile, on white where it is transparent; of several
    pictures the first. Sixteen bits become eight.

    Args:
        name: what errors call the file.
        at_least: how long the shorter side must stay. A larger picture may be decoded at a fraction of its size, which
            is several times faster; by default it keeps all its pixels.
        alone: a lock, held while a large picture is decoded, so that threads do not all take much memory at once.
        keep_alpha: leave transparent what is, as mode "RGBA".
        largest: bytes that the picture may take while it is decoded.

    Raises:
        PictureError: for a file that is no image, or damaged, or takes too much memory.
    """
    if not data:
        raise PictureError(name, "empty", "it is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=prepare_pillow())
        form, (width, height) = image.format, image.size
        several = getattr(image, "is_animated", False)
        if at_least:
            image.draft("RGB", (at_least, at_least))              # of JPEGs: an eighth, a quarter or a half of the size
        need = _need(image, width * height)
        if need <= largest:
            with nullcontext() if alone is None or need <= SMALL else alone:
                image.load()
                picture, changes = normal(image, at_least, keep_alpha)
                return Decoded(picture, (FIRST,) * several + changes, form, width, height, telling(image))
    except Image.DecompressionBombError as error:
        raise PictureError(name, "too large", f"{error}".split(",")[0].lower()) from error
    except Image.UnidentifiedImageError as error:
        raise PictureError(name, "no picture", _what_else(data)) from error
    except Exception as error:                 # a damaged file makes Pillow raise nearly anything
        cause = "it is damaged, or only a part of a picture"
        raise PictureError(name, "damaged", f"{cause} ({error or type(error).__name__})") from error
    raise PictureError(name, "too large", f"{width} x {height} pixels take {need / MiB:,.0f} MiB to decode")


def square(image: Image.Image, size: int) -> Image.Image:
    """The middle of a picture: its shorter side scaled to ``size`` pixels, the longer side cropped."""
    return image if image.size == (size, size) else ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


@contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Around threads that call ``decode``: what Pillow warns of is for ``decode`` to judge, or to repair."""
    prepare_pillow()
    with warnings.catch_warnings():                             # not in decode: it is not for threads
        warnings.simplefilter("ignore")
        yield


@cache
def prepare_pillow() -> tuple[str, ...]:
    """Load Pillow's plugins, and the one for HEIC if it is installed: once, and not in several threads at a time.

    Returns:
        The formats that may be opened: not EPS, for which Pillow starts another program.
    """
    Image.init()
    with suppress(ImportError):
        import pillow_heif
        pillow_heif.register_heif_opener()
    return tuple(name for name in Image.ID if name != "EPS")


def _need(image: Image.Image, pixels: int) -> int:
    """Bytes that decoding takes: Pillow keeps four a pixel, and a progressive JPEG all coefficients of all pixels."""
    progressive = 6 * pixels if image.info.get("progressive") else 0
    weight = max(WEIGHTS.get(image.format, 1), WEIGHTS.get(image.mode, 1))
    return int(4 * weight * image.width * image.height) + progressive


def normal(image: Image.Image, at_least: int | None = None, keep_alpha: bool = False
           ) -> tuple[Image.Image, tuple[str, ...]]:
    """What ``decode`` makes of a picture that is open already: "RGB" or "RGBA", upright, in sRGB; and the changes.

    Raises:
        ValueError: for pixels that are real numbers.
    """
    image, changes = _through(image, _eight_bit, _reduced(at_least), _upright)
    alpha = image.convert("RGBA").getchannel("A") if keep_alpha and image.has_transparency_data else None
    image, more = _through(image, _colors_alone if alpha else _opaque, _srgb)
    if alpha:
        image.putalpha(alpha)
    return image, changes + more


def _through(image: Image.Image, *steps: Callable[[Image.Image], tuple[Image.Image, str]]
             ) -> tuple[Image.Image, tuple[str, ...]]:
    """Bring a picture through some steps: each returns the picture, and its name if it did anything."""
    changes = []
    for step in steps:
        image, change = step(image)
        changes += [change] * bool(change)
    return image, tuple(changes)


def _eight_bit(image: Image.Image) -> tuple[Image.Image, str]:
    """Levels of gray or of some colors, eight bits each, in place of palettes and other depths."""
    if image.mode == "1":
        return image.convert("L"), "1 bit"
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB"), "palette"
    if image.mode.startswith("I"):
        pixels = np.asarray(image)
        pixels = pixels >> 8 if image.mode != "I" or pixels.max() > 255 else pixels      # "I" may hold anything
        gray = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        gray.info = dict(image.info)
        if isinstance(level := gray.info.get("transparency"), int):
            gray.info["transparency"] = level >> 8
        return gray, "16 bits"
    if image.mode == "F":
        raise ValueError("its pixels are real numbers, and nothing says which is white")
    return image, ""


def _reduced(at_least: int | None) -> Callable[[Image.Image], tuple[Image.Image, str]]:
    """A step that averages squares of pixels, and leaves at least twice ``at_least`` on the shorter side.

    Half a square may hang over the edge: with fewer left, this would be seen.
    """
    def step(image: Image.Image) -> tuple[Image.Image, str]:
        factor = min(image.size) // (2 * at_least) if at_least else 1
        return (image.reduce(factor) if factor > 1 else image), ""
    return step


def _upright(image: Image.Image) -> tuple[Image.Image, str]:
    try:
        orientation = image.getexif().get(274)
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        return image, "unusable EXIF ignored"
    # Not ImageOps.exif_transpose: it also writes the tags anew, and gives up where one of them is odd.
    if orientation not in TURNS:
        return image, ""
    turned = image.transpose(TURNS[orientation])
    # Without the tag, which may stand in several places: nobody shall turn it a second time.
    turned.info = {name: value for name, value in image.info.items() if name in ("icc_profile", "transparency")}
    return turned, "turned upright"


def _opaque(image: Image.Image) -> tuple[Image.Image, str]:
    if not image.has_transparency_data:
        return image, ""                       # it may be CMYK, which only its color profile can translate
    layers = image.convert("RGBA")
    if layers.getchannel("A").getextrema()[0] == 255:
        return layers.convert("RGB"), ""
    paper = Image.new("RGB", image.size, "white")
    paper.paste(layers, mask=layers.getchannel("A"))
    paper.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return paper, "laid on white"


def _colors_alone(image: Image.Image) -> tuple[Image.Image, str]:
    """Without what makes it transparent, which no color profile could deal with."""
    colors = image.convert("RGBA").convert("RGB")
    colors.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return colors, ""


def _srgb(image: Image.Image) -> tuple[Image.Image, str]:
    change = "CMYK" if image.mode == "CMYK" else ""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            if not _is_srgb(profile):
                return _applied(profile, image), "color profile applied"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            change = "unusable color profile ignored"
    return (image if image.mode == "RGB" else image.convert("RGB")), change


def _applied(profile: bytes, image: Image.Image) -> Image.Image:
    """A picture in the colors of a profile, as RGB in sRGB."""
    theirs, ours = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, theirs, ours, outputMode="RGB")


@lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """Whether a profile changes nothing, as most do: tried on some colors, since its name may say anything."""
    levels = np.linspace(0, 255, 8).astype(np.uint8)
    some = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(8, 64, 3)
    try:
        return int(np.abs(np.asarray(_applied(profile, Image.fromarray(some))).astype(int) - some).max()) <= 2
    except ImageCms.PyCMSError:               # it is for gray, or for CMYK
        return False


def _what_else(data: bytes) -> str:
    """What to say of a file that Pillow does not know."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "it is a HEIC photo, which needs `pip install pillow-heif`"
    return "it is no picture"
