"""Files and folders: what is written, what never is, and what is said."""

import io
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tiny
from PIL import ExifTags, Image, ImageCms

from colorlib import coloring
from colorlib.cli import main
from colorlib.colorizer import Colorizer
from colorlib.encoding import FORMATS


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(tiny.weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture
def photos(tmp_path):
    """A folder with photos, one of them damaged, and with a text."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    image = Image.effect_noise((40, 30), 50)
    image.save(folder / "a.jpg")
    image.save(folder / "sub" / "b.png")
    image.save(folder / "c.gif")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    (folder / "notes.txt").write_text("not a photo")
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def colorize(weights, *arguments):
    return main(["colorize", "--weights", weights, *map(str, arguments)])


def test_a_folder_is_colored_with_its_structure_and_the_rest_is_said(weights, photos, tmp_path, capsys):
    before = contents(photos)
    assert colorize(weights, photos, "-o", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert set(contents(tmp_path / "out")) == {"a.jpg", "c.png", "sub/b.png"}
    assert "3 done, 1 skipped (1 no picture by name), 1 failed (1 it is damaged, or only a part" in said.out
    assert "cut.jpg: it is damaged" in said.err
    assert contents(photos) == before
    for name in contents(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as image:
            assert (image.size, image.mode) == ((40, 30), "RGB")


def test_run_again_it_does_only_what_is_missing(weights, photos, tmp_path, capsys):
    out = tmp_path / "out"
    colorize(weights, photos, "-o", out)
    (out / "a.jpg").unlink()
    (out / "c.png").write_bytes(b"mine")
    capsys.readouterr()
    colorize(weights, photos, "-o", out)
    assert "1 done, 3 skipped (2 there already; 1 no picture by name)" in capsys.readouterr().out
    assert (out / "c.png").read_bytes() == b"mine"
    colorize(weights, photos, "-o", out, "--overwrite")
    assert (out / "c.png").read_bytes() != b"mine"


def test_an_input_is_never_written_on(weights, photos, capsys):
    before = contents(photos)
    assert colorize(weights, photos / "a.jpg", "-o", photos / "a.jpg", "--overwrite") == 1
    assert colorize(weights, photos / "a.jpg", "-o", photos, "--overwrite") == 1
    assert "its output would overwrite an input" in capsys.readouterr().err
    assert contents(photos) == before


def test_the_output_in_the_folder_itself_is_not_colored_again(weights, photos, capsys):
    (photos / "cut.jpg").unlink()
    for _ in range(2):
        assert colorize(weights, photos, "-o", photos / "colored") == 0
    assert "0 done, 4 skipped" in capsys.readouterr().out


@pytest.mark.parametrize("pattern", ["*", "'*'", "'**/*.*'"])
def test_the_output_among_several_inputs_is_not_colored_again(weights, photos, monkeypatch, capsys, pattern):
    for name in ("cut.jpg", "notes.txt"):
        (photos / name).unlink()
    monkeypatch.chdir(photos)
    for _ in range(3):
        inputs = sorted(path.name for path in photos.iterdir()) if pattern == "*" else [pattern.strip("'")]
        assert colorize(weights, *inputs, "-o", "colored") == 0
    assert "0 done, 3 skipped (3 there already)" in capsys.readouterr().out
    assert not (photos / "colored" / "colored").exists()


def test_a_link_to_itself_fails_alone(weights, photos, tmp_path, capsys):
    (photos / "cut.jpg").unlink()
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")
    assert colorize(weights, photos, "-o", tmp_path / "out") == 1
    assert "3 done, 1 skipped (1 no picture by name), 1 failed (1 Too many levels" in capsys.readouterr().out
    assert colorize(weights, "~nobody-has-this-name/a.jpg", "-o", tmp_path / "out") != 0
    assert "there is no ~nobody-has-this-name/a.jpg" in capsys.readouterr().err


def test_a_scan_of_more_bytes_than_a_course_allows_is_colored(weights, photos, tmp_path):
    Image.new("RGB", (6000, 4000), "gray").save(photos / "scan.tif")
    assert (photos / "scan.tif").stat().st_size > 64 * 2**20
    colorize(weights, photos, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "scan.tif").exists()


def test_without_saturation_nothing_is_colored(weights, photos, tmp_path):
    """What is wished on the command line reaches the network's colors."""
    colors = []
    for saturation in ("0", "1"):
        colorize(weights, photos / "c.gif", "-o", tmp_path / f"{saturation}.png", "--saturation", saturation)
        with Image.open(tmp_path / f"{saturation}.png") as image:
            colors.append(np.ptp(np.asarray(image).astype(int), 2).max())
    assert colors[0] == 0
    assert colors[1] > 0


def test_the_temperature_that_is_wished_is_the_one_that_is_used(photos, tmp_path):
    with Image.open(photos / "c.gif") as image:
        photo = image.convert("RGB")
    for temperature in (0, 1):
        out = tmp_path / f"{temperature}.png"
        assert main(["colorize", "--weights", "photos-vivid", str(photos / "c.gif"), "-o", str(out), "--temperature",
                     str(temperature)]) == 0
        with Image.open(out) as image:
            assert np.array_equal(image, Colorizer("photos-vivid")(photo, temperature))
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_names_that_would_collide_keep_their_extension(weights, photos, tmp_path):
    Image.new("L", (20, 20)).save(photos / "a.png")
    Image.new("L", (20, 20)).save(photos / "a.gif")
    colorize(weights, photos, "-o", tmp_path / "out", "--format", "png")
    assert set(contents(tmp_path / "out")) == {"a.jpg.png", "a.png", "a.gif.png", "c.png", "sub/b.png"}


def test_two_files_of_one_name_are_both_refused(weights, photos, tmp_path, capsys):
    Image.new("L", (20, 20)).save(photos / "sub" / "a.jpg")
    assert colorize(weights, photos / "a.jpg", photos / "sub" / "a.jpg", "-o", tmp_path / "out") == 1
    assert "2 failed (2 another input has the same name" in capsys.readouterr().out


def test_bytes_become_what_is_wished(weights, photos):
    wish = coloring.Wish(format="png")
    colored = coloring.color_bytes((photos / "a.jpg").read_bytes(), "a", Colorizer(weights), wish)
    assert Image.open(io.BytesIO(colored.data)).format == "PNG"


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_the_format_asked_for_is_written(form, weights, photos, tmp_path):
    assert colorize(weights, photos / "a.jpg", "-o", tmp_path / "out", "--format", form) == 0
    (name,) = contents(tmp_path / "out")
    with Image.open(tmp_path / "out" / name) as image:
        assert image.format == form.upper()
        assert name.endswith(FORMATS[form])


def test_a_name_for_the_output_decides_the_format(weights, photos, tmp_path, capsys):
    assert colorize(weights, photos / "a.jpg", "-o", tmp_path / "new" / "mine.webp") == 0
    with Image.open(tmp_path / "new" / "mine.webp") as image:
        assert image.format == "WEBP"
    assert colorize(weights, photos / "a.jpg", "-o", tmp_path / "mine.docx") == 2
    assert "must end with one of .jpg, .png" in capsys.readouterr().err


def test_a_glob_in_quotes_is_resolved(weights, photos, tmp_path):
    assert colorize(weights, str(photos / "**" / "*.png"), "-o", f"{tmp_path / 'out'}/") == 0
    assert set(contents(tmp_path / "out")) == {"b.png"}


def test_compare_puts_gray_on_the_left(weights, photos, tmp_path):
    Image.open(photos / "sub" / "b.png").save(tmp_path / "gray.png")
    assert colorize(weights, tmp_path / "gray.png", "-o", tmp_path / "both.png", "--compare") == 0
    both = np.asarray(Image.open(tmp_path / "both.png")).astype(int)
    assert both.shape == (30, 80, 3)
    gray = np.asarray(Image.open(tmp_path / "gray.png")).astype(int)
    assert np.abs(both[:, :40] - gray[..., None]).max() <= 1


def test_exif_stays_but_for_the_orientation_and_transparency_becomes_white_in_jpeg(weights, tmp_path):
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A camera", 6
    image.save(tmp_path / "clear.png", exif=exif)
    assert colorize(weights, tmp_path / "clear.png", "-o", tmp_path / "white.jpg") == 0
    with Image.open(tmp_path / "white.jpg") as result:
        assert result.size == (10, 20)
        assert dict(result.getexif()) == {0x010F: "A camera"}
        assert np.asarray(result).min() > 250
    assert colorize(weights, tmp_path / "clear.png", "-o", tmp_path / "still.png") == 0
    with Image.open(tmp_path / "still.png") as result:
        assert result.mode == "RGBA"
        assert result.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "CMYK", "P"])
