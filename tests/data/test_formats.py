"""What a colored file is made of: its format, its EXIF, its transparency."""

import io

import numpy as np
import pytest
from command import colorize, contents, run
from PIL import ExifTags, Image, ImageCms

import colorlib
from colorlib.cli import main
from colorlib.colorize import batch as coloring
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.formats import EXTENSIONS


def test_bytes_become_what_is_wished(painter, album):
    wish = coloring.ColorizeOptions(format="png")
    colored, _ = coloring.color_bytes((album / "a.jpg").read_bytes(), "a", Colorizer(painter), wish)
    assert Image.open(io.BytesIO(colored)).format == "PNG"


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_the_format_asked_for_is_written(form, painter, album, tmp_path):
    assert colorize(painter, album / "a.jpg", "-o", tmp_path / "out", "--format", form) == 0
    (name,) = contents(tmp_path / "out")
    with Image.open(tmp_path / "out" / name) as image:
        assert image.format == form.upper()
        assert name.endswith(EXTENSIONS[form])


def test_a_name_for_the_output_decides_the_format(painter, album, tmp_path, capsys):
    assert colorize(painter, album / "a.jpg", "-o", tmp_path / "new" / "mine.webp") == 0
    with Image.open(tmp_path / "new" / "mine.webp") as image:
        assert image.format == "WEBP"
    assert colorize(painter, album / "a.jpg", "-o", tmp_path / "mine.docx") == 2
    assert "must end with one of .jpg, .png" in capsys.readouterr().err


def test_compare_puts_gray_on_the_left(painter, album, tmp_path):
    Image.open(album / "sub" / "b.png").save(tmp_path / "gray.png")
    assert colorize(painter, tmp_path / "gray.png", "-o", tmp_path / "both.png", "--compare") == 0
    both = np.asarray(Image.open(tmp_path / "both.png")).astype(int)
    assert both.shape == (30, 80, 3)
    gray = np.asarray(Image.open(tmp_path / "gray.png")).astype(int)
    assert np.abs(both[:, :40] - gray[..., None]).max() <= 1


def test_exif_stays_but_for_the_orientation_and_transparency_becomes_white_in_jpeg(painter, tmp_path):
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A camera", 6
    image.save(tmp_path / "clear.png", exif=exif)
    assert colorize(painter, tmp_path / "clear.png", "-o", tmp_path / "white.jpg") == 0
    with Image.open(tmp_path / "white.jpg") as result:
        assert result.size == (10, 20)
        assert dict(result.getexif()) == {0x010F: "A camera", 0x0131: f"colorlib {colorlib.__version__}, weights tiny.safetensors"}
        assert np.asarray(result).min() > 250
    assert colorize(painter, tmp_path / "clear.png", "-o", tmp_path / "still.png") == 0
    with Image.open(tmp_path / "still.png") as result:
        assert result.mode == "RGBA"
        assert result.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "CMYK", "P"])
@pytest.mark.parametrize("form", ["tiff", "jpeg"])
def test_a_scan_that_is_a_tiff_becomes_a_readable_file(mode, form, painter, tmp_path):
    """Its EXIF is all that says how its pixels are stored, and a color profile: none of that may be copied."""
    gray = Image.effect_noise((40, 30), 60)
    scan = Image.fromarray(np.asarray(gray).astype(np.uint16) * 256) if mode == "I;16" else gray.convert(mode)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    scan.save(tmp_path / "scan.tif", icc_profile=profile, tiffinfo={271: "A scanner"})
    assert colorize(painter, tmp_path / "scan.tif", "-o", tmp_path / f"out.{form}") == 0
    with Image.open(tmp_path / f"out.{form}") as result:
        result.load()
        assert (result.mode, result.size) == ("RGB", (40, 30))
        assert result.getexif()[271] == "A scanner"
        assert "icc_profile" not in result.info


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_where_and_when_a_photo_was_taken_stays(form, painter, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (47.0, 11.0, 8.0)}
    exif[ExifTags.IFD.Exif] = {36867: "2020:01:02 03:04:05", 0xA002: 40, 0x927C: b"the maker's notes"}
    exif[306], exif[33432] = "2020:01:02 03:04:05", "whose photo it is"
    Image.effect_noise((40, 30), 60).save(tmp_path / "photo.jpg", exif=exif)
    assert colorize(painter, tmp_path / "photo.jpg", "-o", tmp_path / f"out.{form}") == 0
    with Image.open(tmp_path / f"out.{form}") as result:
        found = result.getexif()
        assert (found[306], found[33432]) == ("2020:01:02 03:04:05", "whose photo it is")
        if form != "tiff":
            assert found.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N", 2: (47.0, 11.0, 8.0)}
            assert found.get_ifd(ExifTags.IFD.Exif) == {36867: "2020:01:02 03:04:05"}


