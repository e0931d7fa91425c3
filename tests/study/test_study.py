"""A study: nothing is trained twice, a failure stays alone, a kill costs nothing, two workers find the same."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import skimage.color
import torch

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.evaluation import evaluate
from colorlib.metrics.probes import pixel_probe
from colorlib.models.networks import Constant
from colorlib.models.objectives import ABRegression
from colorlib.models.recipe import Recipe
from colorlib.study import study as ablation
from colorlib.study.study import Study, Trial, curves, oscillation
from colorlib.study.tables import read_table, thinned, write_table
from colorlib.system.errors import DataError
from colorlib.training.config import TrainConfig

BASE = Trial(Recipe("unet", "ab-l1", 16, {"width": 4, "depth": 2}), TrainConfig(1, 16, 0.01, threads=1),
             data="samples", num_images=64, num_valid=20)
VARIANTS = {"base": BASE, "no cycle": BASE.but(config={"lr": 0.001}), "the same again": BASE.but()}


def table(rows):
    """The measures, but for how long it took."""
    return [(row.variant, row.seed, row.error, {key: value for key, value in row.measures.items() if key != "seconds"})
            for row in rows]


def test_a_study_has_a_row_for_each_variant_and_seed_and_trains_nothing_twice(home, monkeypatch):
    rows = Study(VARIANTS, (0, 1)).run()
    assert [(row.variant, row.seed) for row in rows] == [(name, seed) for name in VARIANTS for seed in (0, 1)]
    assert all(not row.error and row.measures["ab_mae"] > 0 for row in rows)
    assert len({row.run for row in rows}) == 4, "the third variant is the first"
    assert rows[0].measures["loss"] == pytest.approx(curves(rows[0])["loss"][-1])
    monkeypatch.setattr(ablation, "fit", None)
    assert Study(VARIANTS, (0, 1)).run() == rows


def test_interrupted_nothing_is_taken_for_a_result(home, monkeypatch):
    """Ctrl-C in the middle of a training: `fit` returns what it has; the study must not."""
    batches = Images.batches

    def interrupting(*arguments):
        for number, rgb in enumerate(batches(*arguments)):
            if number == 2:
                signal.raise_signal(signal.SIGINT)
            yield rgb

    monkeypatch.setattr(Images, "batches", interrupting)
    with pytest.raises(KeyboardInterrupt):
        Study({"base": BASE}, (0,)).run()
    monkeypatch.setattr(Images, "batches", batches)
    (row,) = Study({"base": BASE}, (0,)).run()
    assert curves(row)["step"][-1] == 4
    assert "seconds" not in row.measures, "it was not trained in one go"


def test_another_seed_has_other_images(home):
    (first, valid), (second, same) = (ablation._images(BASE, seed) for seed in (0, 1))
    assert first.digest != second.digest
    assert valid.digest == same.digest


def test_sizes_are_compared_at_one_size(home):
    """What a network of 16 px made is shrunk to 8, like the truth: the gray copy's error is that of shrunk photos."""
    gray = {"": (Constant(torch.zeros(2)), ABRegression())}
    images = data.load("samples", "test", 16)[:30]
    found = evaluate(gray, images, {"": pixel_probe(images)}, size=8)[""].estimates["ab_mae"].value
    small = images.rgb.reshape(30, 3, 8, 2, 8, 2).mean((3, 5)) / 255
    assert found == pytest.approx(np.abs(skimage.color.rgb2lab(small, channel_axis=1)[:, 1:]).mean(), rel=0.01)


def test_a_trial_is_measured_at_its_own_size(home):
    rows = Study({"as it is": BASE, "shrunk": BASE.but(measured_at=8)}, (0,)).run()
    whole, shrunk = (row.measures for row in rows)
    assert rows[0].run == rows[1].run, "one training, measured twice"
    assert shrunk["ab_mae"] < whole["ab_mae"], "neighbors average out"
    assert "ssim" in whole
    assert "ssim" not in shrunk
    assert "seconds" in whole
    assert shrunk["seconds"] == whole["seconds"], "to be measured anew is not to be timed anew"


