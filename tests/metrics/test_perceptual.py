"""LPIPS against its authors' package, the Frechet distance against cases by hand and SciPy."""

import lpips
import numpy as np
import pytest
import safetensors.torch
import scipy.linalg
import torch
import torchvision
from torch import nn

from colorlib.metrics.perceptual import LPIPS, frechet, load_lpips
from colorlib.models import features
from colorlib.models.classifier import Classifier
from colorlib.models.features import KNOWN, Features, load_features, load_linear
from colorlib.system.errors import DataError


def pictures(side):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, 3, side, side, generator=generator) for _ in range(2)]


@pytest.fixture
def authors():
    """A name -> the authors' LPIPS, with a random network under their own linear layers, and those layers' weights."""
    def make(name):
        torch.manual_seed(0)
        return lpips.LPIPS(net=KNOWN[name].linear, pnet_rand=True, verbose=False)
    return make


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.filterwarnings("ignore")
def test_lpips_is_that_of_its_authors(name, side, authors, home):
    reference = authors(name)
    layers = nn.Sequential(*[layer for part in reference.net.children() for layer in part])
    model = LPIPS(Features(layers, KNOWN[name].taps), load_linear(name))
    a, b = pictures(side)
    expected = reference(a, b, normalize=True).flatten()
    torch.testing.assert_close(model(a, b), expected, rtol=1e-4, atol=1e-6)
    assert model(a, a).abs().max() == 0


def test_layers_that_a_picture_is_too_small_for_are_left_out():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 6, 1),
                           nn.ReLU())
    features = Features(layers, (1, 4))
    assert [tuple(seen.shape) for seen in features(torch.rand(2, 3, 9, 8))] == [(2, 4, 9, 8), (2, 6, 4, 4)]
    assert [tuple(seen.shape) for seen in features(torch.rand(2, 3, 1, 8))] == [(2, 4, 1, 8)]


def test_features_are_frozen_in_eval_mode_and_take_bytes():
    torch.manual_seed(0)
    features = Features(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.ReLU()), (2,)).train()
    assert not features.training
    assert not any(parameter.requires_grad for parameter in features.parameters())
    rgb = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(features(rgb)[0], features(rgb / 255)[0])


def test_the_frechet_distance_of_two_normal_clouds_on_a_line():
    """In one dimension it is (m1 - m2)^2 + (s1 - s2)^2."""
    points = torch.tensor([-1.0, 1.0])[:, None]                           # mean 0, variance 2 by the unbiased rule
    assert frechet(points, 3 * points + 5) == pytest.approx(25 + 4 * 2)
    assert frechet(points, points) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_the_formula_in_scipy():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(60, 5)), random.normal(1, 2, size=(80, 5)) @ random.normal(size=(5, 5))
    c1, c2 = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
    assert frechet(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_fewer_pictures_than_features():
    """A rotation into a space of more dimensions does not change the distance."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(9, 5)), random.normal(1, 2, size=(7, 5))
    turn = np.linalg.qr(random.normal(size=(512, 512)))[0][:5]
    flat = frechet(torch.tensor(a), torch.tensor(b))
    assert frechet(torch.tensor(a @ turn), torch.tensor(b @ turn)) == pytest.approx(flat, rel=1e-9)
    assert frechet(torch.ones(4, 512), torch.zeros(4, 512)) == pytest.approx(512)


def test_frechet_distance_of_one_picture_is_refused():
    with pytest.raises(ValueError, match="two pictures"):
        frechet(torch.rand(1, 3), torch.rand(5, 3))


def test_a_copy_of_the_weights_is_read_and_a_wrong_one_is_named(home, monkeypatch):
    (home / "data").mkdir(parents=True)
    torch.manual_seed(0)
    network = torchvision.models.alexnet(weights=None).features
    weights = {f"features.{key}": value.half() for key, value in network.state_dict().items()}
    file = home / "data" / "alexnet_features_lpips.safetensors"
    safetensors.torch.save_file(weights | {"lpips.lin0.model.1.weight": torch.ones(1, 64, 1, 1)}, file)
    rgb = torch.rand(1, 3, 64, 64)
    expected = network[:2]((rgb - torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1))
                           / torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1))
    torch.testing.assert_close(load_features("alexnet")(rgb)[0], expected, atol=0.02, rtol=0.01)
    with pytest.raises(DataError, match="alexnet_features_lpips.safetensors does not hold LPIPS's weights"):
        load_lpips("alexnet")
    safetensors.torch.save_file({"other": torch.ones(1)}, file)
    with pytest.raises(DataError, match="does not hold the features of alexnet"):
        load_features("alexnet")
    file.write_bytes(b"no")
    with pytest.raises(DataError, match="is damaged"):
        load_features("alexnet")


@pytest.mark.parametrize("zipped", [True, False])
def test_torchvisions_file_is_read_in_both_formats(zipped, home, monkeypatch):
    """The file of VGG16 is from before 2020, when torch began to write zips."""
    for name in ("COLORLIB_DATA", "COLORLIB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(home))
    torch.manual_seed(0)
    network = torchvision.models.alexnet(weights=None)
    url = torchvision.models.AlexNet_Weights.DEFAULT.url
    file = home / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(network.state_dict(), file, _use_new_zipfile_serialization=zipped)
    torch.testing.assert_close(load_features("alexnet").layers[0].weight, network.features[0].weight)


def test_missing_weights_say_how_to_get_them(home, monkeypatch):
    monkeypatch.delenv("COLORLIB_DATA", raising=False)
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"vgg16 are not here, and COLORLIB_OFFLINE=1 forbids"):
        load_features("vgg16")
    with pytest.raises(ValueError, match="one of vgg16, alexnet, classifier, got 'vgg19'"):
        load_features("vgg19")


def test_a_download_that_fails_names_the_file(home, monkeypatch):
    for name in ("COLORLIB_DATA", "COLORLIB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(home))
    file = home / "hub" / "checkpoints" / torchvision.models.AlexNet_Weights.DEFAULT.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")               # no server answers there
    with pytest.raises(DataError, match=f"cannot be downloaded to {file}"):
        load_features("alexnet")
    file.write_bytes(b"half a file")
    with pytest.raises(DataError, match=f"{file} is damaged: delete it"):
        load_features("alexnet")


def test_features_of_the_classifier(monkeypatch):
    """The outputs of its activations, for pictures scaled as in its training."""
    torch.manual_seed(0)
    model = Classifier(width=8).eval()
    monkeypatch.setattr(features, "load_classifier", lambda: model)
    rgb = torch.rand(2, 3, 32, 32)
    seen = load_features("classifier")(rgb)
    assert [tuple(x.shape[1:]) for x in seen] == [(4, 32, 32), (8, 16, 16), (8, 16, 16), (32, 8, 8), (32, 8, 8)]
    torch.testing.assert_close(seen[-1], model.layers[:13](4 * rgb - 2))
