"""Distributed training: two CPU processes compute what one does."""

import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, RECIPE

from colorlib import color
from colorlib.models.weights import load_weights
from colorlib.system import processor
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit

PLAIN = replace(RECIPE, options={"depth": 8, "width": 8, "batch_norm": False})
FLOAT = replace(CONFIG, precision="float32")

SCRIPT = """
import os
from colorlib import data
from colorlib.training import runs
from colorlib.models.recipe import Recipe
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit
from tiny import divide, sample_photos

if os.environ.get("RANK", "0") != "0":
    runs.write_atomic = runs.save_state = None          # only the first process may write

def train():
    run = fit(Recipe(**RECIPE), *divide(sample_photos()), TrainConfig(**CONFIG), DIR)
    assert len(run.epochs) == CONFIG["num_epochs"]

if __name__ == "__main__":
    LAUNCH
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def launch(directory, recipe, config, tmp_path, launcher=TORCHRUN, call="train()"):
    parts = {"RECIPE": asdict(recipe), "CONFIG": asdict(config), "DIR": str(directory)}
    script = SCRIPT.replace("LAUNCH", call)
    for name, value in parts.items():
        script = script.replace(name, repr(value))
    file = tmp_path / "script.py"
    file.write_text(f"import sys\nsys.path.insert(0, {sys.path[0]!r})\nsys.path[:0] = {sys.path!r}\n{script}")
    done = subprocess.run([sys.executable, *launcher, file], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def expect_close(directory, run, **tolerance):
    """Compare the losses of two processes with those of one; return the state that the two saved."""
    state = load_state(directory / "last.ckpt")
    losses = [row["loss"] for row in state["history"]]
    np.testing.assert_allclose(losses, run.history["loss"], **tolerance)
    return state


def test_two_processes_compute_the_steps_of_one(split, tmp_path):
    """Within 1e-5 of the loss: sums are in another order, and Adam magnifies the difference."""
    out = launch(tmp_path / "two", PLAIN, FLOAT, tmp_path)
    assert out.count("1 thread, 2 processes, batches of 32 in micro-batches of 16") == 1, "only the main process prints"
    one = fit(PLAIN, *split, FLOAT, tmp_path / "one")
    state = expect_close(tmp_path / "two", one, rtol=1e-5)
    for name, weights in one.last.state_dict().items():
        torch.testing.assert_close(state["model"][name], weights, atol=1e-4, rtol=0)
    two = [row for row in state["history"] if "valid_loss" in row]
    for actual, expected in zip(two, one.epochs, strict=True):
        for name in ("valid_loss", "valid_psnr", "valid_ab_mae", "valid_auc", "valid_colorfulness"):
            assert actual[name] == pytest.approx(expected[name], rel=1e-4)
    assert sorted(file.name for file in (tmp_path / "two").iterdir()) == sorted(
        file.name for file in one.path.iterdir()), "the second process leaves no files"


@pytest.mark.parametrize("micro_batch", [16, 4])
def test_with_batch_norm_two_processes_compute_the_steps_of_one(micro_batch, split, tmp_path):
    """The same parts of a batch, each normalized by itself, in two processes or one: within 1e-3 of the loss."""
    config = replace(FLOAT, micro_batch=micro_batch)
    launch(tmp_path / "two", RECIPE, config, tmp_path)
    one = fit(RECIPE, *split, config, tmp_path / "one")
    state = expect_close(tmp_path / "two", one, rtol=1e-3)
    model, recipe = load_weights(tmp_path / "two" / "best.safetensors")
    best = min(row["valid_loss"] for row in state["history"] if "valid_loss" in row)
    rgb = color.to_tensor(split[1].rgb)
    with processor.deterministic_torch(threads=1), torch.inference_mode():
        loss = recipe.build_objective().loss(model(color.to_gray(rgb)), rgb)
    assert loss.item() == pytest.approx(best, rel=1e-5), "both processes validate with the saved statistics"


def test_two_processes_time_a_training_together(split, tmp_path):
    """If one took a step more than the other, it would wait for ever."""
    config = replace(FLOAT, num_epochs=1, minutes=60)
    out = launch(tmp_path / "two", PLAIN, config, tmp_path)
    assert out.count("in 60 minutes there is time for") == 1
    expect_close(tmp_path / "two", fit(PLAIN, *split, config, tmp_path / "one"), rtol=1e-5)


def test_an_odd_batch_counts_every_image_once(split, tmp_path):
    odd = replace(FLOAT, batch_size=33, num_epochs=1)
    launch(tmp_path / "two", PLAIN, odd, tmp_path)
    expect_close(tmp_path / "two", fit(PLAIN, *split, odd, tmp_path / "one"), rtol=1e-5)


def test_one_process_resumes_the_run_of_two(split, tmp_path, capsys):
    launch(tmp_path / "begun", PLAIN, replace(FLOAT, num_epochs=1), tmp_path)
    run = fit(PLAIN, *split, FLOAT, tmp_path / "begun")
    out = capsys.readouterr().out
    assert "notice: processes was 2, is now 1" in out
    assert "micro-batches of 16" in out, "unchanged"
    one = fit(PLAIN, *split, FLOAT, tmp_path / "one")
    np.testing.assert_allclose(run.history["loss"], one.history["loss"], rtol=1e-5)


EARLIER = "fit(Recipe(**RECIPE), *divide(sample_photos()), TrainConfig(**CONFIG), DIR + '-before'); "


@pytest.mark.parametrize("earlier", ["", EARLIER], ids=["first", "after a training of one process"])
def test_notebook_launcher_trains(earlier, split, tmp_path):
    """On a CPU it starts two processes or one, depending on the version of Accelerate."""
    call = f"{earlier}from accelerate import notebook_launcher; notebook_launcher(train, num_processes=2)"
    out = launch(tmp_path / "run", PLAIN, replace(FLOAT, num_epochs=1), tmp_path, launcher=(), call=call)
    assert out.count("batches of 32 in micro-batches") == 1 + bool(earlier)
    expect_close(tmp_path / "run", fit(PLAIN, *split, replace(FLOAT, num_epochs=1), tmp_path / "one"), rtol=1e-5)


def test_accelerate_launch_starts_one_process_on_a_cpu_and_fit_says_so(split, tmp_path):
    accelerate = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2")
    out = launch(tmp_path / "run", PLAIN, replace(FLOAT, num_epochs=1), tmp_path, launcher=accelerate)
    assert out.count("1 process, batches of 32") == 1
