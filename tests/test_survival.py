"""Nothing that was learned is lost: kills, Ctrl-C, full and vanished disks, exploding losses, other processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from tiny import CONFIG, EVERYTHING, FILES, RECIPE, contents, divide

from colorlib import identity, runs, trainer, writing
from colorlib.checkpoints import load_state, load_weights
from colorlib.errors import RunError, WriteError
from colorlib.images import Images
from colorlib.recipe import Recipe
from colorlib.training import fit


@pytest.fixture(scope="module")
def split(samples):
    return divide(samples)


class Interrupting(Images):
    """Images during whose third batch somebody presses Ctrl-C, ``times`` times."""

    times = 1

    def batches(self, *arguments):
        for i, batch in enumerate(super().batches(*arguments)):
            for _ in range(self.times if i == 2 else 0):
                os.kill(os.getpid(), signal.SIGINT)
            yield batch


class Impatient(Interrupting):
    times = 2


def as_kind(kind, images):
    return kind(*(getattr(images, field.name) for field in fields(images)))


def test_interrupted_it_keeps_all_up_to_that_step_and_goes_on(split, tmp_path, capsys):
    train, valid = split
    whole = fit(RECIPE, train, valid, CONFIG, tmp_path / "whole")
    stopped = fit(RECIPE, as_kind(Interrupting, train), valid, CONFIG, tmp_path / "stopped")
    assert "stopped after step 3 of 16" in capsys.readouterr().out
    assert len(stopped.epochs) == 0
    assert contents(fit(RECIPE, train, valid, CONFIG, tmp_path / "stopped")) == contents(whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_stops_at_once_and_the_run_goes_on_all_the_same(split, tmp_path):
    whole = fit(RECIPE, *split, CONFIG, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(RECIPE, as_kind(Impatient, split[0]), split[1], CONFIG, tmp_path / "stopped")
    assert contents(fit(RECIPE, *split, CONFIG, tmp_path / "stopped")) == contents(whole)


SCRIPT = """
from colorlib import data
from tiny import RECIPE, TrainConfig, divide
from colorlib.training import fit
config = TrainConfig(**CONFIG)
run = fit(RECIPE, *divide(data.load("samples", "train", 16)), config, DIR)
print("returned after step", int(run.history["step"][-1]) if len(run.history["step"]) else 0)
"""


def start(directory, config):
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    script = SCRIPT.replace("DIR", repr(str(directory))).replace("CONFIG", repr(settings))
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c,
                            cwd=Path(__file__).parent)


def hear_ctrl_c():
    """As a terminal's children do; those of a shell that runs tests in the background are deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def last_saved(directory):
    file = directory / "history.csv"
    return file.stat().st_mtime_ns if file.exists() else None


def wait_until_it_saves(directory, process, before):
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if last_saved(directory) != before:
            return
        time.sleep(0.01)
    raise AssertionError("training ended, or did not start, before it could be stopped")


@pytest.mark.parametrize(("stop", "precision"), [
    (signal.SIGKILL, "float32"), (signal.SIGKILL, "bfloat16"), (signal.SIGINT, "float32")],
    ids=["killed", "killed in bfloat16", "Ctrl-C"])
def test_stopped_and_started_again_it_ends_with_the_same_bytes(stop, precision, split, tmp_path):
    config = replace(CONFIG, num_epochs=12, save_seconds=0, precision=precision, **EVERYTHING)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    for _ in range(3):
        before = last_saved(tmp_path / "stopped")
        process = start(tmp_path / "stopped", config)
        wait_until_it_saves(tmp_path / "stopped", process, before)
        os.kill(process.pid, stop)
        output, _ = process.communicate()
        if stop == signal.SIGINT:
            assert process.returncode == 0, "Ctrl-C must return what was learned, not raise"
            assert "returned after step" in output
    (tmp_path / "stopped" / f".last.ckpt.{process.pid}.tmp").write_bytes(b"what a kill while writing leaves")
    assert contents(fit(RECIPE, *split, config, tmp_path / "stopped")) == contents(whole)
    assert not list((tmp_path / "stopped").glob(".*.tmp"))


