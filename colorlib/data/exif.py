"""The EXIF tags that stay true when a photo is stored anew: who took it, when, where, with what."""

from PIL import ExifTags, Image

# EXIF 2.3: description, make, model, software, date, artist, copyright.
TOP_LEVEL_TAGS = {270, 271, 272, 305, 306, 315, 33432}
FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# Tags of the exposure that describe the stored pixels: width, height, a related file, the maker's notes.
STORAGE_TAGS = {0xA002, 0xA003, 0xA005, 0x927C}


def portable_exif(image: Image.Image) -> Image.Exif:
    """Copy the EXIF of an opened picture, without its orientation and how its pixels are stored.

    Empty where the EXIF cannot be read or written.
    """
    try:
        exif = image.getexif()
        kept = top_level_tags(exif)
        for folder in FOLDERS:
            if tags := {tag: value for tag, value in exif.get_ifd(folder).items() if tag not in STORAGE_TAGS}:
                kept[folder] = tags
        kept.tobytes()
    except Exception:                          # odd tags make Pillow raise many kinds, and a photo is usable without them
        return Image.Exif()
    return kept


def top_level_tags(exif: Image.Exif) -> Image.Exif:
    """Copy the tags to keep that are not in folders of tags, which a TIFF cannot hold."""
    kept = Image.Exif()
    for tag in TOP_LEVEL_TAGS & set(exif):
        kept[tag] = exif[tag]
    return kept
