"""Numbers against scikit-image, and against predictions whose error is known."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch
from torch import nn

from colorlib import metrics
from colorlib.data.images import Images
from colorlib.models.objectives import ABRegression, RGBRegression


def two_batches():
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=generator) for _ in range(2)]


def test_psnr_agrees_with_scikit_image():
    a, b = two_batches()
    expected = [skimage.metrics.peak_signal_noise_ratio(y.numpy(), x.numpy()) for x, y in zip(a, b, strict=True)]
    assert metrics.psnr(a, b).tolist() == pytest.approx(expected, rel=1e-5)


def test_psnr_of_equal_images_is_finite():
    assert metrics.psnr(*[two_batches()[0]] * 2).tolist() == pytest.approx([100] * 3)


def test_ab_mae_agrees_with_scikit_image():
    a, b = two_batches()
    lab = [skimage.color.rgb2lab(x.numpy(), channel_axis=1)[:, 1:] for x in (a, b)]
    expected = np.abs(lab[0] - lab[1]).mean(axis=(1, 2, 3))
    assert metrics.ab_mae(a, b).tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_ab_auc_is_the_area_under_the_share_of_pixels_within_each_distance():
    """Zhang et al. 2016, section 3.1, taken literally: distances up to 0, 1, ..., 150, and the trapezoidal rule."""
    a, b = two_batches()
    lab = [skimage.color.rgb2lab(x.numpy(), channel_axis=1)[:, 1:] for x in (a, b)]
    distance = np.sqrt(np.square(lab[0] - lab[1]).sum(1)).reshape(len(a), -1)
    assert (distance > 150).any()
    within = np.stack([(distance <= threshold).mean(1) for threshold in range(151)], 1)
    area = (within[:, 1:] + within[:, :-1]).sum(1) / 2 / 150
    assert metrics.ab_auc(a, b).tolist() == pytest.approx(area.tolist(), abs=1e-3)
    assert metrics.ab_auc(a, a).tolist() == [1, 1, 1]


class Constant(nn.Module):
    """A network that answers every image with the same number; it counts no batch."""

    def __init__(self, channels, value):
        super().__init__()
        self.answer = nn.Parameter(torch.full((1, channels, 1, 1), float(value)))

    def forward(self, gray):
        return self.answer.expand(len(gray), -1, *gray.shape[-2:])


def test_validation_of_a_network_that_leaves_everything_gray(samples):
    """ab = 0 everywhere: the error is the mean of |ab| of the photos, as scikit-image has it, whatever the batches."""
    measured = metrics.validate(Constant(2, 0), ABRegression("l1"), samples, batch_size=100)
    lab = skimage.color.rgb2lab(samples.rgb / 255, channel_axis=1)
    gray = skimage.color.lab2rgb(lab * np.array([1, 0, 0]).reshape(1, 3, 1, 1), channel_axis=1)
    psnr = -10 * np.log10(np.square(gray - samples.rgb / 255).mean(axis=(1, 2, 3)))
    assert measured["ab_mae"] == pytest.approx(np.abs(lab[:, 1:]).mean(), rel=1e-3)
    assert measured["loss"] == pytest.approx(np.abs(lab[:, 1:]).mean() / 100, rel=1e-3)
    assert measured["psnr"] == pytest.approx(psnr.mean(), rel=1e-3)
    assert measured["colorfulness"] == pytest.approx(0, abs=1e-3)
    distance = np.sqrt(np.square(lab[:, 1:]).sum(1))
    assert measured["auc"] == pytest.approx(1 - distance.clip(max=150).mean() / 150, rel=1e-4)


def test_parts_measured_apart_add_up_to_the_whole(samples):
    """As two processes do: one says what it has, the other, with a third of the images, adds its own."""
    sums = []
    question = Constant(2, 0), ABRegression()
    metrics.validate(*question, samples[:100], sum_over_processes=lambda tensor: sums.append(tensor) or tensor)
    both = metrics.validate(*question, samples[100:150], sum_over_processes=lambda tensor: tensor + sums[0])
    assert both == pytest.approx(metrics.validate(*question, samples[:150]), rel=1e-5)


def test_photos_without_color_have_no_fraction_of_it(samples):
    gray = replace(samples[:5], rgb=np.repeat(samples.rgb[:5, :1], 3, axis=1))
    assert np.isnan(metrics.validate(Constant(3, 0.5), RGBRegression(), gray)["colorfulness"])


def test_the_precision_around_it_does_not_touch_the_colors(samples):
    with torch.autocast("cpu", torch.bfloat16):
        low = metrics.validate(Constant(2, 0), ABRegression(), samples[:20])
    assert low == metrics.validate(Constant(2, 0), ABRegression(), samples[:20])


def test_validation_leaves_the_network_in_the_mode_it_was_in(samples):
    model = nn.Sequential(nn.BatchNorm2d(1), Constant(3, 0.5)).train()
    before = model.state_dict()["0.running_mean"].clone()
    metrics.validate(model, RGBRegression(), samples[:10])
    assert model.training
    assert torch.equal(model.state_dict()["0.running_mean"], before)


def test_without_images_there_is_nothing_to_measure(samples):
    with pytest.raises(ValueError, match="no images to take a mean color of"):
        metrics.baselines(samples[:0])
    with pytest.raises(ValueError, match="no images to validate on"):
        metrics.validate(*metrics.baselines(samples)["gray copy"], samples[:0])


def test_the_baselines_are_gray_and_the_mean_color(samples):
    few = samples[:300]
    named = metrics.baselines(few)
    lab = skimage.color.rgb2lab(few.rgb, channel_axis=1)
    for name, ab in [("gray copy", np.zeros(2)), ("mean color", lab[:, 1:].mean((0, 2, 3)))]:
        model, objective = named[name]
        output = model(torch.rand(2, 1, 5, 7))
        assert output.shape == (2, 2, 5, 7)
        assert np.allclose(100 * output[1, :, 4, 6].detach(), ab, atol=1e-3)
        assert metrics.validate(model, objective, few)["ab_mae"] == pytest.approx(
            np.abs(lab[:, 1:] - ab[:, None, None]).mean(), rel=0.02), "but for colors that sRGB cannot show"


def test_each_class_is_measured_by_itself(samples):
    model, objective = metrics.baselines(samples)["mean color"]
    rows = metrics.by_class(model, objective, samples)
    assert set(rows) == {samples.classes[label] for label in samples.labels}
    whole = metrics.validate(model, objective, samples)
    for measure in ("psnr", "ab_mae", "auc"):
        sums = sum(row[measure] * (samples.labels == samples.classes.index(name)).sum() for name, row in rows.items())
        assert sums / len(samples) == pytest.approx(whole[measure], rel=1e-4)
    assert rows["coffee"]["ab_mae"] != pytest.approx(rows["astronaut"]["ab_mae"], rel=0.01)


@pytest.mark.parametrize(("size", "expected"), [(16, 256), (32, 64), (64, 16), (300, 1)])
def test_large_images_are_measured_fewer_at_once(size, expected):
    """At 64 px a batch of 64 took a kernel of 1 GiB down."""
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.constant = metrics.Constant(torch.zeros(2))

        def forward(self, gray):
            seen.append(len(gray))
            return self.constant(gray)

    images = Images("noise", np.zeros((300 if size < 300 else 3, 3, size, size), np.uint8), np.zeros(300, np.int64),
                    np.arange(300), ("noise",), "made up")
    metrics.validate(Spy(), ABRegression(), images)
    assert max(seen) == expected
    assert sum(seen) == len(images)