def test_killed_before_any_one_of_its_writes_it_still_ends_whole(split, tmp_path, monkeypatch):
    def dying(write, number, written):
        def wrapped(*arguments):
            if next(written) == number:
                raise SystemExit
            return write(*arguments)
        return wrapped

    config = replace(CONFIG, save_seconds=0, num_epochs=1)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    writes = 0
    for number in count(1):
        try:
            with monkeypatch.context() as patch:
                written = count(1)
                for name in ("write_whole", "save_state"):
                    patch.setattr(runs, name, dying(getattr(runs, name), number, written))
                fit(RECIPE, *split, config, tmp_path / str(number))
            break
        except SystemExit:
            writes = number
        assert contents(fit(RECIPE, *split, config, tmp_path / str(number))) == contents(whole)
    # config; history and state at the beginning, after each of 8 steps, before and after validation; the best weights
    assert writes == 1 + 2 * (1 + 8 + 2) + 1


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_without_its_last_checkpoint_it_goes_on_from_the_last_whole_epoch(damage, split, tmp_path, capsys):
    whole = fit(RECIPE, *split, CONFIG, tmp_path / "whole")
    (tmp_path / "half").mkdir()
    for name in ("config.json", "history.csv", "previous.ckpt", "last.ckpt"):
        shutil.copy(tmp_path / "whole" / name, tmp_path / "half" / name)
    last = tmp_path / "half" / "last.ckpt"
    if damage == "missing":                                 # a kill between the two renames leaves it so
        last.unlink()
    else:
        last.write_bytes(last.read_bytes()[:1000])
    assert load_state(tmp_path / "half" / "previous.ckpt")["step"] == 8
    again = fit(RECIPE, *split, CONFIG, tmp_path / "half")
    assert ("last.ckpt is damaged; going on from previous.ckpt, after step 8" in capsys.readouterr().out) == (
        damage == "cut short")
    assert contents(again)["last.ckpt"] == contents(whole)["last.ckpt"]
    assert contents(again)["history.csv"] == contents(whole)["history.csv"]


def test_two_damaged_checkpoints_say_what_to_delete(split, tmp_path):
    fit(RECIPE, *split, CONFIG, tmp_path)
    for name in ("last.ckpt", "previous.ckpt"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"previous.ckpt is damaged: delete .* and train again"):
        fit(RECIPE, *split, CONFIG, tmp_path)


def test_a_damaged_config_says_what_to_delete(split, tmp_path):
    for content in ("", "[1]"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(RunError, match=r"config.json is damaged: delete .* and train again"):
            fit(RECIPE, *split, CONFIG, tmp_path)


def test_another_run_in_the_directory_is_refused_with_every_difference(split, tmp_path, monkeypatch):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match=r"config.lr was 0.003, is now 0.1; recipe.options.depth was 8, is now 11"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, replace(CONFIG, lr=0.1), tmp_path)
    with pytest.raises(RunError, match=r"data.train was"):
        fit(RECIPE, split[0][1:], split[1], CONFIG, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "code_digest", lambda source: "0123" if "class CourseNet" in source else "")
        with pytest.raises(RunError, match=r"code.models was \w+, is now 0123.*delete config.json"):
            fit(RECIPE, *split, CONFIG, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before


def test_with_its_config_deleted_a_run_goes_on_under_new_settings(split, tmp_path):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    (tmp_path / "config.json").unlink()
    assert len(fit(RECIPE, *split, replace(CONFIG, lr=0.001), tmp_path).epochs) == 2
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match="of another network or optimizer"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, CONFIG, tmp_path)


def test_with_its_config_deleted_the_new_settings_count(split, tmp_path, capsys):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1, precision="bfloat16"), tmp_path)
    (tmp_path / "config.json").unlink()
    capsys.readouterr()
    fit(RECIPE, *split, replace(CONFIG, precision="float32", weight_decay=0.5, optimizer="adam"), tmp_path)
    assert "; float32, " in capsys.readouterr().out
    assert load_state(tmp_path / "last.ckpt")["optimizer"]["param_groups"][0]["weight_decay"] == 0.5
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match="of another network or optimizer"):
        fit(RECIPE, *split, replace(CONFIG, num_epochs=3, optimizer="sgd"), tmp_path)


def test_code_is_told_by_what_it_does():
    code = '"""A file."""\ndef f(x):\n    """Adds."""\n    return x + 1\n'
    same = "# a comment\ndef f(x):\n\n    return (x + 1)   # more\n"
    assert identity.code_digest(code) == identity.code_digest(same)
    assert identity.code_digest(code) != identity.code_digest(code.replace("1", "2"))


def test_code_is_the_same_in_every_python():
    """The digest that 3.10, 3.11, 3.12 and 3.13 had for this, each on its own."""
    assert identity.code_digest('''"""A docstring."""
from typing import NamedTuple


class Point(NamedTuple):
    x: float = 0.5


def shout(name: str, *parts, loud=True, **more) -> str:
    """Another."""
    with open(name) as file, open(name, "wb"):
        text = f"{name!r:>10} and 'quoted' {more['a']}"
    return text if loud else (lambda x: x[1:, ::2])(parts)
''') == "487901cb"


