"""Every measure against its definition by hand, scikit-image, or a picture whose measure is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import skimage.color
import torch
from scipy.ndimage import gaussian_filter

from colorlib import color, metrics
from colorlib.color import bins
from colorlib.metrics import probes, report
from colorlib.metrics.evaluation import evaluate
from colorlib.metrics.pixels import Constant
from colorlib.metrics.probes import Batch, available_probes, pixel_probe, ssim_and_ciede2000_probe
from colorlib.models.classifier import CLASSES, Classifier, load_classifier, right, save_classifier
from colorlib.models.objectives import ABRegression
from colorlib.system.errors import DataError


def pair():
    generator = torch.Generator().manual_seed(0)
    actual = torch.rand(3, 3, 16, 16, generator=generator)
    return (actual + 0.1 * torch.randn(3, 3, 16, 16, generator=generator)).clamp(0, 1), actual


def lab_of(rgb):
    return skimage.color.rgb2lab(rgb.numpy(), channel_axis=1)


def test_squared_and_rgb_errors_are_their_definitions():
    predicted, actual = pair()
    off = lab_of(predicted)[:, 1:] - lab_of(actual)[:, 1:]
    squared = np.square(off).mean((1, 2, 3)).tolist()
    assert metrics.ab_mse(predicted, actual).tolist() == pytest.approx(squared, rel=1e-3)
    expected = 255 * np.abs(predicted.numpy() - actual.numpy()).mean((1, 2, 3))
    assert metrics.rgb_mae(predicted, actual).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize(("off", "right_at_2", "right_at_5"), [
    ((0, 0, 0), 1, 1), ((2, 4, 4), 1, 1), ((2, 5, 0), 0, 1), ((5, 11, -11), 0, 1), ((6, 0, 0), 0, 0),
    ((0, 0, 12), 0, 0)])
def test_the_accuracy_of_nazeri_by_hand(off, right_at_2, right_at_5):
    """In whole Lab units: |dL| <= e, |da| and |db| <= 2.2 e, which is 4.4 and 11."""
    lab = torch.tensor([60.0, 4, 6]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)
    actual = color.lab_to_rgb(lab)
    predicted = color.lab_to_rgb(lab + torch.tensor(off).reshape(1, 3, 1, 1))
    assert metrics.accuracy(predicted, actual, 2).item() == right_at_2
    assert metrics.accuracy(predicted, actual, 5).item() == right_at_5


def wang(a, b):
    """SSIM by the formula of Wang et al. 2004, section III.B: Gaussian windows of 11 pixels, sigma 1.5."""
    def mean(x):
        return np.stack([gaussian_filter(channel, 1.5, truncate=3.5) for channel in x.astype(float)])

    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    ssim = (2 * ma * mb + 0.01**2) * (2 * vab + 0.03**2) / ((ma**2 + mb**2 + 0.01**2) * (va + vb + 0.03**2))
    return ssim[:, 5:-5, 5:-5].mean()


def test_pictures_too_small_for_ssims_window_are_measured_without_it(samples):
    images = replace(samples[:4], rgb=samples.rgb[:4, :, :8, :8])
    probes, missing = available_probes(images)
    assert "SSIM and CIEDE2000 left out: they need pictures of 11 px or more, and these have 8" in missing
    gray = {"": (Constant(torch.zeros(2)), ABRegression())}
    assert "ssim" not in evaluate(gray, images, probes)[""].estimates


def test_how_rare_a_color_is_is_counted_in_the_pictures_that_are_compared(samples):
    """Each pixel becomes four, two of them redder and two less red by as much."""
    gray = {"": (Constant(torch.zeros(2)), ABRegression())}
    small = replace(samples, rgb=samples.rgb // 2 + 64)
    redder = 60 * np.array([1, 0, 0]).reshape(3, 1, 1) * np.tile([[1, -1], [-1, 1]], (16, 16))
    large = replace(samples, rgb=(small.rgb.repeat(2, 2).repeat(2, 3) + redder).astype(np.uint8))
    expected = evaluate(gray, small, {"": pixel_probe(small)})[""].estimates["auc_rebalanced"].value
    found = [evaluate(gray, large, {"": pixel_probe(large, size)}, size=16)[""].estimates["auc_rebalanced"].value
             for size in (16, None)]
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert found[1] != pytest.approx(expected, rel=1e-2)


def test_ssim_is_wangs_and_ciede2000_scikit_images():
    predicted, actual = pair()
    found = ssim_and_ciede2000_probe(32)(Batch(predicted, actual, torch.zeros(3)))
    for i in range(3):
        assert found["ssim"][i].item() == pytest.approx(wang(predicted[i].numpy(), actual[i].numpy()), rel=1e-3)
        expected = skimage.color.deltaE_ciede2000(lab_of(predicted)[i].transpose(1, 2, 0),
                                                  lab_of(actual)[i].transpose(1, 2, 0)).mean()
        assert found["ciede2000"][i].item() == pytest.approx(expected, rel=1e-3)


def test_the_means_are_those_that_validation_reports(samples):
    colorizers = metrics.baselines(samples)
    scores = evaluate(colorizers, samples, {"numbers": pixel_probe(samples)})
    for name, (model, objective) in colorizers.items():
        expected = metrics.validate(model, objective, samples)
        for measure in ("ab_mae", "psnr", "auc", "colorfulness"):
            assert scores[name].estimates[measure].value == pytest.approx(expected[measure], rel=1e-3, abs=1e-3)


def test_pooled_measures_are_of_all_pixels_together(samples):
    gray = {"gray": (Constant(torch.zeros(2)), ABRegression())}
    found = evaluate(gray, samples, {"numbers": pixel_probe(samples)})["gray"].estimates
    rgb = torch.from_numpy(np.array(samples.rgb)) / 255
    grays = color.gray_to_rgb(color.to_gray(rgb))
    assert found["psnr_pooled"].value == pytest.approx(-10 * math.log10((grays - rgb).square().mean()), rel=1e-4)
    ab = lab_of(rgb)[:, 1:]
    assert found["ab_rmse"].value == pytest.approx(math.sqrt(np.square(ab).mean()), rel=1e-3)
    # Zhang et al. 2016, section 3.1: each pixel weighted by the inverse of how frequent its color is.
    numbers = bins.nearest(torch.from_numpy(ab).float(), 1)[0][:, 0]
    frequency = bins.prior(bins.count([color.to_uint8(rgb)]))
    weights = (1 / frequency)[numbers].numpy()
    distance = np.sqrt(np.square(ab).sum(1)).clip(max=150)
    assert found["auc_rebalanced"].value == pytest.approx(1 - np.average(distance, weights=weights) / 150, rel=1e-3)


def test_the_interval_of_a_mean_is_that_of_the_normal_law(samples):
    """The standard error of a mean, times 1.96, on either side, if each image is a photo of its own."""
    apart = replace(samples, groups=np.arange(len(samples)))
    score = evaluate({"gray": (Constant(torch.zeros(2)), ABRegression())}, apart, {"n": pixel_probe(apart)})["gray"]
    value, low, high = score.estimates["ab_mae"]
    around = 1.96 * score.per_image["ab_mae"].std(ddof=1) / math.sqrt(len(samples))
    assert value - low == pytest.approx(around, rel=0.15)
    assert high - value == pytest.approx(around, rel=0.15)


def test_crops_of_one_photo_are_not_many_photos(samples):
    """Every image twice, as crops of the same photo: nothing new was learned, and the interval must not shrink."""
    gray = {"gray": (Constant(torch.zeros(2)), ABRegression())}
    once = replace(samples[:100], groups=np.arange(100))
    twice = once[np.arange(100).repeat(2)]
    first, second = (evaluate(gray, images, {"n": pixel_probe(once)})["gray"].estimates["ab_mae"]
                     for images in (once, twice))
    assert second == pytest.approx(first)


def test_a_known_shift_shows_in_each_accuracy_and_in_lightness(samples):
    """All pixels 3 Lab units too light: right at 5%, wrong at 2%."""
    lab = torch.tensor([50.0, 0, 0]).reshape(1, 3, 1, 1).expand(4, 3, 16, 16)
    batch = Batch(color.lab_to_rgb(lab + torch.tensor([3.0, 0, 0]).reshape(1, 3, 1, 1)), color.lab_to_rgb(lab), None)
    found = pixel_probe(samples)(batch)
    assert found["acc2"].tolist() == [0] * 4
    assert found["acc5"].tolist() == [1] * 4
    assert found["lighter"].tolist() == pytest.approx([3] * 4, abs=0.01)


def test_no_images_are_refused_and_what_is_no_number_is_a_dash(samples):
    with pytest.raises(ValueError, match="no images to measure on"):
        evaluate({}, samples[:0], {})
    for value in (math.inf, math.nan):
        assert report._cell(value, 0, 1) == "-"
    assert report._cell(1.0, math.nan, math.nan) == "1.000"
    assert report._cell(0.0, -0.1, 0.1) == "0.000 ±0.100"


class Oracle(Constant):
    """A network of ab whose answer is right: it peeks."""

    def __init__(self, images):
        super().__init__(torch.zeros(2))
        self.truth = torch.cat([color.split_lab(rgb)[1] / 100 for rgb in images.in_order()])

    def forward(self, gray):
        now, self.truth = self.truth.split([len(gray), len(self.truth) - len(gray)])
        return now


def test_the_truth_is_recognized_and_wins_everything_back(samples, monkeypatch):
    """A stand-in for the classifier that tells red from blue pictures, and cannot tell gray ones."""
    few = replace(samples[:100], rgb=samples.rgb[:100].repeat(2, 2).repeat(2, 3))              # two batches
    redder = torch.from_numpy(np.array(few.rgb)).float().mean((2, 3))
    labels = (redder[:, 0] > redder[:, 2]).long().numpy()
    named = replace(few, labels=labels, classes=("bird", "cat"))

    class Red(Classifier):
        def forward(self, rgb):
            red, _, blue = color.to_float(rgb).mean((2, 3)).unbind(1)
            logits = torch.full((len(rgb), 10), -9.0)
            logits[:, CLASSES.index("cat")] = red - blue
            logits[:, CLASSES.index("bird")] = 1e-3
            return logits

    monkeypatch.setattr(probes, "load_classifier", Red)
    colorizers = {"truth": (Oracle(named), ABRegression()), "gray": (Constant(torch.zeros(2)), ABRegression())}
    scores = evaluate(colorizers, named, {"classes": probes.recognition_probe(named)})
    assert scores["truth"].estimates["recognized"].value > 0.95
    assert scores["gray"].estimates["recognized"].value == pytest.approx((labels == 0).mean())
    assert scores["truth"].estimates["won_back"].value == pytest.approx(1, abs=0.05)
    assert scores["gray"].estimates["won_back"].value == 0


def test_a_classifier_is_saved_in_half_the_bytes_and_answers_the_same(tmp_path):
    torch.manual_seed(0)
    model, path = Classifier(width=64).eval(), tmp_path / "classifier.safetensors"
    save_classifier(path, model)
    again, rgb = load_classifier(path), torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(again(rgb), model(rgb), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(model(rgb), model(rgb.flip(-1)))
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in model.parameters())
    assert right(model, rgb, model(rgb).argmax(1)).all()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="no classifier in .*or it is damaged"):
        load_classifier(path)


def test_other_classes_are_not_asked(samples):
    with pytest.raises(DataError, match="knows only airplane"):
        probes.recognition_probe(samples)
    known = replace(samples, rgb=np.zeros((len(samples), 3, 64, 64), np.uint8), classes=CLASSES)
    probes.recognition_probe(known, 32)
    with pytest.raises(DataError, match="of 32 px or more"):
        probes.recognition_probe(known, 16)
