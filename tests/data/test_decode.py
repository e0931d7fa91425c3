"""Every kind of image file that a collection may hold, decoded and compared with the picture it was made from."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from colorlib.data.decode import center_square, decode
from colorlib.system import paths
from colorlib.system.errors import PictureError

# Which file is too large is for ``decode`` to say.
pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")


@pytest.fixture(scope="module")
def photo():
    """A real photo without symmetry, 160 x 120."""
    return Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB").resize((160, 120))


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def error(actual, expected):
    """The mean difference in levels of 255."""
    assert actual.size == expected.size
    return np.abs(np.asarray(actual, float) - np.asarray(expected.convert("RGB"), float)).mean()


def sixteen_bits(photo):
    return Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# A kind of file: how to make it, the picture to expect, how far it may be off (levels of 255), and what is said of it.
KINDS = {
    "PNG": (lambda p: saved(p, "PNG"), lambda p: p, 0, ()),
    "JPEG": (lambda p: saved(p, "JPEG", quality=95, subsampling=0), lambda p: p, 3, ()),
    "progressive JPEG": (lambda p: saved(p, "JPEG", quality=95, subsampling=0, progressive=True), lambda p: p, 3, ()),
    "WebP": (lambda p: saved(p, "WEBP", lossless=True), lambda p: p, 0, ()),
    "TIFF": (lambda p: saved(p, "TIFF"), lambda p: p, 0, ()),
    "BMP": (lambda p: saved(p, "BMP"), lambda p: p, 0, ()),
    "gray JPEG": (lambda p: saved(p.convert("L"), "JPEG", quality=95, subsampling=0), lambda p: p.convert("L"), 3, ()),
    "palette GIF": (lambda p: saved(p.quantize(256), "GIF"), lambda p: p.quantize(256), 0, ("palette",)),
    "palette PNG": (lambda p: saved(p.quantize(16), "PNG"), lambda p: p.quantize(16), 0, ("palette",)),
    "1 bit": (lambda p: saved(p.convert("1"), "PNG"), lambda p: p.convert("1"), 0, ("1 bit",)),
    "16 bits PNG": (lambda p: saved(sixteen_bits(p), "PNG"), lambda p: p.convert("L"), 0, ("16 bits",)),
    "16 bits TIFF": (lambda p: saved(sixteen_bits(p), "TIFF"), lambda p: p.convert("L"), 0, ("16 bits",)),
    "CMYK JPEG": (lambda p: saved(p.convert("CMYK"), "JPEG", quality=95, subsampling=0), lambda p: p, 5, ("CMYK",)),
    "opaque RGBA": (lambda p: saved(p.convert("RGBA"), "PNG"), lambda p: p, 0, ()),
    "gray with alpha": (lambda p: saved(p.convert("LA"), "PNG"), lambda p: p.convert("L"), 0, ()),
    "animated GIF": (lambda p: saved(p.quantize(256), "GIF", save_all=True, append_images=[ImageOps.mirror(p)]),
                     lambda p: p.quantize(256), 4, ("first of several pictures", "palette")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_file_is_the_picture_it_was_made_from(kind, photo):
    make, expected, tolerance, changes = KINDS[kind]
    found = decode(make(photo), kind)
    assert found.image.mode == "RGB"
    assert (found.width, found.height) == (160, 120)
    assert error(found.image, expected(photo)) <= tolerance
    assert found.changes == changes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_photo_is_upright(form, orientation, photo):
    """As a camera stores it: the pixels lie turned, and the tag says how (EXIF 2.3, tag 274). Turned by hand here."""
    by_hand = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.swapaxes(0, 1),
               6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}
    stored = Image.fromarray(np.ascontiguousarray(by_hand[orientation](np.asarray(photo))))
    quality = {"quality": 95, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    found = decode(saved(stored, form, exif=exif(orientation), **quality), "turned")
    assert error(found.image, photo) < 3


@pytest.mark.parametrize("odd", [struct.pack("<HHII", 0x011A, 2, 7, 38), struct.pack("<HHII", 0x0128, 4, 1, 70_000)],
                         ids=["a resolution in words", "a unit that no one knows"])
def test_a_turned_photo_with_an_odd_exif_tag_is_upright(odd, photo):
    """By hand, since Pillow does not write what some cameras do: two entries, the orientation 6 and the odd one."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + odd
    tags = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0) + b"72 dpi\0"
    stored = photo.transpose(Image.Transpose.ROTATE_90)
    found = decode(saved(stored, "JPEG", quality=95, subsampling=0, exif=tags), "odd tag")
    assert error(found.image, photo) < 3
    assert found.changes == ("turned upright",)


def test_eps_is_not_opened_since_pillow_would_run_ghostscript(photo):
    with pytest.raises(PictureError) as caught:
        decode(saved(photo, "EPS"), "drawing.eps")
    assert caught.value.status == "no picture"


def test_transparent_parts_become_white(photo):
    layers = photo.convert("RGBA")
    layers.paste((0, 0, 0, 0), (0, 0, 80, 120))                               # the left half: transparent black
    found = decode(saved(layers, "PNG"), "transparent")
    assert found.changes == ("laid on white",)
    assert np.asarray(found.image)[:, :80].min() == 255
    assert error(found.image.crop((80, 0, 160, 120)), photo.crop((80, 0, 160, 120))) == 0