def test_what_came_to_be_installed_measures_a_finished_training_anew(home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "skimage.color", None)
        first = Study({"": BASE}, (0,)).run()[0]
    second = Study({"": BASE}, (0,)).run()[0]
    assert first.run == second.run
    assert "ssim" not in first.measures
    assert "ssim" in second.measures
    assert first.measures.items() <= second.measures.items()


def test_threads_build_the_networks_of_their_seeds():
    recipe = Recipe("unet", "ab-l1", 16, {"width": 4, "depth": 2})
    expected = [recipe.build_model(seed).state_dict()["stem.1.weight"] for seed in range(8)]
    with ThreadPoolExecutor(4) as executor:
        built = list(executor.map(recipe.build_model, list(range(8)) * 5))
    assert all(torch.equal(model.state_dict()["stem.1.weight"], expected[i % 8]) for i, model in enumerate(built))


def test_a_training_that_fails_has_its_error_in_the_table(home, tmp_path):
    bad = {"base": BASE, "bad": BASE.but({"model": "course", "options": {"depth": 9}})}
    good, failed = Study(bad, (0,)).run()
    assert good.error == ""
    assert failed.error == "ValueError: CourseNet has 8 or 11 convolutions, not depth=9"
    write_table(tmp_path / "table.csv", [good, failed])
    again = read_table(tmp_path / "table.csv")
    assert again[1] == failed
    assert again[0].measures == pytest.approx(good.measures, rel=1e-5)
    names = "variant,seed,error,data,run\n"
    for text in ("a,b\n1,2\n", "", names + "study,1\n", names + "study,one,,,\n", names + 200_000 * "x"):
        (tmp_path / "other.csv").write_text(text)
        with pytest.raises(DataError, match="is no table of a study"):
            read_table(tmp_path / "other.csv")


SWEEP = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
sys.path.insert(0, {tests!r})
from test_ablation import VARIANTS
from colorlib.study.study import Study
print(Study(VARIANTS, (0, 1)).run())
"""


def test_killed_again_and_again_it_finishes_with_the_same_table(home, tmp_path, monkeypatch):
    expected = table(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    command = [sys.executable, "-c", SWEEP.format(tests=Path(__file__).parents[1])]
    for finished in (0, 1, 2):
        sweep = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(list((tmp_path / "other" / "runs").glob("*/result.json"))) <= finished and sweep.poll() is None:
            time.sleep(0.02)
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    assert table(Study(VARIANTS, (0, 1)).run()) == expected


def test_two_processes_find_the_same(home, tmp_path, monkeypatch):
    expected = table(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        assert table(Study(VARIANTS, (0, 1)).run(executor)) == expected


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_a_dask_cluster_find_the_same(home, tmp_path, monkeypatch):
    from distributed import Client, LocalCluster
    expected = table(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        assert table(Study(VARIANTS, (0, 1)).run(client.get_executor())) == expected


def test_a_curve_is_thinned_to_the_mean_of_its_parts():
    history = {"step": np.arange(1.0, 9), "epoch": np.array([1.0] * 4 + [2] * 4), "loss": np.arange(8.0),
               "valid_ab_mae": np.array([np.nan] * 3 + [9.0] + [np.nan] * 3 + [8.0])}
    few = thinned(history, 4)
    assert few["epoch"].tolist() == [0.5, 1, 1.5, 2]
    assert few["loss"].tolist() == [0.5, 2.5, 4.5, 6.5]
    assert few["valid_ab_mae"][[1, 3]].tolist() == [9, 8]
    assert np.isnan(few["valid_ab_mae"][[0, 2]]).all()
    assert len(thinned(history)["loss"]) == 8


def test_a_steady_loss_does_not_oscillate():
    assert oscillation(np.full(20, 0.5)) == 0
    assert oscillation(np.array([9.0, 9, 9, 9, 1, 3, 1, 3])) == pytest.approx(1)            # steps of 2, a mean of 2
    assert oscillation(np.array([1.0])) == 0
