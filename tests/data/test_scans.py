"""Files as scanners, cameras and archives write them: each is the gray ramp that it was made from, or the error says what to do."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from test_decode import saved

from colorlib.data.decode import decode
from colorlib.data.depth import DARK_PICTURE
from colorlib.data.pages import LARGEST_PICTURE, SEVERAL_PICTURES
from colorlib.data.repair import repair
from colorlib.system import paths
from colorlib.system.errors import PictureError

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
SIXTEEN = RAMP.astype(np.uint16) * 257


def tiff(*pages, byteorder="<", **options):
    """A TIFF of some pages: arrays, or pairs of an array and further options."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=byteorder) as writer:
        for page in pages:
            pixels, more = page if isinstance(page, tuple) else (page, {})
            writer.write(pixels, **options | more)
    return file.getvalue()


def twelve_bits():
    """A TIFF by hand: two pixels in three bytes."""
    levels = RAMP.astype(int) * 4095 // 255
    left, right = levels[:, ::2], levels[:, 1::2]
    packed = np.stack([left >> 4, (left & 15) << 4 | right >> 8, right & 255], -1).astype(np.uint8).tobytes()
    tags = {256: (4, 64), 257: (4, 48), 258: (3, 12), 259: (3, 1), 262: (3, 1), 273: (4, 0), 277: (3, 1), 278: (4, 48), 279: (4, len(packed))}
    tags[273] = (4, 8 + 2 + 12 * len(tags) + 4)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + packed


def png_with(kind, content, checksum=None):
    """A PNG with one more chunk, whose checksum may be wrong."""
    data = saved(Image.fromarray(RAMP), "PNG")
    chunk = struct.pack(">I", len(content)) + kind + content
    chunk += struct.pack(">I", zlib.crc32(kind + content) if checksum is None else checksum)
    end_of_header = 8 + 25
    return data[:end_of_header] + chunk + data[end_of_header:]