@pytest.mark.parametrize("form", ["tiff", "jpeg"])
def test_a_scan_that_is_a_tiff_becomes_a_readable_file(mode, form, weights, tmp_path):
    """Its EXIF is all that says how its pixels are stored, and a color profile: none of that may be copied."""
    gray = Image.effect_noise((40, 30), 60)
    scan = Image.fromarray(np.asarray(gray).astype(np.uint16) * 256) if mode == "I;16" else gray.convert(mode)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    scan.save(tmp_path / "scan.tif", icc_profile=profile, tiffinfo={271: "A scanner"})
    assert colorize(weights, tmp_path / "scan.tif", "-o", tmp_path / f"out.{form}") == 0
    with Image.open(tmp_path / f"out.{form}") as result:
        result.load()
        assert (result.mode, result.size) == ("RGB", (40, 30))
        assert result.getexif()[271] == "A scanner"
        assert "icc_profile" not in result.info


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_where_and_when_a_photo_was_taken_stays(form, weights, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (47.0, 11.0, 8.0)}
    exif[ExifTags.IFD.Exif] = {36867: "2020:01:02 03:04:05", 0xA002: 40}
    exif[306] = "2020:01:02 03:04:05"
    Image.effect_noise((40, 30), 60).save(tmp_path / "photo.jpg", exif=exif)
    assert colorize(weights, tmp_path / "photo.jpg", "-o", tmp_path / f"out.{form}") == 0
    with Image.open(tmp_path / f"out.{form}") as result:
        found = result.getexif()
        assert found[306] == "2020:01:02 03:04:05"
        if form != "tiff":
            assert found.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N", 2: (47.0, 11.0, 8.0)}
            assert found.get_ifd(ExifTags.IFD.Exif) == {36867: "2020:01:02 03:04:05"}


