"""Evaluation against definitions by hand, scikit-image, and pictures whose measures are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import skimage.color
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from colorlib import color, metrics
from colorlib.color import bins
from colorlib.metrics import probes
from colorlib.metrics.evaluation import evaluate, measures_from_means
from colorlib.metrics.probes import Batch, available_probes, pixel_probe, quick_probe, ssim_and_ciede2000_probe
from colorlib.models.classifier import CLASSES, Classifier, load_classifier, save_classifier
from colorlib.models.networks import Constant
from colorlib.models.objectives import ABRegression, RGBRegression
from colorlib.system.errors import DataError

GRAY = {"gray": (Constant(torch.zeros(2)), ABRegression("l1"))}


def quick(model, objective, images):
    return evaluate({"": (model, objective)}, images, metrics.QUICK)[""].values


def lab_of(rgb):
    return skimage.color.rgb2lab(rgb.numpy(), channel_axis=1)


def doubled(images, **changes):
    """Each pixel becomes four."""
    return replace(images, rgb=images.rgb.repeat(2, 2).repeat(2, 3), **changes)


def test_quick_measures_of_gray_pictures_are_means_over_images(samples):
    """With ab = 0 everywhere the error is the mean of |ab| of the photos, as scikit-image converts them."""
    found = quick(*GRAY["gray"], samples)
    lab = skimage.color.rgb2lab(samples.rgb / 255, channel_axis=1)
    gray = skimage.color.lab2rgb(lab * np.array([1, 0, 0]).reshape(1, 3, 1, 1), channel_axis=1)
    psnr = -10 * np.log10(np.square(gray - samples.rgb / 255).mean(axis=(1, 2, 3)))
    assert set(found) == {"psnr", "ab_mae", "auc", "colorfulness"}
    assert found["ab_mae"] == pytest.approx(np.abs(lab[:, 1:]).mean(), rel=1e-3)
    assert found["psnr"] == pytest.approx(psnr.mean(), rel=1e-3)
    assert found["colorfulness"] == pytest.approx(0, abs=1e-3)
    distance = np.sqrt(np.square(lab[:, 1:]).sum(1))
    assert found["auc"] == pytest.approx(1 - distance.clip(max=150).mean() / 150, rel=1e-4)


def test_colorfulness_is_the_mean_of_the_predicted_over_the_mean_of_the_actual(samples):
    model = Constant(torch.tensor([0.2, 0.1]))
    rgb = color.to_float(torch.from_numpy(np.array(samples.rgb)))
    predicted = ABRegression().decode(model(color.to_gray(rgb)), 100 * color.to_gray(rgb))
    expected = color.colorfulness(predicted).mean() / color.colorfulness(rgb).mean()
    assert quick(model, ABRegression(), samples)["colorfulness"] == pytest.approx(expected.item(), rel=1e-5)


def test_sums_of_two_processes_give_the_measures_of_all_images(samples):
    """Training sums the columns of each process, adds the sums, and divides by the number of images."""
    sums = {}
    for part in (samples[:100], samples[100:150]):
        for name, column in quick_probe(probes.colored_batch(*GRAY["gray"], part, slice(None))).items():
            sums[name] = sums.get(name, 0) + column.sum().item()
    found = measures_from_means({name: total / 150 for name, total in sums.items()})
    assert found == pytest.approx(quick(*GRAY["gray"], samples[:150]), rel=1e-5)
    assert {type(value) for value in found.values()} == {float}, "a checkpoint holds no NumPy scalars"


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.usefixtures("no_fake_constants")
def test_quick_probe_works_on_a_gpu():
    """Fake tensors refuse to mix devices, and need no GPU."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        actual = torch.zeros(2, 3, 8, 8, dtype=torch.uint8, device="cuda")
        columns = quick_probe(Batch(torch.rand(2, 3, 8, 8, device="cuda"), actual))
    assert {(column.device.type, tuple(column.shape)) for column in columns.values()} == {("cuda", (2,))}


