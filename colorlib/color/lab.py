"""Conversion between sRGB and CIE Lab.

All functions work on tensors (..., 3, H, W) on any device, and are differentiable.
Lab follows CIE 15 with sRGB primaries (IEC 61966-2-1) and the D65 white point for the 2 degree observer: the
constants of ``skimage.color``, with which the tests compare to 1e-3.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

# Linear sRGB -> XYZ for D65, divided by the XYZ of white: white becomes (1, 1, 1), which is L = 100.
XYZ_FROM_RGB = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
XYZ_FROM_RGB /= np.array([[0.95047], [1.0], [1.08883]])
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
# Below EPSILON a straight line replaces the cube root of Lab (CIE 15:2004, eq. 8.7).
EPSILON, SLOPE, OFFSET = 0.008856, 7.787, 16 / 116


def to_tensor(rgb: Tensor | np.ndarray) -> Tensor:
    """Convert an array to a tensor, with a copy, since memory-mapped arrays are read-only; a tensor is unchanged."""
    return rgb if isinstance(rgb, Tensor) else torch.from_numpy(np.array(rgb))


def to_float(rgb: Tensor) -> Tensor:
    """Convert uint8 rgb in [0, 255] to float32 in [0, 1]; a float tensor is unchanged.

    Raises:
        ValueError: for any other type, whose value of white is unknown.
    """
    if rgb.dtype != torch.uint8 and not rgb.is_floating_point():
        raise ValueError(f"rgb must be uint8 in [0, 255] or float in [0, 1], got {rgb.dtype}")
    return rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb


def to_uint8(rgb: Tensor) -> Tensor:
    """Convert float rgb, clamped to [0, 1], to uint8 in [0, 255], rounded; uint8 is unchanged."""
    return rgb if rgb.dtype == torch.uint8 else (rgb.detach().clamp(0, 1) * 255).round().to(torch.uint8)


def to_linear(rgb: Tensor) -> Tensor:
    """Undo the sRGB gamma: values in [0, 1], of any shape -> linear light in [0, 1]."""
    # torch.where differentiates both branches, and the gradient of a negative base to the power 2.4 is nan.
    return torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def from_linear(linear: Tensor) -> Tensor:
    """Apply the sRGB gamma: linear light in [0, 1], of any shape -> values in [0, 1]."""
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, linear * 12.92)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB to CIE Lab.

    Args:
        rgb: (..., 3, H, W), uint8 in [0, 255] or float in [0, 1].

    Returns:
        (..., 3, H, W) float: L in [0, 100], then a and b in Lab units (about -86..98 and -108..94).

    Raises:
        ValueError: if the channel axis does not have length 3.
    """
    _expect_channels("rgb", rgb, 3)
    fx, fy, fz = _f(_mix(to_linear(to_float(rgb)), XYZ_FROM_RGB)).unbind(-3)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=-3)