def test_an_output_above_or_around_the_inputs_colors_them_all_the_same(weights, photos, monkeypatch, capsys):
    (photos / "cut.jpg").unlink()
    monkeypatch.chdir(photos.parent)
    assert colorize(weights, "in", "-o", ".") == 0
    assert {"a.jpg", "c.png", "sub/b.png"} <= set(contents(photos.parent))
    assert colorize(weights, "in", "-o", "in") == 1
    said = capsys.readouterr().out
    assert "1 done, 1 skipped (1 no picture by name), 2 failed (2 its output would overwrite an input)" in said
    (photos.parent / "empty").mkdir()
    assert colorize(weights, "empty", "-o", "out") == 1
    assert "there are no files in empty" in capsys.readouterr().err


def test_several_folders_keep_their_names_and_no_file_is_colored_twice(weights, photos, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("L", (20, 20)).save(other / "a.jpg")
    (photos / "cut.jpg").unlink()
    assert colorize(weights, photos, other, photos / "a.jpg", f"{photos}/*.gif", "-o", tmp_path / "out") == 0
    assert {"in/c.png", "in/sub/b.png", "other/a.jpg"} <= set(contents(tmp_path / "out"))
    assert "4 done, 1 skipped" in capsys.readouterr().out


def test_a_pipe_in_a_folder_does_not_stop_everything(weights, photos, tmp_path, capsys):
    (photos / "cut.jpg").unlink()
    os.mkfifo(photos / "pipe.jpg")
    assert colorize(weights, photos, "-o", tmp_path / "out") == 1
    assert "3 done, 1 skipped (1 no picture by name), 1 failed (1 it is no file, but a pipe" in capsys.readouterr().out
    assert colorize(weights, photos / "pipe.jpg", photos / "a.jpg", "-o", tmp_path / "two") == 1
    assert "1 done, 0 skipped, 1 failed (1 it is no file, but a pipe" in capsys.readouterr().out
    assert colorize(weights, photos / "pipe.jpg", "-o", tmp_path / "one.png") == 1


def test_a_heic_photo_is_a_picture_by_name_and_a_file_named_outright_is_tried(weights, photos, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    pillow_heif.from_pillow(Image.effect_noise((64, 64), 50).convert("RGB")).save(photos / "phone.HEIC")
    (photos / "a.jpg").rename(photos / "no extension")
    (photos / "document.pdf").write_bytes(b"%PDF-1.4")
    done = run(weights, photos, "-o", tmp_path / "out")
    assert b"3 done, 3 skipped (3 no picture by name), 1 failed" in done.stdout
    assert "phone.png" in contents(tmp_path / "out")
    assert colorize(weights, photos / "no extension", "-o", tmp_path / "named/") == 0
    assert set(contents(tmp_path / "named")) == {"no extension.png"}


def test_what_nobody_foresaw_fails_alone(weights, photos, monkeypatch):
    from colorlib.colorizer import Colorizer
    colorizer, wish = Colorizer(weights), coloring.Wish()
    tasks = coloring.plan([str(photos)], str(photos / "out"), wish)
    monkeypatch.setattr(coloring, "encode", lambda *arguments: (_ for _ in ()).throw(MemoryError("no more")))
    outcomes = list(coloring.color_files(tasks, colorizer, wish))
    assert {outcome.cause for outcome in outcomes if outcome.source.name == "a.jpg"} == {"MemoryError: no more"}
    assert len(outcomes) == len(tasks)


def test_a_file_of_the_user_with_a_name_like_ours_survives(weights, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg.tmp").write_bytes(b"mine")
    assert colorize(weights, photos / "a.jpg", "-o", tmp_path / "out") == 0
    assert contents(tmp_path / "out")["a.jpg.tmp"] == b"mine"


def run(weights, *arguments, **options):
    command = [sys.executable, "-m", "colorlib", "colorize", "--weights", weights, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


def test_a_pipe_goes_through(weights, photos):
    done = run(weights, "-", "-o", "-", input=(photos / "sub" / "b.png").read_bytes())
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("PNG", (40, 30))
    bad = run(weights, "-", "-o", "-", input=b"no picture")
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"the pipe cannot be used: it is no picture" in bad.stderr


def test_of_an_animation_it_is_said_that_only_the_first_picture_is_colored(weights, tmp_path, capsys):
    frames = [Image.new("RGB", (30, 20), name) for name in ("white", "black")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert main(["colorize", str(tmp_path / "moving.gif"), "-o", str(tmp_path / "out"), "--weights", weights]) == 0
    assert "1 done (1 first of several pictures)" in capsys.readouterr().out


def test_a_disk_that_is_full_is_said_and_leaves_nothing(weights, photos, tmp_path):
    """A limit on the size of files stands in for the disk."""
    Image.effect_noise((400, 300), 90).save(photos / "a.jpg")
    done = run(weights, photos / "a.jpg", "-o", tmp_path / "out" / "a.png",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.returncode == 1
    assert b"cannot write in" in done.stderr
    assert b"Traceback" not in done.stderr
    assert contents(tmp_path / "out") == {}


def test_what_may_not_be_read_or_is_gone_fails_alone(weights, photos, tmp_path):
    from colorlib.colorizer import Colorizer
    wish = coloring.Wish()
    tasks = coloring.plan([str(photos)], str(tmp_path / "out"), wish)
    os.remove(photos / "a.jpg")  # noqa: PTH107
    outcomes = {outcome.source.name: outcome for outcome in coloring.color_files(tasks, Colorizer(weights), wish)}
    assert outcomes["a.jpg"].fate == "failed"
    assert outcomes["a.jpg"].cause == "No such file or directory"
    assert outcomes["c.gif"].fate == "done"


@pytest.mark.parametrize(("arguments", "status", "message"), [
    (["nowhere.jpg", "-o", "out"], 1, "there is no nowhere.jpg"),
    (["-", "-o", "out.png"], 2, "a pipe is colored by itself"),
    (["README.md", "-o", "out.png", "--format", "webp"], 2, "an output must end with .webp"),
    (["README.md", "-o", "out/", "--temperature", "0.5"], 2, "only weights that classify have a temperature"),
    (["README.md", "-o", "out/", "--temperature", "3"], 2, "temperature must be from 0"),
    (["README.md", "-o", "out/", "--saturation", "-1"], 2, "saturation must be 0 or more"),
    (["README.md", "-o", "out/", "--format", "bmp"], 2, "format must be one of jpeg, png, webp, tiff, got 'bmp'"),
])
def test_what_cannot_be_done_is_said(arguments, status, message, weights, capsys):
    assert colorize(weights, *arguments) == status
    assert message in capsys.readouterr().err
