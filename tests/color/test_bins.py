"""The bins against scikit-image's gamut, and each step of Zhang et al. 2016 against its equation."""

import math
import subprocess
import sys

import numpy as np
import pytest
import skimage.color
import torch

from colorlib import color
from colorlib.color import bins
from colorlib.system.errors import UsageError

Q = len(bins.bin_centers())


def random_ab():
    """ab of random rgb, (2,2,9,7)."""
    rgb = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return color.split_lab(rgb)[1]


def index_of(a, b):
    """Index of the bin at (a, b)."""
    return int((bins.bin_centers() == torch.tensor([a, b])).all(1).nonzero())


def test_bins_are_the_grid_points_nearest_to_some_color():
    levels = np.linspace(0, 1, 52)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    reached = {tuple(point) for point in np.round(skimage.color.rgb2lab(cube)[0, :, 1:] / 10).astype(int).tolist()}
    actual = {tuple(point) for point in (bins.bin_centers() / 10).int().tolist()}
    assert len(actual) == Q == 261
    assert reached <= actual
    assert len(actual - reached) <= 2, "52 levels reach fewer points than the package's 86"
    assert (0, 0) in actual


def test_nearest_agrees_with_a_search_of_all_bins():
    wild = torch.rand(3, 2, 20, 20, generator=torch.Generator().manual_seed(1)) * 220 - 110
    for ab in (random_ab(), wild):
        indices, squared = bins.nearest(ab)
        expected = (bins.bin_centers()[:, :, None, None, None] - ab.movedim(1, 0)).square().sum(1)        # (Q,B,H,W)
        torch.testing.assert_close(squared, expected.sort(0).values[:5].movedim(0, 1), atol=1e-2, rtol=1e-4)
        at_indices = expected.gather(0, indices.movedim(1, 0))
        torch.testing.assert_close(at_indices, squared.movedim(1, 0), atol=1e-2, rtol=1e-4)


def test_nearest_refuses_more_bins_than_its_table_holds():
    with pytest.raises(ValueError, match="count must be from 1 to 5, got 6"):
        bins.nearest(random_ab(), 6)


def test_soft_encoding_by_hand():
    """A color at a bin center: that bin at distance 0 and four at distance 10, with weights exp(-d^2 / (2 x 25))."""
    indices, weights = bins.soft_encode(torch.tensor([10.0, -20.0]).reshape(1, 2, 1, 1))
    side = math.exp(-100 / 50)
    assert indices[0, 0].item() == index_of(10, -20)
    assert set(indices[0, 1:].flatten().tolist()) == {index_of(0, -20), index_of(20, -20), index_of(10, -10), index_of(10, -30)}
    assert weights.flatten().tolist() == pytest.approx([1 / (1 + 4 * side)] + [side / (1 + 4 * side)] * 4)


def test_the_annealed_mean_nearly_inverts_soft_encoding():
    ab = random_ab()
    indices, weights = bins.soft_encode(ab)
    logits = torch.zeros(2, Q, 9, 7).scatter(1, indices, weights).log()
    assert (bins.annealed_mean(logits, 1) - ab).abs().mean() < 2


