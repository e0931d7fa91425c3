"""Coloring files and folders: which files are written, which never are, and the messages."""

import io
import os
import resource

import numpy as np
import pytest
import skimage.data
from command import colorize, contents, run
from PIL import Image, ImageOps

from colorlib.cli import main
from colorlib.colorize import batch
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.tasks import plan_tasks


def test_a_folder_is_colored_with_its_structure_and_failures_are_reported(painter, album, tmp_path, capsys):
    before = contents(album)
    assert colorize(painter, album, "-o", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert set(contents(tmp_path / "out")) == {"a.jpg", "c.gif.png", "sub/b.png"}
    assert "3 done, 1 skipped (1 not a picture by extension), 1 failed (1 it is damaged, or only a part" in said.out
    assert "cut.jpg: it is damaged" in said.err
    assert contents(album) == before
    for name in contents(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as image:
            assert (image.size, image.mode) == ((40, 30), "RGB")


def test_a_second_run_colors_only_missing_files(painter, album, tmp_path, capsys):
    out = tmp_path / "out"
    colorize(painter, album, "-o", out)
    (out / "a.jpg").unlink()
    (out / "c.gif.png").write_bytes(b"mine")
    capsys.readouterr()
    colorize(painter, album, "-o", out)
    assert "1 done, 3 skipped (2 there already; 1 not a picture by extension)" in capsys.readouterr().out
    assert (out / "c.gif.png").read_bytes() == b"mine"
    colorize(painter, album, "-o", out, "--overwrite")
    assert (out / "c.gif.png").read_bytes() != b"mine"


def test_an_input_is_never_overwritten(painter, album, capsys):
    before = contents(album)
    assert colorize(painter, album / "a.jpg", "-o", album / "a.jpg", "--overwrite") == 1
    assert colorize(painter, album / "a.jpg", "-o", album, "--overwrite") == 1
    assert "its output would overwrite an input" in capsys.readouterr().err
    assert contents(album) == before


def test_the_output_in_the_folder_itself_is_not_colored_again(painter, album, capsys):
    (album / "cut.jpg").unlink()
    for _ in range(2):
        assert colorize(painter, album, "-o", album / "colored") == 0
    assert "0 done, 4 skipped" in capsys.readouterr().out


@pytest.mark.parametrize("pattern", ["*", "'*'", "'**/*.*'"])
def test_the_output_among_several_inputs_is_not_colored_again(painter, album, monkeypatch, capsys, pattern):
    for name in ("cut.jpg", "notes.txt"):
        (album / name).unlink()
    monkeypatch.chdir(album)
    for _ in range(3):
        inputs = sorted(path.name for path in album.iterdir()) if pattern == "*" else [pattern.strip("'")]
        assert colorize(painter, *inputs, "-o", "colored") == 0
    assert "0 done, 3 skipped (3 there already)" in capsys.readouterr().out
    assert not (album / "colored" / "colored").exists()


def test_a_link_to_itself_fails_alone(painter, album, tmp_path, capsys):
    (album / "cut.jpg").unlink()
    (album / "loop.jpg").symlink_to(album / "loop.jpg")
    assert colorize(painter, album, "-o", tmp_path / "out") == 1
    assert "3 done, 1 skipped (1 not a picture by extension), 1 failed (1 Too many levels" in capsys.readouterr().out
    assert colorize(painter, "~nobody-has-this-name/a.jpg", "-o", tmp_path / "out") != 0
    assert "there is no ~nobody-has-this-name/a.jpg" in capsys.readouterr().err


def test_saturation_zero_gives_gray(painter, album, tmp_path):
    colors = []
    for saturation in ("0", "1"):
        colorize(painter, album / "c.gif", "-o", tmp_path / f"{saturation}.png", "--saturation", saturation)
        with Image.open(tmp_path / f"{saturation}.png") as image:
            colors.append(np.ptp(np.asarray(image).astype(int), 2).max())
    assert colors[0] == 0
    assert colors[1] > 0


def test_the_option_vividness_reaches_the_network(album, tmp_path):
    with Image.open(album / "c.gif") as image:
        photo = image.convert("RGB")
    for vividness in (0, 1):
        out = tmp_path / f"{vividness}.png"
        assert main(["colorize", "--weights", "photos-vivid", str(album / "c.gif"), "-o", str(out), "--vividness",
                     str(vividness)]) == 0
        with Image.open(out) as image:
            assert np.array_equal(image, Colorizer("photos-vivid")(photo, vividness))
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_names_that_would_collide_keep_their_extension(painter, album, tmp_path):
    Image.new("L", (20, 20)).save(album / "a.png")
    Image.new("L", (20, 20)).save(album / "a.gif")
    colorize(painter, album, "-o", tmp_path / "out", "--format", "png")
    assert set(contents(tmp_path / "out")) == {"a.jpg.png", "a.png", "a.gif.png", "c.gif.png", "sub/b.png"}


def test_two_files_of_one_name_are_both_refused(painter, album, tmp_path, capsys):
    Image.new("L", (20, 20)).save(album / "sub" / "a.jpg")
    assert colorize(painter, album / "a.jpg", album / "sub" / "a.jpg", "-o", tmp_path / "out") == 1
    assert "2 failed (2 another input has the same name" in capsys.readouterr().out


def test_a_quoted_glob_is_expanded(painter, album, tmp_path):
    assert colorize(painter, str(album / "**" / "*.png"), "-o", f"{tmp_path / 'out'}/") == 0
    assert set(contents(tmp_path / "out")) == {"b.png"}


def test_the_output_may_be_a_parent_folder_but_not_the_input_folder(painter, album, monkeypatch, capsys):
    (album / "cut.jpg").unlink()
    monkeypatch.chdir(album.parent)
    assert colorize(painter, "in", "-o", ".") == 0
    assert {"a.jpg", "c.gif.png", "sub/b.png"} <= set(contents(album.parent))
    assert colorize(painter, "in", "-o", "in") == 1
    said = capsys.readouterr().out
    assert "1 done, 1 skipped (1 not a picture by extension), 2 failed (2 its output would overwrite an input)" in said
    (album.parent / "empty").mkdir()
    assert colorize(painter, "empty", "-o", "out") == 1
    assert "there are no files in empty" in capsys.readouterr().err


def test_several_folders_keep_their_names_and_no_file_is_colored_twice(painter, album, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("L", (20, 20)).save(other / "a.jpg")
    (album / "cut.jpg").unlink()
    assert colorize(painter, album, other, album / "a.jpg", f"{album}/*.gif", "-o", tmp_path / "out") == 0
    assert {"in/c.gif.png", "in/sub/b.png", "other/a.jpg"} <= set(contents(tmp_path / "out"))
    assert "4 done, 1 skipped" in capsys.readouterr().out


def test_a_pipe_in_a_folder_does_not_stop_everything(painter, album, tmp_path, capsys):
    (album / "cut.jpg").unlink()
    os.mkfifo(album / "pipe.jpg")
    assert colorize(painter, album, "-o", tmp_path / "out") == 1
    assert "3 done, 1 skipped (1 not a picture by extension), 1 failed (1 it is no file, but a pipe" in capsys.readouterr().out
    assert colorize(painter, album / "pipe.jpg", album / "a.jpg", "-o", tmp_path / "two") == 1
    assert "1 done, 0 skipped, 1 failed (1 it is no file, but a pipe" in capsys.readouterr().out
    assert colorize(painter, album / "pipe.jpg", "-o", tmp_path / "one.png") == 1


def test_an_unexpected_error_fails_one_file_only(painter, album, monkeypatch):
    colorizer, options = Colorizer(painter), batch.ColorizeOptions()
    tasks = plan_tasks([str(album)], str(album / "out"))
    monkeypatch.setattr(batch, "encode", lambda *arguments: (_ for _ in ()).throw(MemoryError("no more")))
    outcomes = list(batch.color_files(tasks, colorizer, options))
    assert {outcome.cause for outcome in outcomes if outcome.source.name == "a.jpg"} == {"MemoryError: no more"}
    assert len(outcomes) == len(tasks)


def test_a_file_named_like_a_temporary_file_is_kept(painter, album, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg.tmp").write_bytes(b"mine")
    assert colorize(painter, album / "a.jpg", "-o", tmp_path / "out") == 0
    assert contents(tmp_path / "out")["a.jpg.tmp"] == b"mine"


def test_a_pipe_goes_through(painter, album):
    done = run(painter, "-", "-o", "-", input=(album / "sub" / "b.png").read_bytes())
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("PNG", (40, 30))
    bad = run(painter, "-", "-o", "-", input=b"no picture")
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"the pipe cannot be used: it is no picture" in bad.stderr


def test_a_full_disk_is_reported_and_leaves_no_file(painter, album, tmp_path):
    """A limit on the size of files stands in for the disk."""
    Image.effect_noise((400, 300), 90).save(album / "a.jpg")
    done = run(painter, album / "a.jpg", "-o", tmp_path / "out" / "a.png",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.returncode == 1
    assert b"cannot write in" in done.stderr
    assert b"Traceback" not in done.stderr
    assert contents(tmp_path / "out") == {}


def test_a_file_that_is_gone_fails_alone(painter, album, tmp_path):
    options = batch.ColorizeOptions()
    tasks = plan_tasks([str(album)], str(tmp_path / "out"))
    os.remove(album / "a.jpg")  # noqa: PTH107
    outcomes = {outcome.source.name: outcome for outcome in batch.color_files(tasks, Colorizer(painter), options)}
    assert outcomes["a.jpg"].status == "failed"
    assert outcomes["a.jpg"].cause == "No such file or directory"
    assert outcomes["c.gif"].status == "done"


def test_the_option_temperature_takes_the_place_of_a_vividness(album, tmp_path):
    colorizer = Colorizer("photos-vivid")
    colorizer.objective = colorizer.objective.with_temperature(0.9)
    assert main(["colorize", "--weights", "photos-vivid", str(album / "c.gif"), "-o", str(tmp_path / "out.png"), "--temperature", "0.9"]) == 0
    with Image.open(album / "c.gif") as photo, Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(image, colorizer(photo.convert("RGB")))


@pytest.mark.parametrize(("arguments", "status", "message"), [
    (["nowhere.jpg", "-o", "out"], 1, "there is no nowhere.jpg"),
    (["README.md", "LICENSE", "-o", "out.png"], 2, "out.png is one picture, but a folder or several files"),
    (["README.md", "-o", ""], 2, "the output has no name"),
    (["-", "-o", "out.png"], 2, "a pipe needs - as the only input"),
    (["README.md", "-o", "out.png", "--format", "webp"], 2, "an output must end with .webp"),
    (["README.md", "-o", "out/", "--vividness", "0.5"], 2, "only weights that predict a distribution"),
    (["README.md", "-o", "out/", "--vividness", "3"], 2, "vividness must be from 0"),
    (["README.md", "-o", "out/", "--temperature", "0.5"], 2, "only weights that predict a distribution"),
    (["README.md", "-o", "out/", "--saturation", "-1"], 2, "saturation must be 0 or more"),
    (["README.md", "-o", "out/", "--format", "bmp"], 2, "format must be one of jpeg, png, webp, tiff, got 'bmp'"),
])
def test_wrong_arguments_are_reported(arguments, status, message, painter, capsys):
    assert colorize(painter, *arguments) == status
    assert message in capsys.readouterr().err


def test_c_gif_and_c_png_have_different_results(painter, album, tmp_path):
    colorize(painter, album / "c.gif", "-o", f"{tmp_path / 'out'}/")
    Image.new("L", (20, 20)).save(album / "c.png")
    assert colorize(painter, album / "c.gif", album / "c.png", "-o", f"{tmp_path / 'out'}/") == 0
    assert set(contents(tmp_path / "out")) == {"c.gif.png", "c.png"}


def test_the_longest_name_that_a_file_may_have_can_be_written(painter, album, tmp_path):
    for name in ("n" * 251 + ".jpg", "写" * 83 + ".jpg"):
        (album / "a.jpg").rename(album / name)
        assert colorize(painter, album / name, "-o", f"{tmp_path / 'out'}/") == 0
        assert name in contents(tmp_path / "out")
        (album / name).rename(album / "a.jpg")


def test_a_name_that_would_become_too_long_fails_alone(painter, album, tmp_path, capsys):
    (album / "cut.jpg").unlink()
    (album / "c.gif").rename(album / ("n" * 251 + ".gif"))
    for done in ("2 done, 1", "0 done, 3"):
        assert colorize(painter, album, "-o", tmp_path / "out") == 1
        said = capsys.readouterr()
        assert f"{done} skipped" in said.out
        assert "1 failed (1 File name too long)" in said.out


def test_photos_in_color_are_skipped_if_only_gray_ones_are_wanted(painter, tmp_path, capsys):
    folder = tmp_path / "mixed"
    folder.mkdir()
    astronaut = Image.fromarray(skimage.data.astronaut())
    astronaut.save(folder / "color.png")
    astronaut.convert("L").save(folder / "gray.png")
    ImageOps.colorize(astronaut.convert("L"), "#281908", "#fff0cd", mid="#a07850").save(folder / "sepia.jpg")
    assert colorize(painter, folder, "-o", tmp_path / "out", "--only-gray") == 0
    assert "2 done, 1 skipped (1 in color already)" in capsys.readouterr().out
    assert set(contents(tmp_path / "out")) == {"gray.png", "sepia.jpg"}


def test_several_sizes_stand_in_a_row(tmp_path):
    gray = Image.fromarray(skimage.data.astronaut()[:120, 100:260]).convert("L")
    gray.save(tmp_path / "gray.png")
    assert colorize("photos", tmp_path / "gray.png", "-o", tmp_path / "row.png", "--size", "32,64,96", "--compare") == 0
    with Image.open(tmp_path / "row.png") as row:
        assert row.size == (4 * 160, 120)
        cells = [np.asarray(row.crop((160 * i, 0, 160 * (i + 1), 120))) for i in range(4)]
    assert (cells[0] == np.asarray(gray)[..., None]).all()
    for size, cell in zip((32, 64, 96), cells[1:], strict=True):
        assert (cell == np.asarray(Colorizer("photos", size)(gray))).all()
    with Image.open(tmp_path / "row.png") as row:
        assert "size 32" in row.getexif()[305]


@pytest.mark.parametrize(("size", "message"), [("7", "8 pixels or more"), ("128,0", "8 pixels or more")])
def test_a_size_that_is_too_small_is_refused(tmp_path, capsys, size, message):
    assert colorize("photos", "gray.png", "-o", tmp_path / "row.png", "--size", size) == 2
    assert message in capsys.readouterr().err


def test_several_jobs_give_the_same_files_and_outcomes(painter, album, tmp_path, capsys):
    said = []
    for jobs in (1, 2):
        assert colorize(painter, album, "-o", tmp_path / str(jobs), "--jobs", jobs) == 1
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert contents(tmp_path / "1") == contents(tmp_path / "2") != {}
    assert colorize(painter, album, "-o", tmp_path / "0", "--jobs", 0) == 2
    assert "jobs must be 1 or more" in capsys.readouterr().err
