"""What the EXIF of a photo tells of it, without what tells of its pixels."""

from PIL import ExifTags, Image

# EXIF 2.3: description, make, model, software, date, artist, copyright. And, among the tags of the exposure, those that
# do not stay, since they tell of the pixels as they were stored: their size, the maker's notes, where to find more.
TELLING = {270, 271, 272, 305, 306, 315, 33432}
STORING = {0xA002, 0xA003, 0xA005, 0x927C}
FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def telling(image: Image.Image) -> Image.Exif:
    """What the EXIF of a picture, as it was opened, tells: who took it, when, where, with what.

    Nothing of how its pixels are stored, or which side is up: these will change.
    """
    try:
        exif = image.getexif()
        kept = without_folders(exif)
        for folder in FOLDERS:
            if told := {tag: value for tag, value in exif.get_ifd(folder).items() if tag not in STORING}:
                kept[folder] = told
        kept.tobytes()
    except Exception:                                     # odd tags make Pillow raise many kinds, and color needs none
        return Image.Exif()
    return kept


def without_folders(exif: Image.Exif) -> Image.Exif:
    """Its telling tags that are not in folders of tags."""
    kept = Image.Exif()
    for tag in TELLING & set(exif):
        kept[tag] = exif[tag]
    return kept
