"""The bins against the gamut of scikit-image, and each step of Zhang et al. 2016 against its equation, densely."""

import math
import subprocess
import sys

import numpy as np
import pytest
import skimage.color
import torch

from colorlib import color
from colorlib.color import bins

Q = len(bins.bin_centers())


def colors():
    """ab of random rgb, (2,2,9,7): among them some far from gray."""
    rgb = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return color.split_lab(rgb)[1]


def number(a, b):
    """The number of the bin at (a, b)."""
    return int((bins.bin_centers() == torch.tensor([a, b])).all(1).nonzero())


def test_a_bin_is_a_point_of_the_grid_that_some_color_is_nearest_to():
    levels = np.linspace(0, 1, 52)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    reached = {tuple(point) for point in np.round(skimage.color.rgb2lab(cube)[0, :, 1:] / 10).astype(int).tolist()}
    ours = {tuple(point) for point in (bins.bin_centers() / 10).int().tolist()}
    assert len(ours) == Q == 261
    assert reached <= ours
    assert len(ours - reached) <= 2, "the grid of 52 levels is coarser than ours"
    assert (0, 0) in ours


def test_the_nearest_bins_are_those_of_a_search_among_all():
    wild = torch.rand(3, 2, 20, 20, generator=torch.Generator().manual_seed(1)) * 220 - 110
    for ab in (colors(), wild):
        numbers, squared = bins.nearest(ab)
        every = (bins.bin_centers()[:, :, None, None, None] - ab.movedim(1, 0)).square().sum(1)           # (Q,B,H,W)
        torch.testing.assert_close(squared, every.sort(0).values[:5].movedim(0, 1), atol=1e-2, rtol=1e-4)
        torch.testing.assert_close(every.gather(0, numbers.movedim(1, 0)), squared.movedim(1, 0), atol=1e-2, rtol=1e-4)


def test_soft_encoding_by_hand():
    """A color on a bin: itself at distance 0, its four neighbors at 10, in weights exp(-d^2 / (2 x 25))."""
    numbers, shares = bins.soft_encode(torch.tensor([10.0, -20.0]).reshape(1, 2, 1, 1))
    side = math.exp(-100 / 50)
    assert numbers[0, 0].item() == number(10, -20)
    assert set(numbers[0, 1:].flatten().tolist()) == {number(0, -20), number(20, -20), number(10, -10), number(10, -30)}
    assert shares.flatten().tolist() == pytest.approx([1 / (1 + 4 * side)] + [side / (1 + 4 * side)] * 4)


def test_encoding_and_the_mean_are_near_inverses():
    ab = colors()
    numbers, shares = bins.soft_encode(ab)
    logits = torch.zeros(2, Q, 9, 7).scatter(1, numbers, shares).log()
    assert (bins.annealed_mean(logits, 1) - ab).abs().mean() < 2


def test_the_annealed_mean_is_equation_5():
    z = torch.rand(1, Q, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    z = (z / z.sum()).flatten()
    for T in (1.0, 0.38, 0.1):
        annealed = np.exp(np.log(z.numpy()) / T) / np.exp(np.log(z.numpy()) / T).sum()
        ours = bins.annealed_mean(z.log().reshape(1, Q, 1, 1), T).flatten()
        np.testing.assert_allclose(ours, annealed @ bins.bin_centers().double().numpy(), atol=1e-6)


def test_temperature_goes_from_the_mode_to_the_mean():
    logits = torch.full((1, Q, 1, 1), -100.0)
    logits[0, [number(0, 0), number(50, 0)]] = torch.tensor([0.6, 0.4]).log()[:, None, None]
    redness = [bins.annealed_mean(logits, T)[0, 0].item() for T in (0, 0.05, 0.38, 1)]
    assert redness == sorted(redness)
    assert redness[0] == 0
    assert redness[-1] == pytest.approx(20)


@pytest.mark.parametrize("temperature", [-0.1, 1.1])
def test_a_temperature_outside_is_refused(temperature):
    with pytest.raises(ValueError, match="from 0"):
        bins.annealed_mean(torch.zeros(1, Q, 1, 1), temperature)


def test_other_numbers_of_bins_are_refused():
    with pytest.raises(ValueError, match=r"must be \(..., 261, H, W\), got \(1, 313, 2, 2\)"):
        bins.annealed_mean(torch.zeros(1, 313, 2, 2))


def test_entropy_counts_bits():
    even, sure, coin = torch.zeros(1, Q, 1, 1), torch.full((1, Q, 1, 1), -1e4), torch.full((1, Q, 1, 1), -1e4)
    sure[0, 3], coin[0, 3:5] = 0, 0
    assert [bins.entropy(logits).item() for logits in (even, sure, coin)] == pytest.approx([math.log2(Q), 0, 1])


def test_each_pixel_counts_for_its_nearest_bin(samples):
    rgb = samples.rgb[:40]
    ab = skimage.color.rgb2lab(rgb, channel_axis=1)[:, 1:].transpose(1, 0, 2, 3).reshape(2, -1)
    centers = bins.bin_centers().numpy()
    expected = np.bincount(np.square(centers[:, :, None] - ab).sum(1).argmin(0), minlength=Q)
    counted = bins.count(color.to_tensor(rgb).split(7)).numpy()
    assert counted.sum() == 40 * 16 * 16
    assert np.abs(counted - expected).sum() / counted.sum() < 0.02, "but for colors within half a unit of two bins"


def test_the_tables_are_fit_for_gradients_whoever_asked_first():
    script = ("import torch\nfrom colorlib.color import bins\nwith torch.inference_mode():\n    bins.bin_centers()\n"
              "logits = torch.zeros(1, 261, 1, 1, requires_grad=True)\nbins.annealed_mean(logits).sum().backward()\n"
              "assert logits.grad.abs().sum() > 0\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_mean_color_keeps_its_digits_in_bfloat16():
    logits = 3 * torch.randn(1, Q, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        low = bins.annealed_mean(logits)
    assert torch.equal(low, bins.annealed_mean(logits))


def test_a_bin_that_never_comes_spoils_no_weight():
    prior = torch.zeros(Q).index_fill(0, torch.tensor([number(0, 0), number(10, 0)]), 0.5)
    weights = bins.rarity(prior, 0)
    assert weights[prior > 0].isfinite().all()
    assert (weights * prior)[prior > 0].sum().item() == pytest.approx(1)
    with pytest.raises(ValueError, match="count must be from 1 to 5, got 6"):
        bins.nearest(colors(), 6)


def test_the_prior_is_the_smoothed_share():
    counts = torch.zeros(Q)
    counts[number(0, 0)] = 7
    smooth = bins.prior(counts)
    assert smooth.sum() == pytest.approx(1)
    ratio = smooth[number(10, 0)] / smooth[number(0, 0)]
    assert ratio.item() == pytest.approx(math.exp(-100 / 50))


def test_rarity_is_equation_4_with_a_mean_of_one():
    prior = torch.rand(Q, generator=torch.Generator().manual_seed(0)).double()
    prior /= prior.sum()
    weights = bins.rarity(prior, 0.5)
    assert (prior * weights).sum() == pytest.approx(1)
    assert (weights[3] / weights[5]).item() == pytest.approx(((prior[5] + 1 / Q) / (prior[3] + 1 / Q)).item())
    assert bins.rarity(prior, 1).tolist() == pytest.approx([1] * Q)
    inverse = bins.rarity(prior, 0)
    assert (inverse * prior).tolist() == pytest.approx([1 / Q] * Q)
    with pytest.raises(ValueError, match="l must be"):
        bins.rarity(prior, 2)
