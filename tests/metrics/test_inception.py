"""FID with random Inception weights: the same number as torch-fidelity's own; what is missing is said in one sentence."""

import sys

import pytest
import torch
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics
from torch_fidelity import feature_extractor_inceptionv3 as inception

from colorlib import color
from colorlib.cli import main
from colorlib.metrics.evaluation import baselines, evaluate
from colorlib.metrics.inception import fid_probe
from colorlib.models.predict import colorize
from colorlib.system.errors import DataError


class Pictures(Dataset):
    """Of a tensor (N, 3, H, W)."""

    def __init__(self, rgb):
        self.rgb = rgb

    def __len__(self):
        return len(self.rgb)

    def __getitem__(self, index):
        return self.rgb[index]


@pytest.fixture
def weights_file(tmp_path, monkeypatch):
    """Random weights where the downloaded ones would be."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = inception.FeatureExtractorInceptionV3("random", ["2048"])
    path = tmp_path / "hub" / "checkpoints" / inception.URL_INCEPTION_V3.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(network.state_dict(), path)
    return path


def test_fid_is_that_of_torch_fidelity(weights_file, samples):
    images = samples[:24]
    colorizers = baselines(images)
    scores = evaluate(colorizers, images, {"FID": fid_probe()})
    for name, (model, objective) in colorizers.items():
        pictures = [torch.cat([color.to_uint8(picture) for picture in batches]) for batches in zip(
            *((colorize(model, objective, rgb), color.to_float(rgb)) for rgb in images.in_order()), strict=True)]
        expected = calculate_metrics(input1=Pictures(pictures[0]), input2=Pictures(pictures[1]), fid=True, cuda=False, batch_size=24, verbose=False,
                                     feature_extractor_weights_path=str(weights_file), cache=False, save_cpu_ram=True)
        assert scores[name].values["fid"] == pytest.approx(expected["frechet_inception_distance"], rel=1e-3), name


def test_what_is_missing_is_said_in_one_sentence(tmp_path, monkeypatch, capsys, home):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    assert main(["evaluate", "--weights", "cifar", "--data", "samples", "--limit", "2", "--fid"]) == 1
    message = capsys.readouterr().err
    assert "COLORLIB_OFFLINE=1 forbids downloading" in message
    assert "Traceback" not in message
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(DataError, match="FID needs torch-fidelity: pip install torch-fidelity"):
        fid_probe()


def test_a_file_with_other_weights_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / inception.URL_INCEPTION_V3.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save({"fc.weight": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="does not hold the Inception features of FID: delete it"):
        fid_probe()
