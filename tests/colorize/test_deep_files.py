"""16 bits in, 16 bits out: the lightness of every pixel beside the sRGB standard in float64, and what the file says beside Pillow."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from colorlib.colorize import batch
from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer
from colorlib.data.deep import gray_levels, is_deep

imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra 'scans'")
tifffile = pytest.importorskip("tifffile", reason="needs the extra 'scans'")

CAMERA = skimage.data.camera()[100:220, 60:220].astype(np.uint16) * 257
LEVELS = (CAMERA + np.random.default_rng(0).integers(-128, 128, CAMERA.shape)).clip(0, 65535).astype(np.uint16)
COLORIZER = Colorizer("photos")
WHOLE = 2**26


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **{"photometric": "minisblack"} | options)
    return file.getvalue()


def png(pixels, **info):
    """With the chunks that Pillow writes for a gray picture of 16 bits."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **info)
    return file.getvalue()


def levels_of(rgb):
    """Gray levels with the luminance of 16-bit sRGB, by IEC 61966-2-1, in float64, with Bruce Lindbloom's digits."""
    encoded = rgb.astype(np.float64) / 65535
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126729, 0.7151522, 0.0721750]
    return 65535 * np.where(luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055)


def pixels_of(data):
    return imagecodecs.png_decode(data) if data.startswith(b"\x89PNG") else tifffile.imread(io.BytesIO(data))


@pytest.mark.parametrize("make", [png, tiff])
@pytest.mark.parametrize("vividness", [0, 1])
def test_lightness_stays_to_the_last_of_16_bits(make, vividness):
    result, remark = color_bytes(make(LEVELS), "it", COLORIZER, ColorizeOptions(vividness=vividness, saturation=2))
    pixels = pixels_of(result)
    assert (pixels.dtype, pixels.shape, remark) == (np.uint16, (*LEVELS.shape, 3), "")
    assert np.abs(levels_of(pixels) - LEVELS).max() < 1
    assert np.ptp(pixels, axis=2).mean() > 257 * 5, "it is in color"
    shallow = np.asarray(COLORIZER(Image.fromarray((LEVELS / 257).round().astype(np.uint8)), vividness, 2)).astype(int)
    assert np.abs((pixels / 257) - shallow).mean() < 1, "the colors are those of the photo in 8 bits"


@pytest.mark.parametrize("make", [lambda pixels: imagecodecs.png_encode(pixels), lambda pixels: tiff(pixels, photometric="rgb"),
                                  lambda pixels: tiff(np.moveaxis(pixels, 2, 0), photometric="rgb", planarconfig="separate")])
def test_gray_levels_of_colors_have_their_luminance(make):
    pixels = np.random.default_rng(1).integers(0, 65536, (50, 70, 3), dtype=np.uint16)
    assert np.abs(gray_levels(make(pixels), WHOLE).astype(float) - levels_of(pixels)).max() < 2


def test_twelve_bits_and_white_that_is_zero():
    twelve = (LEVELS >> 4).astype(np.uint16)
    levels = gray_levels(tiff(twelve, bitspersample=12), WHOLE)
    assert np.abs(levels.astype(float) - twelve * (65535 / 4095)).max() <= 0.5
    assert np.array_equal(gray_levels(tiff(65535 - LEVELS, photometric="miniswhite"), WHOLE), LEVELS)


def test_colors_that_are_stored_as_they_look_on_black():
    alpha = np.tile(np.linspace(0.2, 1, LEVELS.shape[1]), (len(LEVELS), 1))
    premultiplied = np.stack([LEVELS * alpha] * 3 + [65535 * alpha], 2).round().astype(np.uint16)
    levels = gray_levels(tiff(premultiplied, photometric="rgb", extrasamples=["assocalpha"]), WHOLE)
    assert np.abs(levels.astype(int) - LEVELS).max() <= 4


def test_a_colored_border_keeps_its_color():
    cardboard = np.full((180, 220, 3), [200, 170, 120], np.uint16) * 257
    cardboard[30:150, 30:190] = LEVELS[..., None]
    pixels = pixels_of(color_bytes(tiff(cardboard, photometric="rgb"), "it", COLORIZER, ColorizeOptions())[0])
    assert np.array_equal(pixels[:30], cardboard[:30])
    assert np.array_equal(pixels[30:150, :30], cardboard[30:150, :30])
    assert np.array_equal(pixels[:, 190:], cardboard[:, 190:])
    assert np.array_equal(pixels[150:], cardboard[150:])
    assert np.abs(levels_of(pixels) - levels_of(cardboard)).max() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [png, tiff])
