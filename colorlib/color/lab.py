"""RGB <-> CIE Lab: the color space in which a network only has to guess two of three numbers.

Everything here works on tensors of any device and shape (..., 3, H, W), and can be differentiated.
Lab follows CIE 15 with sRGB primaries (IEC 61966-2-1) and the D65 white point for the 2 degree
observer: the constants of ``skimage.color``, with which the tests compare to 1e-3.
"""

import numpy as np
import torch
from torch import Tensor

# sRGB (linear) -> XYZ, D65; and the white point that L = 100 stands for.
XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
# Where the cube root of Lab gives way to a straight line, and that line (CIE 15:2004, eq. 8.7).
EPSILON, SLOPE, OFFSET = 0.008856, 7.787, 16 / 116


def to_tensor(rgb: Tensor | np.ndarray) -> Tensor:
    """A tensor comes back as it is; an array is copied, since a memory-mapped one is read-only and no tensor may be."""
    return rgb if isinstance(rgb, Tensor) else torch.from_numpy(np.array(rgb))


def to_float(rgb: Tensor) -> Tensor:
    """uint8 rgb in [0, 255] -> float32 in [0, 1]; a float tensor comes back as it is.

    Raises:
        ValueError: for any other type, of which nobody could say what its white is.
    """
    if rgb.dtype != torch.uint8 and not rgb.is_floating_point():
        raise ValueError(f"rgb must be uint8 in [0, 255] or float in [0, 1], got {rgb.dtype}")
    return rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb


def to_uint8(rgb: Tensor) -> Tensor:
    """Float rgb in [0, 1] (anything outside is clamped) -> uint8 in [0, 255], rounded; uint8 comes back as it is."""
    return rgb if rgb.dtype == torch.uint8 else (rgb.detach().clamp(0, 1) * 255).round().to(torch.uint8)


def _mix(image: Tensor, matrix: Tensor) -> Tensor:
    """Apply a 3 x 3 (or 1 x 3) matrix to the channels of (..., 3, H, W)."""
    with torch.autocast(image.device.type, enabled=False):      # colors need more than bfloat16's three digits
        return torch.einsum("ij,...jhw->...ihw", matrix.to(image), image)


def _xyz_from_rgb() -> Tensor:
    """The matrix linear rgb -> XYZ / white, so that white is 1, 1, 1."""
    return torch.tensor(XYZ_FROM_RGB, dtype=torch.float64) / torch.tensor(WHITE, dtype=torch.float64)[:, None]


def to_linear(rgb: Tensor) -> Tensor:
    """Undo the sRGB gamma: values in [0, 1], of any shape -> linear light in [0, 1]."""
    # The clamp keeps the unused branch of `where` differentiable: 0 ** 1.4 has a slope, (-x) ** 1.4 has none.
    return torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def from_linear(linear: Tensor) -> Tensor:
    """Apply the sRGB gamma: linear light in [0, 1], of any shape -> values in [0, 1]."""
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, linear * 12.92)


def _f(t: Tensor) -> Tensor:
    return torch.where(t > EPSILON, t.clamp(min=EPSILON) ** (1 / 3), SLOPE * t + OFFSET)


def _f_inverse(f: Tensor) -> Tensor:
    return torch.where(f > EPSILON ** (1 / 3), f**3, (f - OFFSET) / SLOPE)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB -> CIE Lab.

    Args:
        rgb: (..., 3, H, W), uint8 in [0, 255] or float in [0, 1].

    Returns:
        (..., 3, H, W) float: L in [0, 100], then a and b in Lab units (about -86..98 and -108..94).

    Raises:
        ValueError: if the channel axis is not 3 long.
    """
    _expect_channels("rgb", rgb, 3)
    rgb = to_float(rgb)
    fx, fy, fz = _f(_mix(to_linear(rgb), _xyz_from_rgb())).unbind(-3)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=-3)


def lab_to_linear(lab: Tensor) -> Tensor:
    """CIE Lab (..., 3, H, W) -> linear rgb, not clipped: below 0 or above 1 is a color that no screen shows."""
    L, a, b = lab.unbind(-3)
    fy = (L + 16) / 116
    f = torch.stack([fy + a / 500, fy, fy - b / 200], dim=-3)
    return _mix(_f_inverse(f), torch.linalg.inv(_xyz_from_rgb()))


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab -> sRGB, each channel clamped to [0, 1].

    Clamping a color that lies outside the gamut changes its lightness and hue;
    ``clip_to_gamut`` first keeps both.

    Args:
        lab: (..., 3, H, W) float: L in [0, 100], a and b in Lab units.

    Returns:
        (..., 3, H, W) float in [0, 1].

    Raises:
        ValueError: if the channel axis is not 3 long.
    """
    _expect_channels("lab", lab, 3)
    return from_linear(lab_to_linear(lab).clamp(0, 1))


