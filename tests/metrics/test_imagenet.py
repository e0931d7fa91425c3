"""Top-1 of ResNet-18 with random weights: the same as with torchvision's own transforms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from colorlib import color, data
from colorlib.metrics.evaluation import baselines, evaluate
from colorlib.metrics.imagenet import imagenet_classes, imagenet_probe
from colorlib.metrics.protocols import PROTOCOLS, protocol_table
from colorlib.system.errors import DataError

WEIGHTS = models.ResNet18_Weights.IMAGENET1K_V1
CATEGORIES = WEIGHTS.meta["categories"]


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Random weights where the downloaded ones would be, with labels that differ from photo to photo."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    network = models.resnet18(weights=None).eval()
    torch.nn.init.normal_(network.fc.weight, std=10)
    path = tmp_path / "hub" / "checkpoints" / WEIGHTS.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(network.state_dict(), path)
    return network


def test_a_true_photo_is_named_as_torchvisions_transforms_name_it(network):
    images = data.load("samples", "test", 256)[:6]
    pictures = [Image.fromarray(rgb) for rgb in np.asarray(images.rgb).transpose(0, 2, 3, 1)]
    grays = [Image.fromarray(rgb) for rgb in color.to_uint8(color.gray_to_rgb(color.to_gray(color.to_tensor(images.rgb)))).permute(0, 2, 3, 1).numpy()]
    with torch.no_grad():
        named, gray_named = (network(torch.stack([WEIGHTS.transforms()(picture) for picture in some])).argmax(1) for some in (pictures, grays))
    half_right = torch.where(torch.arange(6) < 3, named, (named + 1) % 1000)
    images = replace(images, labels=half_right.numpy(), classes=tuple(CATEGORIES))
    scores = evaluate(baselines(images), images, {"top-1": imagenet_probe(images)})["gray copy"]
    assert list(scores.per_image["true_top1"]) == [1, 1, 1, 0, 0, 0]
    assert list(scores.per_image["top1"]) == (gray_named == half_right).float().tolist()
    table = protocol_table(PROTOCOLS["zhang2016"], {"gray copy": scores})
    assert "in their true colors, 0.500 of the photos are named rightly" in table


def test_folders_may_have_the_numbers_of_wordnet_or_words():
    numbers = [f"n{place:08}" for place in range(1000)]
    shuffled = list(np.random.default_rng(0).permutation(numbers))
    assert list(imagenet_classes(shuffled, CATEGORIES)) == [numbers.index(name) for name in shuffled]
    assert list(imagenet_classes(["goldfish", "tench"], CATEGORIES)) == [1, 0]
    for names in (["cat"], numbers[:10]):
        with pytest.raises(DataError, match=f"folders named by the classes of ImageNet .* not '{names[0]}'"):
            imagenet_classes(names, CATEGORIES)


def test_small_pictures_and_missing_weights_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    small = data.load("samples", "test", 32)
    with pytest.raises(DataError, match="needs pictures of 224 px or more, got 32 px"):
        imagenet_probe(small)
    large = replace(data.load("samples", "test", 256)[:2], classes=("tench", "goldfish"), labels=np.array([0, 1]))
    with pytest.raises(DataError, match="the weights of ResNet-18 are not here, and COLORLIB_OFFLINE=1 forbids downloading them"):
        imagenet_probe(large)
