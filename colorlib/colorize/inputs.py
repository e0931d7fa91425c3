"""What a user may hand over as a photo: an image of Pillow, a path, or an array of pixels."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from colorlib.data.decode import decode, ignore_pillow_warnings, upright_srgb
from colorlib.system.errors import DataError
from colorlib.system.paths import expand_user

Photo = Image.Image | str | os.PathLike | np.ndarray
MAX_FILE_BYTES = 420 * 2**20
MAX_BYTES = 840 * 2**20        # memory for a photo and its result: 110 megapixels
COPIES = 2                     # pictures that are held at once: the photo and its result


def photo_of(image: Photo) -> Image.Image:
    """The photo, upright and in sRGB, of mode "RGB" or "RGBA".

    Args:
        image: anything that Pillow opens; the path of a picture file; or pixels, uint8 of shape (H, W), (H, W, 3) or (H, W, 4).

    Raises:
        DataError: for a file that is not there.
        PictureError: for a file that is no picture, damaged or too large.
        TypeError: for anything else, and for a photo without pixels.
    """
    if isinstance(image, str | os.PathLike):
        return _opened(expand_user(image))
    if isinstance(image, np.ndarray):
        image = _from_array(image)
    if not isinstance(image, Image.Image):
        raise TypeError(f"a photo must be an image of Pillow, a path, or an array of pixels (H, W, 3) uint8, got {type(image).__name__}: "
                        "of a tensor rgb (3, H, W) in [0, 1], pass (255 * rgb).byte().permute(1, 2, 0).numpy()")
    if 0 in image.size:
        raise TypeError(f"a photo must have pixels, got one of {image.width} x {image.height}")
    return upright_srgb(image, keep_alpha=True)[0]


def _opened(path: Path) -> Image.Image:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    with ignore_pillow_warnings():
        return decode(data, str(path), keep_alpha=True, max_bytes=MAX_BYTES, copies=COPIES).image


def _from_array(pixels: np.ndarray) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise TypeError(f"pixels must be uint8 of shape (H, W), (H, W, 3) or (H, W, 4), got {pixels.dtype} of shape {pixels.shape}")
    return Image.fromarray(pixels) if pixels.size else Image.new("RGB", (pixels.shape[1], pixels.shape[0]))
