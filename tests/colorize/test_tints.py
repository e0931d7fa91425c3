"""Photos in color, and gray ones that a toning or a scan has tinted."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from colorlib.colorize.tints import has_colors
from colorlib.system import paths

COLORED = [Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "chelsea", "coffee")]
COLORED += [Image.open(file) for file in sorted(paths.samples_dir().glob("*.jpg"))]
SEPIA, CYANOTYPE, PLATINUM = ("#281908", "#fff0cd", "#a07850"), ("#0a1e46", "#ebf5fa", "#5082aa"), ("#101014", "#f5f0e8", "#77706c")


def stored(photo):
    """As a JPEG, whose colors are coarse."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=75)
    return Image.open(file)


@pytest.mark.parametrize("photo", COLORED)
def test_a_photo_in_color_is_in_color(photo):
    assert has_colors(photo)
    assert has_colors(photo.convert("RGBA"))


@pytest.mark.parametrize("photo", COLORED)
def test_a_gray_photo_is_gray_in_every_toning(photo):
    gray = photo.convert("L")
    assert not has_colors(stored(gray).convert("RGB"))
    for dark, light, middle in (SEPIA, CYANOTYPE, PLATINUM):
        assert not has_colors(stored(ImageOps.colorize(gray, dark, light, mid=middle)))


def test_a_scan_that_is_yellow_at_one_side_is_gray():
    gray = np.repeat(np.asarray(COLORED[0].convert("L"), float)[..., None], 3, 2)
    side_to_side = np.linspace(0, 0.4, gray.shape[1])[None, :, None]
    yellowed = gray * (1 - side_to_side) + np.array([215, 180, 100]) * side_to_side
    assert not has_colors(stored(Image.fromarray(yellowed.round().astype(np.uint8))))


def test_one_colorful_thing_is_enough():
    pixels = np.repeat(np.asarray(COLORED[0].convert("L"))[..., None], 3, 2)
    pixels[200:300, 100:200] = (200, 40, 40)                              # 4% of the photo
    assert has_colors(stored(Image.fromarray(pixels)))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2000, 3)])
def test_any_shape_is_looked_at(size):
    assert not has_colors(Image.new("RGB", size, "#804020"))