LONG_TEXT = b"Comment\0\0" + zlib.compress(b"once upon a time " * 130_000)          # 2 MB
FILES = {
    "12 bits": twelve_bits,
    "16 bits": lambda: tiff(SIXTEEN),
    "16 bits, most significant byte first": lambda: tiff(SIXTEEN.astype(">u2"), byteorder=">"),
    "signed 16 bits": lambda: tiff((SIXTEEN // 2).astype(np.int16)),
    "signed 32 bits": lambda: tiff((RAMP.astype(np.int64) * (2**31 // 256)).astype(np.int32)),
    "unsigned 32 bits": lambda: tiff((RAMP.astype(np.int64) * (2**32 // 256)).astype(np.uint32)),
    "white is zero, 8 bits": lambda: tiff(255 - RAMP, photometric="miniswhite"),
    "white is zero, 16 bits": lambda: tiff(65535 - SIXTEEN, photometric="miniswhite"),
    "real numbers up to 1": lambda: tiff((RAMP / 255).astype(np.float32)),
    "real numbers up to 255": lambda: tiff(RAMP.astype(np.float32)),
    "real numbers of 16 bits": lambda: tiff((RAMP / 255).astype(np.float16)),
    "real numbers of 64 bits": lambda: tiff(RAMP / 255),
    "gray and alpha of 16 bits": lambda: tiff(np.stack([SIXTEEN, np.full_like(SIXTEEN, 65535)], -1), photometric="minisblack",
                                              extrasamples=["unassalpha"]),
    "three planes": lambda: tiff(np.stack([SIXTEEN] * 3), photometric="rgb", planarconfig="separate"),
    "a thumbnail before it": lambda: tiff((RAMP[::4, ::4].copy(), {"subfiletype": 1}), RAMP),
    "a large text chunk": lambda: png_with(b"zTXt", LONG_TEXT),
    "a wrong checksum beside it": lambda: png_with(b"pHYs", struct.pack(">IIB", 11811, 11811, 1), 12345),
    "16 bits of a PNG": lambda: saved(Image.fromarray(SIXTEEN), "PNG"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_scan_is_the_ramp_it_was_made_from(kind):
    found = decode(FILES[kind](), kind)
    assert np.abs(np.asarray(found.image).astype(int) - RAMP[..., None]).max() <= 1
    assert not found.remark


def test_a_compression_that_needs_more_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)              # as if it were not installed
    data = FILES["gray and alpha of 16 bits"]()
    uncompressed, lerc = (struct.pack("<HHII", 259, 3, 1, kind) for kind in (1, 34887))
    assert uncompressed in data
    with pytest.raises(PictureError, match="pip install tifffile imagecodecs"):
        decode(data.replace(uncompressed, lerc), "scan.tif")


def test_levels_far_from_white_are_remarked():
    """12 bits in a file that says 16: nearly black, as the file says."""
    found = decode(tiff(SIXTEEN // 16), "scan.tif")
    assert found.remark == DARK_PICTURE
    assert np.asarray(found.image).max() == 16


@pytest.mark.parametrize("level", [np.nan, np.inf, 1e9])
def test_real_numbers_without_a_white_say_so(level):
    with pytest.raises(PictureError, match="no level is defined as white"):
        decode(tiff(np.full((8, 8), level, np.float32)), "scan.tif")


def test_of_several_pages_the_largest_is_the_photo():
    small, large = RAMP[:, ::2].copy(), RAMP
    assert decode(tiff(small, large), "two").image.size == (64, 48)
    assert decode(tiff(small, large), "two").remark == LARGEST_PICTURE
    assert decode(tiff(large, 255 - large), "two").remark == SEVERAL_PICTURES
    assert np.asarray(decode(tiff(large, 255 - large), "two").image)[0, -1, 0] == 255, "the first of two equals"


def test_a_raw_photo_is_not_taken_for_its_thumbnail():
    data = tiff((RAMP[::4, ::4].copy(), {"subfiletype": 1, "subifds": 1}), RAMP)
    with pytest.raises(PictureError, match="it is a RAW photo: develop it first"):
        decode(data, "IMG_1.NEF")


@pytest.mark.parametrize(("photometric", "pixels"), [("CFA", SIXTEEN), ("LINEAR_RAW", np.stack([SIXTEEN] * 3, 2))])
def test_the_pixels_of_a_sensor_are_a_raw_photo(photometric, pixels):
    with pytest.raises(PictureError, match="it is a RAW photo: develop it first"):
        decode(tiff(pixels, photometric=photometric), "sensor.dng")


@pytest.mark.parametrize(("start", "advice"), [
    (b"\xff\x0a", "pip install pillow-jxl-plugin"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "pip install pillow-jxl-plugin"),
    (b"\0\0\0\x18ftypheic", "pip install pillow-heif"),
    (b"\0\0\0\x18ftypcrx ", "develop it first"),
    (b"FUJIFILMCCD-RAW 0201", "develop it first"),
    (b"%PDF-1.7", "export its pictures"),
    (b"PK\x03\x04", "unpack it, and name the folder"),
])
def test_other_kinds_of_pictures_are_named(start, advice):
    with pytest.raises(PictureError, match=advice) as caught:
        decode(start + bytes(100), "it")
    assert caught.value.status == "no picture"


def test_a_jpeg_without_its_end_is_whole():
    photo = Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB")
    data = saved(photo, "JPEG")
    found = decode(data[:-2], "it")
    assert np.array_equal(found.image, decode(data, "it").image)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_jpeg_that_breaks_off_is_not(progressive, part):
    photo = Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB")
    data = saved(photo, "JPEG", progressive=progressive)
    with pytest.raises(PictureError, match="damaged"):
        decode(data[:int(part * len(data))], "it")


def test_a_png_without_pixels_is_not_repaired():
    data = saved(Image.fromarray(RAMP), "PNG")
    damaged = data.replace(b"IDAT", b"IDAT"[:3] + b"S")          # its checksum is wrong now
    with pytest.raises(PictureError, match="damaged"):
        decode(damaged, "it")
    assert repair(data) is None


def test_a_profile_for_gray_is_applied_to_gray_with_alpha():
    """A gamma of 1: the levels are linear light."""
    profile = gray_profile(gamma=1.0)
    image = Image.fromarray(RAMP)
    plain = decode(saved(image, "PNG", icc_profile=profile), "it").image
    image.putalpha(255)
    found = decode(saved(image, "PNG", icc_profile=profile), "it", keep_alpha=True).image
    assert np.array_equal(found.convert("RGB"), plain)
    assert np.abs(np.asarray(plain).astype(int)[..., 0] - RAMP).max() > 30, "it changes something"


def gray_profile(gamma):
    """An ICC profile for gray by hand (ICC.1:2010): a header, and the tags wtpt and kTRC."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    table = struct.pack(">I", 2) + b"wtpt" + struct.pack(">II", 156, 20) + b"kTRC" + struct.pack(">II", 176, 14)
    header = struct.pack(">I4sI4s4s4s", 192, b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp" + bytes(24)
    header += struct.pack(">I", 0) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + table + white + curve
