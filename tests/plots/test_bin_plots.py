"""The plots of the bins: what is drawn, where, and in which color."""

import numpy as np
import pytest
import skimage.color
import torch

from colorlib.color.bins import bin_centers
from colorlib.plots import bins as bin_figures


def square_at(axes, a, b):
    return next(patch for patch in axes.patches if np.allclose(patch.get_center(), (a, b)))


def test_each_bin_is_drawn_in_its_color():
    axes = bin_figures.bin_colors(60)
    assert len(axes.patches) == len(bin_centers())
    expected = skimage.color.lab2rgb(np.array([60, 20, 10.0]))
    assert square_at(axes, 20, 10).get_facecolor()[:3] == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_larger_value_is_brighter():
    values = torch.full((261,), 1e-4)
    values[130] = 1
    axes = bin_figures.bin_values(values, "share")
    brightness = [sum(patch.get_facecolor()[:3]) for patch in axes.patches]
    assert int(np.argmax(brightness)) == 130
    assert axes.figure.axes[1].get_ylabel() == "share"


def test_the_area_of_a_dot_is_the_probability():
    logits = torch.full((261,), -50.0)
    logits[[10, 20]] = torch.tensor([0.75, 0.25]).log()
    dots = bin_figures.distribution(logits).collections[0]
    sizes = dots.get_sizes()
    assert sizes[10] / sizes[20] == pytest.approx(3, rel=1e-3)
    assert dots.get_offsets()[10].tolist() == bin_centers()[10].tolist()


def test_a_map_of_uncertainty_stands_below_each_picture():
    rgb, entropy = torch.rand(3, 3, 8, 8), torch.rand(3, 1, 4, 4)
    axes = bin_figures.uncertainty(rgb, entropy)
    assert axes.shape == (2, 3)
    for picture, bits, (above, below) in zip(rgb, entropy, axes.T, strict=True):
        assert np.abs(above.images[0].get_array() - 255 * picture.permute(1, 2, 0).numpy()).max() <= 1
        assert np.array_equal(below.images[0].get_array(), bits[0])
        assert below.images[0].get_clim() == (0, entropy.max()), "all in one scale, and black is certain"
