"""Nothing that was learned is lost: kills, Ctrl-C, damaged checkpoints, a second process."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import pytest
import torch
from tiny import CONFIG, EVERYTHING, RECIPE, as_kind, contents

from colorlib.data.images import Images
from colorlib.system.errors import RunError
from colorlib.training import runs
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit


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
from tiny import Recipe, TrainConfig, divide, sample_photos
from colorlib.training.loop import fit
config = TrainConfig(**CONFIG)
run = fit(Recipe(**RECIPE), *divide(sample_photos()), config, DIR)
print("returned after step", int(run.history["step"][-1]) if len(run.history["step"]) else 0)
"""


def start(directory, config, recipe):
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    script = SCRIPT.replace("DIR", repr(str(directory))).replace("CONFIG", repr(settings)).replace("RECIPE", repr(recipe.as_dict()))
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])


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


@pytest.mark.parametrize(("stop", "precision", "recipe"), [
    (signal.SIGKILL, "float32", RECIPE), (signal.SIGKILL, "bfloat16", RECIPE), (signal.SIGINT, "float32", RECIPE),
    (signal.SIGKILL, "float32", replace(RECIPE, objective="adversarial", settings={"width": 8}))],
    ids=["killed", "killed in bfloat16", "Ctrl-C", "killed with a critic"])
def test_stopped_and_started_again_it_ends_with_the_same_bytes(stop, precision, recipe, split, tmp_path):
    config = replace(CONFIG, num_epochs=12, save_seconds=0, precision=precision, **EVERYTHING)
    whole = fit(recipe, *split, config, tmp_path / "whole")
    for _ in range(3):
        before = last_saved(tmp_path / "stopped")
        process = start(tmp_path / "stopped", config, recipe)
        wait_until_it_saves(tmp_path / "stopped", process, before)
        os.kill(process.pid, stop)
        output, _ = process.communicate()
        if stop == signal.SIGINT:
            assert process.returncode == 0, "Ctrl-C must return what was learned, not raise"
            assert "returned after step" in output
    (tmp_path / "stopped" / f".last.ckpt.{process.pid}.tmp").write_bytes(b"what a kill while writing leaves")
    assert contents(fit(recipe, *split, config, tmp_path / "stopped")) == contents(whole)
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
                for name in ("write_atomic", "save_state"):
                    patch.setattr(runs, name, dying(getattr(runs, name), number, written))
                fit(RECIPE, *split, config, tmp_path / str(number))
            break
        except SystemExit:
            writes = number
        assert contents(fit(RECIPE, *split, config, tmp_path / str(number))) == contents(whole)
    # config; history and state at the beginning, after each of 8 steps, before and after validation; the best weights
    assert writes == 1 + 2 * (1 + 8 + 2) + 1


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:1000]), flip_a_bit],
                         ids=["missing", "cut short", "one bit"])
def test_without_its_last_checkpoint_a_run_resumes_from_the_one_before(damage, split, tmp_path, capsys):
    """A missing one is what a kill between the two renames leaves."""
    config = replace(CONFIG, save_seconds=0)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    fit(RECIPE, as_kind(Interrupting, split[0]), split[1], config, tmp_path / "stopped")
    damage(tmp_path / "stopped" / "last.ckpt")
    assert load_state(tmp_path / "stopped" / "previous.ckpt")["step"] == 2
    capsys.readouterr()
    again = fit(RECIPE, *split, config, tmp_path / "stopped")
    told = "last.ckpt is damaged; resuming from previous.ckpt, after step 2" in capsys.readouterr().out
    assert told == (damage is not Path.unlink)
    assert contents(again) == contents(whole)


def test_after_damage_and_another_kill_there_is_still_a_whole_checkpoint(split, tmp_path, monkeypatch):
    """The damaged file must not replace the whole one while the next is written."""
    config = replace(CONFIG, save_seconds=0)
    fit(RECIPE, as_kind(Interrupting, split[0]), split[1], config, tmp_path)
    flip_a_bit(tmp_path / "last.ckpt")
    rename = Path.replace

    def killed(path, target):
        if Path(target).name == "last.ckpt":
            raise SystemExit
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Path, "replace", killed)
        fit(RECIPE, *split, config, tmp_path)
    assert fit(RECIPE, *split, config, tmp_path).finished


def test_killed_before_the_checkpoint_before_is_deleted_it_is_deleted_by_the_next_call(split, tmp_path, monkeypatch):
    whole = fit(RECIPE, *split, CONFIG, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(runs.RunDir, "delete_previous", lambda directory: (_ for _ in ()).throw(SystemExit))
        fit(RECIPE, *split, CONFIG, tmp_path / "killed")
    assert (tmp_path / "killed" / "previous.ckpt").exists()
    assert contents(fit(RECIPE, *split, CONFIG, tmp_path / "killed")) == contents(whole)


@pytest.mark.parametrize("error", [MemoryError("no memory"), PermissionError(13, "Permission denied")])
def test_a_checkpoint_that_cannot_be_read_now_is_not_called_damaged(error, split, tmp_path, monkeypatch):
    run = fit(RECIPE, *split, CONFIG, tmp_path)
    before = contents(run)
    with monkeypatch.context() as patch, pytest.raises(RunError, match=r"last.ckpt cannot be read: .*(no memory|denied)"):
        patch.setattr(torch, "load", lambda *arguments, **options: (_ for _ in ()).throw(error))
        fit(RECIPE, *split, replace(CONFIG, num_epochs=3), tmp_path)
    assert contents(run) == before


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


def test_a_second_process_is_refused_until_the_first_ends(split, tmp_path):
    config = replace(CONFIG, num_epochs=500)
    process = start(tmp_path, config, RECIPE)
    try:
        wait_until_it_saves(tmp_path, process, None)
        with pytest.raises(RunError, match="another process trains in"):
            fit(RECIPE, *split, config, tmp_path)
    finally:
        process.kill()
        process.communicate()
    for name in ("last.ckpt", "previous.ckpt", "config.json"):
        (tmp_path / name).unlink(missing_ok=True)              # the kill may have hit between two renames
    fit(RECIPE, *split, CONFIG, tmp_path)

