"""A loss that explodes, or is no number: back to the last good state, with half the learning rate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, FILES, RECIPE, as_kind, contents

from colorlib.data.images import Images
from colorlib.models.weights import load_weights
from colorlib.system.errors import RunError
from colorlib.training import trainer
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit

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
