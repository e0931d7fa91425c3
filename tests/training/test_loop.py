"""Training really learns, and repeats itself to the byte."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, FILES, RECIPE, contents, divide

from colorlib import color
from colorlib.models.predict import colorize
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system.errors import RunError
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import Plan
from colorlib.training.loop import fit
from colorlib.training.runs import RunDir, read_history
from colorlib.training.trainer import Trainer


@pytest.mark.parametrize(("objective", "settings"), [
    ("rgb-l1", {}), ("rgb-l2", {}), ("ab-l1", {}), ("ab-l2", {}), ("perceptual", {"features": "classifier"})])
def test_a_few_images_are_learned_by_heart(objective, settings, samples, tmp_path):
    """The first check of any training loop: on eight pictures the loss must fall to a fraction."""
    few = samples[:8]
    often = replace(few, rgb=np.tile(few.rgb, (150, 1, 1, 1)), labels=np.tile(few.labels, 150))
    recipe = replace(RECIPE, objective=objective, settings=settings)
    run = fit(recipe, often, few, TrainConfig(num_epochs=1, batch_size=8, lr=0.003, log_every=5), tmp_path)
    assert run.history["loss"][-1] < run.history["loss"][0] / 4
    ab, ab_hat = (color.split_lab(rgb)[1] for rgb in (color.to_tensor(few.rgb), run.colorize(few.rgb)))
    assert (ab_hat - ab).abs().mean() < ab.abs().mean(), "the colors must be better than none"


def test_a_classifier_learns_by_heart_at_half_size(samples, tmp_path):
    few = samples[:8]
    often = replace(few, rgb=np.tile(few.rgb, (150, 1, 1, 1)), labels=np.tile(few.labels, 150))
    recipe = Recipe("unet", "bins", 16, {"width": 8, "depth": 2, "patch": 2, "full_size": False})
    run = fit(recipe, often, few, TrainConfig(num_epochs=1, batch_size=8, lr=0.01, log_every=5), tmp_path)
    assert run.objective.bin_weights.max() > 2 * run.objective.bin_weights.min(), "rare colors count more"
    assert run.history["loss"][-1] < run.history["loss"][0] / 2
    ab, ab_hat = (color.split_lab(rgb)[1] for rgb in (color.to_tensor(few.rgb), run.colorize(few.rgb)))
    assert (ab_hat - ab).abs().mean() < ab.abs().mean(), "the colors must be better than none"


def test_a_classifier_without_rebalancing_trains_in_a_fresh_process(tmp_path, home):
    """The centers of the bins are computed while the memory of a step is estimated."""
    script = ("from colorlib import data\nfrom colorlib.models.recipe import Recipe\n"
              "from colorlib.training import TrainConfig, fit\n"
              "images = data.load('samples', 'train', 16)[:80].hold_out(20)\n"
              "recipe = Recipe('unet', 'bins', 16, {'width': 8, 'depth': 2}, {'rebalance': 1.0})\n"
              f"fit(recipe, *images, TrainConfig(1, 20), {str(tmp_path / 'run')!r})\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_can_start_from_trained_weights(split, tmp_path):
    first = fit(RECIPE, *split, CONFIG, tmp_path / "first")
    network, recipe = load_weights(first.path / "best.safetensors")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    still = replace(CONFIG, num_epochs=1, lr=1e-9)
    second = fit(recipe, *split, still, tmp_path / "second", start=network)
    assert second.epochs[0]["valid_loss"] == pytest.approx(min(row["valid_loss"] for row in first.epochs), rel=0.01)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.training
    with pytest.raises(RunError, match="start"):
        fit(recipe, *split, still, tmp_path / "second")
    with pytest.raises(ValueError, match="start is not the network of the recipe"):
        fit(replace(recipe, options={"depth": 11}), *split, still, tmp_path / "third", start=network)


def test_parts_of_larger_images_are_trained_on(samples, tmp_path):
    train, valid = divide(samples)
    inner = replace(valid, rgb=valid.rgb[:, :, 2:14, 2:14])
    run = fit(replace(RECIPE, size=12), train, inner, replace(CONFIG, num_epochs=1), tmp_path)
    assert run.colorize(inner.rgb[:2]).shape == (2, 3, 12, 12)


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


def test_fewer_epochs_than_the_run_has_are_refused(split, tmp_path):
    fit(RECIPE, *split, CONFIG, tmp_path)
    with pytest.raises(RunError, match="holds 16 steps, more than the 8 of num_epochs=1"):
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
    with torch.no_grad():
        rgb = color.to_tensor(split[1].rgb)
        loss = recipe.build_objective().loss(model(color.to_gray(rgb)), rgb).item()
    assert loss == pytest.approx(np.nanmin(run.history["valid_loss"]), rel=0.02)   # bfloat16 there


def test_weights_worse_than_the_best_are_not_kept(split, tmp_path):
    config = replace(CONFIG, log_every=1)
    trainer = Trainer(RECIPE.build_model(), RECIPE.build_objective(), RECIPE, config, Plan("float32", 32), split[0],
                      RunDir(tmp_path, {}))
    trainer.train_step(next(split[0].batches(32)))
    for best_loss, kept in [(0.0, False), (float("inf"), True)]:
        trainer.best_loss = best_loss
        trainer.end_epoch(split[1])
        assert (tmp_path / "best.safetensors").exists() == kept
        trainer.train_step(next(split[0].batches(32)))


def test_the_average_of_another_run_can_be_trained_on(split, tmp_path):
    averaged = fit(RECIPE, *split, replace(CONFIG, num_epochs=1, ema=0.9), tmp_path / "averaged").last
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path / "more", start=averaged)
    assert any(not torch.equal(a, b) for a, b in zip(run.last.parameters(), averaged.parameters(), strict=True))


def test_weights_that_are_not_finite_are_no_start(split, tmp_path):
    broken = RECIPE.build_model()
    torch.nn.init.constant_(next(broken.parameters()), float("nan"))
    with pytest.raises(RunError, match="the network to start from has weights that are not finite"):
        fit(RECIPE, *split, CONFIG, tmp_path, start=broken)
    assert not (tmp_path / "last.ckpt").exists()


def test_before_the_first_epoch_ends_there_is_no_best_network(split, tmp_path):
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(RunError, match="has no best.safetensors: it is written at the end of the first epoch"):
        run.best  # noqa: B018


def test_last_and_best_are_two_networks_by_name(split, tmp_path):
    """A high learning rate in the last epoch: the validation gets worse, and only ``last`` with it."""
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=8, lr=0.03, micro_batch=32), tmp_path)
    losses = [row["valid_loss"] for row in run.epochs]
    rgb = color.to_tensor(split[1].rgb)

    def loss(model):
        with torch.no_grad():
            return run.objective.loss(model.cpu()(color.to_gray(rgb)), rgb).item()

    assert loss(run.best) == pytest.approx(min(losses), rel=0.02)
    assert loss(run.last) == pytest.approx(losses[-1], rel=0.02)
    assert np.argmin(losses) < len(losses) - 1, "the last epoch is not the best one, or this tests nothing"
    torch.testing.assert_close(run.colorize(rgb), colorize(run.last, run.objective, rgb))
    assert run.output(rgb).shape == (len(rgb), 2, 16, 16)


def test_a_trainer_is_built_without_files_and_without_looking_at_memory(split, tmp_path):
    Trainer(RECIPE.build_model(), RECIPE.build_objective(), RECIPE, CONFIG, Plan("float32", 32), split[0],
            RunDir(tmp_path / "run", {}))
    assert not (tmp_path / "run").exists()


def test_coloring_one_image_does_not_depend_on_its_neighbors(split):
    """Batch norm must use what it learned, also for a network that is still in training mode."""
    model, objective, rgb = RECIPE.build_model().train(), RECIPE.build_objective(), color.to_tensor(split[1].rgb[:8])
    torch.testing.assert_close(colorize(model, objective, rgb)[:2], colorize(model, objective, rgb[:2]))
    assert model.training


def test_what_fit_returns_colors_like_its_own_files(split, tmp_path):
    run = fit(RECIPE, *split, replace(CONFIG, num_epochs=1, precision="float32"), tmp_path)
    model, recipe = load_weights(tmp_path / "best.safetensors")
    rgb, model = color.to_tensor(split[1].rgb[:5]), model.to(next(run.last.parameters()).device)
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
    for trained, initial in zip(run.last.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(trained.cpu(), initial - 0.5 * initial.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("change", "message"), [
    ({"log_every": True}, "log_every must be a whole number, got True"),
    ({"num_epochs": 1.5}, "num_epochs must be a whole number, got 1.5"),
    ({"batch_size": 32.0}, "batch_size must be a whole number, got 32.0"),
    ({"save_seconds": None}, "save_seconds must be a number, got None"),
    ({"lr": "fast"}, "lr must be a number, got 'fast'"),
    ({"num_epochs": 0}, "num_epochs must be above 0, got 0"),
    ({"batch_size": -1}, "batch_size must be above 0, got -1"),
    ({"lr": float("nan")}, "lr must be above 0, got nan"),
    ({"lr": float("inf")}, "lr must be above 0, got inf"),
    ({"seed": -1}, "seed must be 0 or more, got -1"),
    ({"threads": 0}, "threads must be 1 or more, got 0"),
    ({"optimizer": "adamm"}, "optimizer must be one of adam, adamw, sgd, momentum, got 'adamm'"),
    ({"schedule": "cosine"}, "schedule must be one of constant, one-cycle, got 'cosine'"),
    ({"micro_batch": 0}, "micro_batch must be 1 or more, got 0"),
    ({"weight_decay": float("nan")}, "weight_decay must be 0 or more, got nan"),
    ({"ema": 1}, "ema must be from 0 to below 1, got 1"),
    ({"precision": "half"}, "precision must be one of auto, float32, bfloat16, got 'half'"),
])
def test_a_setting_that_cannot_train_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


def test_a_setting_may_be_numpys():
    config = TrainConfig(batch_size=np.int64(32), lr=np.float64(0.01), threads=np.int32(1))
    assert config == TrainConfig(batch_size=32, lr=0.01, threads=1)
    assert json.loads(json.dumps(config.identity()))["batch_size"] == 32


@pytest.mark.parametrize(("name", "message"), [
    ({"model": "unett"}, "no model is called 'unett'"), ({"objective": "l2"}, "no objective is called 'l2'")])
def test_a_recipe_of_unknown_parts_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**name)


def test_images_of_another_size_are_refused(split, tmp_path):
    with pytest.raises(ValueError, match="the recipe is for 32 px, but train has 16 px images"):
        fit(replace(RECIPE, size=32), *split, CONFIG, tmp_path)
