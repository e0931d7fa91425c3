"""Conversions against scikit-image, and cases computed by hand."""

from itertools import product

import numpy as np
import pytest
import skimage.color
import torch
from skimage import data as photos

from colorlib import color


def corners() -> torch.Tensor:
    """Corners of the RGB cube as one image (1,3,2,4)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=3))).T.reshape(1, 3, 2, 4)


def random_rgb(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def in_gamut(lab: torch.Tensor) -> torch.Tensor:
    return color.linear_in_gamut(color.lab_to_linear(lab))


def skimage_lab(rgb: torch.Tensor) -> np.ndarray:
    return skimage.color.rgb2lab(rgb.double().numpy(), channel_axis=1)


@pytest.mark.parametrize("rgb", [random_rgb(), random_rgb() * 0.05, corners()], ids=["random", "dark", "corners"])
def test_rgb_to_lab_agrees_with_scikit_image(rgb):
    np.testing.assert_allclose(color.rgb_to_lab(rgb).numpy(), skimage_lab(rgb), atol=1e-3)


@pytest.mark.parametrize("rgb", [random_rgb(1), random_rgb() * 0.05, corners()], ids=["random", "dark", "corners"])
def test_lab_to_rgb_agrees_with_scikit_image(rgb):
    lab = skimage_lab(rgb)
    expected = skimage.color.lab2rgb(lab, channel_axis=1)
    np.testing.assert_allclose(color.lab_to_rgb(torch.tensor(lab)).numpy(), expected, atol=1e-3)


def test_uint8_and_float_are_the_same_color():
    rgb = torch.from_numpy(photos.astronaut()[:64, :64]).permute(2, 0, 1)
    torch.testing.assert_close(color.rgb_to_lab(rgb), color.rgb_to_lab(rgb / 255))


def test_every_uint8_comes_back_from_lab():
    rgb = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    assert torch.equal(color.to_uint8(color.lab_to_rgb(color.rgb_to_lab(rgb))), rgb)
    assert torch.equal(color.to_uint8(color.join_lab(*color.split_lab(rgb))), rgb)


def test_gray_is_lightness_by_100():
    rgb = random_rgb()
    np.testing.assert_allclose(100 * color.to_gray(rgb)[:, 0].numpy(), skimage_lab(rgb)[:, 0], atol=1e-3)


def test_gray_to_rgb_keeps_the_lightness_without_color():
    rgb = random_rgb()
    lab = skimage_lab(color.gray_to_rgb(color.to_gray(rgb)))
    np.testing.assert_allclose(lab[:, 0], skimage_lab(rgb)[:, 0], atol=1e-3)
    np.testing.assert_allclose(lab[:, 1:], 0, atol=0.01)


def test_known_colors():
    white, mid_gray = color.rgb_to_lab(torch.tensor([1, 0.5]).expand(3, 2)[:, None]).unbind(-1)
    assert white.flatten().tolist() == pytest.approx([100, 0, 0], abs=0.01)
    assert mid_gray.flatten().tolist() == pytest.approx([53.39, 0, 0], abs=0.01)    # the usual table value


@pytest.mark.parametrize("function", [color.rgb_to_lab, color.lab_to_rgb, color.to_gray])
def test_gradients_agree_with_finite_differences(function):
    inside = (0.02 + 0.96 * random_rgb()[:1, :, :3, :3]).double()
    start = color.rgb_to_lab(inside) if function is color.lab_to_rgb else inside
    assert torch.autograd.gradcheck(function, start.requires_grad_())


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.1])
def test_gradients_are_finite_at_and_beyond_the_edges(value):
    rgb = torch.full((1, 3, 2, 2), value, requires_grad=True)
    (color.rgb_to_lab(rgb).sum() + color.to_gray(rgb).sum() + color.lab_to_rgb(100 * rgb).sum()).backward()
    assert torch.isfinite(rgb.grad).all()


def test_clipping_keeps_lightness_and_hue_and_reaches_the_gamut_boundary():
    L = torch.linspace(5, 95, 19).reshape(1, 1, 1, 19).expand(1, 1, 12, 19)
    hue = torch.linspace(0, 2 * torch.pi, 13)[:12].reshape(1, 1, 12, 1).expand(1, 1, 12, 19)
    ab = torch.cat([150 * hue.cos(), 150 * hue.sin()], dim=1)
    clipped = skimage_lab(color.join_lab(L, ab))
    np.testing.assert_allclose(clipped[:, :1], L, atol=0.3)
    direction = clipped[:, 1:] / np.linalg.norm(clipped[:, 1:], axis=1, keepdims=True)
    np.testing.assert_allclose(direction, ab / 150, atol=0.02)
    # On the boundary: a chroma 3% larger is outside the gamut.
    assert not in_gamut(torch.cat([L, 1.03 * torch.tensor(clipped[:, 1:]).float()], dim=1)).any()


def test_clipping_leaves_colors_inside_the_gamut_unchanged():
    lab = color.rgb_to_lab(random_rgb())
    outside = torch.tensor([50.0, 150, 0]).reshape(1, 3, 1, 1).expand(2, 3, 64, 1)
    clipped = color.clip_to_gamut(torch.cat([lab, outside], dim=-1))
    assert torch.equal(clipped[..., :64], lab)
    assert in_gamut(clipped).all()
    assert not in_gamut(outside).any()


def test_colorfulness_by_hand():
    # Half pure red, half pure blue. rg = (255, 0), yb = (127.5, -255): means 127.5 and -63.75, deviations 127.5 and
    # 191.25; M3 = sqrt(127.5**2 + 191.25**2) + 0.3 * sqrt(127.5**2 + 63.75**2).
    rgb = torch.zeros(3, 1, 2)
    rgb[0, 0, 0] = rgb[2, 0, 1] = 1
    assert color.colorfulness(rgb).item() == pytest.approx(229.854 + 0.3 * 142.549, abs=0.01)


def test_gray_has_zero_colorfulness():
    assert color.colorfulness(torch.rand(5, 1, 8, 8).expand(5, 3, 8, 8)).max() < 1e-3


@pytest.mark.parametrize("function", [color.rgb_to_lab, color.to_gray, color.colorfulness])
def test_integers_other_than_uint8_are_refused(function):
    with pytest.raises(ValueError, match="got torch.int64"):
        function(torch.zeros(3, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("function", [color.rgb_to_lab, color.lab_to_rgb, color.to_gray, color.colorfulness])
def test_a_wrong_shape_is_named(function):
    with pytest.raises(ValueError, match=r"\(\.\.\., 3, H, W\), got \(2, 1, 8, 8\)"):
        function(torch.zeros(2, 1, 8, 8))
