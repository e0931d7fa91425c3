"""The command line: exit status and one-line messages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import colorlib
from colorlib.cli import main
from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system import paths

TINY = ["train", "--data", "samples", "--size", "8", "--epochs", "1", "--batch-size", "128", "--threads", "1"]


def test_train_leaves_a_run_and_repeats_it_at_once(tmp_path, capsys):
    for _ in range(2):
        assert main([*TINY, "--run-dir", str(tmp_path / "run")]) == 0
        out = capsys.readouterr().out
        assert "epoch 1: validation loss" in out
        assert out.endswith(f"done: {tmp_path / 'run'}\n")
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "config.json", "history.csv", "last.ckpt", "previous.ckpt", "best.safetensors", "lock"}


@pytest.mark.parametrize(("arguments", "status", "message"), [
    ([], 2, "required"),
    (["train"], 2, "--data"),
    (["train", "--data", "cifar11"], 2, "no data set is called 'cifar11'"),
    ([*TINY, "--model", "unett"], 2, "no model is called 'unett'"),
    ([*TINY, "--objective", "l2"], 2, "no objective is called 'l2'"),
    ([*TINY, "--lr", "-1"], 2, "lr must be above 0"),
    ([*TINY, "--lr", "fast"], 2, "invalid float value"),
    (["train", "--data", "cifar10", "--root", "/nowhere"], 1, "no cifar10 in /nowhere"),
    (["data", "get", "cifar10"], 1, "COLORLIB_OFFLINE=1"),
    (["train", "--data", "folder", "--root", "~no-such-user/x"], 1, "/~no-such-user/x: there is no such file"),
    (["evaluate", "--weights", "cifar", "--data", "~no-such-user/x"], 2, "no data set and no folder '~no-such-user/x'"),
])
def test_what_cannot_be_done_is_said_without_a_traceback(arguments, status, message, home):
    command = [sys.executable, "-m", "colorlib", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_options_say_is_what_is_trained(tmp_path, capsys):
    options = ["--model", "unet", "--objective", "ab-l1", "--batch-size", "50", "--threads", "1", "--precision"]
    for precision in ("float32", "bfloat16"):
        assert main([*TINY, *options, precision, "--run-dir", str(tmp_path / precision)]) == 0
        assert f"; {precision}, 1 thread, 1 process, batches of 50 in" in (out := capsys.readouterr().out)
        assert "unet ab-l1" in out
        assert load_weights(tmp_path / precision / "best.safetensors")[1] == Recipe("unet", "ab-l1", 8)


def test_a_folder_of_photos_is_trained_on_and_its_own_split_validates(tmp_path, capsys, home):
    shutil.copytree(paths.samples_dir(), tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("not a photo")
    options = [*TINY, "--batch-size", "7", "--run-dir", str(tmp_path / "run"), "--root", str(tmp_path / "mine")]
    assert main([option if option != "samples" else "folder" for option in options]) == 0
    out = capsys.readouterr().out
    assert "folder: 19 files: 18 used; left out: 1 no picture; each is listed in data/cache/folder-files-" in out
    assert "14 images of folder, 2 to validate" in out
    assert main(["data", "info"]) == 0
    assert "folder: any folder or zip of photos, with --root" in capsys.readouterr().out


@pytest.mark.filterwarnings("always:NOT SAVED")
def test_what_could_not_be_saved_is_not_done(tmp_path, capsys, monkeypatch):
    """The directory is taken away while it trains, and its place taken by a file."""
    def remove(*arguments):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").touch()
        return batches(*arguments)

    batches = Images.batches
    monkeypatch.setattr(Images, "batches", remove)
    assert main([*TINY, "--run-dir", str(tmp_path / "run")]) == 1
    said = capsys.readouterr()
    assert "colorlib: NOT SAVED at step" in said.err
    assert f"not finished: {tmp_path / 'run'}" in said.out


def test_another_run_in_the_directory_fails_with_the_difference(tmp_path, capsys):
    assert main([*TINY, "--run-dir", str(tmp_path)]) == 0
    assert main([*TINY, "--run-dir", str(tmp_path), "--seed", "1"]) == 1
    assert "config.seed was 0, is now 1" in capsys.readouterr().err


def test_help_shows_an_example_and_version_a_number(capsys):
    commands = ("train", "evaluate", "colorize", "ablate", "data", "data get", "data info")
    helps = [([*command.split(), "--help"], "example") for command in commands]
    for arguments, expected in [*helps, (["--version"], "colorlib 0.")]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert expected in capsys.readouterr().out


def test_the_parts_of_the_package_come_when_asked_for():
    assert colorlib.color is sys.modules["colorlib.color"]
    for name in ("colour", "nonsense"):
        with pytest.raises(AttributeError, match=name):
            getattr(colorlib, name)


def test_data_info_says_where_things_are(capsys, home):
    assert main(["data", "info"]) == 0
    out = capsys.readouterr().out
    assert "cifar10: not here; get it with: colorlib data get cifar10" in out
    assert "samples: " in out


def test_data_info_names_a_damaged_copy_and_goes_on(capsys, home):
    (home / "data").mkdir(parents=True)
    (home / "data" / "archive.zip").write_bytes(b"PK half of a zip")
    (home / "data" / "archive").write_text("a file that happens to be called so")
    assert main(["data", "info"]) == 1
    said = capsys.readouterr()
    assert "archive.zip" in said.err
    assert "is neither" not in said.err
    assert "samples: " in said.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("arguments", "said"), [
    (["data", "info"], "colorlib: No space left on device\n"),
    (["train", "--data", "samples", "--size", "4"], "colorlib: size must be 8 pixels or more, got 4; see"),
])
def test_an_output_that_is_full_is_said_in_a_line(arguments, said):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-m", "colorlib", *arguments], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False, env=environment)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_no_error():
    done = subprocess.run(f"{sys.executable} -m colorlib data info >&-", shell=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_home_is_written_out_in_every_path(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, "--run-dir", "~/run"]) == 0
    photo = str(paths.samples_dir() / "cat.jpg")
    assert main(["colorize", photo, "--out=~/in color/cat.png", "--weights=~/run/best.safetensors"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run", "in color"}
    assert (tmp_path / "in color" / "cat.png").exists()


def test_no_claims_are_not_all_claims(tmp_path, capsys):
    assert main(["ablate", "--claims", "", "--out", str(tmp_path)]) == 2
    assert "claims are numbers" in capsys.readouterr().err


def test_a_folder_whose_name_is_no_utf8_is_told_all_the_same(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    try:
        Path(folder).mkdir()
    except OSError:
        pytest.skip("no such name in this file system")
    for name in ("cane", "gatto"):
        (Path(folder) / "animals10" / name).mkdir(parents=True)
        shutil.copy(paths.samples_dir() / "cat.jpg", Path(folder) / "animals10" / name)
    environment = os.environ | {"COLORLIB_DATA": folder, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, "-m", "colorlib", "data", "info"], env=environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"caf\udce9/animals10" in done.stdout