def test_the_annealed_mean_is_equation_5():
    z = torch.rand(1, Q, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    z = (z / z.sum()).flatten()
    for T in (1.0, 0.38, 0.1):
        annealed = np.exp(np.log(z.numpy()) / T) / np.exp(np.log(z.numpy()) / T).sum()
        actual = bins.annealed_mean(z.log().reshape(1, Q, 1, 1), T).flatten()
        np.testing.assert_allclose(actual, annealed @ bins.bin_centers().double().numpy(), atol=1e-6)


def test_temperature_goes_from_the_mode_to_the_mean():
    logits = torch.full((1, Q, 1, 1), -100.0)
    logits[0, [index_of(0, 0), index_of(50, 0)]] = torch.tensor([0.6, 0.4]).log()[:, None, None]
    redness = [bins.annealed_mean(logits, T)[0, 0].item() for T in (0, 0.05, 0.38, 1)]
    assert redness == sorted(redness)
    assert redness[0] == 0
    assert redness[-1] == pytest.approx(20)


@pytest.mark.parametrize("temperature", [-0.1, 1.1])
def test_a_temperature_outside_0_to_1_is_a_usage_error(temperature):
    with pytest.raises(UsageError, match="from 0"):
        bins.annealed_mean(torch.zeros(1, Q, 1, 1), temperature)


def test_a_wrong_number_of_bins_is_refused():
    with pytest.raises(ValueError, match=r"must be \(..., 261, H, W\), got \(1, 313, 2, 2\)"):
        bins.annealed_mean(torch.zeros(1, 313, 2, 2))


def test_entropy_is_in_bits():
    even, sure, coin = torch.zeros(1, Q, 1, 1), torch.full((1, Q, 1, 1), -1e4), torch.full((1, Q, 1, 1), -1e4)
    sure[0, 3], coin[0, 3:5] = 0, 0
    assert [bins.entropy(logits).item() for logits in (even, sure, coin)] == pytest.approx([math.log2(Q), 0, 1])


def test_count_bins_agrees_with_a_search_of_all_bins(samples):
    rgb = samples.rgb[:40]
    ab = skimage.color.rgb2lab(rgb, channel_axis=1)[:, 1:].transpose(1, 0, 2, 3).reshape(2, -1)
    centers = bins.bin_centers().numpy()
    expected = np.bincount(np.square(centers[:, :, None] - ab).sum(1).argmin(0), minlength=Q)
    counted = bins.count_bins(color.to_tensor(rgb).split(7)).numpy()
    assert counted.sum() == 40 * 16 * 16
    assert np.abs(counted - expected).sum() / counted.sum() < 0.02, "colors within half a unit of two bins may move"


def test_tables_that_were_cached_in_inference_mode_or_under_another_device_serve_training():
    """In a process of its own, with empty caches."""
    script = ("import torch\nfrom colorlib.color import bins\n"
              "with torch.inference_mode(), torch.device('meta'):\n"
              "    bins.bin_centers()\n    bins._candidates()\n"
              "logits = torch.zeros(1, 261, 1, 1, requires_grad=True)\nbins.annealed_mean(logits).sum().backward()\n"
              "assert logits.grad.abs().sum() > 0\n"
              "ab = torch.full((1, 2, 1, 1), 5.0, requires_grad=True)\nbins.soft_encode(ab)[1].square().sum().backward()\n"
              "assert ab.grad.isfinite().all()\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_annealed_mean_is_float32_under_bfloat16_autocast():
    logits = 3 * torch.randn(1, Q, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        low = bins.annealed_mean(logits)
    assert torch.equal(low, bins.annealed_mean(logits))


def test_empty_bins_leave_the_other_weights_finite():
    prior = torch.zeros(Q).index_fill(0, torch.tensor([index_of(0, 0), index_of(10, 0)]), 0.5)
    weights = bins.rebalancing_weights(prior, 0)
    assert weights[prior > 0].isfinite().all()
    assert (weights * prior)[prior > 0].sum().item() == pytest.approx(1)


def test_the_smoothed_prior_of_a_single_bin_is_a_gaussian():
    counts = torch.zeros(Q)
    counts[index_of(0, 0)] = 7
    smooth = bins.smoothed_prior(counts)
    assert smooth.sum() == pytest.approx(1)
    ratio = smooth[index_of(10, 0)] / smooth[index_of(0, 0)]
    assert ratio.item() == pytest.approx(math.exp(-100 / 50))


def test_rebalancing_weights_are_equation_4_with_a_mean_of_1():
    prior = torch.rand(Q, generator=torch.Generator().manual_seed(0)).double()
    prior /= prior.sum()
    weights = bins.rebalancing_weights(prior, 0.5)
    assert (prior * weights).sum() == pytest.approx(1)
    assert (weights[3] / weights[5]).item() == pytest.approx(((prior[5] + 1 / Q) / (prior[3] + 1 / Q)).item())
    assert bins.rebalancing_weights(prior, 1).tolist() == pytest.approx([1] * Q)
    inverse = bins.rebalancing_weights(prior, 0)
    assert (inverse * prior).tolist() == pytest.approx([1 / Q] * Q)
    with pytest.raises(UsageError, match="uniform must be"):
        bins.rebalancing_weights(prior, 2)
