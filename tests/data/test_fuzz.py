"""Damaged files by the hundred: each is colored or refused in one sentence, and nothing else happens."""

import io
import os
import random

import psutil
import pytest
import tiny
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer
from colorlib.system.errors import PictureError
from colorlib.system.heap import trim_heap


def file(form: str, mode: str = "RGB", **options) -> bytes:
    """A small picture in this format."""
    buffer = io.BytesIO()
    gray = Image.radial_gradient("L").resize((24, 16))
    picture = gray.convert("I").point(lambda level: level * 257).convert(mode) if mode == "I;16" else gray.convert(mode)
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def chunks() -> dict:
    """What a PNG may say beside its pixels."""
    exif, texts = Image.Exif(), PngImagePlugin.PngInfo()
    exif[274], exif[305] = 6, "a scanner"
    texts.add_text("Title", "words " * 20, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    return {"exif": exif, "pnginfo": texts, "dpi": (300, 300), "icc_profile": PROFILE, "transparency": (1, 2, 3)}


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OTHERS = {"save_all": True, "append_images": [Image.new("RGB", (24, 16), "gray")], "duration": 50}
FILES = [*map(file, ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "ICO")),
         *(file(form, mode) for form in ("PNG", "TIFF") for mode in ("I;16", "1", "P", "LA")), file("TIFF", "CMYK"), file("TIFF", "F"),
         file("PNG", **chunks()), file("TIFF", tiffinfo={315: "somebody", 700: b"<x:xmpmeta/>"}, compression="tiff_lzw", dpi=(300, 300)),
         *(file(form, **OTHERS) for form in ("GIF", "PNG", "WEBP", "TIFF"))]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, some left out, some put in, or its end missing."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        what = draw(st.sampled_from(["change", "change", "insert", "drop", "cut"]))
        if what == "change" and data:
            data[place] = draw(st.integers(0, 255))
        elif what == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=20))
        elif what == "drop":
            del data[place:place + draw(st.integers(1, 20))]
        else:
            del data[place:]
    return bytes(data)


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    return Colorizer(tiny.weights(tmp_path_factory.mktemp("weights"), size=8, width=4, depth=1))


def outcome(data: bytes, colorizer: Colorizer) -> str:
    """What became of a file: "colored", or the status of the error; any other error fails the test."""
    try:
        colored, _ = color_bytes(data, "the file", colorizer, ColorizeOptions())
    except PictureError as error:
        assert "\n" not in str(error)
        return error.status
    with Image.open(io.BytesIO(colored)) as image:
        image.load()
    return "colored"


def in_use() -> int:
    """Bytes of this process, without what is free and only kept at hand."""
    trim_heap()
    return psutil.Process().memory_info().rss


# As many as COLORLIB_FUZZ says: `make fuzz` asks for 10,000.
@settings(max_examples=int(os.environ.get("COLORLIB_FUZZ", "200")), deadline=None, derandomize=True, database=None)
@given(data=damaged())
def test_a_damaged_file_is_colored_or_refused(data, colorizer):
    event(status := outcome(data, colorizer))
    assert status in {"colored", "damaged", "no picture", "empty", "too large", "not written"}


@pytest.mark.parametrize("data", FILES)
def test_a_whole_file_is_colored(data, colorizer):
    assert outcome(data, colorizer) == "colored"


def test_damaged_files_leave_no_memory_behind(colorizer):
    """Without Hypothesis, which remembers what it tried. What was freed is given back: the allocator keeps much of a single huge picture."""
    chance = random.Random(0)
    files = [bytes(byte if chance.random() > 0.01 else chance.randrange(256) for byte in data) for data in FILES * 8]
    used = []
    for _ in range(4):
        for data in files:
            outcome(data, colorizer)
        used.append(in_use())
    assert used[-1] - used[0] < 20 * 2**20
