"""Maps with one value per patch: each value belongs to its own pixels, whatever the size of the picture."""

import numpy as np
import pytest
import torch

from colorlib import color
from colorlib.models.objectives import ABClassification, ABRegression, RGBRegression
from colorlib.models.patches import average_patches, enlarge, patch_side

SIZES = [(64, 64), (127, 127), (96, 127), (33, 50), (128, 171)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [1, 2, 4])
def test_the_side_of_a_patch_follows_from_both_sizes(size, side):
    cells = tuple(-(-length // side) for length in size)
    assert patch_side(cells, size) == side


def test_of_two_possible_patches_that_of_a_network_is_taken():
    """A map of 3 covers 9 pixels in patches of 3 and of 4."""
    assert patch_side((3, 3), (9, 9)) == 4


def test_a_map_that_covers_no_patches_is_refused():
    with pytest.raises(ValueError, match="does not cover"):
        patch_side((10, 64), (128, 128))


@pytest.mark.parametrize("size", SIZES)
def test_patches_are_the_means_of_their_own_pixels(size):
    """The last patch of an odd size repeats the edge pixels, as the network's padding does."""
    image = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(0))
    H, W = size
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (0, H % 2), (0, W % 2)), mode="edge")
    expected = padded.reshape(1, 2, -(-H // 2), 2, -(-W // 2), 2).mean((3, 5))
    np.testing.assert_allclose(average_patches(image, expected.shape[-2:]), expected, rtol=1e-5)


@pytest.mark.parametrize("width", [126, 127, 128])
def test_an_enlarged_edge_stays_where_it_is(width):
    """Stretched over 127 pixels, the 64 values would move by up to half a pixel, and by 20 in a photo of 12 megapixels."""
    side = -(-width // 2)
    values = (torch.arange(float(side)) >= 50).float().expand(1, 1, side, side)
    enlarged = enlarge(values, (width, width))[0, 0, 10]
    assert len(enlarged) == width
    assert enlarged[99].item() == pytest.approx(0.25)              # halfway between the centers of patch 49 and 50
    assert enlarged[100].item() == pytest.approx(0.75)


@pytest.mark.parametrize("width", [126, 127, 128])
def test_a_perfect_answer_per_patch_has_the_error_of_the_patches_alone(width):
    """At an odd width as at an even one: colors that vary along a slope, so that an offset would be an error."""
    ramp = torch.linspace(-40, 40, 128)[:width]
    ab = torch.stack([ramp, -ramp])[None, :, None].expand(1, 2, width, width)
    L = torch.full((1, 1, width, width), 60.0)
    rgb = color.join_lab(L, ab)
    true_ab = color.split_lab(rgb)[1]
    side = -(-width // 2)
    perfect = average_patches(true_ab, (side, side)) / 100
    predicted = ABRegression().decode(perfect, L)
    inner = (color.split_lab(predicted)[1] - true_ab)[..., 2:-2, 2:-2].abs()
    assert inner.max() < 0.05


def test_losses_compare_a_map_with_its_own_pixels_at_odd_sizes():
    rgb = torch.randint(0, 256, (1, 3, 33, 47), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ab = average_patches(color.split_lab(rgb)[1], (17, 24))
    assert ABRegression("l1").loss(ab / 100, rgb) == 0
    assert RGBRegression("l1").loss(average_patches(rgb / 255, (17, 24)), rgb).item() == pytest.approx(0, abs=1e-6)
    logits = torch.zeros(1, 261, 17, 24)
    assert ABClassification(1).loss(logits, rgb).item() == pytest.approx(np.log(261), rel=1e-5)
    assert ABClassification(1).decode(logits, torch.zeros(1, 1, 33, 47)).shape == (1, 3, 33, 47)
