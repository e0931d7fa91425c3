"""What a file says of its photo: who took it, when and where, titles, resolution. Read here, to be stored anew beside the colors."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from PIL import ExifTags, Image
from PIL.ExifTags import Base as Tag

# The tags that stay true when a photo is stored anew.
TOP_LEVEL_TAGS = {Tag.ImageDescription, Tag.Make, Tag.Model, Tag.Software, Tag.DateTime, Tag.Artist, Tag.Copyright}
EXIF_FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# Tags of the exposure that describe the stored pixels, or another file.
STORAGE_TAGS = {Tag.ExifImageWidth, Tag.ExifImageHeight, Tag.ExifInteroperabilityOffset, Tag.MakerNote}
SIDEWAYS = {5, 6, 7, 8}                  # orientations
IPTC_IN_PHOTOSHOP = 0x0404
NO_DPI = {(1, 1), (0, 0)}                 # what Pillow says of files that say nothing
LONGEST_TEXT = 2**16
# Parts of XMP that are not true of the result: it is upright, its thumbnail would be gray, and another program made it.
STALE = re.compile(rb'\s(?:tiff:Orientation|xmp:CreatorTool)\s*=\s*(?:"[^"]*"|\'[^\']*\')'
                   rb"|<(tiff:Orientation|xmp:CreatorTool|xmp:Thumbnails)\b.*?</\1>", re.DOTALL)


class Metadata(NamedTuple):
    """What a file says of its photo, as far as it stays true when the photo is stored anew."""

    exif: Image.Exif                                # without the orientation and how the pixels are stored
    dpi: tuple[float, float] | None = None          # pixels per inch along x and y of the upright photo
    xmp: bytes = b""                                # a packet of XMP, without orientation and thumbnails
    iptc: bytes = b""                               # datasets of IPTC-IIM
    texts: Mapping[str, str] = {}                   # titles and comments, by the names that the file gives them


def lies_on_its_side(image: Image.Image) -> bool:
    """Whether Pillow will turn a TIFF when it loads the pixels, and then forget that it did."""
    return getattr(image, "tag_v2", {}).get(Tag.Orientation) in SIDEWAYS


def read_metadata(image: Image.Image, was_turned: bool = False) -> Metadata:
    """Metadata of a loaded file. What cannot be read is left out: a photo is usable without it.

    Args:
        was_turned: what ``lies_on_its_side`` said before the pixels were loaded.
    """
    dpi = _read(_dpi, image)
    return Metadata(_read(_exif, image, Image.Exif()), dpi[::-1] if dpi and was_turned else dpi, _read(_xmp, image, b""),
                    _read(_iptc, image, b""), _read(_texts, image, {}))


def _read(part: Any, image: Image.Image, otherwise: Any = None) -> Any:
    try:
        return part(image)
    except Exception:                      # odd tags make Pillow raise many kinds
        return otherwise


def _exif(image: Image.Image) -> Image.Exif:
    exif, kept = image.getexif(), Image.Exif()
    for tag in TOP_LEVEL_TAGS & set(exif):
        _keep(kept, tag, exif[tag])
    for folder in EXIF_FOLDERS:
        tags = {tag: value for tag, value in exif.get_ifd(folder).items() if tag not in STORAGE_TAGS}
        if tags:
            _keep(kept, folder, tags)
    return kept


def _keep(exif: Image.Exif, tag: int, value: Any) -> None:
    """Set a tag, unless it cannot be written."""
    value = {name: _raw(part) for name, part in value.items()} if isinstance(value, dict) else _raw(value)
    try:
        alone = Image.Exif()
        alone[tag] = value
        alone.tobytes()
    except Exception:
        return
    exif[tag] = value


def _raw(value: Any) -> Any:
    """Text as the bytes of the file, which Pillow takes for Latin-1 and would write in ASCII: most files have UTF-8."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    x, y = (float(number) for number in image.info["dpi"])
    if (x, y) in NO_DPI or not (0 < x < 1e6 and 0 < y < 1e6):
        return None
    return (y, x) if image.getexif().get(Tag.Orientation) in SIDEWAYS else (x, y)


def _xmp(image: Image.Image) -> bytes:
    packet = image.info["xmp"]
    return STALE.sub(b"", packet.encode() if isinstance(packet, str) else bytes(packet))


def _iptc(image: Image.Image) -> bytes:
    found = image.info.get("photoshop", {}).get(IPTC_IN_PHOTOSHOP) or getattr(image, "tag_v2", {}).get(Tag.IPTCNAA, b"")
    return found if isinstance(found, bytes) else b""


def _texts(image: Image.Image) -> dict[str, str]:
    found = dict(getattr(image, "text", {})) or {"Comment": image.info["comment"]}
    texts = {name: _decoded(text) for name, text in found.items() if not name.startswith(("XML:", "Raw profile"))}
    return {name: text for name, text in texts.items() if 0 < len(text) <= LONGEST_TEXT}


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return str(text)
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