def test_a_run_that_sees_with_another_network_is_another_run(split, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    network = torchvision.models.alexnet().features
    weights = {f"features.{name}": value for name, value in network.state_dict().items()}
    seen = []
    for factor in (1, 2):
        weights["features.0.bias"] *= factor
        safetensors.torch.save_file(weights, tmp_path / "alexnet_features_lpips.safetensors")
        recipe = Recipe("course", "perceptual", 16, settings={"features": "alexnet"})
        seen.append(identity.identity(recipe, *split, CONFIG))
    assert [name for name in seen[0] if seen[0][name] != seen[1][name]] == ["features"]
    assert "features" not in identity.identity(RECIPE, *split, CONFIG)


def test_another_number_of_threads_is_noticed(split, tmp_path, capsys):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1, threads=1), tmp_path)
    assert "notice" not in capsys.readouterr().out
    fit(RECIPE, *split, replace(CONFIG, threads=2), tmp_path)
    assert "notice: threads was 1, is now 2: the last bits" in capsys.readouterr().out


def test_a_second_process_is_refused_until_the_first_ends(split, tmp_path):
    config = replace(CONFIG, num_epochs=500)
    process = start(tmp_path, config)
    try:
        wait_until_it_saves(tmp_path, process, None)
        with pytest.raises(RunError, match="another process trains in"):
            fit(RECIPE, *split, config, tmp_path)
    finally:
        process.kill()
        process.communicate()
    (tmp_path / "last.ckpt").unlink()
    (tmp_path / "config.json").unlink()
    fit(RECIPE, *split, CONFIG, tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB, and a function that makes it read-only, or writable again."""
    folder = tmp_path / "small"
    folder.mkdir()

    def mount(*options):
        done = subprocess.run(["mount", *options, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")

    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    yield folder, lambda mode: mount("-o", f"remount,{mode}")
    subprocess.run(["umount", "--lazy", folder], check=True)


class Disturbed(Images):
    """Images before whose third batch ``before`` is called, and before whose sixth ``after``."""

    def batches(self, *arguments):
        for i, batch in enumerate(super().batches(*arguments)):
            if i in (2, 5):
                (self.before if i == 2 else self.after)()
            yield batch


def disturbed(images, before, after):
    images = as_kind(Disturbed, images)
    object.__setattr__(images, "before", before)
    object.__setattr__(images, "after", after)
    return images


def fill(folder):
    with pytest.raises(OSError, match="No space"), (folder / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_disk_that_is_full_for_a_while_costs_nothing(split, small_disk, tmp_path):
    folder, _ = small_disk
    config = replace(CONFIG, num_epochs=1, save_seconds=0)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    train = disturbed(split[0], lambda: fill(folder), (folder / "filling").unlink)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run = fit(RECIPE, train, split[1], config, folder / "run")
    assert [str(warning.message).split(": ")[0] for warning in warned] == [f"NOT SAVED at step {n}" for n in (3, 4, 5)]
    assert all("the disk is full. Make room" in str(warning.message) for warning in warned)
    assert run.saved
    assert contents(run) == contents(whole)
    assert not list(folder.glob("run/*.tmp"))


def test_a_disk_that_stays_full_returns_what_was_learned_and_says_so(split, small_disk):
    folder, _ = small_disk
    config = replace(CONFIG, num_epochs=1)
    with pytest.warns(UserWarning, match="NOT SAVED at step 8"):
        run = fit(RECIPE, disturbed(split[0], lambda: fill(folder), lambda: None), split[1], config, folder / "run")
    assert not run.saved
    assert len(run.epochs) == 1
    assert run.colorize(split[1].rgb[:2]).shape == (2, 3, 16, 16)
    (folder / "filling").unlink()
    assert fit(RECIPE, *split, config, folder / "run").saved


def test_a_disk_that_is_full_or_read_only_from_the_start_is_told_before_training(split, small_disk):
    folder, remount = small_disk
    fill(folder)
    with pytest.raises(WriteError, match="cannot write in .*run: the disk is full"):
        fit(RECIPE, *split, CONFIG, folder / "run")
    remount("ro")
    with pytest.raises(WriteError, match="cannot write in .*run: it is read-only"):
        fit(RECIPE, *split, CONFIG, folder / "run")


def test_a_vanished_folder_is_written_anew(split, tmp_path):
    config = replace(CONFIG, num_epochs=1, save_seconds=0)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    train = disturbed(split[0], lambda: shutil.rmtree(tmp_path / "run"), lambda: None)
    run = fit(RECIPE, train, split[1], config, tmp_path / "run")
    assert {"previous.ckpt": contents(whole)["previous.ckpt"], **contents(run)} == contents(whole)


def test_a_folder_that_vanishes_later_is_written_anew_and_still_locked(split, tmp_path):
    """In the second epoch, when there are best weights to lose."""
    whole = fit(RECIPE, *split, CONFIG, tmp_path / "whole")
    calls, removed = count(), []

    def remove():
        if next(calls) == 2:
            shutil.rmtree(tmp_path / "run")
            removed.append(True)

    def expect_locked():
        if next(calls) > 2:
            with pytest.raises(RunError, match="another process trains in"), runs.RunDir(tmp_path / "run", {}):
                pass

    train = disturbed(split[0], remove, expect_locked)
    run = fit(RECIPE, train, split[1], replace(CONFIG, save_seconds=0), tmp_path / "run")
    assert contents(run)["best.safetensors"] == contents(whole)["best.safetensors"]
    assert run.saved
    assert removed


def test_a_run_that_another_process_began_in_the_same_place_is_left_alone(tmp_path):
    with runs.RunDir(tmp_path / "run", {"of": "ours"}) as ours:
        shutil.rmtree(tmp_path / "run")
        with runs.RunDir(tmp_path / "run", {"of": "theirs"}) as theirs:
            theirs.save({"history": [], "step": 1, "ends_epoch": False})
            with pytest.raises(WriteError, match="another process trains there"):
                ours.save({"history": [], "step": 2, "ends_epoch": False})
            assert load_state(tmp_path / "run" / "last.ckpt")["step"] == 1


def test_a_disk_too_small_for_the_whole_run_is_told_before_training(split, small_disk):
    folder, _ = small_disk
    large = replace(RECIPE, options={"depth": 11, "width": 16})
    with pytest.raises(WriteError, match=r"a run takes \d+ MiB, and the disk has \d+ MiB left. Make room"):
        fit(large, *split, CONFIG, folder / "run")
    assert not (folder / "run" / "last.ckpt").exists()


SGD = replace(CONFIG, optimizer="sgd", precision="float32")
PLAIN = replace(RECIPE, objective="rgb-l2", options={"depth": 8, "width": 8, "batch_norm": False})


def test_an_exploding_loss_goes_back_an_epoch_with_half_the_learning_rate(split, tmp_path, capsys):
    """Plain gradient descent with lr 4 explodes here; with lr 2 it does not."""
    run = fit(PLAIN, *split, replace(SGD, lr=4), tmp_path / "exploding")
    assert capsys.readouterr().out.count("back to step 0, with half the learning rate") == 1
    calm = fit(PLAIN, *split, replace(SGD, lr=2), tmp_path / "calm")
    np.testing.assert_array_equal(run.history["loss"], calm.history["loss"])
    state = load_state(run.path / "last.ckpt")
    assert state["halvings"] == 1
    assert contents(fit(PLAIN, *split, replace(SGD, lr=4), run.path)) == contents(run)


def test_an_exploded_validation_is_no_good_state_to_keep(split, tmp_path, capsys):
    """One step an epoch: the weights have exploded before a training loss could tell."""
    steep = replace(SGD, lr=16, batch_size=64)
    with pytest.raises(RunError, match="after 3 times with half the learning rate"):
        fit(PLAIN, *split, replace(steep, lr=1e6), tmp_path / "never")
    run = fit(PLAIN, *split, steep, tmp_path / "run")
    assert "the validation loss is" in capsys.readouterr().out
    assert max(run.history["valid_loss"][~np.isnan(run.history["valid_loss"])]) < 10 * run.history["loss"][0]


class Poisoned(Images):
    """Images whose pixels break in the second epoch: with them the network's weights are no numbers any more."""

    def batches(self, batch_size, seed, epoch, *more):
        for batch in super().batches(batch_size, seed, epoch, *more):
            yield batch.float() * float("nan") if epoch == 1 else batch


def test_a_loss_that_is_no_number_stops_after_three_tries_with_the_last_good_state(split, tmp_path, capsys):
    good = fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path / "good")
    with pytest.raises(RunError, match=r"nan at step 9, after 3 times with half the learning rate: .* keeps the last"):
        fit(RECIPE, as_kind(Poisoned, split[0]), split[1], CONFIG, tmp_path / "bad")
    assert capsys.readouterr().out.count("back to step 8, with half the learning rate") == trainer.ROLLBACKS == 3
    for name in FILES:
        assert (tmp_path / "bad" / name).read_bytes() == (good.path / name).read_bytes()
    assert all(torch.isfinite(p).all() for p in load_weights(tmp_path / "bad" / "best.safetensors")[0].parameters())


def test_files_and_their_folder_reach_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    """A power cut keeps only what was synced: the content must be, before the name says that it is there."""
    events = []
    fsync, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append(Path(f"/proc/self/fd/{number}").readlink().name),
                                                     fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda path, target: (events.append("rename"), rename(path, target))[1])
    writing.write_whole(tmp_path / "file", b"new")
    assert events == [f".file.{os.getpid()}.tmp", "rename", tmp_path.name]
