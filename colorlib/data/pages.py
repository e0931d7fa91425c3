"""The pages of a TIFF, one of which is the photo."""

from PIL import Image, TiffImagePlugin

from colorlib.system.errors import PictureError

SUBFILE_TYPE, OLD_SUBFILE_TYPE, SUB_FOLDERS, DNG_VERSION = 254, 255, 330, 50706      # tags
REDUCED, OLD_REDUCED = 1, 2                # their values for a smaller copy of another page
SEVERAL_PICTURES = "first of several pictures"
LARGEST_PICTURE = "largest of several pictures"
RAW = "it is a RAW photo: develop it first, and save it as TIFF or JPEG"


def choose_page(image: Image.Image, name: str) -> str:
    """Go to the page of a file that is the photo: of a TIFF the largest that is no thumbnail, of others the first picture.

    Args:
        name: of the file, for the error message.

    Returns:
        What a user should know of the other pages, or "".

    Raises:
        PictureError: for a RAW photo of a camera, of which only thumbnails can be read.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return SEVERAL_PICTURES if getattr(image, "is_animated", False) else ""
    pages = {}                             # of each page that is no thumbnail, its number of pixels
    for number in range(image.n_frames):
        image.seek(number)
        tags = image.tag_v2
        if not tags.get(SUBFILE_TYPE, 0) & REDUCED and tags.get(OLD_SUBFILE_TYPE) != OLD_REDUCED:
            pages[number] = image.width * image.height
    image.seek(0)
    if not pages:
        if SUB_FOLDERS in image.tag_v2 or DNG_VERSION in image.tag_v2:
            raise PictureError(name, "no picture", RAW)
        return ""
    largest = max(pages, key=pages.__getitem__)
    image.seek(largest)
    return "" if len(pages) == 1 else LARGEST_PICTURE if len(set(pages.values())) > 1 else SEVERAL_PICTURES
