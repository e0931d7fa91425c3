"""The benchmarks start, and what they measure goes on."""

import importlib
import subprocess
import sys
from pathlib import Path

import psutil
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
    for way in (speed.Colorlib("float32", 8), speed.Student(0, 8)):
        steps = way.steps(Recipe("study", options={"width": 8, "depth": 8}), speed.noise(16, 32), threads)
        for _ in range(5):
            next(steps)
        steps.close()


def test_neighbors_end_with_the_benchmark_also_if_it_is_killed(load):
    neighbors = load("neighbors")
    before = set(psutil.Process().children())                 # other tests' processes
    with neighbors.Neighbors(2).applied():
        mine = set(psutil.Process().children()) - before
        assert len(mine) == 2
    assert not any(process.is_running() for process in mine)
    script = (f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import neighbors, psutil\n"
              "with neighbors.Neighbors(1).applied():\n"
              "    print(psutil.Process().children()[0].pid, flush=True)\n    input()")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as benchmark:
        neighbor = psutil.Process(int(benchmark.stdout.readline()))
        benchmark.kill()
    neighbor.wait(timeout=60)


def test_shares_of_two_cores(load):
    neighbors = load("neighbors")
    assert [neighbors.Neighbors(n).fair_share(2) for n in (0, 1, 2, 4)] == [1, 2 / 3, 1 / 2, 1 / 3]
    assert [neighbors.Quota(cores).fair_share(2) for cores in (0.5, 1, 4)] == [1 / 4, 1 / 2, 1]


def test_the_recipe_of_vivid_weights_holds_the_rarity_of_its_photos(load, samples):
    """Equation 4 of Zhang et al. 2016 with lambda = 1/2, on the smoothed frequencies of the photos."""
    recipe = load("train_weights").TRAININGS["cifar-vivid"].shipped(samples)
    prior = bins.smoothed_prior(bins.count_bins(samples.in_order()))
    w = 1 / (0.5 * prior + 0.5 / 261)
    assert recipe.settings["tilt"] == 0.75
    torch.testing.assert_close(torch.tensor(recipe.settings["rarity"], dtype=torch.float64), w / (prior * w).sum())
    assert recipe.options["mirror"]
