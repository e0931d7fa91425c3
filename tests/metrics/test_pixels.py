"""Pixel measures against scikit-image, and against their definitions by hand."""

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch

from colorlib import color, metrics


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


def test_squared_and_rgb_errors_are_their_definitions():
    a, b = two_batches()
    lab = [skimage.color.rgb2lab(x.numpy(), channel_axis=1)[:, 1:] for x in (a, b)]
    squared = np.square(lab[0] - lab[1]).mean((1, 2, 3)).tolist()
    assert metrics.ab_mse(a, b).tolist() == pytest.approx(squared, rel=1e-3)
    expected = np.abs(a.numpy().astype(float) - b.numpy()).mean((1, 2, 3))
    assert metrics.rgb_mae(a, b).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize(("error", "right_at_2", "right_at_5"), [
    ((0, 0, 0), 1, 1), ((2, 4, 4), 1, 1), ((2, 5, 0), 0, 1), ((5, 11, -11), 0, 1), ((6, 0, 0), 0, 0),
    ((0, 0, 12), 0, 0)])
def test_accuracy_of_nazeri_by_hand(error, right_at_2, right_at_5):
    """In whole Lab units: |dL| <= e, |da| and |db| <= 2.2 e, which is 4.4 and 11."""
    lab = torch.tensor([60.0, 4, 6]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)
    actual = color.lab_to_rgb(lab)
    predicted = color.lab_to_rgb(lab + torch.tensor(error).reshape(1, 3, 1, 1))
    assert metrics.accuracy(predicted, actual, 2).item() == right_at_2
    assert metrics.accuracy(predicted, actual, 5).item() == right_at_5
