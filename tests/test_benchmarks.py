"""The benchmarks start, and what they measure goes on."""

import importlib
from pathlib import Path

import pytest
import torch

from colorlib.color import bins
from colorlib.models.recipe import Recipe

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """A name -> that benchmark, as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_each_says_what_it_is_for(name, load, monkeypatch, capsys):
    main = getattr(load(name), "main", None)
    if main:                                        # some are only used by others
        monkeypatch.setattr("sys.argv", [name, "--help"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert "usage: " in capsys.readouterr().out


def test_both_loops_that_are_timed_go_on_into_the_second_epoch(load):
    speed = load("speed")
    threads = torch.get_num_threads()
    for way in (speed.Ours("float32", 8), speed.Student(0, 8)):
        steps = way.steps(Recipe("course", options={"width": 8, "depth": 8}), speed.noise(16, 32), threads)
        for _ in range(5):
            next(steps)
        steps.close()


def test_bins_are_made_as_rare_as_they_are(load, samples):
    """To add a share of log w to the logits multiplies each probability by w to that share, and scales them."""
    weights = load("train_weights")
    network = Recipe("unet", "bins", 16, {"width": 8, "depth": 2, "full_size": False}).build_model().eval()
    with torch.no_grad():
        before = network(torch.full((1, 1, 16, 16), 0.5)).softmax(1)
        after = weights.rebalanced(network, samples, 0.5)(torch.full((1, 1, 16, 16), 0.5)).softmax(1)
    rarity = bins.rarity(bins.prior(bins.count(samples.in_order()))).float()[None, :, None, None]
    expected = before * rarity.sqrt()
    assert torch.allclose(after, expected / expected.sum(1, keepdim=True), rtol=1e-3)