def lab_to_linear(lab: Tensor) -> Tensor:
    """Convert CIE Lab (..., 3, H, W) to linear rgb, not clipped: colors outside the sRGB gamut leave [0, 1]."""
    L, a, b = lab.unbind(-3)
    fy = (L + 16) / 116
    f = torch.stack([fy + a / 500, fy, fy - b / 200], dim=-3)
    xyz = torch.where(f > EPSILON ** (1 / 3), f**3, (f - OFFSET) / SLOPE)
    return _mix(xyz, RGB_FROM_XYZ)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert CIE Lab to sRGB, each channel clamped to [0, 1].

    Clamping changes the lightness and hue of colors outside the gamut; ``clip_to_gamut`` keeps both.

    Args:
        lab: (..., 3, H, W) float: L in [0, 100], a and b in Lab units.

    Returns:
        (..., 3, H, W) float in [0, 1].

    Raises:
        ValueError: if the channel axis does not have length 3.
    """
    _expect_channels("lab", lab, 3)
    return from_linear(lab_to_linear(lab).clamp(0, 1))


def linear_in_gamut(linear: Tensor) -> Tensor:
    """Whether linear light (..., 3, H, W) lies in [0, 1], with a tolerance of 1e-4: (..., 1, H, W) bool."""
    return ((linear >= -1e-4) & (linear <= 1 + 1e-4)).all(dim=-3, keepdim=True)


def clip_to_gamut(lab: Tensor) -> Tensor:
    """Reduce the chroma of colors outside the sRGB gamut until sRGB contains them; L and hue stay.

    The chroma is found by bisection, with an error below 0.03 Lab units. Colors inside the gamut are unchanged.

    Args:
        lab: (..., 3, H, W) float: L in [0, 100], a and b in Lab units.

    Returns:
        (..., 3, H, W) float; gradients treat the factors as constants.
    """
    with torch.no_grad():
        outside = ~linear_in_gamut(lab_to_linear(lab))                                 # (...,1,H,W)
        pixels = lab.movedim(-3, 0)[:, outside.squeeze(-3)][:, None]                   # (3,1,P) outside the gamut
        low, high = torch.zeros_like(pixels[:1]), torch.ones_like(pixels[:1])          # low is inside: gray always is
        for _ in range(12):
            middle = (low + high) / 2
            inside = linear_in_gamut(lab_to_linear(torch.cat([pixels[:1], pixels[1:] * middle])))
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        factor = torch.ones_like(lab[..., :1, :, :]).masked_scatter(outside, low)
    return torch.cat([lab[..., :1, :, :], lab[..., 1:, :, :] * factor], dim=-3)


def to_gray(rgb: Tensor) -> Tensor:
    """Convert rgb (..., 3, H, W) to gray (..., 1, H, W), float in [0, 1]: L / 100, the input of every network here.

    Unlike the mean of R, G and B, or luma, L is equal for colors that look equally light.
    """
    _expect_channels("rgb", rgb, 3)
    return luminance_to_L(_mix(to_linear(to_float(rgb)), XYZ_FROM_RGB[1:2])) / 100


def luminance_to_L(luminance: Tensor) -> Tensor:  # noqa: N802 (L is the field's name)
    """Convert luminance (Y of CIE XYZ, 1 for white), of any shape, to L in [0, 100]."""
    return 116 * _f(luminance) - 16


def split_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Convert rgb (..., 3, H, W) to L (..., 1, H, W) in [0, 100] and ab (..., 2, H, W) in Lab units."""
    return rgb_to_lab(rgb).split([1, 2], -3)


def join_lab(L: Tensor, ab: Tensor) -> Tensor:
    """Convert L (..., 1, H, W) and ab (..., 2, H, W) to rgb (..., 3, H, W) in [0, 1], with chroma clipped to the gamut."""
    _expect_channels("L", L, 1)
    _expect_channels("ab", ab, 2)
    return lab_to_rgb(clip_to_gamut(torch.cat([L, ab], dim=-3)))


def gray_to_rgb(gray: Tensor) -> Tensor:
    """Convert gray (..., 1, H, W) in [0, 1] to colorless rgb (..., 3, H, W) of the same lightness."""
    _expect_channels("gray", gray, 1)
    return lab_to_rgb(torch.cat([100 * gray, torch.zeros_like(gray), torch.zeros_like(gray)], dim=-3))


def colorfulness(rgb: Tensor) -> Tensor:
    """Colorfulness of each image: M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images".

    Args:
        rgb: (..., 3, H, W), uint8 in [0, 255] or float in [0, 1].

    Returns:
        (...) float: 0 for gray, about 15 slightly, 33 moderately, 45 averagely, 59 quite, 82 highly,
        109 extremely colorful (Table 1 of the paper).
    """
    _expect_channels("rgb", rgb, 3)
    red, green, blue = (255 * to_float(rgb)).flatten(-2).unbind(-2)                 # (..., H*W) each
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=-2)       # (..., 2, H*W)
    spread = opponents.var(dim=-1, unbiased=False).sum(-1).sqrt()
    return spread + 0.3 * opponents.mean(dim=-1).norm(dim=-1)


def _f(t: Tensor) -> Tensor:
    return torch.where(t > EPSILON, t.clamp(min=EPSILON) ** (1 / 3), SLOPE * t + OFFSET)


def _mix(image: Tensor, matrix: np.ndarray) -> Tensor:
    """Multiply the channels of (..., 3, H, W) by a 3 x 3 or 1 x 3 matrix."""
    with torch.autocast(image.device.type, enabled=False):      # bfloat16 has too few digits for colors
        return torch.einsum("ij,...jhw->...ihw", _constant(matrix.tobytes(), image.dtype, image.device), image)


@cache
def _constant(matrix: bytes, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A matrix of three columns on a device: to copy it there in each step would make the step wait for the GPU."""
    with torch.inference_mode(False):           # also for gradients, wherever it is first used
        return torch.from_numpy(np.frombuffer(matrix).reshape(-1, 3).copy()).to(device, dtype)


def _expect_channels(name: str, image: Tensor, channels: int) -> None:
    if image.ndim < 3 or image.shape[-3] != channels:
        raise ValueError(f"{name} must be (..., {channels}, H, W), got {tuple(image.shape)}")
