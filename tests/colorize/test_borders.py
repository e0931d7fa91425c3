"""Borders of scans are found to the pixel; photos without borders are left whole."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data as skimage_data

from colorlib.colorize.borders import inside_borders
from colorlib.colorize.colorizer import Colorizer
from colorlib.system import paths


@pytest.fixture(scope="module")
def photo():
    return Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB").resize((150, 100))


@pytest.mark.parametrize("level", [0, 128, 232, 255])
@pytest.mark.parametrize("widths", [(10, 10, 10, 10), (0, 30, 0, 30), (12, 0, 0, 0), (90, 60, 90, 60), (3, 20, 8, 0)])
def test_a_border_is_found_to_the_pixel(photo, level, widths):
    framed = ImageOps.expand(photo, widths, (level,) * 3)
    left, top, _, _ = widths
    assert inside_borders(framed) == (left, top, left + photo.width, top + photo.height)


def test_grain_and_dust_are_no_photo(photo):
    framed = np.array(ImageOps.expand(photo, 20, (236,) * 3)).astype(int)
    generator = np.random.default_rng(0)
    framed += generator.normal(0, 3, framed.shape[:2]).round().astype(int)[..., None]
    framed[generator.random(framed.shape[:2]) < 0.001] = 0
    left, top, right, bottom = inside_borders(Image.fromarray(framed.clip(0, 255).astype(np.uint8)))
    assert (left, top, right, bottom) == pytest.approx((20, 20, 170, 120), abs=1)


def test_a_turned_photo_loses_nothing(photo):
    """Turned by half a degree: what is cut off is border."""
    framed = ImageOps.expand(photo.resize((600, 400)), 60, (250,) * 3)
    turned = framed.rotate(0.5, Image.Resampling.BICUBIC, fillcolor=(250,) * 3)
    inside = Image.new("L", framed.size, 0)
    inside.paste(255, (60, 60, 660, 460))
    box = inside_borders(turned)
    outside = np.array(inside.rotate(0.5)) == 255
    outside[box[1]:box[3], box[0]:box[2]] = False
    assert box != (0, 0, *turned.size)
    assert outside.mean() < 0.002


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket", "page", "camera", "moon"])
def test_a_photo_without_borders_is_left_whole(name):
    picture = Image.fromarray(getattr(skimage_data, name)())
    assert inside_borders(picture.convert("RGB")) == (0, 0, *picture.size)


def test_a_plain_sky_is_no_border(photo):
    """Of one level, and of levels that change slowly, above hills that are not straight."""
    sky = np.full((120, 200), 200.0)
    sky[60:] += np.arange(60)[:, None] / 2
    rows, columns = np.indices(sky.shape)
    sky[rows > 90 + 12 * np.sin(columns / 15)] = 60
    pictures = [sky, sky[:80], np.linspace(120, 200, 100)[:, None].repeat(100, 1)]
    for picture in pictures:
        image = Image.fromarray(picture.astype(np.uint8)).convert("RGB")
        assert inside_borders(image) == (0, 0, *image.size)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (3, 200), (64, 48)])
def test_a_plain_picture_is_all_inside(size):
    assert inside_borders(Image.new("RGB", size, (128,) * 3)) == (0, 0, *size)


def test_the_colors_are_those_of_the_photo_alone(photo):
    colorizer = Colorizer("photos", size=64)
    framed = colorizer(ImageOps.expand(photo, (15, 20, 15, 20), (250, 240, 220)))
    assert np.array_equal(framed.crop((15, 20, 165, 120)), colorizer(photo))
    assert set(map(tuple, np.array(framed)[:20].reshape(-1, 3))) == {(250, 240, 220)}, "as it was"
    assert framed.size == (180, 140)
    clear = photo.convert("RGBA")
    clear.putalpha(100)
    assert set(np.array(colorizer(ImageOps.expand(clear, 20, (0, 0, 0, 255))).getchannel("A")).flat) == {100, 255}