def test_a_heic_photo_is_a_picture_by_name_and_a_file_named_outright_is_tried(painter, album, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    pillow_heif.from_pillow(Image.effect_noise((64, 64), 50).convert("RGB")).save(album / "phone.HEIC")
    (album / "a.jpg").rename(album / "no extension")
    (album / "document.pdf").write_bytes(b"%PDF-1.4")
    done = run(painter, album, "-o", tmp_path / "out")
    assert b"3 done, 3 skipped (3 not a picture by extension), 1 failed" in done.stdout
    assert "phone.HEIC.png" in contents(tmp_path / "out")
    assert colorize(painter, album / "no extension", "-o", tmp_path / "named/") == 0
    assert set(contents(tmp_path / "named")) == {"no extension.png"}


def test_of_an_animation_as_jpeg_it_is_said_that_only_the_first_picture_is_colored(painter, tmp_path, capsys):
    frames = [Image.new("RGB", (30, 20), name) for name in ("white", "black")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert main(["colorize", str(tmp_path / "moving.gif"), "-o", str(tmp_path / "out.jpg"), "--weights", painter]) == 0
    assert "1 done (1 first of several pictures)" in capsys.readouterr().out


def test_a_scan_of_more_bytes_than_a_course_allows_is_colored(painter, album, tmp_path):
    Image.new("RGB", (6000, 4000), "gray").save(album / "scan.tif")
    assert (album / "scan.tif").stat().st_size > 64 * 2**20
    colorize(painter, album, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "scan.tif").exists()


def test_more_exif_than_a_jpeg_holds_does_not_cost_the_picture(painter, tmp_path):
    exif = Image.Exif()
    exif[270], exif[271] = 70_000 * "x", "A camera"                 # the description, and the make
    Image.new("RGB", (20, 20)).save(tmp_path / "told.png", exif=exif)
    assert colorize(painter, tmp_path / "told.png", "-o", tmp_path / "told.jpg") == 0
    with Image.open(tmp_path / "told.jpg") as result:
        assert result.size == (20, 20)
        assert result.getexif()[271] == "A camera"


@pytest.mark.parametrize(("name", "form"), [("jpg", "JPEG"), ("JPEG", "JPEG"), ("tif", "TIFF"), ("PNG", "PNG")])
def test_a_format_has_several_names(name, form, painter, album, tmp_path):
    assert colorize(painter, album / "a.jpg", "-o", tmp_path / "out", "--format", name) == 0
    (result,) = contents(tmp_path / "out")
    with Image.open(tmp_path / "out" / result) as image:
        assert image.format == form


def test_an_mpo_becomes_a_jpeg(painter, tmp_path):
    """As phones write portraits: by its name, in a folder and in memory; the first of its pictures."""
    picture, other = Image.effect_noise((40, 30), 60), Image.new("L", (40, 30))
    picture.save(tmp_path / "portrait.mpo", "MPO", save_all=True, append_images=[other])
    (tmp_path / "portrait.jpg").write_bytes((tmp_path / "portrait.mpo").read_bytes())
    assert colorize(painter, tmp_path, "-o", tmp_path / "out") == 0
    assert set(contents(tmp_path / "out")) == {"portrait.mpo.jpg", "portrait.jpg"}
    colored, remark = coloring.color_bytes((tmp_path / "portrait.mpo").read_bytes(), "it", Colorizer(painter), coloring.ColorizeOptions())
    assert remark == "first of several pictures"
    for data in (colored, (tmp_path / "out" / "portrait.mpo.jpg").read_bytes()):
        with Image.open(io.BytesIO(data)) as result:
            assert (result.format, result.size) == ("JPEG", (40, 30))


def test_a_comparison_that_would_be_too_wide_is_one_above_the_other(painter, tmp_path):
    Image.new("L", (33_000, 8), 90).save(tmp_path / "wide.png")
    assert colorize(painter, tmp_path / "wide.png", "-o", tmp_path / "both.jpg", "--compare") == 0
    with Image.open(tmp_path / "both.jpg") as result:
        assert result.size == (33_000, 16)
