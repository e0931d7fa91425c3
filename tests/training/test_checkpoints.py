"""Files that survive a kill, and weights that rebuild their network."""

import os
import subprocess
import sys
import time

import pytest
import torch

from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights, save_weights
from colorlib.system.errors import ColorlibError, RunError, WriteError
from colorlib.system.files import expect_writable, write_atomic
from colorlib.training.checkpoints import load_state, save_state

RECIPE = Recipe("study", "ab-l1", 16, {"depth": 8, "width": 4})


def test_weights_rebuild_the_network_from_the_file_alone(tmp_path):
    model = RECIPE.build_model(seed=5).eval()
    save_weights(tmp_path / "w.safetensors", model, RECIPE)
    rebuilt, recipe = load_weights(tmp_path / "w.safetensors")
    gray = torch.rand(2, 1, 16, 16)
    assert recipe == RECIPE
    assert torch.equal(rebuilt(gray), model(gray))


def test_half_the_bytes_hold_three_digits(tmp_path):
    model = RECIPE.build_model().eval()
    for half in (False, True):
        save_weights(tmp_path / f"{half}", model, RECIPE, half)
    sizes = [(tmp_path / f"{half}").stat().st_size for half in (True, False)]
    assert sizes[0] < 0.6 * sizes[1]
    for name, value in load_weights(tmp_path / "True")[0].state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_options_that_a_network_does_not_have_are_named():
    with pytest.raises(ValueError, match="the model 'study' cannot be set to {'depht': 8}"):
        Recipe("study", options={"depht": 8}).build_model()


def test_state_comes_back_and_is_equal_to_the_byte_when_saved_again(tmp_path):
    state = {"weights": {"a": torch.rand(3)}, "step": 7, "history": [{"loss": 0.25}]}
    save_state(tmp_path / "a", state)
    save_state(tmp_path / "b", state)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert torch.equal(load_state(tmp_path / "a")["weights"]["a"], state["weights"]["a"])


def test_killed_while_writing_a_file_is_the_old_or_the_new_one(tmp_path):
    path = tmp_path / "file"
    script = (f"import itertools, pathlib\nfrom colorlib.system.files import write_atomic\n"
              f"for i in itertools.cycle(range(256)):\n"
              f"    write_atomic(pathlib.Path({str(path)!r}), bytes([i]) * 3_000_000)\n")
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script])
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        writer.kill()
        writer.wait()
        content = path.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1
        path.unlink()


def test_a_failed_write_keeps_the_old_content_and_leaves_no_part(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / f".file.{os.getpid()}.tmp").mkdir()         # so that the temporary file cannot be made
    with pytest.raises(ColorlibError, match="cannot write in"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_an_interrupted_write_leaves_no_part(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_place_of_a_file_is_told_and_no_room_is_asked_for(tmp_path):
    (tmp_path / "scores.json").mkdir()
    with pytest.raises(WriteError, match=r"scores.json is a folder. Choose another folder"):
        expect_writable(tmp_path / "scores.json")


@pytest.mark.parametrize(("change", "message"), [
    (lambda whole: whole[:100], "damaged"),
    (lambda whole: whole[:-10], "damaged"),
    (lambda whole: b"", "damaged"),
    (lambda whole: b"PK\x03\x04 something else entirely", "written by torch.save"),
    (lambda whole: b"\x80\x02}q\x00X\x01\x00\x00\x00", "written by torch.save"),
    (lambda whole: b"\x80" + bytes(7) + b"{ a header of 128 bytes", "damaged"),
    (lambda whole: whole.replace(b'recipe', b'resipe'), "no recipe"),
    (lambda whole: whole.replace(b'study', b'dusty'), "'dusty'"),
], ids=["cut early", "cut late", "empty", "torch.save", "pickle", "no pickle", "no recipe", "unknown model"])
def test_a_weights_file_that_cannot_be_used_is_explained(change, message, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, RECIPE.build_model(), RECIPE)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RunError, match=f"(?s)w.safetensors.*{message}"):
        load_weights(path)


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(RunError, match="there are no weights .*nothing.safetensors"):
        load_weights(tmp_path / "nothing.safetensors")


def test_a_damaged_state_is_named(tmp_path):
    save_state(tmp_path / "last.ckpt", {"step": 1})
    (tmp_path / "last.ckpt").write_bytes((tmp_path / "last.ckpt").read_bytes()[:50])
    with pytest.raises(RunError, match="last.ckpt is damaged"):
        load_state(tmp_path / "last.ckpt")


def test_a_state_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("it ran",)

    torch.save({"step": Evil()}, tmp_path / "last.ckpt")
    with pytest.raises(RunError):
        load_state(tmp_path / "last.ckpt")
