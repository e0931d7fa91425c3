"""Losses by hand, decoding against scikit-image."""

import numpy as np
import pytest
import skimage.color
import torch
from torch.nn import functional as F

from colorlib import color
from colorlib.objectives import ABRegression, RGBRegression

RGB = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def ab_of(rgb):
    return torch.tensor(skimage.color.rgb2lab(rgb.numpy(), channel_axis=1)[:, 1:]).float()


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.25), ("l2", 0.0625)])
def test_rgb_loss_of_a_constant_error(norm, expected):
    assert RGBRegression(norm).loss(RGB / 255 + 0.25, RGB).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.3), ("l2", 0.09)])
def test_ab_loss_of_an_error_of_thirty_lab_units(norm, expected):
    assert ABRegression(norm).loss((ab_of(RGB) + 30) / 100, RGB).item() == pytest.approx(expected, rel=1e-3)


def test_rgb_decoding_is_the_output_itself_within_bounds():
    output = torch.tensor([-0.5, 0.25, 1.5]).reshape(1, 3, 1, 1)
    assert RGBRegression().decode(output, torch.zeros(1, 1, 1, 1)).flatten().tolist() == [0, 0.25, 1]


def test_the_true_ab_decodes_to_the_true_picture():
    L = 100 * color.to_gray(RGB)
    assert torch.equal(color.to_uint8(ABRegression().decode(ab_of(RGB) / 100, L)), RGB)


def test_ab_decoding_keeps_lightness_whatever_the_network_says():
    L = 100 * color.to_gray(RGB)
    wild = 2 * torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    decoded = ABRegression().decode(wild, L)
    np.testing.assert_allclose(skimage.color.rgb2lab(decoded.numpy(), channel_axis=1)[:, :1], L, atol=0.3)


@pytest.mark.parametrize("objective", [kind(norm) for kind in (RGBRegression, ABRegression) for norm in ("l1", "l2")])
def test_the_loss_is_zero_at_the_truth_and_descends_towards_it(objective):
    truth = RGB / 255 if objective.out_channels == 3 else ab_of(RGB) / 100
    output = (truth + 0.2).requires_grad_()
    loss = objective.loss(output, RGB)
    loss.backward()
    assert objective.loss(truth, RGB) < 1e-4
    assert F.relu(output.grad).count_nonzero() == output.numel()       # every output is too high: all slopes are up


@pytest.mark.parametrize("objective", [RGBRegression, ABRegression])
def test_an_unknown_norm_is_named(objective):
    with pytest.raises(ValueError, match="l1 or l2, got 'l3'"):
        objective("l3")
