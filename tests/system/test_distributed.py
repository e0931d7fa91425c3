"""Two processes that train together, on this machine's processor, do what one does."""

import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, RECIPE

from colorlib.metrics.pixels import validate
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
from tiny import divide

if os.environ.get("RANK", "0") != "0":
    runs.write_atomic = runs.save_state = None          # only the first process may write

def train():
    run = fit(Recipe(**RECIPE), *divide(data.load("samples", "train", 16)), TrainConfig(**CONFIG), DIR)
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
    """The history and the weights that two processes left behind, and those of one."""
    state = load_state(directory / "last.ckpt")
    losses = [row["loss"] for row in state["history"]]
    np.testing.assert_allclose(losses, run.history["loss"], **tolerance)
    return state


def test_two_processes_take_the_steps_of_one(split, tmp_path):
    """Within 1e-5 of the loss: sums are taken in another order, which Adam magnifies."""
    out = launch(tmp_path / "two", PLAIN, FLOAT, tmp_path)
    assert out.count("1 thread, 2 processes, batches of 32 in micro-batches of 16") == 1, "said once"
    one = fit(PLAIN, *split, FLOAT, tmp_path / "one")
    state = expect_close(tmp_path / "two", one, rtol=1e-5)
    for name, weights in one.model.state_dict().items():
        torch.testing.assert_close(state["model"][name], weights, atol=1e-4, rtol=0)
    two = [row for row in state["history"] if "valid_loss" in row]
    for ours, theirs in zip(two, one.epochs, strict=True):
        for name in ("valid_loss", "valid_psnr", "valid_ab_mae", "valid_auc", "valid_colorfulness"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    assert sorted(file.name for file in (tmp_path / "two").iterdir()) == sorted(
        file.name for file in one.path.iterdir()), "no process left files of its own"


def test_with_batch_norm_two_processes_take_the_steps_of_two_micro_batches(split, tmp_path):
    """Each process normalizes its own share, as one process does each micro-batch: within 1e-3 of the loss."""
    launch(tmp_path / "two", RECIPE, FLOAT, tmp_path)
    one = fit(RECIPE, *split, replace(FLOAT, micro_batch=16), tmp_path / "one")
    state = expect_close(tmp_path / "two", one, rtol=1e-3)
    model, recipe = load_weights(tmp_path / "two" / "best.safetensors")
    best = min(row["valid_loss"] for row in state["history"] if "valid_loss" in row)
    with processor.computing(threads=1):
        alone = validate(model, recipe.build_objective(), split[1])
    assert alone["loss"] == pytest.approx(best, rel=1e-5), "all validate with the statistics that are kept"


def test_a_batch_that_cannot_be_halved_counts_every_image_once(split, tmp_path):
    odd = replace(FLOAT, batch_size=33, num_epochs=1)
    launch(tmp_path / "two", PLAIN, odd, tmp_path)
    expect_close(tmp_path / "two", fit(PLAIN, *split, odd, tmp_path / "one"), rtol=1e-5)


def test_what_two_processes_began_one_finishes(split, tmp_path, capsys):
    launch(tmp_path / "begun", PLAIN, replace(FLOAT, num_epochs=1), tmp_path)
    run = fit(PLAIN, *split, FLOAT, tmp_path / "begun")
    out = capsys.readouterr().out
    assert "notice: processes was 2, is now 1: the last bits" in out
    assert "micro-batches of 16" in out, "as the run began"
    one = fit(PLAIN, *split, FLOAT, tmp_path / "one")
    np.testing.assert_allclose(run.history["loss"], one.history["loss"], rtol=1e-5)


def test_notebook_launcher_trains(split, tmp_path):
    """On a processor it starts two processes, or one, depending on Accelerate's version."""
    call = "from accelerate import notebook_launcher; notebook_launcher(train, num_processes=2)"
    out = launch(tmp_path / "run", PLAIN, replace(FLOAT, num_epochs=1), tmp_path, launcher=(), call=call)
    assert out.count("batches of 32 in micro-batches") == 1
    expect_close(tmp_path / "run", fit(PLAIN, *split, replace(FLOAT, num_epochs=1), tmp_path / "one"), rtol=1e-5)


def test_notebook_launcher_after_an_earlier_training_fails_for_the_true_reason(tmp_path):
    """Torch cannot differentiate in a fork of a process that has; but two children are not both the first."""
    earlier = ("fit(Recipe(**RECIPE), *divide(data.load('samples', 'train', 16)), TrainConfig(**CONFIG), "
               "DIR + '-before')")
    call = f"{earlier}; from accelerate import notebook_launcher; notebook_launcher(train, num_processes=2)"
    with pytest.raises(AssertionError, match="(?s)autograd.*fork") as caught:
        launch(tmp_path / "run", PLAIN, replace(FLOAT, num_epochs=1), tmp_path, launcher=(), call=call)
    assert "another process trains in" not in str(caught.value)


def test_accelerates_launcher_runs_one_process_on_a_processor_and_fit_says_so(split, tmp_path):
    accelerate = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2")
    out = launch(tmp_path / "run", PLAIN, replace(FLOAT, num_epochs=1), tmp_path, launcher=accelerate)
    assert out.count("1 process, batches of 32") == 1
