"""A batch that is computed in parts, on one thread or several, has the loss and the gradients of the batch."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tiny import CONFIG, EVERYTHING, ON_A_CPU, RECIPE, contents
from torch import nn

from colorlib import color, data
from colorlib.models.predict import batch_loss
from colorlib.system.processor import core_threads, deterministic_torch
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import Plan
from colorlib.training.gradients import BatchGradients
from colorlib.training.loop import fit
from colorlib.training.optimizers import OPTIMIZERS
from colorlib.training.runs import RunDir
from colorlib.training.trainer import Trainer


@pytest.fixture
def two_threads(with_cores):
    """As torch has them on two cores, also on a machine with more or less."""
    with_cores(2)


def gradients(network):
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize(("images", "micro_batch", "parts"), [(16, 16, 1), (16, 8, 2), (13, 5, 3)])
def test_without_batch_norm_the_parts_add_up_to_the_whole(images, micro_batch, parts, samples):
    recipe = replace(RECIPE, options={"depth": 8, "width": 8, "batch_norm": False})
    network, objective, rgb = recipe.build_model(), recipe.build_objective(), color.to_tensor(samples.rgb[:images])
    expected = objective.loss(network(color.to_gray(rgb)), rgb)
    expected.backward()
    whole = gradients(network)
    seen = []

    def loss(model, part):
        seen.append(len(part))
        return batch_loss(model, part, objective)

    found = BatchGradients(network, loss, micro_batch)(rgb, images)
    assert len(seen) == parts
    assert max(seen) - min(seen) <= 1
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    for gradient, of_whole in zip(gradients(network), whole, strict=True):
        torch.testing.assert_close(gradient, of_whole, rtol=1e-4, atol=1e-7)


def test_batch_norm_sees_each_part_by_itself_and_its_statistics_are_their_mean():
    """By hand: one channel, parts of values {0, 2} and {4, 10}; momentum 0.1, from mean 0 and variance 1."""
    network = nn.Sequential(nn.BatchNorm2d(1))
    rgb = torch.tensor([0.0, 2.0, 4.0, 10.0]).reshape(4, 1, 1, 1)
    seen = []

    def loss(model, part):
        seen.append(model(part).detach().flatten().tolist())
        return model[0].weight.sum()

    BatchGradients(network, loss, 2)(rgb, 4)
    assert seen == [pytest.approx([-1, 1], abs=1e-4)] * 2
    assert network[0].running_mean.item() == pytest.approx(0.1 * (1 + 7) / 2)
    assert network[0].running_var.item() == pytest.approx(0.9 + 0.1 * (2 + 18) / 2), "unbiased variances"
    assert network[0].num_batches_tracked == 1
    assert network[0].weight.grad.tolist() == [1]
    assert network[0].bias.grad.tolist() == [0], "a parameter that the loss does not use"


def test_statistics_start_anew_from_the_mean_at_each_step():
    network = nn.Sequential(nn.BatchNorm2d(1))
    steps = BatchGradients(network, lambda model, part: model(part).sum(), 2)
    for _ in range(200):
        steps(torch.tensor([0.0, 2.0, 4.0, 10.0]).reshape(4, 1, 1, 1), 4)
    assert network[0].running_mean.item() == pytest.approx(4, rel=1e-3)
    assert network[0].running_var.item() == pytest.approx(10, rel=1e-3)


@ON_A_CPU
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_threads_compute_the_same_bits_as_one_after_another(precision, split, tmp_path, two_threads):
    config = replace(CONFIG, ema=0.9, log_every=1)

    def trained(mapper):
        trainer = Trainer(RECIPE.build_model(), RECIPE.build_objective(), RECIPE, config, Plan(precision, 7), split[0],
                          RunDir(tmp_path, {}), mapper)
        for rgb in split[0].batches(32):
            trainer.train_step(rgb)
        return trainer._validate(split[1]), trainer.unfetched_losses, trainer.ema_network.state_dict()

    with deterministic_torch(threads=1):
        one = trained(map)
    with core_threads(2) as mapper:
        two = trained(mapper)
    assert one[:2] == two[:2]
    assert all(torch.equal(a, b) for a, b in zip(one[2].values(), two[2].values(), strict=True))


@ON_A_CPU
@pytest.mark.parametrize(("part", "at_a_time"), [(64, 16), (80, 20), (8, 8)])
def test_validation_takes_less_memory_than_a_step(part, at_a_time, tmp_path, monkeypatch):
    """A quarter of a part, or 16 of 32 px: decoding the bins of 64 at a time took more memory than training on them."""
    photos = data.load("samples", "train", 32)[:80]
    recipe = replace(RECIPE, size=32)
    trainer = Trainer(recipe.build_model(), recipe.build_objective(), recipe, CONFIG, Plan("float32", part), photos, RunDir(tmp_path, {}))
    seen, measure = [], trainer._measure
    monkeypatch.setattr(trainer, "_measure", lambda rgb: seen.append(len(rgb)) or measure(rgb))
    trainer._validate(photos)
    assert max(seen) == at_a_time
    assert sum(seen) == len(photos)


def test_a_run_is_the_same_to_the_byte_with_one_thread_and_with_two(split, tmp_path, two_threads):
    runs = [fit(RECIPE, *split, replace(CONFIG, threads=threads, **EVERYTHING | {"micro_batch": None}), tmp_path / str(threads))
            for threads in (1, 2)]
    assert contents(runs[0]) == contents(runs[1])


@ON_A_CPU
@pytest.mark.parametrize(("batch", "part"), [(64, 32), (33, 17), (16, 8), (15, 15), (2, 2)])
def test_a_batch_has_two_parts_unless_it_is_small(batch, part, split, tmp_path, capsys):
    fit(RECIPE, split[0][:64], split[1], TrainConfig(1, batch_size=batch, threads=1), tmp_path)
    assert f"batches of {batch} in micro-batches of {part};" in capsys.readouterr().out


def test_two_parameters_that_share_a_gradient_and_one_without_any():
    """autograd returns one tensor for both: added in place, it would count twice."""
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.frozen = (nn.Parameter(torch.ones(1, 1, 1, 1)) for _ in range(3))
            self.frozen.requires_grad_(False)
            self.register_buffer("table", torch.tensor([0.1]))

        def forward(self, x):
            return (self.a + self.b) * self.frozen * x

    network = Sum()
    BatchGradients(network, lambda model, part: model(part).mean(), 2)(torch.tensor([1.0, 2, 3, 4, 5]).reshape(5, 1, 1, 1), 5)
    assert [network.a.grad.item(), network.b.grad.item(), network.frozen.grad] == [pytest.approx(3), pytest.approx(3), None]
    assert network.table == torch.tensor([0.1]), "a table is no statistic, and stays to the bit"


def test_an_error_in_a_part_is_raised(two_threads):
    def loss(model, part):
        raise RuntimeError("no memory")

    with core_threads(2) as mapper, pytest.raises(RuntimeError, match="no memory"):
        BatchGradients(nn.BatchNorm2d(1), loss, 2, mapper)(torch.zeros(4, 1, 1, 1), 4)


class Turned(nn.Module):
    """A layer that uses its weights transposed: autograd returns their gradient with other strides than theirs."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 5))

    def forward(self, rgb):
        colors = rgb.float().mean((2, 3)) / 255                                     # (B,3)
        return (colors[:, None] * self.weight.t()).sum(2)                           # (B,5)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_optimizers_take_the_steps_of_the_unfused_ones(name, samples):
    """A fused optimizer that met gradients in another layout would move the wrong weights, without an error."""
    torch.manual_seed(0)
    ours, plain, rgb = Turned(), Turned(), color.to_tensor(samples.rgb[:16])
    plain.load_state_dict(ours.state_dict())
    optimizers = [OPTIMIZERS[name](ours.parameters(), lr=0.01),
                  {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](plain.parameters(), lr=0.01, foreach=False)]

    def loss(model, rgb):
        return (model(rgb) - torch.arange(5.0)).square().mean()

    steps = BatchGradients(ours, loss, 8)
    for _ in range(3):
        steps(rgb, 16)
        loss(plain, rgb).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_the_weights_are_shared_and_not_copied():
    network = RECIPE.build_model()
    steps = BatchGradients(network, partial(batch_loss, objective=RECIPE.build_objective()), 8)
    steps(torch.zeros(16, 3, 16, 16, dtype=torch.uint8), 16)
    assert all(a is b for a, b in zip(network.parameters(), steps.copies[1].parameters(), strict=True))
