"""What a step needs is counted before it is taken, and a batch that does not fit is computed in parts."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import CONFIG, RECIPE, divide

from colorlib import color
from colorlib.models.recipe import Recipe
from colorlib.system import memory
from colorlib.system.errors import RunError
from colorlib.system.memory import Limit, MiB
from colorlib.training.footprint import Footprint, estimate_footprint
from colorlib.training.loop import fit

WITHOUT_A_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has its own memory to count")


def loss(model, rgb):
    return model(rgb[:, :1].float() / 255).square().mean()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_kept_for_the_backward_pass_is_counted(precision):
    """By hand: ReLU and batch norm each keep their tensor of 4 channels; two convolutions keep what went in."""
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.BatchNorm2d(4))
    bytes_each = 4 if precision == "float32" else 2

    def in_precision(model, rgb):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return model(rgb[:, :1].float() / 255).sum()

    need = estimate_footprint(model, in_precision, 10, copies=3)
    pixels = 10 * 10
    kept = pixels * bytes_each + pixels * 4 * bytes_each          # the gray input, and ReLU's output
    assert need.per_image == 2.5 * kept
    weights = (4 * 9 + 4) + 4 * 4
    assert need.fixed == 3 * (weights * 4 + 8), "batch norm counts its batches in an int64"
    assert model[2].num_batches_tracked == 0, "counting is not training"


def test_nothing_of_the_count_stays_in_memory():
    def parameters():
        gc.collect()
        return sum(type(thing) is torch.nn.Parameter for thing in gc.get_objects())

    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.BatchNorm2d(4))
    before = parameters()
    estimate_footprint(model, loss, 10, copies=3)
    assert parameters() == before


def test_images_too_large_for_any_machine_are_estimated_without_taking_memory():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU())
    before = memory.private_memory()
    need = estimate_footprint(model, loss, 2**20, copies=1)
    assert need.per_image > 2**40
    assert memory.private_memory() - before < 100 * MiB


@pytest.mark.parametrize("recipe", [
    Recipe("study", "rgb-l2", 128, {"width": 16}), Recipe("unet", "ab-l1", 128, {"width": 8, "patch": 2}),
    Recipe("unet", "bins", 128, {"width": 8, "patch": 2, "full_size": False}, {"rebalance": 1.0}),
    Recipe("unet", "ab-l1", 128, {"width": 2, "depth": 6, "patch": 2}),
    Recipe("unet", "ab-l1", 128, {"width": 2, "depth": 7, "patch": 2})], ids=str)
@pytest.mark.parametrize("size", [72, 90, 128])
def test_an_estimate_from_small_images_is_within_30_percent_of_the_count_at_full_size(recipe, size):
    """Counted at the size itself: all bytes that autograd saves, those of three images less those of two."""
    objective, model = recipe.build_objective(), recipe.build_model()

    def saved_bytes(images):
        storages = {}

        def pack(tensor):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            rgb = torch.zeros(images, 3, size, size, dtype=torch.uint8)
            kept = objective.loss(model(color.to_gray(rgb)), rgb)
        assert kept.requires_grad
        return sum(storage.nbytes() for storage in storages.values())

    need = estimate_footprint(model, lambda model, rgb: objective.loss(model(color.to_gray(rgb)), rgb), size, copies=1)
    assert need.per_image == pytest.approx(2.5 * (saved_bytes(3) - saved_bytes(2)), rel=0.3)


def test_a_network_that_takes_one_size_alone_is_estimated_at_that_size():
    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.position = torch.nn.Parameter(torch.ones(96, 96))

        def forward(self, gray):
            return gray * self.position

    need = estimate_footprint(Fixed(), lambda model, rgb: model(rgb[:, :1].float()).sum(), 96, copies=1)
    assert need.per_image == 2.5 * 96 * 96 * 4, "the gray input is saved for the gradient of the position"


def test_the_micro_batch_is_the_whole_or_equal_parts_that_fit():
    need = Footprint(size=64, fixed=100, per_image=10)
    assert need.micro_batch(64, 64, 1, Limit("x", 1000, 0)) == 64, "0.9 * 1000 - 100 = 800 is room for 80"
    assert need.micro_batch(100, 100, 1, Limit("x", 1000, 0)) == 50
    assert need.micro_batch(170, 170, 1, Limit("x", 1000, 0)) == 57, "three parts, the last of 56"
    assert need.micro_batch(64, 64, 1, Limit("x", 1000, 877)) == 1
    with pytest.raises(RunError, match="on 1 images of 64 px at once .* this x allows: images of 56 px would fit"):
        Footprint(64, 0, 10 * MiB).micro_batch(8, 8, 1, Limit("this x", 90 * MiB, 81 * MiB))
    with pytest.raises(RunError, match="end other notebooks, or take a smaller network"):
        Footprint(64, 100, 10).micro_batch(8, 8, 1, Limit("x", 100, 0))


def test_parts_that_are_computed_at_the_same_time_share_the_memory():
    need = Footprint(size=64, fixed=100, per_image=10)
    assert need.micro_batch(40, 80, 2, Limit("x", 1000, 0)) == 40, "room for 80"
    assert need.micro_batch(41, 82, 2, Limit("x", 1000, 0)) == 21, "for 80, and so 40 in each of two threads"
    assert need.micro_batch(80, 80, 2, Limit("x", 1000, 0)) == 80, "a whole batch is one part, and has no other beside it"
    assert need.micro_batch(100, 100, 2, Limit("x", 1000, 0)) == 34
    assert need.micro_batch(4, 8, 2, Limit("x", 1000, 860)) == 1
    with pytest.raises(RunError, match="training on 2 images of 64 px at once takes"):
        Footprint(64, 0, 10 * MiB).micro_batch(4, 8, 2, Limit("x", 90 * MiB, 70 * MiB))


@WITHOUT_A_GPU
def test_short_of_memory_training_takes_smaller_parts_and_says_so(samples, tmp_path, monkeypatch, capsys):
    train, valid = divide(samples)
    recipe = replace(RECIPE, options={"depth": 8, "width": 8, "batch_norm": False})
    config = replace(CONFIG, batch_size=160, precision="float32", num_epochs=3)
    whole = fit(recipe, train, valid, config, tmp_path / "whole")
    assert "micro-batches of 80" in capsys.readouterr().out
    left = 4 * MiB
    monkeypatch.setattr(memory, "limits", lambda processes: [Limit("a small kernel", 100 * MiB, 100 * MiB - left)])
    parts = fit(recipe, train, valid, config, tmp_path / "parts")
    out = capsys.readouterr().out
    assert "parts of 80 images do not fit, 4 MiB are left of the 100 that a small kernel allows" in out
    assert "micro-batches of 80" not in out
    np.testing.assert_allclose(parts.history["loss"], whole.history["loss"], rtol=1e-5)
    for in_parts, at_once in zip(parts.last.parameters(), whole.last.parameters(), strict=True):
        torch.testing.assert_close(in_parts, at_once, atol=1e-4, rtol=0)


@WITHOUT_A_GPU
def test_a_run_keeps_the_micro_batch_that_it_began_with(samples, tmp_path, monkeypatch, capsys):
    train, valid = divide(samples)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "limits", lambda processes: [Limit("a small kernel", 2 * MiB, 0)])
        fit(RECIPE, train, valid, replace(CONFIG, num_epochs=1), tmp_path)
        begun = capsys.readouterr().out.split("micro-batches of ")[1]
        assert not begun.startswith("16")
        patch.setattr(memory, "limits", lambda processes: [Limit("a smaller kernel", int(1.9 * MiB), 0)])
        fit(RECIPE, train, valid, replace(CONFIG, num_epochs=2), tmp_path)
        assert capsys.readouterr().out.split("micro-batches of ")[1] == begun
    fit(RECIPE, train, valid, replace(CONFIG, num_epochs=3), tmp_path)
    assert capsys.readouterr().out.split("micro-batches of ")[1] == begun


@WITHOUT_A_GPU
def test_a_run_with_a_micro_batch_of_its_own_keeps_what_was_planned(samples, tmp_path, monkeypatch, capsys):
    train, valid = divide(samples)
    config = replace(CONFIG, micro_batch=20)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "limits", lambda processes: [Limit("a small kernel", 2 * MiB, 0)])
        fit(RECIPE, train, valid, replace(config, num_epochs=1), tmp_path)
        begun = capsys.readouterr().out.split("micro-batches of ")[1]
        assert not begun.startswith("20")
    fit(RECIPE, train, valid, config, tmp_path)
    assert capsys.readouterr().out.split("micro-batches of ")[1] == begun


def test_one_image_at_once_is_refused_where_batch_norm_has_no_variance(samples, tmp_path):
    train, valid = divide(samples)
    deep = Recipe("unet", "ab-l1", 16, {"width": 4, "depth": 5})
    with pytest.raises(RunError, match="cannot train on 1 image at once where the network reduces 16 px to one value"):
        fit(deep, train, valid, replace(CONFIG, batch_size=1), tmp_path / "refused")
    run = fit(deep, train[:66], valid, replace(CONFIG, batch_size=33, micro_batch=32, num_epochs=1), tmp_path / "run")
    assert len(run.epochs) == 1, "33 images are not 32 and one"

