"""The image formats that results are written in, and a picture as the bytes of a file."""

import io
from functools import cache
from pathlib import Path

from PIL import Image

from colorlib.data.decode import EXIF_FOLDERS, readable_formats
from colorlib.system.errors import PictureError

EXTENSIONS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
SAVE_OPTIONS = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {"compress_level": 4}, "webp": {"quality": 95},
                "tiff": {"compression": "tiff_deflate"}}
MAX_JPEG_EXIF = 65_533       # bytes in one segment of a JPEG


def format_of(path: Path) -> str | None:
    """Format of a file by its extension: a key of EXTENSIONS, or None."""
    file_format = Image.registered_extensions().get(path.suffix.lower(), "").lower()
    return file_format if file_format in EXTENSIONS else None


@cache
def picture_extensions() -> frozenset[str]:
    """Extensions of picture files, in lower case with the dot.

    HEIC is among them even where Pillow cannot open it, so that the error can say what to install.
    """
    formats = readable_formats()
    known = {extension for extension, file_format in Image.registered_extensions().items() if file_format in formats}
    return frozenset(known | {".heic", ".heif"})


def encode(image: Image.Image, file_format: str, name: str, exif: Image.Exif) -> bytes:
    """A picture as the bytes of a file.

    Args:
        image: of mode "RGB" or "RGBA"; in a JPEG transparent parts become white.
        file_format: a key of EXTENSIONS.
        name: of the file, for error messages.
        exif: as much of it as the format holds is written.

    Raises:
        PictureError: if the format cannot hold the picture: WebP ends at 16,383 pixels, for example.
    """
    if file_format == "jpeg" and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if file_format == "tiff":                      # which cannot hold folders of tags
        for folder in EXIF_FOLDERS:
            exif.pop(folder, None)
    while file_format == "jpeg" and len(exif.tobytes()) > MAX_JPEG_EXIF:
        del exif[max(exif, key=lambda tag: len(repr(exif[tag])))]          # the largest tag first
    buffer = io.BytesIO()
    try:
        image.save(buffer, file_format, exif=exif, **SAVE_OPTIONS[file_format])
    except Exception as error:                            # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {file_format} ({error})") from error
    return buffer.getvalue()
