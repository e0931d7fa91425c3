"""Full-size coloring against scikit-image, the guided filter's equations, and a photo with an edge."""

import numpy as np
import pytest
import skimage.color
import torch
from PIL import Image
from scipy.ndimage import uniform_filter

from colorlib import color
from colorlib.colorize import fullsize
from colorlib.system import paths

LAB = skimage.color.rgb2lab


def test_lightness_is_that_of_scikit_image():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(fullsize.lightness_of_pixels(rgb)[0, 0], LAB(rgb)[..., 0], atol=0.02)


def test_pixels_are_those_of_the_exact_conversion():
    generator = torch.Generator().manual_seed(0)
    L, ab = 100 * torch.rand(1, 80, 80, generator=generator), 120 * (torch.rand(2, 80, 80, generator=generator) - 0.5)
    expected = color.to_uint8(color.join_lab(L, ab)).permute(1, 2, 0).numpy().astype(int)
    off = np.abs(fullsize.pixels_from_lab(L, ab).astype(int) - expected)
    assert off.max() <= 2                                       # dark levels are steep in linear light
    assert off.mean() < 0.1


def test_local_linear_fit_matches_the_equation_of_the_guided_filter():
    """He, Sun and Tang 2010, equation 5, with SciPy's box filter, away from the borders."""
    generator = torch.Generator().manual_seed(0)
    L, ab = 100 * torch.rand(1, 1, 30, 40, generator=generator), 40 * torch.randn(1, 2, 30, 40, generator=generator)
    slope, offset = fullsize.local_linear_fit(L, ab)
    guide = L[0, 0].double().numpy()
    for channel in range(2):
        p = ab[0, channel].double().numpy()
        mean = lambda x: uniform_filter(x, 3, mode="nearest")  # noqa: E731
        a = (mean(guide * p) - mean(guide) * mean(p)) / (mean(guide**2) - mean(guide) ** 2 + 16)
        inner = (slice(2, -2), slice(2, -2))
        np.testing.assert_allclose(slope[0, channel].numpy()[inner], a[inner], atol=1e-3)
    torch.testing.assert_close(slope * L + offset, ab, atol=1e-3, rtol=0)


def test_strips_equal_one_piece(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8))
    slope, offset = (by * torch.randn(1, 2, 9, 12, generator=generator) for by in (0.2, 20))
    in_one_piece = np.asarray(fullsize.render_full_size(photo, slope, offset)).astype(int)
    monkeypatch.setattr(fullsize, "STRIP", 150)
    assert np.abs(np.asarray(fullsize.render_full_size(photo, slope, offset)).astype(int) - in_one_piece).max() <= 1


def test_enlarging_in_strips_matches_torch(monkeypatch):
    photo = Image.new("RGB", (60, 40), (128, 128, 128))
    offset = 30 * torch.randn(1, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(fullsize, "STRIP", 60 * 7)
    rendered = torch.from_numpy(np.array(fullsize.render_full_size(photo, torch.zeros(1, 2, 8, 12), offset))).permute(2, 0, 1)
    ab = torch.nn.functional.interpolate(offset, (40, 60), mode="bilinear")
    expected = color.to_uint8(color.join_lab(100 * color.to_gray(rendered.new_full((1, 3, 40, 60), 128)), ab))[0]
    assert (rendered.int() - expected.int()).abs().max() <= 2


def test_color_stops_at_an_edge_that_only_the_photo_shows():
    """Dark blue left, light yellow right of column 100; ab averaged over squares of 8, and the edge lies within one."""
    gray = np.zeros((160, 200), np.uint8) + 40
    gray[:, 100:] = 200
    photo = Image.fromarray(gray).convert("RGB")
    small = photo.resize((25, 20), Image.Resampling.BOX)
    L = fullsize.lightness_of_pixels(np.asarray(small))
    truth = np.where(np.arange(200) < 100, -20, 40)
    b = torch.from_numpy(truth.reshape(25, 8).mean(1)).float().expand(1, 1, 20, 25)
    ab = torch.cat([torch.zeros_like(b), b], 1)
    guided = LAB(np.asarray(fullsize.render_full_size(photo, *fullsize.local_linear_fit(L, ab))))[80, :, 2]
    plain = LAB(np.asarray(fullsize.render_full_size(photo, torch.zeros_like(ab), ab)))[80, :, 2]
    beside = slice(90, 110)
    assert np.abs(guided - truth)[beside].mean() < np.abs(plain - truth)[beside].mean() / 3
    assert np.abs(guided[98] - truth[98]) < 8
    assert np.abs(guided[101] - truth[101]) < 8


def test_true_colors_of_a_small_copy_come_closer_than_enlarged_as_they_are():
    better = []
    for path in sorted(paths.samples_dir().glob("*.jpg")):
        photo = Image.open(path).convert("RGB")
        small = torch.from_numpy(np.array(photo.reduce(4))).permute(2, 0, 1)[None]
        truth, (L, ab) = LAB(np.asarray(photo))[..., 1:], color.split_lab(small)
        along, plain = (np.abs(LAB(np.asarray(fullsize.render_full_size(photo, *way)))[..., 1:] - truth).mean()
                        for way in (fullsize.local_linear_fit(L, ab), (torch.zeros_like(ab), ab)))
        better.append(along < plain)
    assert np.mean(better) > 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 2), (2, 5)])
def test_the_smallest_pictures_keep_their_colors(size):
    L = 100 * torch.rand(1, 1, *size)
    slope, offset = fullsize.local_linear_fit(L, torch.full((1, 2, *size), 7.0))
    torch.testing.assert_close(slope * L + offset, torch.full((1, 2, *size), 7.0), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(3, 2), (2, 5)])
def test_two_pixels_are_enough_for_a_slope(size):
    L = torch.linspace(0, 100, size[0] * size[1]).reshape(1, 1, *size)
    slope, _ = fullsize.local_linear_fit(L, 0.5 * L.expand(-1, 2, -1, -1))
    torch.testing.assert_close(slope, torch.full((1, 2, *size), 0.5), atol=0.05, rtol=0)
