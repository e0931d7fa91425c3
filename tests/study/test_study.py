"""A study: nothing is trained twice, a failure stays alone, a kill costs nothing, two workers find the same."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import skimage.color
import torch
from collection import fill

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.evaluation import QUICK, evaluate
from colorlib.models.networks import Constant
from colorlib.models.objectives import ABRegression
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.study import study as study_module
from colorlib.study.study import Row, Study, Trial, oscillation
from colorlib.study.tables import read_curves, read_table, thin_history, write_curves, write_table
from colorlib.system.errors import DataError
from colorlib.system.paths import runs_dir
from colorlib.training.config import TrainConfig
from colorlib.training.runs import read_history

BASE = Trial(Recipe("unet", "ab-l1", 16, {"width": 4, "depth": 2}), TrainConfig(1, 16, 0.01, threads=1),
             data="samples", num_images=64, num_valid=20)
VARIANTS = {"base": BASE, "no cycle": BASE.with_changes(config={"lr": 0.001}), "the same again": BASE.with_changes()}


def history(row):
    return read_history(runs_dir() / row.run / "history.csv")


def without_seconds(rows):
    """Rows without the time that a training took."""
    return [(row.variant, row.seed, row.error, {key: value for key, value in row.measures.items() if key != "seconds"})
            for row in rows]


def test_a_study_has_a_row_for_each_variant_and_seed_and_trains_nothing_twice(home, monkeypatch):
    rows = Study(VARIANTS, (0, 1)).run()
    assert [(row.variant, row.seed) for row in rows] == [(name, seed) for name in VARIANTS for seed in (0, 1)]
    assert all(not row.error and row.measures["ab_mae"] > 0 for row in rows)
    assert len({row.run for row in rows}) == 4, "the third variant is the first"
    assert rows[0].measures["loss"] == pytest.approx(np.asarray(history(rows[0])["loss"])[-1])
    monkeypatch.setattr(study_module, "fit", None)
    assert Study(VARIANTS, (0, 1)).run() == rows


def test_a_trial_may_have_photos_of_its_own_and_a_network_to_start_from(home, tmp_path):
    """With steps of nearly nothing the weights stay those of the network that was given, which depends on the seed."""
    fill(tmp_path / "mine", 60)
    trial = BASE.with_changes(config={"lr": 1e-12}, data="folder", root=str(tmp_path / "mine"), num_images=32, num_valid=4,
                              start=lambda recipe, seed: recipe.build_model(seed + 70))
    rows = Study({"": trial}, (0, 1)).run()
    assert [row.error for row in rows] == ["", ""]
    assert all(row.data == "32 of folder" for row in rows)
    for seed, row in enumerate(rows):
        network, recipe = load_weights(runs_dir() / row.run / "best.safetensors")
        found, given, new = (next(model.parameters()) for model in (network, recipe.build_model(seed + 70), recipe.build_model(seed)))
        assert torch.allclose(found, given, atol=1e-6)
        assert not torch.allclose(found, new, atol=1e-2)


@pytest.mark.parametrize("content", ["", "[1]", "7", '{"measures": {}}'])
def test_a_damaged_result_is_measured_again(content, home):
    (row,) = Study({"base": BASE}, (0,)).run()
    file = runs_dir() / row.run / "result.json"
    file.write_text(content)
    (again,) = Study({"base": BASE}, (0,)).run()
    assert again.error == ""
    assert again.measures["ab_mae"] == row.measures["ab_mae"]


def test_an_interrupted_training_is_not_a_result(home, monkeypatch):
    """Ctrl-C in the middle of a training: `fit` returns what it has; the study must end."""
    batches = Images.batches

    def interrupting(*arguments, **options):
        for number, rgb in enumerate(batches(*arguments, **options)):
            if number == 2:
                signal.raise_signal(signal.SIGINT)
            yield rgb

    monkeypatch.setattr(Images, "batches", interrupting)
    with pytest.raises(KeyboardInterrupt):
        Study({"base": BASE}, (0,)).run()
    monkeypatch.setattr(Images, "batches", batches)
    (row,) = Study({"base": BASE}, (0,)).run()
    assert np.asarray(history(row)["step"])[-1] == 4
    assert "seconds" not in row.measures, "it was not trained in one go"


def test_another_seed_has_other_images(home):
    rows = Study({"": BASE}, (0, 1)).run()
    first, second = (json.loads((runs_dir() / row.run / "config.json").read_text())["data"] for row in rows)
    assert first["train"] != second["train"]
    assert first["valid"] == second["valid"]


def test_sizes_are_compared_at_one_size(home):
    """What a network of 16 px made is shrunk to 8, like the truth: the gray copy's error is that of shrunk photos."""
    gray = {"": (Constant(torch.zeros(2)), ABRegression())}
    images = data.load("samples", "test", 16)[:30]
    found = evaluate(gray, images, QUICK, size=8)[""].values["ab_mae"]
    small = images.rgb.reshape(30, 3, 8, 2, 8, 2).mean((3, 5)) / 255
    assert found == pytest.approx(np.abs(skimage.color.rgb2lab(small, channel_axis=1)[:, 1:]).mean(), rel=0.01)