def in_gamut(lab: Tensor) -> Tensor:
    """Which pixels of lab (..., 3, H, W) sRGB can show: (..., 1, H, W) bool."""
    return shown(lab_to_linear(lab))


def shown(linear: Tensor) -> Tensor:
    """Which pixels of linear light (..., 3, H, W) are in [0, 1], to 1e-4: (..., 1, H, W) bool."""
    return ((linear >= -1e-4) & (linear <= 1 + 1e-4)).all(dim=-3, keepdim=True)


def clip_to_gamut(lab: Tensor, steps: int = 12) -> Tensor:
    """Pull every color that sRGB cannot show straight toward gray, until it can.

    L and hue stay as they are; only the chroma shrinks, by a factor found by bisection to 2**-steps.
    Colors inside the gamut come back unchanged, to the bit.

    Args:
        lab: (..., 3, H, W) float: L in [0, 100], a and b in Lab units.
        steps: bisection steps; 12 leave an error below 0.03 Lab units.

    Returns:
        (..., 3, H, W) float; gradients flow as if the factors were constant.
    """
    with torch.no_grad():
        outside = ~in_gamut(lab)                                            # (...,1,H,W)
        few = lab.movedim(-3, 0)[:, outside.squeeze(-3)][:, None]           # (3,1,P): only these need work
        low, high = torch.zeros_like(few[:1]), torch.ones_like(few[:1])     # low is always inside: gray is
        for _ in range(steps):
            middle = (low + high) / 2
            fits = in_gamut(torch.cat([few[:1], few[1:] * middle]))
            low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
        factor = torch.ones_like(lab[..., :1, :, :]).masked_scatter(outside, low)
    return torch.cat([lab[..., :1, :, :], lab[..., 1:, :, :] * factor], dim=-3)


def to_gray(rgb: Tensor) -> Tensor:
    """rgb (..., 3, H, W) -> gray (..., 1, H, W) float in [0, 1]: L / 100, what every network here sees.

    The average of R, G and B, or luma, would make yellow and blue of one lightness differ; L does not.
    """
    _expect_channels("rgb", rgb, 3)
    rgb = to_float(rgb)
    return lightness(_mix(to_linear(rgb), _xyz_from_rgb()[1:2])) / 100


def lightness(luminance: Tensor) -> Tensor:
    """The Y of CIE XYZ, 1 for white, of any shape -> L in [0, 100]."""
    return 116 * _f(luminance) - 16


def split_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """rgb (..., 3, H, W) -> L (..., 1, H, W) in [0, 100] and ab (..., 2, H, W) in Lab units."""
    lab = rgb_to_lab(rgb)
    return lab[..., :1, :, :], lab[..., 1:, :, :]


def join_lab(L: Tensor, ab: Tensor) -> Tensor:
    """L (..., 1, H, W) and ab (..., 2, H, W) -> rgb (..., 3, H, W) in [0, 1], chroma clipped to the gamut."""
    _expect_channels("L", L, 1)
    _expect_channels("ab", ab, 2)
    return lab_to_rgb(clip_to_gamut(torch.cat([L, ab], dim=-3)))


def gray_to_rgb(gray: Tensor) -> Tensor:
    """The gray photo: gray (..., 1, H, W) in [0, 1] -> the rgb (..., 3, H, W) without color of the same lightness."""
    _expect_channels("gray", gray, 1)
    return lab_to_rgb(torch.cat([100 * gray, torch.zeros_like(gray), torch.zeros_like(gray)], dim=-3))


def colorfulness(rgb: Tensor) -> Tensor:
    """How colorful each image looks: M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images".

    Args:
        rgb: (..., 3, H, W), uint8 in [0, 255] or float in [0, 1].

    Returns:
        (...) float: 0 for gray, about 15 slightly, 33 moderately, 45 averagely, 59 quite, 82 highly,
        109 extremely colorful (their Table 1).
    """
    _expect_channels("rgb", rgb, 3)
    red, green, blue = (255 * to_float(rgb)).flatten(-2).unbind(-2)                 # (..., H*W) each
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=-2)       # (..., 2, H*W)
    spread = opponents.var(dim=-1, unbiased=False).sum(-1).sqrt()
    return spread + 0.3 * opponents.mean(dim=-1).norm(dim=-1)


def _expect_channels(name: str, image: Tensor, channels: int) -> None:
    if image.ndim < 3 or image.shape[-3] != channels:
        raise ValueError(f"{name} must be (..., {channels}, H, W), got {tuple(image.shape)}")
