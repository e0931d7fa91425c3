"""A picture as the bytes of a file: the formats."""

import io
from functools import cache
from pathlib import Path

from PIL import Image

from colorlib.data.decode import prepare_pillow
from colorlib.data.exif import without_folders
from colorlib.system.errors import PictureError

FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
SAVING = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {"compress_level": 4}, "webp": {"quality": 95},
          "tiff": {"compression": "tiff_deflate"}}

LONGEST_EXIF = 65_533        # bytes: what a segment of a JPEG holds


def format_of(path: Path) -> str | None:
    """The format that a file's name asks for: a key of FORMATS, or None."""
    form = Image.registered_extensions().get(path.suffix.lower(), "").lower()
    return form if form in FORMATS else None


@cache
def picture_extensions() -> frozenset[str]:
    """How the names of pictures end, with the dot, in small letters.

    Those of what Pillow opens; of HEIC also where it cannot, so that it is said what would help.
    """
    formats = prepare_pillow()
    known = {extension for extension, form in Image.registered_extensions().items() if form in formats}
    return frozenset(known | {".heic", ".heif"})


def encode(image: Image.Image, form: str, name: str, exif: Image.Exif | None = None) -> bytes:
    """A picture as the bytes of a file.

    Args:
        image: of mode "RGB" or "RGBA"; where it is transparent it is laid on white for a JPEG.
        form: a key of FORMATS.
        name: what errors call it.
        exif: to write with it.

    Raises:
        PictureError: if the format cannot hold it: WebP, for one, ends at 16,383 pixels.
    """
    if form == "jpeg" and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    exif = Image.Exif() if exif is None else exif
    if form == "tiff":                                    # where Pillow cannot write folders of tags
        exif = without_folders(exif)
    while form == "jpeg" and len(exif.tobytes()) > LONGEST_EXIF:
        del exif[max(exif, key=lambda tag: len(repr(exif[tag])))]          # better the picture without it than none
    buffer = io.BytesIO()
    try:
        image.save(buffer, form, exif=exif.tobytes() if form != "tiff" else exif, **SAVING[form])
    except Exception as error:                            # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {form} ({error})") from error
    return buffer.getvalue()