def test_a_trial_is_measured_at_its_own_size(home):
    rows = Study({"as it is": BASE, "shrunk": BASE.with_changes(measured_at=8)}, (0,)).run()
    full, shrunk = (row.measures for row in rows)
    assert rows[0].run == rows[1].run, "one training, measured twice"
    assert shrunk["ab_mae"] < full["ab_mae"], "neighbors average out"
    assert "ssim" in full
    assert "ssim" not in shrunk
    assert "seconds" in full
    assert shrunk["seconds"] == full["seconds"], "measured again, and not trained again"


def test_a_finished_training_is_measured_again_when_a_library_was_installed(home, monkeypatch):
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
    bad = {"base": BASE, "bad": BASE.with_changes({"model": "study", "options": {"depth": 9}})}
    good, failed = Study(bad, (0,)).run()
    assert good.error == ""
    assert failed.error == "UsageError: CourseNet has 8 or 11 convolutions, not depth=9"
    write_table(tmp_path / "table.csv", [good, failed])
    again = read_table(tmp_path / "table.csv")
    assert again[1] == failed
    assert again[0].measures == pytest.approx(good.measures, rel=1e-5)
    names = "variant,seed,error,data,run\n"
    for text in ("a,b\n1,2\n", "", names + "study,1\n", names + "study,one,,,\n", names + "study,1,,,,5\n",
                 names + 200_000 * "x"):
        (tmp_path / "other.csv").write_text(text)
        with pytest.raises(DataError, match=r"other\.csv is not a table of a study"):
            read_table(tmp_path / "other.csv")