def test_colorfulness_of_gray_photos_is_nan(samples):
    gray = replace(samples[:5], rgb=np.repeat(samples.rgb[:5, :1], 3, axis=1))
    assert math.isnan(quick(Constant(torch.full((3,), 0.5)), RGBRegression(), gray)["colorfulness"])
    assert math.isnan(measures_from_means({"predicted_colorfulness": 1.0, "actual_colorfulness": 0})["colorfulness"])


def test_autocast_around_evaluation_does_not_change_colors(samples):
    with torch.autocast("cpu", torch.bfloat16):
        low = quick(*GRAY["gray"], samples[:20])
    assert low == quick(*GRAY["gray"], samples[:20])


def test_evaluation_leaves_the_network_in_its_mode(samples):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 3, 1)).train()
    before = model.state_dict()["0.running_mean"].clone()
    quick(model, RGBRegression(), samples[:10])
    assert model.training
    assert torch.equal(model.state_dict()["0.running_mean"], before)


def test_two_batches_at_the_same_time_are_measured_as_one_after_another(samples, with_cores):
    """Each of two threads that ended evaluation by itself would set the other's network to training."""
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 3, 1)).train(), samples[:300]
    found = {}
    for cores in (1, 2):
        with_cores(cores)
        found[cores] = quick(model, RGBRegression(), images)
        assert model.training
    assert found[1] == found[2]
    assert model[0].num_batches_tracked == 0


def test_no_images_are_refused(samples):
    with pytest.raises(ValueError, match="no images to take a mean color of"):
        metrics.baselines(samples[:0])
    with pytest.raises(ValueError, match="no images to measure on"):
        evaluate(GRAY, samples[:0], {})


def test_baselines_are_gray_and_the_mean_color(samples):
    images = samples[:300]
    colorizers = metrics.baselines(images)
    lab = skimage.color.rgb2lab(images.rgb, channel_axis=1)
    for name, ab in [("gray copy", np.zeros(2)), ("mean color", lab[:, 1:].mean((0, 2, 3)))]:
        output = colorizers[name][0](torch.rand(2, 1, 5, 7))
        assert output.shape == (2, 2, 5, 7)
        assert np.allclose(100 * output[1, :, 4, 6].detach(), ab, atol=1e-3)
        assert quick(*colorizers[name], images)["ab_mae"] == pytest.approx(
            np.abs(lab[:, 1:] - ab[:, None, None]).mean(), rel=0.02), "but for colors that sRGB cannot show"


def test_each_class_is_measured_alone(samples):
    colorizer = metrics.baselines(samples)["mean color"]
    rows = metrics.by_class(*colorizer, samples)
    assert set(rows) == {samples.classes[label] for label in samples.labels}
    for name, row in rows.items():
        alone = samples[samples.labels == samples.classes.index(name)]
        assert row == pytest.approx(quick(*colorizer, alone), rel=1e-4)
    assert rows["coffee"]["ab_mae"] != pytest.approx(rows["astronaut"]["ab_mae"], rel=0.01)


def test_pictures_too_small_for_ssim_are_measured_without_it(samples):
    images = replace(samples[:4], rgb=samples.rgb[:4, :, :8, :8])
    found, missing = available_probes(images)
    assert "SSIM and CIEDE2000 left out: SSIM needs pictures of 11 px or more, got 8 px" in missing
    assert "ssim" not in evaluate(GRAY, images, found)["gray"].estimates


