"""A loss that is not finite ends training with one error, and the last good checkpoint stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, FILES, RECIPE, as_kind, contents
from torch import nn

from colorlib.data.images import Images
from colorlib.models.adversarial import Adversarial, PatchCritic
from colorlib.models.weights import load_weights
from colorlib.system.errors import RunError
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit

PLAIN = replace(RECIPE, objective="rgb-l2", options={"depth": 8, "width": 8, "batch_norm": False})


class Poisoned(Images):
    """Images whose pixels are NaN in the second epoch: after one step with them the weights are NaN, too."""

    def batches(self, batch_size, seed, epoch, *more):
        for batch in super().batches(batch_size, seed, epoch, *more):
            yield batch.float() * float("nan") if epoch == 1 else batch


@pytest.mark.parametrize("save_seconds", [0, 30])
def test_the_error_names_the_step_and_the_last_good_state_stays(save_seconds, split, tmp_path):
    config = replace(CONFIG, save_seconds=save_seconds)
    good = fit(RECIPE, *split, replace(config, num_epochs=1), tmp_path / "good")
    with pytest.raises(RunError, match=r"the loss is nan at step 9: .*bad keeps the checkpoint from before. Give a new"):
        fit(RECIPE, as_kind(Poisoned, split[0]), split[1], config, tmp_path / "bad")
    assert load_state(tmp_path / "bad" / "last.ckpt")["step"] == 8
    for name in FILES:
        if name != "last.ckpt":
            assert (tmp_path / "bad" / name).read_bytes() == (good.path / name).read_bytes()
    assert all(torch.isfinite(p).all() for p in load_weights(tmp_path / "bad" / "best.safetensors")[0].parameters())
    assert contents(fit(RECIPE, *split, config, tmp_path / "bad")) == contents(
        fit(RECIPE, *split, config, tmp_path / "good"))


def test_weights_that_are_not_finite_are_never_saved(split, tmp_path):
    """A step may have a finite loss and an infinite gradient: what counts is what a checkpoint would hold."""
    steep = replace(CONFIG, optimizer="sgd", lr=1e30, precision="float32", save_seconds=0)
    with pytest.raises(RunError, match=r"(a weight|the loss) is (nan|inf) at step \d+"):
        fit(PLAIN, *split, steep, tmp_path)
    for name in ("last.ckpt", "previous.ckpt"):
        if (tmp_path / name).exists():
            assert all(torch.isfinite(value).all() for value in load_state(tmp_path / name)["model"].values())


def test_a_critic_that_is_not_finite_is_never_saved(split, tmp_path, monkeypatch):
    """Broken by hand: with settings alone, the loss is not finite first, and ends the training."""
    def broken(objective, seed):
        critic = PatchCritic(objective.width)
        nn.init.constant_(critic.layers[0].bias, float("nan"))
        return critic

    monkeypatch.setattr(Adversarial, "build_critic", broken)
    with pytest.raises(RunError, match="weights that are not finite"):
        fit(replace(RECIPE, objective="adversarial"), *split, CONFIG, tmp_path)
    assert not (tmp_path / "last.ckpt").exists()


def test_a_first_batch_of_gray_photos_makes_no_later_loss_an_explosion(samples, tmp_path):
    """Two nearly gray photos first: compared with their loss alone, that of all other photos would be an explosion."""
    gray = samples[:2]
    gray = replace(gray, rgb=np.broadcast_to(gray.rgb.mean(1, keepdims=True), gray.rgb.shape).astype(np.uint8))
    rgb = np.concatenate([gray.rgb, samples.rgb[20:60]])
    train = Unshuffled("samples", rgb, np.zeros(42, np.int64), np.arange(42), ("photo",), "")
    colorless = RECIPE.build_model()
    for parameter in colorless.layers[-1].parameters():
        torch.nn.init.zeros_(parameter)
    config = replace(CONFIG, batch_size=2, lr=1e-4, num_epochs=1, log_every=1)
    run = fit(RECIPE, train, samples[60:80], config, tmp_path, start=colorless)
    assert run.history["loss"].max() > 10 * run.history["loss"][0]
    assert run.finished


class Unshuffled(Images):
    """Images in their order."""

    def batches(self, batch_size, seed, epoch, start, *more):
        yield from list(self.in_order(batch_size))[start:]