def test_the_transparent_color_of_a_png_becomes_white():
    """tRNS: one color of an RGB picture, or one entry of a palette."""
    pixels = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    pixels[:4] = (0, 0, 255)
    plain = Image.fromarray(pixels)
    palette = plain.quantize(2)
    blue = palette.getpixel((0, 0))
    for data in (saved(plain, "PNG", transparency=(0, 0, 255)), saved(palette, "PNG", transparency=blue)):
        found = np.asarray(decode(data, "tRNS").image)
        assert (found[:4] == 255).all()
        assert (found[4:] == (255, 0, 0)).all()


def test_the_transparent_16_bit_level_of_a_png_becomes_white():
    pixels = np.full((8, 8), 0x8000, np.uint16)
    pixels[:4] = 0
    found = np.asarray(decode(saved(Image.fromarray(pixels), "PNG", transparency=0x8000), "tRNS").image)
    assert (found[:4] == 0).all()
    assert (found[4:] == 255).all()


def swapped_profile():
    """A color profile in which red and green have changed places: Pillow's sRGB with two entries renamed."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile.count(b"rXYZ") == profile.count(b"gXYZ") == 1
    renamed = profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return renamed.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


def test_a_color_profile_is_applied(photo):
    red, green, blue = photo.split()
    found = decode(saved(photo, "PNG", icc_profile=swapped_profile()), "profile")
    assert found.changes == ("color profile applied",)
    assert error(found.image, Image.merge("RGB", (green, red, blue))) < 1.5
    assert error(found.image, photo) > 10


def test_a_color_profile_that_cannot_be_used_is_ignored(photo):
    for profile in (b"not a profile", swapped_profile()[:200]):
        found = decode(saved(photo, "PNG", icc_profile=profile), "profile")
        assert found.changes == ("unusable color profile ignored",)
        assert error(found.image, photo) == 0


def test_heic_is_read_where_pillow_can(photo):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    found = decode(saved(photo, "HEIF", quality=95), "IMG_0001.HEIC")
    assert found.format == "HEIF"
    assert error(found.image, photo) < 4


@pytest.mark.parametrize("min_side", [16, 40, 60])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "palette GIF", "16 bits PNG", "opaque RGBA", "CMYK JPEG"])
def test_a_smaller_copy_is_small_enough_and_large_enough(kind, min_side, photo):
    make, expected, _, _ = KINDS[kind]
    large = photo.resize((1600, 1200))
    found = decode(make(large), kind, min_side)
    assert min_side <= min(found.image.size) < 600
    assert (found.width, found.height) == (1600, 1200)
    assert error(center_square(found.image, min_side // 2), center_square(expected(large).convert("RGB"), min_side // 2)) < 4


def png(width, height, rows):
    """A PNG by hand: gray, 8 bits, its compressed ``rows`` as they are."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def cut(form, part, **options):
    def make(photo):
        data = saved(photo, form, **options)
        return data[:int(part * len(data))]
    return make


BAD = {
    "empty": (lambda p: b"", "empty"),
    "text": (lambda p: b"not a picture at all" * 50, "no picture"),
    "web page": (lambda p: b"<html><body>404</body></html>", "no picture"),
    "only a JPEG's first bytes": (lambda p: saved(p, "JPEG")[:20], "no picture"),
    "half a JPEG": (cut("JPEG", 0.5), "damaged"),
    "nearly a whole JPEG": (cut("JPEG", 0.98), "damaged"),
    "half a progressive JPEG": (cut("JPEG", 0.5, progressive=True), "damaged"),
    "half a PNG": (cut("PNG", 0.5), "damaged"),
    "half a WebP": (cut("WEBP", 0.5), "damaged"),
    "half a TIFF": (cut("TIFF", 0.5), "damaged"),
    "half a BMP": (cut("BMP", 0.5), "damaged"),
    "a bomb": (lambda p: png(50_000, 50_000, b""), "too large"),
    "larger than a kernel": (lambda p: png(10_000, 9_000, b""), "too large"),
    "real numbers without a white": (lambda p: saved(p.convert("F").point(lambda level: level * 1e6), "TIFF"), "damaged"),
}


@pytest.mark.parametrize("min_side", [None, 32])
@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_yields_no_picture_says_why(kind, min_side, photo):
    make, status = BAD[kind]
    with pytest.raises(PictureError, match=f"{kind} cannot be used: .+") as caught:
        decode(make(photo), kind, min_side)
    assert caught.value.status == status


def test_verify_would_have_passed_a_truncated_jpeg(photo):
    """Why every file is decoded to its end."""
    data = cut("JPEG", 0.5)(photo)
    Image.open(io.BytesIO(data)).verify()
    with pytest.raises(PictureError):
        decode(data, "truncated")


def test_center_square_is_the_middle(photo):
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste("white", (100, 0, 200, 100))
    assert np.asarray(center_square(wide, 100)).min() == 255
    assert np.asarray(center_square(wide.transpose(Image.Transpose.ROTATE_90), 100)).min() == 255
