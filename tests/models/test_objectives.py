"""Losses by hand, decoding against scikit-image."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.color
import torch
from torch import nn
from torch.nn import functional as F

from colorlib import color
from colorlib.color import bins
from colorlib.models.features import Features
from colorlib.models.objectives import ABClassification, ABRegression, Perceptual, RGBRegression
from colorlib.models.recipe import Recipe
from colorlib.system.errors import UsageError

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


def one_hot(number):
    return torch.full((1, 261, 2, 2), -30.0).index_fill(1, torch.tensor([number]), 0)


def test_classification_has_an_output_for_every_bin():
    assert ABClassification.out_channels == len(bins.bin_centers())


def test_the_loss_of_a_classifier_is_equation_2_written_densely(samples):
    objective = ABClassification().fitted_to(samples[:50])
    output = torch.randn(2, 261, 16, 16, generator=torch.Generator().manual_seed(0))
    ab = ab_of(RGB)
    squared = (bins.bin_centers()[None, :, :, None, None] - ab[:, None]).square().sum(2)                   # (B,Q,H,W)
    near = squared <= squared.topk(5, dim=1, largest=False).values[:, -1:]
    z = torch.where(near, (-squared / 50).exp(), 0)
    z = z / z.sum(1, keepdim=True)
    prior = bins.smoothed_prior(bins.count_bins([color.to_tensor(samples.rgb[:50])]))
    w = 1 / (0.5 * prior + 0.5 / 261)
    v = (w / (prior * w).sum())[z.argmax(1)]
    expected = -(v * (z * output.log_softmax(1)).sum(1)).mean()
    assert objective.loss(output, RGB).item() == pytest.approx(expected.item(), rel=1e-3)
    assert ABClassification(rebalance=1).fitted_to(samples).loss(output, RGB).item() == pytest.approx(
        -(z * output.log_softmax(1)).sum(1).mean().item(), rel=1e-3)


def test_a_classifier_may_answer_with_a_value_for_each_patch():
    """Then the truth is the mean of each 2 x 2 pixels."""
    small = torch.randn(2, 261, 8, 8, generator=torch.Generator().manual_seed(0))
    mean = ab_of(RGB).reshape(2, 2, 8, 2, 8, 2).mean((3, 5))
    numbers, shares = bins.soft_encode(mean)
    expected = -(torch.zeros(2, 261, 8, 8).scatter(1, numbers, shares) * small.log_softmax(1)).sum(1).mean()
    assert ABClassification(1).loss(small, RGB).item() == pytest.approx(expected.item(), rel=1e-3)
    assert ABClassification(1).decode(small, 100 * color.to_gray(RGB)).shape == RGB.shape


def test_a_stride_leaves_values_out_of_the_loss():
    output = torch.randn(2, 261, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    ABClassification(1, loss_stride=3).loss(output, RGB).backward()
    counted = output.grad.abs().sum((0, 1)).flatten().nonzero().flatten()
    assert counted.tolist() == list(range(0, 256, 3))
    numbers, shares = bins.soft_encode(ab_of(RGB))
    terms = -(torch.zeros(2, 261, 16, 16).scatter(1, numbers, shares) * output.log_softmax(1)).sum(1)
    assert ABClassification(1, loss_stride=3).loss(output, RGB).item() == pytest.approx(terms.flatten(1)[:, ::3].mean().item(), rel=1e-3)
    with pytest.raises(ValueError, match="odd number, got 2"):
        ABClassification(loss_stride=2)


def test_a_certain_classifier_decodes_to_its_bin_at_any_temperature():
    where = int((bins.bin_centers() == torch.tensor([20.0, 30.0])).all(1).nonzero())
    L = torch.full((1, 1, 4, 4), 60.0)
    for temperature in (0, 0.38, 1):
        rgb = ABClassification(temperature=temperature).decode(one_hot(where), L)
        lab = skimage.color.rgb2lab(rgb.numpy(), channel_axis=1)[0, :, 1, 1]
        assert lab.tolist() == pytest.approx([60, 20, 30], abs=0.05)
    assert ABClassification().with_temperature(0.7).temperature == 0.7


@pytest.mark.parametrize("settings", [{"rebalance": 1.5}, {"temperature": -1}])
def test_a_classifier_refuses_what_the_paper_does_not_define(settings):
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        ABClassification(**settings)


def tiny_features():
    torch.manual_seed(0)
    return Features(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3, 2), nn.ReLU()), (1, 3))


def test_the_perceptual_loss_adds_the_difference_of_unit_features():
    network, base = tiny_features(), ABRegression("l2")
    objective = Perceptual(base, weight=0.3, feature_network=network, base_weight=2)
    output = torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(0)) / 5
    decoded = base.decode(output, 100 * color.to_gray(RGB))
    differences = []
    for ours, theirs in zip(network(decoded), network(RGB), strict=True):
        a, b = (x.numpy() / np.sqrt(np.square(x.numpy()).sum(1, keepdims=True) + 1e-20) for x in (ours, theirs))
        differences.append(np.square(a - b).sum(1).mean())
    expected = 2 * base.loss(output, RGB).item() + 0.3 * np.mean(differences)
    assert objective.loss(output, RGB).item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(objective.decode(output, 100 * color.to_gray(RGB)), decoded)


def test_the_difference_in_features_can_be_descended(samples):
    rgb = color.to_tensor(samples.rgb[:8])
    objective = Perceptual(ABRegression(), weight=1, feature_network=tiny_features(), base_weight=0)
    output = torch.zeros(8, 2, 16, 16, requires_grad=True)
    optimizer = torch.optim.Adam([output], 0.02)
    before = objective.loss(output, rgb).item()
    for _ in range(60):
        objective.loss(output, rgb).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert objective.loss(output, rgb).item() < before / 2


def test_features_that_do_not_exist_are_named():
    with pytest.raises(UsageError, match="one of vgg16, alexnet, classifier"):
        Perceptual(features="vgg19")


@pytest.mark.parametrize(("objective", "channels"), [
    (Perceptual(weight=50), 2),
    (Perceptual(base_weight=0.0), 2),
    (Perceptual(ABClassification(), feature_network=tiny_features()), 261),
    (ABClassification(), 261),
])
def test_an_objective_that_needs_the_training_images_refuses_to_compute_without_them(objective, channels):
    """Computed without, it would be another loss: that of the base, or one without rebalancing."""
    with pytest.raises(UsageError, match=r"objective\.fitted_to\(training images\) first"):
        objective.loss(torch.zeros(2, channels, 16, 16), RGB)


RARITY = torch.linspace(0.1, 10, 261)


def test_a_tilt_changes_the_colors_by_bayes_rule():
    """Softmax of logits + t log w is proportional to p w^t: the mean color with those probabilities, in NumPy."""
    logits = torch.randn(1, 261, 1, 1, generator=torch.Generator().manual_seed(0))
    probabilities = np.exp(logits.numpy().ravel()) * RARITY.numpy() ** 0.5
    expected = probabilities / probabilities.sum() @ bins.bin_centers().numpy()
    tilted = ABClassification(1, 1, tilt=0.5, rarity=RARITY.tolist())
    rgb = tilted.decode(logits.expand(1, 261, 8, 8), torch.full((1, 1, 8, 8), 50.0))
    np.testing.assert_allclose(skimage.color.rgb2lab(rgb[0].numpy(), channel_axis=0)[1:, 3, 3], expected, atol=0.05)


def test_vividness_is_a_place_along_the_curve():
    curve = ((0.0, 0.8), (0.5, 0.6), (1.0, 0.1))
    objective = ABClassification(1, tilt=0.3, rarity=RARITY.tolist(), curve=curve)
    assert objective.tilt_and_temperature == (0.3, 0.38), "no vividness: as it was set"
    for vividness, tilt, temperature in [(0, 0, 0.8), (0.25, 0.25, 0.7), (0.5, 0.5, 0.6), (0.9, 0.9, 0.2), (1, 1, 0.1)]:
        chosen = objective.with_vividness(vividness)
        assert chosen.tilt_and_temperature == pytest.approx((tilt, temperature))
        settings = {"rarity": RARITY.tolist(), "curve": curve, "vividness": vividness, "rebalance": 1.0, "tilt": 0.3}
        assert Recipe("unet", "bins", settings=settings).build_objective() == chosen
    assert chosen.with_temperature(0.3).tilt_and_temperature == (0.3, 0.3)
    assert replace(objective, curve=()).with_vividness(0.6).tilt_and_temperature == pytest.approx((0.3, 0.4))
    assert Perceptual(objective).with_vividness(0.5).base.tilt_and_temperature == pytest.approx((0.5, 0.6))
    with pytest.raises(UsageError, match="vividness must be from 0 to 1, got 1.5"):
        objective.with_vividness(1.5)
    for wrong in ([[0.5]], [[0, 2]], [[0, 1, 1]]):
        with pytest.raises(UsageError, match="a curve is pairs"):
            ABClassification(rarity=RARITY.tolist(), curve=wrong)
    with pytest.raises(UsageError, match="rarity of each"):
        ABClassification(curve=curve)
    with pytest.raises(UsageError, match="have a vividness, such as"):
        ABRegression().with_vividness(0.5)


def test_a_tilt_is_no_part_of_the_loss():
    output = torch.randn(2, 261, 16, 16, generator=torch.Generator().manual_seed(0))
    assert ABClassification(1, tilt=0.5, rarity=RARITY.tolist()).loss(output, RGB) == ABClassification(1).loss(output, RGB)


@pytest.mark.parametrize("rarity", [[], [1.0] * 260])
def test_a_tilt_needs_the_rarity_of_every_bin(rarity):
    with pytest.raises(UsageError, match="rarity of each of the 261 bins, got"):
        ABClassification(tilt=0.5, rarity=rarity)


def test_a_recipe_names_objectives_and_their_settings():
    vivid = Recipe("unet", "bins", 32, {"patch": 2}, {"rebalance": 1.0, "temperature": 0.5})
    assert vivid.build_objective() == ABClassification(1.0, 0.5)
    assert Recipe(**vivid.as_dict()) == vivid
    looks = Recipe("unet", "perceptual", settings={"base": "rgb-l2", "weight": 0.5})
    assert looks.build_objective() == Perceptual(RGBRegression("l2"), 0.5)
    assert looks.build_objective().out_channels == 3
    with pytest.raises(ValueError, match="cannot be set to"):
        Recipe("unet", "ab-l1", settings={"temperature": 1}).build_objective()
    with pytest.raises(ValueError, match="base must be one of rgb-l1, .*, got 'gan'"):
        Recipe("unet", "perceptual", settings={"base": "gan"}).build_objective()
