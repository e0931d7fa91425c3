"""Training really learns, repeats itself to the byte, and goes on after anything that stops it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from itertools import count

import numpy as np
import pytest
import torch

from colorlib import color, runs
from colorlib.checkpoints import load_weights
from colorlib.errors import RunError
from colorlib.images import Images
from colorlib.recipe import Recipe, colorize
from colorlib.runs import RunDir, read_history
from colorlib.trainer import Trainer
from colorlib.training import TrainConfig, fit

RECIPE = Recipe("course", "ab-l1", 16, {"depth": 8, "width": 8})
CONFIG = TrainConfig(num_epochs=2, batch_size=32, lr=0.003, threads=1)
FILES = ("last.ckpt", "best.safetensors", "history.csv", "config.json")


@pytest.fixture(scope="module")
def split(samples):
    train, valid = samples[:320].hold_out(60)
    return train, valid


def contents(run):
    return {name: (run.path / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("objective", ["rgb-l1", "rgb-l2", "ab-l1", "ab-l2"])
def test_a_few_images_are_learned_by_heart(objective, samples, tmp_path):
    """The first check of any training loop: on eight pictures the loss must fall to a fraction."""
    few = samples[:8]
    often = replace(few, rgb=np.tile(few.rgb, (150, 1, 1, 1)), labels=np.tile(few.labels, 150))
    recipe = replace(RECIPE, objective=objective)
    run = fit(recipe, often, few, TrainConfig(num_epochs=1, batch_size=8, lr=0.003, log_every=5), tmp_path)
    assert run.history["loss"][-1] < run.history["loss"][0] / 4
    ab, ab_hat = (color.split_lab(rgb)[1] for rgb in (color.to_tensor(few.rgb), run.colorize(few.rgb)))
    assert (ab_hat - ab).abs().mean() < ab.abs().mean(), "the colors must be better than none"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_runs_are_equal_to_the_byte_and_another_seed_is_not(precision, split, tmp_path):
    config = replace(CONFIG, precision=precision)
    first, second = (fit(RECIPE, *split, config, tmp_path / name) for name in "ab")
    other = fit(RECIPE, *split, replace(config, seed=1), tmp_path / "c")
    assert contents(first) == contents(second)
    assert contents(first)["best.safetensors"] != contents(other)["best.safetensors"]


def test_the_precision_asked_for_is_the_one_computed_in(split, tmp_path):
    low, high = (fit(RECIPE, *split, replace(CONFIG, precision=p), tmp_path / p) for p in ("bfloat16", "float32"))
    assert not np.array_equal(low.history["loss"], high.history["loss"])
    np.testing.assert_allclose(low.history["loss"], high.history["loss"], rtol=0.1)


class Interrupting(Images):
    """Images during whose third batch somebody presses Ctrl-C."""

    def batches(self, *arguments):
        for i, batch in enumerate(super().batches(*arguments)):
            if i == 2:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch


def test_interrupted_it_keeps_all_up_to_that_step_and_goes_on(split, tmp_path, capsys):
    train, valid = split
    whole = fit(RECIPE, train, valid, CONFIG, tmp_path / "whole")
    interrupting = Interrupting(*(getattr(train, field.name) for field in fields(train)))
    stopped = fit(RECIPE, interrupting, valid, CONFIG, tmp_path / "stopped")
    assert "stopped after step 3 of 16" in capsys.readouterr().out
    assert len(stopped.epochs) == 0
    assert contents(fit(RECIPE, train, valid, CONFIG, tmp_path / "stopped")) == contents(whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_killed_between_its_last_two_files_it_still_ends_whole(split, tmp_path, monkeypatch):
    written = count(1)

    def die_at_the_last(write):
        def wrapped(*arguments):
            if next(written) == 5:                     # config.json; history.csv and last.ckpt after either epoch
                raise SystemExit
            write(*arguments)
        return wrapped

    whole = fit(RECIPE, *split, CONFIG, tmp_path / "whole")
    with monkeypatch.context() as patch:
        for name in ("write_whole", "save_state"):
            patch.setattr(runs, name, die_at_the_last(getattr(runs, name)))
        with pytest.raises(SystemExit):
            fit(RECIPE, *split, CONFIG, tmp_path / "killed")
    assert contents(fit(RECIPE, *split, CONFIG, tmp_path / "killed")) == contents(whole)


def test_a_damaged_config_says_what_to_delete(split, tmp_path):
    (tmp_path / "config.json").write_text("")
    with pytest.raises(RunError, match=r"config.json is damaged: delete .* and train again"):
        fit(RECIPE, *split, CONFIG, tmp_path)


def test_training_on_nothing_is_refused(split, tmp_path):
    with pytest.raises(ValueError, match="train holds no images"):
        fit(RECIPE, split[0][:0], split[1], CONFIG, tmp_path)


def test_training_does_not_touch_the_global_random_state(split, tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_more_epochs_continue_the_same_run(split, tmp_path):
    straight = fit(RECIPE, *split, CONFIG, tmp_path / "straight")
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path / "in two parts")
    assert contents(fit(RECIPE, *split, CONFIG, tmp_path / "in two parts")) == contents(straight)


def test_a_finished_run_is_not_trained_again(split, tmp_path):
    first = fit(RECIPE, *split, CONFIG, tmp_path)
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in FILES}
    again = fit(RECIPE, *split, CONFIG, tmp_path)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in FILES} == times
    assert torch.equal(again.colorize(split[1].rgb[:4]), first.colorize(split[1].rgb[:4]))


def test_without_a_directory_the_same_call_finds_its_own_run(split, home):
    paths = [fit(RECIPE, *split, replace(CONFIG, num_epochs=1, seed=seed)).path for seed in (0, 0, 1)]
    assert paths[0] == paths[1] != paths[2]
    assert paths[0].parent == home / "runs"


SCRIPT = """
from colorlib import data
from colorlib.recipe import Recipe
from colorlib.trainer import Trainer
from colorlib.training import TrainConfig, fit
train, valid = data.load("samples", "train", 16)[:320].hold_out(60)
config = TrainConfig(num_epochs=EPOCHS, batch_size=32, lr=0.003, threads=1, save_seconds=0)
run = fit(Recipe("course", "ab-l1", 16, {"depth": 8, "width": 8}), train, valid, config, DIR)
print("returned after step", int(run.history["step"][-1]) if len(run.history["step"]) else 0)
"""


def start(directory, num_epochs):
    script = SCRIPT.replace("DIR", repr(str(directory))).replace("EPOCHS", str(num_epochs))
    # A shell that runs tests in the background makes its children deaf to Ctrl-C; a terminal's children hear it.
    hear = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, **hear)


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


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_stopped_and_started_again_it_ends_with_the_same_bytes(stop, split, tmp_path):
    num_epochs = 12
    config = replace(CONFIG, num_epochs=num_epochs, save_seconds=0)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    for _ in range(3):
        before = last_saved(tmp_path / "stopped")
        process = start(tmp_path / "stopped", num_epochs)
        wait_until_it_saves(tmp_path / "stopped", process, before)
        os.kill(process.pid, stop)
        output, _ = process.communicate()
        if stop == signal.SIGINT:
            assert process.returncode == 0, "Ctrl-C must return what was learned, not raise"
            assert "returned after step" in output
    assert contents(fit(RECIPE, *split, config, tmp_path / "stopped")) == contents(whole)


def test_another_run_in_the_directory_is_refused_with_every_difference(split, tmp_path):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match=r"config.lr was 0.003, is now 0.1; recipe.options.depth was 8, is now 11"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, replace(CONFIG, lr=0.1), tmp_path)
    with pytest.raises(RunError, match=r"data.train was"):
        fit(RECIPE, split[0][1:], split[1], CONFIG, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before


def test_fewer_epochs_than_the_run_has_are_refused(split, tmp_path):
    fit(RECIPE, *split, CONFIG, tmp_path)
    with pytest.raises(RunError, match="holds 2 epochs, more than the 1 asked for"):
        fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)


def test_the_history_has_the_loss_of_every_step_in_it_once(split, tmp_path):
    """Rows of 10 steps and rows of 1 are means over the same losses."""
    fine = fit(RECIPE, *split, replace(CONFIG, log_every=1), tmp_path / "fine").history
    coarse = fit(RECIPE, *split, replace(CONFIG, log_every=5), tmp_path / "coarse").history
    ends = coarse["step"].astype(int)
    assert list(fine["step"]) == list(range(1, ends[-1] + 1))
    means = [fine["loss"][a:b].mean() for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    np.testing.assert_allclose(coarse["loss"], means, rtol=1e-5)
    assert np.count_nonzero(~np.isnan(coarse["valid_loss"])) == 2


def test_the_best_weights_are_those_of_the_lowest_validation_loss(split, tmp_path):
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=4, lr=0.02), tmp_path)
    model, recipe = load_weights(run.path / "best.safetensors")
    from colorlib.metrics import validate
    measured = validate(model, recipe.build_objective(), split[1])
    assert measured["loss"] == pytest.approx(np.nanmin(run.history["valid_loss"]), rel=0.02)   # bfloat16 there


def test_weights_worse_than_the_best_are_not_kept(split, tmp_path):
    trainer = Trainer(RECIPE, split[0], replace(CONFIG, log_every=1), RunDir(tmp_path, {}))
    trainer.learn(next(split[0].batches(32)))
    for best_loss, kept in [(0.0, False), (float("inf"), True)]:
        trainer.best_loss = best_loss
        trainer.end_epoch(split[1])
        assert (tmp_path / "best.safetensors").exists() == kept
        trainer.learn(next(split[0].batches(32)))


def test_coloring_one_image_does_not_depend_on_its_neighbors(split):
    """Batch norm must use what it learned, also for a network that is still in training mode."""
    model, objective, rgb = RECIPE.build_model().train(), RECIPE.build_objective(), color.to_tensor(split[1].rgb[:8])
    torch.testing.assert_close(colorize(model, objective, rgb)[:2], colorize(model, objective, rgb[:2]))
    assert model.training


def test_what_fit_returns_colors_like_its_own_files(split, tmp_path):
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=1, precision="float32"), tmp_path)
    model, recipe = load_weights(tmp_path / "best.safetensors")
    rgb = color.to_tensor(split[1].rgb[:5])
    torch.testing.assert_close(run.colorize(rgb), colorize(model, recipe.build_objective(), rgb), atol=1e-5, rtol=0)
    for name, column in read_history(tmp_path / "history.csv").items():
        np.testing.assert_array_equal(column, run.history[name])


def test_threads_are_set_for_the_run_only(split, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        fit(RECIPE, *split, replace(CONFIG, num_epochs=1, threads=1), tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_sgd_takes_the_step_of_its_definition(samples, tmp_path):
    """One batch, one step: the weights move by -lr times the gradient."""
    few = samples[:8]
    config = TrainConfig(num_epochs=1, batch_size=8, lr=0.5, optimizer="sgd", precision="float32")
    run = fit(RECIPE, few, samples[8:60], config, tmp_path)
    model, objective = RECIPE.build_model(0), RECIPE.build_objective()
    (rgb,) = few.batches(8, seed=0, epoch=0)
    objective.loss(model(color.to_gray(rgb)), rgb).backward()
    for ours, theirs in zip(run.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - 0.5 * theirs.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("change", "message"), [
    ({"num_epochs": 0}, "num_epochs must be above 0, got 0"),
    ({"batch_size": -1}, "batch_size must be above 0, got -1"),
    ({"lr": float("nan")}, "lr must be above 0, got nan"),
    ({"lr": float("inf")}, "lr must be above 0, got inf"),
    ({"seed": -1}, "seed must be 0 or more, got -1"),
    ({"threads": 0}, "threads must be 1 or more, got 0"),
    ({"optimizer": "adamm"}, "optimizer must be one of adam, adamw, sgd, got 'adamm'"),
    ({"schedule": "cosine"}, "schedule must be one of constant, one-cycle, got 'cosine'"),
    ({"micro_batch": 0}, "micro_batch must be 1 or more, got 0"),
    ({"weight_decay": float("nan")}, "weight_decay must be 0 or more, got nan"),
    ({"ema": 1}, "ema must be from 0 to below 1, got 1"),
    ({"precision": "half"}, "precision must be one of auto, float32, bfloat16, got 'half'"),
])
def test_a_setting_that_cannot_train_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


@pytest.mark.parametrize(("name", "message"), [
    ({"model": "unett"}, "no model is called 'unett'"), ({"objective": "l2"}, "no objective is called 'l2'")])
def test_a_recipe_of_unknown_parts_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**name)


def test_images_of_another_size_are_refused(split, tmp_path):
    with pytest.raises(ValueError, match="the recipe is for 32 px, but train has 16 px images"):
        fit(replace(RECIPE, size=32), *split, CONFIG, tmp_path)
