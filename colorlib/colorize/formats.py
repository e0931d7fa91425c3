"""The image formats that results are written in, and a picture as the bytes of a file."""

import io
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin
from PIL.ExifTags import Base as Tag

from colorlib.data.decode import readable_formats
from colorlib.data.metadata import EXIF_FOLDERS, IPTC_IN_PHOTOSHOP, Metadata
from colorlib.system.errors import PictureError

EXTENSIONS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
SAVE_OPTIONS = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {"compress_level": 4}, "webp": {"quality": 95},
                "tiff": {"compression": "tiff_deflate"}}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}               # that films are written in
ALIASES = {"jpg": "jpeg", "tif": "tiff", "mpo": "jpeg"}         # an MPO is a JPEG with further pictures, as phones write them
MAX_SIDE = {"jpeg": 65_500, "webp": 16_383}              # pixels
MAX_SEGMENT = 65_533         # bytes in one segment of a JPEG
MAX_XMP = 65_504             # and of XMP in it


def as_format(name: str) -> str:
    """A format by any of its names: "JPG" is "jpeg"."""
    return ALIASES.get(name.lower(), name.lower())


def format_of(path: Path) -> str | None:
    """Format of a file by its extension: a key of EXTENSIONS, or None."""
    file_format = Image.registered_extensions().get(path.suffix.lower(), "").lower()
    return file_format if file_format in EXTENSIONS else None


@cache
def picture_extensions() -> frozenset[str]:
    """Extensions of picture files, in lower case with the dot.

    HEIC is among them even where Pillow cannot open it, so that the error can say what to install; and MPO, a JPEG to Pillow.
    """
    formats = readable_formats()
    known = {extension for extension, file_format in Image.registered_extensions().items() if file_format in formats}
    return frozenset(known | {".heic", ".heif", ".mpo"})


def encode(image: Image.Image, file_format: str, name: str, metadata: Metadata) -> bytes:
    """A picture as the bytes of a file.

    Args:
        image: of mode "RGB" or "RGBA"; in a JPEG transparent parts become white.
        file_format: a key of EXTENSIONS.
        name: of the file, for error messages.
        metadata: as much of it as the format holds is written.

    Raises:
        PictureError: if the format cannot hold the picture: WebP ends at 16,383 pixels, for example.
    """
    if file_format == "jpeg" and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    buffer = io.BytesIO()
    try:
        image.save(buffer, file_format, **SAVE_OPTIONS[file_format], **METADATA[file_format](metadata))
    except Exception as error:                            # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {file_format} ({error})") from error
    return buffer.getvalue()


def _in_jpeg(metadata: Metadata) -> dict[str, Any]:
    exif = metadata.exif
    while len(exif.tobytes()) > MAX_SEGMENT:
        del exif[max(exif, key=lambda tag: len(repr(exif[tag])))]          # the largest tag first
    options = {"exif": exif, "comment": _joined(metadata.texts).encode()[:MAX_SEGMENT]} | _resolution(metadata)
    if len(metadata.xmp) <= MAX_XMP:
        options["xmp"] = metadata.xmp
    resource = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", IPTC_IN_PHOTOSHOP, 0, len(metadata.iptc)) + metadata.iptc
    resource += bytes(len(metadata.iptc) % 2)
    if metadata.iptc and len(resource) <= MAX_SEGMENT:
        options["extra"] = b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
    return options


def _in_png(metadata: Metadata) -> dict[str, Any]:
    chunks = PngImagePlugin.PngInfo()
    for name, text in metadata.texts.items():
        chunks.add_itxt(name, text)
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
    return {"exif": metadata.exif, "pnginfo": chunks} | _resolution(metadata)


def _in_webp(metadata: Metadata) -> dict[str, Any]:
    return {"exif": _with_description(metadata), "xmp": metadata.xmp}


def _in_tiff(metadata: Metadata) -> dict[str, Any]:
    """A TIFF that is compressed cannot hold folders of tags, such as that of the place: these are in the XMP."""
    tags = {tag: value for tag, value in _with_description(metadata).items() if tag not in EXIF_FOLDERS}
    tags |= {number: part for number, part in ((Tag.XMLPacket, metadata.xmp), (Tag.IPTCNAA, metadata.iptc)) if part}
    return {"tiffinfo": {tag: value for tag, value in tags.items() if _is_writable(tag, value)}} | _resolution(metadata)


METADATA: Mapping[str, Callable[[Metadata], dict[str, Any]]] = {"jpeg": _in_jpeg, "png": _in_png, "webp": _in_webp, "tiff": _in_tiff}


def _resolution(metadata: Metadata) -> dict[str, Any]:
    return {"dpi": metadata.dpi} if metadata.dpi else {}


def _joined(texts: Mapping[str, str]) -> str:
    """Titles and comments as one comment."""
    return "\n".join(text if name == "Comment" else f"{name}: {text}" for name, text in texts.items())


def _with_description(metadata: Metadata) -> Image.Exif:
    """EXIF with titles and comments as the description, if there is no other."""
    if metadata.texts and Tag.ImageDescription not in metadata.exif:
        metadata.exif[Tag.ImageDescription] = _joined(metadata.texts).encode()
    return metadata.exif


def _is_writable(tag: int, value: Any) -> bool:
    """Whether a TIFF can hold a tag."""
    try:
        Image.new("L", (1, 1)).save(io.BytesIO(), "tiff", tiffinfo={tag: value}, **SAVE_OPTIONS["tiff"])
    except Exception:                                     # odd values make Pillow raise many kinds
        return False
    return True