def test_levels_are_upright_as_the_photo_is(make, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    tag = {"exif": exif} if make is png else {"extratags": [(274, 3, 1, orientation, True)]}
    pixels = pixels_of(color_bytes(make(LEVELS, **tag), "it", COLORIZER, ColorizeOptions(saturation=0))[0])
    turned = {1: LEVELS, 2: LEVELS[:, ::-1], 3: LEVELS[::-1, ::-1], 4: LEVELS[::-1], 5: LEVELS.T, 6: LEVELS.T[:, ::-1],
              7: LEVELS[::-1, ::-1].T, 8: LEVELS.T[::-1]}[orientation]
    assert np.abs(levels_of(pixels) - turned).max() < 1


def test_a_gray_profile_is_applied():
    gamma = 1.8
    data = png(LEVELS, icc_profile=imagecodecs.cms_profile("gray", gamma=gamma))
    linear = (LEVELS / 65535) ** gamma
    expected = 65535 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(gray_levels(data, WHOLE) - expected)[LEVELS > 3000].max() < 40, "littleCMS interpolates in tables"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(gray_levels(png(LEVELS, icc_profile=srgb), WHOLE), LEVELS), "a profile for other pixels cannot be applied"


def test_transparency_stays():
    alpha = np.linspace(0, 65535, LEVELS.size).astype(np.uint16).reshape(LEVELS.shape)
    result, _ = color_bytes(imagecodecs.png_encode(np.stack([LEVELS, alpha], 2)), "it", COLORIZER, ColorizeOptions())
    pixels = pixels_of(result)
    assert pixels.shape[2] == 4
    assert np.abs(pixels[..., 3].astype(int) - alpha).max() <= 257
    assert np.abs(levels_of(pixels[..., :3]) - LEVELS).max() < 1


def test_what_the_file_says_is_kept():
    exif = Image.Exif()
    exif[315] = "Ansel"
    exif.get_ifd(ExifTags.IFD.Exif)[36867] = "1939:07:04 12:00:00"
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("Title", "Größe")
    result, _ = color_bytes(png(LEVELS, exif=exif, pnginfo=texts, dpi=(600, 600)), "it", COLORIZER, ColorizeOptions())
    with Image.open(io.BytesIO(result)) as image:
        image.load()
        assert (image.text["Title"], image.getexif()[315], round(image.info["dpi"][0])) == ("Größe", "Ansel", 600)
        assert image.getexif().get_ifd(ExifTags.IFD.Exif)[36867] == "1939:07:04 12:00:00"
        assert image.getexif()[305].startswith("colorlib")
    result, _ = color_bytes(png(LEVELS, exif=exif, pnginfo=texts, dpi=(600, 600)), "it", COLORIZER, ColorizeOptions(format="tiff"))
    with Image.open(io.BytesIO(result)) as image:
        assert (image.tag_v2[315], image.info["dpi"], image.tag_v2[296]) == ("Ansel", pytest.approx((600, 600), abs=0.1), 2)
        assert image.tag_v2[305].startswith("colorlib")
        assert b"1939-07-04" in image.tag_v2[700]


@pytest.mark.parametrize("options", [{"format": "jpeg"}, {"format": "webp"}, {"compare": True}, {"sizes": (64, 128)}])
def test_formats_of_8_bits_and_comparisons_have_8_bits(options):
    result, remark = color_bytes(png(LEVELS), "it", COLORIZER, ColorizeOptions(**options))
    assert remark == ""
    assert not is_deep(result)


def test_a_file_whose_depth_is_lost_says_so(monkeypatch):
    real, _ = color_bytes(tiff((LEVELS / 65535).astype(np.float32)), "it", COLORIZER, ColorizeOptions())
    assert not is_deep(real)
    _, remark = color_bytes(tiff((LEVELS / 65535).astype(np.float32)), "it", COLORIZER, ColorizeOptions())
    assert remark == "16 bits became 8"
    monkeypatch.setattr(batch, "can_read_deep", lambda: False)
    _, remark = color_bytes(png(LEVELS), "it", COLORIZER, ColorizeOptions())
    assert "pip install imagecodecs tifffile" in remark


def test_what_only_tifffile_opens_keeps_its_depth():
    """Gray with transparency, of 16 and of 8 bits."""
    both = np.stack([LEVELS, np.full_like(LEVELS, 65535)], 2)
    result, remark = color_bytes(tiff(both, extrasamples=["unassalpha"]), "it", COLORIZER, ColorizeOptions())
    assert (is_deep(result), remark) == (True, "")
    assert np.abs(levels_of(pixels_of(result)[..., :3]) - LEVELS).max() < 1
    shallow = tiff(np.moveaxis(both >> 8, 2, 0).astype(np.uint8), extrasamples=["unassalpha"], planarconfig="separate")
    result, remark = color_bytes(shallow, "it", COLORIZER, ColorizeOptions())
    assert (is_deep(result), remark) == (False, "")


def test_borders_keep_their_levels():
    framed = np.pad(LEVELS, 20, constant_values=1234)
    pixels = pixels_of(color_bytes(png(framed), "it", COLORIZER, ColorizeOptions())[0])
    assert (pixels[:20] == 1234).all()
    assert np.abs(levels_of(pixels) - framed).max() < 1
