"""Training on full, small and read-only disks and in deleted folders, and synced atomic writes."""

import os
import shutil
import subprocess
import warnings
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from tiny import CONFIG, RECIPE, as_kind, contents

from colorlib.data.images import Images
from colorlib.system.errors import RunError, WriteError, cannot_write
from colorlib.system.files import write_atomic
from colorlib.training import runs
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit


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
    """Images that call ``before`` ahead of the third batch, and ``after`` ahead of the sixth."""

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


def test_a_disk_that_is_full_for_a_while_leaves_the_same_run(split, small_disk, tmp_path):
    folder, _ = small_disk
    config = replace(CONFIG, num_epochs=1, save_seconds=0)
    undisturbed = fit(RECIPE, *split, config, tmp_path / "undisturbed")
    train = disturbed(split[0], lambda: fill(folder), (folder / "filling").unlink)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run = fit(RECIPE, train, split[1], config, folder / "run")
    assert [str(warning.message).split(": ")[0] for warning in warned] == [f"NOT SAVED at step {n}" for n in (3, 4, 5)]
    assert all("the disk is full. Make room" in str(warning.message) for warning in warned)
    assert run.saved
    assert contents(run) == contents(undisturbed)
    assert not list(folder.glob("run/*.tmp"))


def test_a_disk_that_stays_full_returns_the_run_with_a_warning(split, small_disk):
    folder, _ = small_disk
    config = replace(CONFIG, num_epochs=1)
    with pytest.warns(UserWarning, match="NOT SAVED at step 8"):
        run = fit(RECIPE, disturbed(split[0], lambda: fill(folder), lambda: None), split[1], config, folder / "run")
    assert not run.saved
    assert len(run.epochs) == 1
    assert run.colorize(split[1].rgb[:2]).shape == (2, 3, 16, 16)
    (folder / "filling").unlink()
    assert fit(RECIPE, *split, config, folder / "run").saved


def test_a_disk_that_is_full_or_read_only_at_the_start_is_an_error_before_training(split, small_disk):
    folder, remount = small_disk
    fill(folder)
    with pytest.raises(WriteError, match="cannot write in .*run: the disk is full"):
        fit(RECIPE, *split, CONFIG, folder / "run")
    remount("ro")
    with pytest.raises(WriteError, match="cannot write in .*run: it is read-only"):
        fit(RECIPE, *split, CONFIG, folder / "run")


def test_a_deleted_run_directory_is_written_again(split, tmp_path):
    config = replace(CONFIG, num_epochs=1, save_seconds=0)
    undisturbed = fit(RECIPE, *split, config, tmp_path / "undisturbed")
    train = disturbed(split[0], lambda: shutil.rmtree(tmp_path / "run"), lambda: None)
    run = fit(RECIPE, train, split[1], config, tmp_path / "run")
    assert contents(run) == contents(undisturbed)


def test_a_run_directory_deleted_in_the_second_epoch_is_written_again_and_still_locked(split, tmp_path):
    """By the second epoch there are best weights to lose."""
    undisturbed = fit(RECIPE, *split, CONFIG, tmp_path / "undisturbed")
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
    assert contents(run)["best.safetensors"] == contents(undisturbed)["best.safetensors"]
    assert run.saved
    assert removed


def test_best_weights_of_before_a_resume_outlive_a_deleted_folder(split, tmp_path):
    """The best epoch was before the resume, and the folder is deleted after it."""
    config = replace(CONFIG, num_epochs=1, save_seconds=0)
    first = fit(RECIPE, *split, config, tmp_path / "run")
    best = (first.path / "best.safetensors").read_bytes()
    (tmp_path / "run" / "config.json").unlink()
    train = disturbed(split[0], lambda: shutil.rmtree(tmp_path / "run"), lambda: None)
    run = fit(RECIPE, train, split[1], replace(config, num_epochs=2, lr=1.0), tmp_path / "run")
    assert min(row["valid_loss"] for row in run.epochs) == run.epochs[0]["valid_loss"], "the second epoch is worse"
    assert (run.path / "best.safetensors").read_bytes() == best


def test_another_run_that_took_a_deleted_folder_is_not_overwritten(tmp_path):
    """It trained and ended there: its lock is free, and its checkpoint must stay its own."""
    with runs.RunDir(tmp_path / "run", {"of": "first"}) as first:
        shutil.rmtree(tmp_path / "run")
        with runs.RunDir(tmp_path / "run", {"of": "second"}) as second:
            second.save({"history": [], "step": 1})
        with pytest.raises(WriteError, match="it holds another run now"):
            first.save({"history": [], "step": 2})
    assert load_state(tmp_path / "run" / "last.ckpt")["step"] == 1


def test_a_run_of_another_process_in_the_same_folder_is_not_overwritten(tmp_path):
    with runs.RunDir(tmp_path / "run", {"of": "first"}) as first:
        shutil.rmtree(tmp_path / "run")
        with runs.RunDir(tmp_path / "run", {"of": "second"}) as second:
            second.save({"history": [], "step": 1})
            with pytest.raises(WriteError, match="another process trains there"):
                first.save({"history": [], "step": 2})
            assert load_state(tmp_path / "run" / "last.ckpt")["step"] == 1


def test_a_disk_too_small_for_the_run_is_an_error_before_training(split, small_disk):
    folder, _ = small_disk
    large = replace(RECIPE, options={"depth": 11, "width": 16})
    with pytest.raises(WriteError, match=r"a run needs up to \d+ MiB, and the disk has \d+ MiB left. Make room"):
        fit(large, *split, CONFIG, folder / "run")
    assert not (folder / "run" / "last.ckpt").exists()


def test_a_file_is_synced_before_its_rename_and_the_folder_after(tmp_path, monkeypatch):
    """A power loss keeps only what was synced: the content must be on the disk before the name."""
    events = []
    fsync, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append(Path(f"/proc/self/fd/{number}").readlink().name),
                                                     fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda path, target: (events.append("rename"), rename(path, target))[1])
    write_atomic(tmp_path / "file", b"new")
    assert events == [f".file.{os.getpid()}.tmp", "rename", tmp_path.name]


def test_an_unknown_write_error_keeps_its_text():
    assert str(cannot_write(Path("out"), OSError("odd"))) == "cannot write in out: odd. Choose another folder"
