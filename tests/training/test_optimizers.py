"""Learning rate schedules, optimizers and the EMA of the weights, against their definitions."""

from dataclasses import replace

import pytest
import torch
from tiny import CONFIG, RECIPE, divide

from colorlib.models.recipe import Recipe
from colorlib.system import processor
from colorlib.system.errors import UsageError
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import Plan
from colorlib.training.loop import fit
from colorlib.training.optimizers import OPTIMIZERS, one_cycle, update_ema
from colorlib.training.runs import RunDir
from colorlib.training.trainer import Trainer


def test_one_cycle_rises_along_a_line_and_falls_along_half_a_cosine():
    assert [one_cycle(p) for p in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert one_cycle(0.4) == pytest.approx((1 + 2**-0.5) / 2), "a quarter of the way down: (1 + cos 45 degrees) / 2"


def test_one_cycle_is_torchs_own_in_two_phases():
    """OneCycleLR's falling phase; it rises along a cosine instead of a line, and ends above zero, so only there."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1, total_steps=1001, pct_start=0.2, final_div_factor=1e9)
    for step in range(1001):
        if step >= 200:
            assert one_cycle(step / 1000) == pytest.approx(optimizer.param_groups[0]["lr"], abs=0.005)
        optimizer.step()
        if step < 1000:
            theirs.step()


def new_trainer(samples, config, folder):
    train, _ = divide(samples)
    network = RECIPE.build_model(0).to(memory_format=torch.channels_last)        # as fit does: the same last bits
    return Trainer(network, RECIPE.build_objective(), RECIPE, config, Plan("float32", 32), train,
                   RunDir(folder, {}))


def test_the_learning_rate_follows_its_schedule_in_training(samples, tmp_path):
    trainer = new_trainer(samples, replace(CONFIG, schedule="one-cycle", lr=0.01), tmp_path)
    seen = []
    for _ in range(trainer.total_steps):
        seen.append(trainer.lr)
        trainer.step += 1
    assert seen == pytest.approx([0.01 * one_cycle((i + 0.5) / 16) for i in range(16)])


def encoder_trainer(samples, folder, encoder_lr):
    recipe = Recipe("encoder-unet", "ab-l1", 16, {"encoder": "tuned", "widths": (8,) * 5})
    config = TrainConfig(1, 16, lr=0.01, optimizer="sgd", encoder_lr=encoder_lr)
    return Trainer(recipe.build_model(0), recipe.build_objective(), recipe, config, Plan("float32", 16), samples[:16], RunDir(folder, {}))


def test_the_encoder_learns_at_a_rate_of_its_own(samples, tmp_path):
    """One step of plain SGD: the change of each weight is proportional to its learning rate."""
    rgb = torch.from_numpy(samples.rgb[:16, :, :16, :16].copy())
    changes = {}
    for encoder_lr in (1, 0.1):
        trainer = encoder_trainer(samples, tmp_path, encoder_lr)
        before = {name: weight.detach().clone() for name, weight in trainer.network.named_parameters()}
        trainer.train_step(rgb)
        changes[encoder_lr] = {name: weight.detach() - before[name] for name, weight in trainer.network.named_parameters()}
    assert any(change.any() for name, change in changes[1].items() if name.startswith("encoder."))
    for name, change in changes[1].items():
        factor = 0.1 if name.startswith("encoder.") else 1
        torch.testing.assert_close(changes[0.1][name], factor * change, rtol=0.01, atol=1e-7)


def test_only_an_encoder_has_a_learning_rate_of_its_own(split, tmp_path):
    with pytest.raises(UsageError, match="'unet' has no encoder with a learning rate of its own"):
        fit(Recipe("unet", "ab-l1", 16), *split, TrainConfig(1, encoder_lr=0.1), tmp_path)
    with pytest.raises(UsageError, match="encoder_lr must be above 0"):
        TrainConfig(encoder_lr=0)


def test_momentum_is_the_sum_of_its_definition():
    """Two steps by hand, with a gradient of 1: v = 1, then 0.9 + 1."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = OPTIMIZERS["momentum"]([weight], lr=0.1)
    for expected in (-0.1, -0.1 - 0.19):
        weight.grad = torch.ones(1)
        optimizer.step()
        assert weight.item() == pytest.approx(expected)


def test_the_average_is_the_sum_of_its_definition():
    """Three updates by hand: weights 1, 2, 3; decays min(0.15, (1 + n) / (10 + n)) = 0.1, 0.15, 0.15."""
    model, average = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    torch.nn.init.zeros_(average.weight)
    expected = 0.0
    for step, (value, decay) in enumerate([(1, 0.1), (2, 0.15), (3, 0.15)]):
        torch.nn.init.constant_(model.weight, value)
        model.running_mean.fill_(value)
        update_ema(average, model, decay=0.15, step=step)
        expected = decay * expected + (1 - decay) * value
    assert average.weight.item() == pytest.approx(expected)
    assert average.running_mean.item() == 3


def test_the_average_is_what_is_measured_and_given_back(samples, tmp_path):
    train, valid = divide(samples)
    config = replace(CONFIG, ema=0.9, precision="float32", micro_batch=32)
    run = fit(RECIPE, train, valid, config, tmp_path / "average")
    plain = fit(RECIPE, train, valid, replace(config, ema=0), tmp_path / "plain")
    torch.testing.assert_close(torch.tensor(run.history["loss"]), torch.tensor(plain.history["loss"]))
    average = RECIPE.build_model(0)
    with processor.deterministic_torch(threads=1):
        trainer = new_trainer(samples, replace(config, ema=0), tmp_path / "again")
        for epoch in range(2):
            for rgb in train.batches(32, 0, epoch):
                trainer.train_step(rgb)
                update_ema(average, trainer.network, 0.9, trainer.step - 1)
    for returned, expected in zip(run.last.parameters(), average.parameters(), strict=True):
        torch.testing.assert_close(returned, expected)
    assert run.history["valid_loss"][-1] != plain.history["valid_loss"][-1]


def test_weight_decay_and_adamw_are_torchs(samples, tmp_path):
    """One step of AdamW shrinks the weights by lr * weight_decay, beside moving each by at most lr."""
    few = samples[:8]
    config = replace(CONFIG, num_epochs=1, batch_size=8, lr=0.05, optimizer="adamw", weight_decay=0.1)
    run = fit(RECIPE, few, samples[8:60], replace(config, precision="float32"), tmp_path)
    for after, before in zip(run.last.parameters(), RECIPE.build_model(0).parameters(), strict=True):
        assert (after - before * (1 - 0.05 * 0.1)).abs().max() <= 0.05001
        assert (after - before).abs().max() > 0.03
