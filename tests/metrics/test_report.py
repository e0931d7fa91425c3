"""``colorlib evaluate``: what it measures, compares with, prints and writes."""

import json
from math import inf, nan

import numpy as np
import pytest

from colorlib.cli import main
from colorlib.metrics import report
from colorlib.metrics.evaluation import MEASURES, Estimate, Scores
from colorlib.models.recipe import Recipe
from colorlib.models.weights import save_weights
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_evaluate_on_the_command_line(tmp_path, capsys, home):
    recipe = Recipe("unet", "ab-l1", 16, {"width": 8, "depth": 2})
    save_weights(tmp_path / "mine.safetensors", recipe.build_model(), recipe, half=True)
    command = ["evaluate", "--weights", str(tmp_path / "mine.safetensors"), "--data", "samples", "--limit", "20",
               "--json", str(tmp_path / "new" / "scores.json")]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "test images of samples at 16 px" in out
    assert "gray copy" in out
    assert "LPIPS and Frechet distance left out" in out or "LPIPS, AlexNet" in out
    written = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert written["images"] == 20
    mine = written["colorizers"][str(tmp_path / "mine.safetensors")]
    optional = {"recognized", "won_back", "lpips_alexnet", "lpips_vgg16", "frechet", "fid", "top1"}
    assert set(mine["measures"]) >= set(MEASURES) - optional
    assert np.mean(mine["per_image"]["psnr"]) == pytest.approx(mine["measures"]["psnr"]["value"])
    assert f"{mine['measures']['psnr']['value']:.2f} ±" in out


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_levels_of_vividness_on_the_command_line(tmp_path, capsys, home):
    command = ["evaluate", "--weights", "cifar-vivid", "--data", "samples", "--limit", "20", "--vividness", "0", "0.5", "1"]
    assert main([*command, "--json", str(tmp_path / "scores.json")]) == 0
    written = json.loads((tmp_path / "scores.json").read_text())["colorizers"]
    colorfulness = [written[f"cifar-vivid, vividness {level}"]["measures"]["colorfulness"]["value"] for level in ("0", "0.5", "1")]
    assert sorted(colorfulness) == colorfulness
    assert colorfulness[0] < colorfulness[2]
    assert "cifar-vivid, vividness 0.5" in capsys.readouterr().out


def test_all_photos_of_a_folder_are_measured_and_compared_with_their_mean(home):
    images, others = report.evaluation_images(str(paths.samples_dir()), "test", 16)
    assert images is others
    assert len(images) == 18
    assert images.source.startswith("18 images of folder at 16 px")
    assert report.evaluation_images("samples", "test", 16, 3)[0].source.startswith("3 of 132 test images")
    with pytest.raises(UsageError, match="limit must be 1 or more"):
        report.evaluation_images("samples", "test", 16, 0)
    for name in ("cifar-10", "folder"):
        with pytest.raises(UsageError, match=f"no data set and no folder '{name}': give the path .* one of cifar10, "):
            report.evaluation_images(name, "test", 16)


def test_a_data_set_that_is_not_there_is_an_error(home, monkeypatch):
    monkeypatch.delenv("COLORLIB_DATA", raising=False)
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    with pytest.raises(DataError, match="cifar10"):
        report.evaluation_images("cifar10", "test", 16)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--weights", "nothing", "--data", "samples"], "there are no weights 'nothing': give a file, or one of"),
    (["--weights", "README.md", "--data", "samples"], "README.md is no weights file"),
    (["--weights", "README.md", "--data", "samples", "--json", "tests"], "tests is a folder"),
])
def test_what_cannot_be_measured_is_named(arguments, message, capsys):
    assert main(["evaluate", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_number_has_four_digits_and_at_most_four_decimals():
    values = {"psnr": (25.4711, 25.3, 25.7), "ab_mae": (9.07284, 9.0, 9.2),
              "auc": (0.904114, 0.9039, 0.9045), "lpips_vgg16": (0.00001, 0, 0.0001), "frechet": (93.324, nan, nan),
              "ssim": (nan, nan, nan)}
    scores = Scores({key: Estimate(*value) for key, value in values.items()}, {})
    shown = {line.rsplit("  ", 1)[-1].strip() for line in report.score_table({"mine": scores}).splitlines()[1:]}
    assert shown == {"25.47 ±0.20", "9.073 ±0.100", "0.9041 ±0.0003", "0.0000 ±0.0001", "93.32", "-"}


def test_json_has_null_for_what_is_not_finite(samples, tmp_path):
    scores = Scores({"psnr": Estimate(25.5, nan, inf)}, {"psnr": np.array([25.25, nan], np.float32)})
    report.write_json(tmp_path / "scores.json", {"mine": scores}, samples)
    found = json.loads((tmp_path / "scores.json").read_text())["colorizers"]["mine"]
    assert found == {"measures": {"psnr": {"value": 25.5, "low": None, "high": None}}, "per_image": {"psnr": [25.25, None]}}
