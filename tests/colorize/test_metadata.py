"""What a file says of its photo is in the result: resolution, place and date, titles; and what colored it."""

import io
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

import colorlib
from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.formats import EXTENSIONS, encode
from colorlib.colorize.provenance import CHANGED_BY_A_NETWORK
from colorlib.data.decode import decode

FORMATS = list(EXTENSIONS)
PACKET = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
          b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
          b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="6" xmp:CreatorTool="Scanner 3"><dc:creator>'
          b"<rdf:Seq><rdf:li>M\xc3\xbcller</rdf:li></rdf:Seq></dc:creator><xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>"
          b"</rdf:Description></rdf:RDF></x:xmpmeta>")
IPTC = b"\x1c\x02\x78\x00\x07Caption"               # record 2, dataset 120
NAMES = {"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "dc": "http://purl.org/dc/elements/1.1/",
         "xmp": "http://ns.adobe.com/xap/1.0/", "exif": "http://ns.adobe.com/exif/1.0/"}


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer("photos", size=32)


def exif(orientation=1):
    tags = Image.Exif()
    tags[ExifTags.IFD.GPSInfo] = {1: "N", 2: (49.0, 21.0, 36.0), 3: "W", 4: (0.0, 52.0, 0.0)}
    tags[ExifTags.IFD.Exif] = {36867: "1944:06:06 06:30:00"}
    tags[315], tags[305], tags[0x0112] = "R. Capa", "Scanner 3", orientation
    return tags


def photo(form, **options):
    file = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(file, form, **options)
    return file.getvalue()


def segment(iptc):
    """The APP13 segment of a JPEG."""
    content = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


def utf8(text):
    """Pillow takes the bytes of EXIF for Latin-1."""
    return text.encode("latin-1").decode()


def colored(data, colorizer, form, **options):
    result, _ = color_bytes(data, "it", colorizer, ColorizeOptions(format=form, **options))
    return Image.open(io.BytesIO(result))


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(("orientation", "expected"), [(1, (300, 600)), (3, (300, 600)), (6, (600, 300))])
def test_the_resolution_stays_and_turns_with_the_photo(form, source, orientation, expected, colorizer):
    tags = Image.Exif()
    tags[0x0112] = orientation
    options = {"tiffinfo": {274: orientation}} if source == "TIFF" else {"exif": tags}
    result = colored(photo(source, dpi=(300, 600), **options), colorizer, form)
    assert result.info["dpi"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("source", ["JPEG", "WEBP", "TIFF", "PNG"])
def test_xmp_stays_but_for_what_is_not_true_of_the_result(form, source, colorizer):
    options = {"xmp": PACKET}
    if source == "TIFF":
        options = {"tiffinfo": {700: PACKET}}
    if source == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", PACKET.decode())
        options = {"pnginfo": chunks}
    result = colored(photo(source, **options), colorizer, form)
    packet = result.info["xmp"]
    tree = ElementTree.fromstring(packet if isinstance(packet, str) else packet.decode())
    assert [item.text for item in tree.iterfind(".//dc:creator//rdf:li", NAMES)] == ["Müller"]
    assert b"Orientation" not in (packet.encode() if isinstance(packet, str) else packet)
    assert tree.find(".//xmp:Thumbnails", NAMES) is None
    tools = [part.get(f"{{{NAMES['xmp']}}}CreatorTool") for part in tree.iterfind(".//rdf:Description", NAMES)]
    assert [tool for tool in tools if tool] == [f"colorlib {colorlib.__version__}, weights photos, size 32, vividness 0.5"]
    assert result.size == (30, 40), "turned by the orientation in the XMP"
    assert result.getexif().get(0x0112) is None


@pytest.mark.parametrize("form", FORMATS)
def test_the_result_says_what_made_it(form, colorizer):
    result = colored(photo("JPEG", exif=exif()), colorizer, form, vividness=1.0, saturation=1.5)
    maker = f"colorlib {colorlib.__version__}, weights photos, size 32, vividness 1, saturation 1.5"
    assert result.getexif()[305] == f"{maker}; Scanner 3"
    assert CHANGED_BY_A_NETWORK in str(result.info["xmp"])
    assert maker in str(result.info["xmp"])


@pytest.mark.parametrize("form", FORMATS)
def test_date_and_place_are_in_the_xmp_of_every_format(form, colorizer):
    result = colored(photo("JPEG", exif=exif()), colorizer, form)
    tree = ElementTree.fromstring(str(result.info["xmp"], "utf-8") if isinstance(result.info["xmp"], bytes) else result.info["xmp"])
    found = {name: value for part in tree.iterfind(".//rdf:Description", NAMES) for name, value in part.attrib.items()}
    assert found[f"{{{NAMES['exif']}}}DateTimeOriginal"] == "1944-06-06T06:30:00"
    assert found[f"{{{NAMES['exif']}}}GPSLatitude"] == "49,21.600000N"
    assert found[f"{{{NAMES['exif']}}}GPSLongitude"] == "0,52.000000W"
    if form != "tiff":
        assert result.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert result.getexif()[315] == "R. Capa"


@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
@pytest.mark.parametrize("form", ["jpeg", "tiff"])
def test_iptc_stays(source, form, colorizer):
    options = {"extra": segment(IPTC)} if source == "JPEG" else {"tiffinfo": {33723: IPTC}}
    result = colored(photo(source, **options), colorizer, form)
    found = result.info["photoshop"][0x0404] if form == "jpeg" else result.tag_v2[33723]
    assert found == IPTC


@pytest.mark.parametrize("form", FORMATS)
def test_titles_and_comments_stay(form, colorizer):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("Title", "Omaha Beach, früh")
    result = colored(photo("PNG", pnginfo=chunks), colorizer, form)
    said = {"jpeg": lambda: result.info["comment"].decode(), "png": lambda: "Title: " + result.text["Title"]}
    assert said.get(form, lambda: utf8(result.getexif()[270]))() == "Title: Omaha Beach, früh"
    result = colored(photo("JPEG", comment=b"Grandma"), colorizer, form)
    said = {"jpeg": lambda: result.info["comment"].decode(), "png": lambda: result.text["Comment"]}
    assert said.get(form, lambda: utf8(result.getexif()[270]))() == "Grandma"


@pytest.mark.parametrize("form", FORMATS)
def test_names_in_utf8_stay(form, colorizer):
    tags = exif()
    tags[315] = "Müller".encode()
    result = colored(photo("JPEG", exif=tags), colorizer, form)
    assert utf8(result.getexif()[315]) == "Müller"


def test_an_odd_tag_costs_neither_the_picture_nor_the_other_tags():
    decoded = decode(photo("PNG", exif=exif()), "it")
    decoded.metadata.exif[33432] = {1: object()}
    decoded.metadata.exif[270] = "a beach"
    with Image.open(io.BytesIO(encode(decoded.image, "tiff", "it", decoded.metadata))) as result:
        assert result.getexif()[270] == "a beach"
        assert result.getexif()[315] == "R. Capa"
        assert np.array_equal(result, decoded.image)


def test_metadata_that_no_jpeg_segment_holds_do_not_cost_the_picture(colorizer):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", PACKET.decode().replace("Müller", "x" * 70_000))
    chunks.add_itxt("Comment", "ü" * 60_000)
    result = colored(photo("PNG", pnginfo=chunks), colorizer, "jpeg")
    assert result.size == (30, 40)
    assert result.info["comment"].decode(errors="ignore").startswith("üüü")
