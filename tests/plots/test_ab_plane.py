"""Plots of the ab plane and its bins, read back from matplotlib."""

import numpy as np
import pytest
import skimage.color
import torch

from colorlib import plots
from colorlib.color.bins import bin_centers


def test_each_bin_is_drawn_in_its_color():
    squares = plots.bin_colors(60).collections[0]
    drawn = {tuple(place): fill[:3] for place, fill in zip(squares.get_offsets().tolist(), squares.get_facecolors(),
                                                           strict=True)}
    assert drawn.keys() == set(map(tuple, bin_centers().tolist()))
    assert drawn[20, 10] == pytest.approx(skimage.color.lab2rgb(np.array([60, 20, 10.0])), abs=1e-3)


def test_bin_values_are_drawn_on_a_logarithmic_scale():
    values = torch.full((261,), 1e-4)
    values[130] = 1
    axes = plots.bin_values(values, "share")
    squares = axes.collections[0]
    assert squares.get_array().tolist() == values.tolist()
    assert squares.norm(1e-2) == pytest.approx(0.5)
    assert axes.figure.axes[1].get_ylabel() == "share"


def test_the_area_of_a_dot_is_the_probability():
    logits = torch.full((261,), -50.0)
    logits[[10, 20]] = torch.tensor([0.75, 0.25]).log()
    dots = plots.distribution(logits).collections[0]
    sizes = dots.get_sizes()
    assert sizes[10] / sizes[20] == pytest.approx(3, rel=1e-3)
    assert dots.get_offsets()[10].tolist() == bin_centers()[10].tolist()


def test_uncertainty_maps_are_below_their_pictures():
    rgb, entropy = torch.rand(3, 3, 8, 8), torch.rand(3, 1, 4, 4)
    axes = plots.uncertainty(rgb, entropy)
    assert axes.shape == (2, 3)
    for picture, bits, (above, below) in zip(rgb, entropy, axes.T, strict=True):
        assert np.abs(above.images[0].get_array() - 255 * picture.permute(1, 2, 0).numpy()).max() <= 1
        assert np.array_equal(below.images[0].get_array(), bits[0])
        assert below.images[0].get_clim() == (0, entropy.max()), "all in one scale, and black is certain"


def test_ab_density_counts_every_pixel_where_it_belongs():
    orange = torch.tensor([255, 128, 0], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(2, 3, 5, 5)
    axes = plots.ab_density(orange)
    counts = np.ma.filled(axes.collections[0].get_array(), 0).reshape(110, 110)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    assert counts.sum() == counts.max() == 50
    # scikit-image has this orange at a = 43, b = 74; cells of 2 start at -110
    assert (row, column) == ((74 + 110) // 2, (43 + 110) // 2)