@pytest.fixture
def small_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    data.load("samples", "train", 16)                           # prepared in the session's home, not on the small disk
    monkeypatch.setenv("COLORLIB_HOME", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.filterwarnings("ignore:NOT SAVED")
def test_a_full_disk_costs_one_training_and_not_the_study(small_home, monkeypatch):
    """The disk is full while the first variant trains, and has room again for the second."""
    filling, batches, fit = small_home / "filling", Images.batches, study_module.fit

    def filling_the_disk(*arguments, **options):
        for number, rgb in enumerate(batches(*arguments, **options)):
            if number == 2:
                with pytest.raises(OSError, match="No space"), filling.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            yield rgb

    def fit_and_make_room(*arguments):
        run = fit(*arguments)
        filling.unlink()
        monkeypatch.setattr(Images, "batches", batches)
        monkeypatch.setattr(study_module, "fit", fit)
        return run

    monkeypatch.setattr(Images, "batches", filling_the_disk)
    monkeypatch.setattr(study_module, "fit", fit_and_make_room)
    first, second = BASE.with_changes(config={"save_seconds": 1000}), BASE.with_changes(config={"lr": 0.001})
    full, good = Study({"first": first, "second": second}, (0,)).run()
    assert full.error.startswith("WriteError: ")
    assert "make room" in full.error
    assert full.measures == {}
    assert good.error == ""
    assert good.measures["ab_mae"] > 0
    (again,) = Study({"first": first}, (0,)).run()
    assert again.error == ""


def test_missing_data_is_an_error_unless_the_trial_says_samples(home, monkeypatch):
    monkeypatch.delenv("COLORLIB_DATA", raising=False)
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    trial = BASE.with_changes(data="cifar10")
    (row,) = Study({"": trial}, (0,)).run()
    assert row.error.startswith("DataError: ")
    with pytest.warns(UserWarning, match="SAMPLES"):
        (row,) = Study({"": trial.with_changes(missing="samples")}, (0,)).run()
    assert row.error == ""
    assert row.data == "64 of samples"


def test_tables_keep_every_row_and_curve(tmp_path):
    rows = [Row("NA", 0, "", "10 of a, b", "run-1", {"psnr": 25.123456, "loss": 1e-7}),
            Row("quoted, \"x\"", 12, "Error: two\nlines", "", "", {}), Row("c", 1, "", "None", "", {"ssim": 0.5})]
    write_table(tmp_path / "rows.csv", rows)
    found = read_table(tmp_path / "rows.csv")
    assert [row[:5] for row in found] == [row[:5] for row in rows]
    assert found[0].measures == pytest.approx({"psnr": 25.1235, "loss": 1e-7})
    assert [row.measures for row in found[1:]] == [{}, {"ssim": 0.5}]
    curve = {"epoch": np.array([0.5, 1]), "loss": np.array([2.0, 1]), "valid_ab_mae": np.array([np.nan, 9])}
    write_curves(tmp_path / "curves.csv", {("b", 1): curve, ("a", 0): curve})
    again = read_curves(tmp_path / "curves.csv")
    assert list(again) == [("b", 1), ("a", 0)]
    assert all(np.array_equal(again["a", 0][name], curve[name], equal_nan=True) for name in curve)
    write_table(tmp_path / "rows.csv", [])
    write_curves(tmp_path / "curves.csv", {})
    assert (read_table(tmp_path / "rows.csv"), read_curves(tmp_path / "curves.csv")) == ([], {})

SWEEP = """
import sys
sys.path[:0] = {folders!r}
from test_study import VARIANTS
from colorlib.study.study import Study
if __name__ == "__main__":
    Study(VARIANTS, (0, 1)).run()
"""


def test_killed_again_and_again_it_finishes_with_the_same_table(home, tmp_path, monkeypatch):
    expected = without_seconds(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    command = [sys.executable, "-c", SWEEP.format(folders=[str(folder) for folder in Path(__file__).parents[:2]])]
    for finished in (0, 1, 2):
        sweep = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(list((tmp_path / "other" / "runs").glob("*/result.json"))) <= finished and sweep.poll() is None:
            time.sleep(0.02)
        assert sweep.poll() is None, "it ended before it was killed"
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    assert without_seconds(Study(VARIANTS, (0, 1)).run()) == expected


def test_two_processes_find_the_same(home, tmp_path, monkeypatch):
    expected = without_seconds(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        assert without_seconds(Study(VARIANTS, (0, 1)).run(executor)) == expected


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_a_dask_cluster_find_the_same(home, tmp_path, monkeypatch):
    from distributed import Client, LocalCluster
    expected = without_seconds(Study(VARIANTS, (0, 1)).run())
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "other"))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        assert without_seconds(Study(VARIANTS, (0, 1)).run(client.get_executor())) == expected


def test_a_curve_is_thinned_to_the_mean_of_its_parts():
    """80 rows of a history become 40 points."""
    valid_ab_mae = np.full(80, np.nan)
    valid_ab_mae[[39, 79]] = 9, 8
    history = {"step": np.arange(1.0, 81), "epoch": np.repeat([1.0, 2], 40), "loss": np.arange(80.0),
               "valid_ab_mae": valid_ab_mae}
    thin = thin_history(history)
    assert thin["epoch"] == pytest.approx(np.arange(1, 41) / 20)
    assert thin["loss"].tolist() == np.arange(0.5, 80, 2).tolist()
    assert np.flatnonzero(~np.isnan(thin["valid_ab_mae"])).tolist() == [19, 39]
    assert thin["valid_ab_mae"][[19, 39]].tolist() == [9, 8]
    assert len(thin_history({name: column[:8] for name, column in history.items()})["loss"]) == 8


def test_a_validation_inside_a_point_keeps_its_epoch():
    """100 rows, validated after row 33, 66 and 99 of 99 steps, become 40 points of two or three rows."""
    valid_ab_mae = np.full(99, np.nan)
    valid_ab_mae[[32, 65, 98]] = 9, 8, 7
    history = {"step": np.arange(1.0, 100), "epoch": np.repeat([1.0, 2, 3], 33), "loss": np.ones(99), "valid_ab_mae": valid_ab_mae}
    thin = thin_history(history)
    validated = ~np.isnan(thin["valid_ab_mae"])
    assert thin["epoch"][validated].tolist() == pytest.approx([1, 2, 3])
    assert (np.diff(thin["epoch"]) > 0).all()


def test_a_steady_loss_does_not_oscillate():
    assert oscillation(np.full(20, 0.5)) == 0
    assert oscillation(np.array([9.0, 9, 9, 9, 1, 3, 1, 3])) == pytest.approx(1)            # steps of 2, a mean of 2
    assert oscillation(np.array([1.0])) == 0