def test_rarity_of_colors_is_counted_in_the_pictures_that_are_compared(samples):
    """Each pixel becomes four, two of them redder and two less red by as much."""
    small = replace(samples, rgb=samples.rgb // 2 + 64)
    redder = 60 * np.array([1, 0, 0]).reshape(3, 1, 1) * np.tile([[1, -1], [-1, 1]], (16, 16))
    large = doubled(small)
    large = replace(large, rgb=(large.rgb + redder).astype(np.uint8))
    probe = {"": pixel_probe()}
    expected = evaluate(GRAY, small, probe)["gray"].values["auc_rebalanced"]
    shrunk, full = (evaluate(GRAY, large, probe, size=size)["gray"].values["auc_rebalanced"] for size in (16, None))
    assert shrunk == pytest.approx(expected, rel=1e-4)
    assert full != pytest.approx(expected, rel=1e-2)


def wang(a, b):
    """SSIM by the formula of Wang et al. 2004, section III.B: Gaussian windows of 11 pixels, sigma 1.5."""
    def mean(x):
        return np.stack([gaussian_filter(channel, 1.5, truncate=3.5) for channel in x.astype(float)])

    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    ssim = (2 * ma * mb + 0.01**2) * (2 * vab + 0.03**2) / ((ma**2 + mb**2 + 0.01**2) * (va + vb + 0.03**2))
    return ssim[:, 5:-5, 5:-5].mean()


def test_ssim_is_wangs_and_ciede2000_scikit_images():
    generator = torch.Generator().manual_seed(0)
    actual = torch.rand(3, 3, 16, 16, generator=generator)
    predicted = (actual + 0.1 * torch.randn(3, 3, 16, 16, generator=generator)).clamp(0, 1)
    found = ssim_and_ciede2000_probe(16)(Batch(predicted, actual))
    for i in range(3):
        assert found["ssim"][i].item() == pytest.approx(wang(predicted[i].numpy(), actual[i].numpy()), rel=1e-3)
        expected = skimage.color.deltaE_ciede2000(lab_of(predicted)[i].transpose(1, 2, 0),
                                                  lab_of(actual)[i].transpose(1, 2, 0)).mean()
        assert found["ciede2000"][i].item() == pytest.approx(expected, rel=1e-3)


def test_pooled_measures_are_of_all_pixels_together(samples):
    found = evaluate(GRAY, samples, {"": pixel_probe()})["gray"].values
    rgb = torch.from_numpy(np.array(samples.rgb)) / 255
    grays = color.gray_to_rgb(color.to_gray(rgb))
    assert found["psnr_pooled"] == pytest.approx(-10 * math.log10((grays - rgb).square().mean()), rel=1e-4)
    ab = lab_of(rgb)[:, 1:]
    assert found["ab_rmse"] == pytest.approx(math.sqrt(np.square(ab).mean()), rel=1e-3)
    # Zhang et al. 2016, section 3.1: each pixel weighted by the inverse of how frequent its color is.
    numbers = bins.nearest(torch.from_numpy(ab).float(), 1)[0][:, 0]
    frequency = bins.smoothed_prior(bins.count_bins([color.to_uint8(rgb)]))
    weights = (1 / frequency)[numbers].numpy()
    distance = np.sqrt(np.square(ab).sum(1)).clip(max=150)
    assert found["auc_rebalanced"] == pytest.approx(1 - np.average(distance, weights=weights) / 150, rel=1e-3)


def test_interval_of_a_mean_is_that_of_the_normal_law(samples):
    """1.96 standard errors on either side, if each image is a photo of its own."""
    apart = replace(samples, group_ids=np.arange(len(samples)))
    score = evaluate(GRAY, apart, metrics.QUICK)["gray"]
    value, low, high = score.estimates["ab_mae"]
    around = 1.96 * score.per_image["ab_mae"].std(ddof=1) / math.sqrt(len(samples))
    assert value - low == pytest.approx(around, rel=0.15)
    assert high - value == pytest.approx(around, rel=0.15)


def test_crops_of_one_photo_do_not_narrow_the_interval(samples):
    """Every image twice, as crops of the same photo, holds no more information."""
    once = replace(samples[:100], group_ids=np.arange(100))
    twice = once[np.arange(100).repeat(2)]
    first, second = (evaluate(GRAY, images, metrics.QUICK)["gray"].estimates["ab_mae"] for images in (once, twice))
    assert second == pytest.approx(first)


def test_a_known_shift_shows_in_accuracy_and_lightness(samples):
    """All pixels 3 Lab units too light: right at 5%, wrong at 2%."""
    lab = torch.tensor([50.0, 0, 0]).reshape(1, 3, 1, 1).expand(4, 3, 16, 16)
    lighter = color.lab_to_rgb(lab + torch.tensor([3.0, 0, 0]).reshape(1, 3, 1, 1))
    found = pixel_probe()(Batch(lighter, color.lab_to_rgb(lab), images=samples))
    assert found["acc2"].tolist() == [0] * 4
    assert found["acc5"].tolist() == [1] * 4
    assert found["lightness"].tolist() == pytest.approx([3] * 4, abs=0.01)


class Oracle(Constant):
    """Network of ab that knows the true ab of each gray picture."""

    def __init__(self, images):
        super().__init__(torch.zeros(2))
        pictures = [rgb[None] for rgb in color.to_tensor(images.rgb)]
        self.truth = {self.key(color.to_gray(rgb)): color.split_lab(rgb)[1] / 100 for rgb in pictures}

    def forward(self, gray):
        return torch.cat([self.truth[self.key(picture)] for picture in gray])

    @staticmethod
    def key(gray):
        return (1000 * gray).round().int().numpy().tobytes()


class RedOrBlue(Classifier):
    """Classifier that calls red pictures cats, and blue and gray ones birds."""

    def forward(self, rgb):
        red, _, blue = color.to_float(rgb).mean((2, 3)).unbind(1)
        logits = torch.full((len(rgb), 10), -9.0)
        logits[:, CLASSES.index("cat")] = red - blue
        logits[:, CLASSES.index("bird")] = 1e-3
        return logits


@pytest.fixture
def red_and_blue(samples, monkeypatch):
    """Photos of 32 px in two batches, labeled as RedOrBlue labels them in color."""
    monkeypatch.setattr(probes, "load_classifier", RedOrBlue)
    images = doubled(samples[:100])
    mean = torch.from_numpy(np.array(images.rgb)).float().mean((2, 3))
    return replace(images, labels=(mean[:, 0] > mean[:, 2]).long().numpy(), classes=("bird", "cat"))


def test_the_truth_is_recognized_and_wins_everything_back(red_and_blue):
    colorizers = GRAY | {"truth": (Oracle(red_and_blue), ABRegression())}
    scores = evaluate(colorizers, red_and_blue, {"": probes.recognition_probe(red_and_blue)})
    assert scores["truth"].values["recognized"] > 0.95
    assert scores["gray"].values["recognized"] == pytest.approx((red_and_blue.labels == 0).mean())
    assert scores["truth"].values["won_back"] == pytest.approx(1, abs=0.05)
    assert scores["gray"].values["won_back"] == 0


def test_probes_used_on_other_images_measure_those(red_and_blue):
    """Other photos, other labels, other classes: a probe must not answer from the images that it saw first."""
    others = replace(red_and_blue[::-1], labels=1 - red_and_blue.labels[::-1], classes=("cat", "bird"))
    makers = {"recognition": probes.recognition_probe, "pixels": lambda images: pixel_probe()}
    for make in makers.values():
        probe = {"": make(red_and_blue)}
        evaluate(GRAY, red_and_blue, probe)
        for images in (others[:50], red_and_blue[:30]):
            fresh = evaluate(GRAY, images, {"": make(images)})["gray"].values
            assert evaluate(GRAY, images, probe)["gray"].values == fresh
    with pytest.raises(DataError, match="knows only airplane"):
        evaluate(GRAY, replace(others, classes=("rose", "tulip")), {"": probes.recognition_probe(red_and_blue)})


def test_a_classifier_is_saved_in_half_the_bytes_and_answers_the_same(tmp_path):
    torch.manual_seed(0)
    model, path = Classifier(width=64).eval(), tmp_path / "classifier.safetensors"
    save_classifier(path, model)
    again, rgb = load_classifier(path), torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(again(rgb), model(rgb), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(model(rgb), model(rgb.flip(-1)))
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in model.parameters())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"classifier\.safetensors"):
        load_classifier(path)


def test_recognition_needs_known_classes_and_32_pixels(samples):
    with pytest.raises(DataError, match="knows only airplane"):
        probes.recognition_probe(samples)
    known = replace(samples, rgb=np.zeros((len(samples), 3, 64, 64), np.uint8), classes=CLASSES)
    probes.recognition_probe(known, 32)
    with pytest.raises(DataError, match="32 px or more, got 16 px"):
        probes.recognition_probe(known, 16)
