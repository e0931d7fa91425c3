"""A picture as the bytes of a file: the formats, and what stays of the EXIF."""

import io
from pathlib import Path

from PIL import ExifTags, Image

from colorlib.errors import PictureError

FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
SAVING = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {"compress_level": 4}, "webp": {"quality": 95},
          "tiff": {"compression": "tiff_deflate"}}
# EXIF 2.3: description, make, model, software, date, artist, copyright. And, among the tags of the exposure, those that
# do not stay, since they tell of the pixels as they were stored: their size, the maker's notes, where to find more.
TELLING = {270, 271, 272, 305, 306, 315, 33432}
STORING = {0xA002, 0xA003, 0xA005, 0x927C}
FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def format_of(path: Path) -> str | None:
    """The format that a file's name asks for: a key of FORMATS, or None."""
    form = Image.registered_extensions().get(path.suffix.lower(), "").lower()
    return form if form in FORMATS else None


def encode(image: Image.Image, form: str, name: str, exif: Image.Exif | None = None) -> bytes:
    """A picture as the bytes of a file.

    Args:
        image: of mode "RGB" or "RGBA"; where it is transparent it is laid on white for a JPEG.
        form: a key of FORMATS.
        name: what errors call it.
        exif: as ``telling`` gives it.

    Raises:
        PictureError: if the format cannot hold it: WebP, for one, ends at 16,383 pixels.
    """
    if form == "jpeg" and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    exif = Image.Exif() if exif is None else exif
    if form == "tiff":                                    # where Pillow cannot write folders of tags
        exif = _only(exif, TELLING)
    buffer = io.BytesIO()
    try:
        image.save(buffer, form, exif=exif.tobytes() if form != "tiff" else exif, **SAVING[form])
    except Exception as error:                            # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {form} ({error})") from error
    return buffer.getvalue()


def telling(data: bytes) -> Image.Exif:
    """What the EXIF of an image file tells of the photo: who took it, when, where, with what.

    Nothing of how its pixels are stored, or which side is up: these have changed.
    """
    try:
        exif = Image.open(io.BytesIO(data)).getexif()
        kept = _only(exif, TELLING)
        for folder in FOLDERS:
            if told := {tag: value for tag, value in exif.get_ifd(folder).items() if tag not in STORING}:
                kept[folder] = told
        kept.tobytes()
    except Exception:                                     # odd tags make Pillow raise many kinds, and color needs none
        return Image.Exif()
    return kept


def _only(exif: Image.Exif, tags: set[int]) -> Image.Exif:
    kept = Image.Exif()
    for tag in tags & set(exif):
        kept[tag] = exif[tag]
    return kept
