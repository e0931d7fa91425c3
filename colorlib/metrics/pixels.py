"""Pixel measures of predicted pictures: PSNR, errors of color, and accuracies, one number per image.

In this file ``predicted`` and ``actual`` are rgb (B, 3, H, W), uint8 or float in [0, 1], on any device.
"""

import torch
from torch import Tensor

from colorlib import color


def psnr(predicted: Tensor, actual: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per image, from its mean squared error over all pixels and channels.

    Returns:
        (B,) in dB; 100 for equal images, whose ratio is infinite.
    """
    error = (color.to_float(predicted) - color.to_float(actual)).square().flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=1e-10))


def ab_mae(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean absolute error of a and b, per image: (B,) in Lab units. Errors of lightness do not count."""
    return _ab_error(predicted, actual).abs().flatten(1).mean(1)


def ab_mse(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean squared error of a and b, per image: (B,) in squared Lab units. The root of its mean is the RMSE."""
    return _ab_error(predicted, actual).square().flatten(1).mean(1)


def rgb_mae(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean absolute error of red, green and blue, per image: (B,) in levels of 255."""
    return 255 * (color.to_float(predicted) - color.to_float(actual)).abs().flatten(1).mean(1)


def accuracy(predicted: Tensor, actual: Tensor, tolerance: float) -> Tensor:
    """Fraction of pixels that are near enough in L, a and b: Nazeri et al. 2018, "Image Colorization using GANs".

    L, a and b are rounded. A pixel is right if ``|dL| <= e``, ``|da| <= 2.2 e`` and ``|db| <= 2.2 e``, since the range of a and b
    is 2.2 times that of L.

    Args:
        tolerance: e in percent of the range of L, which is 100. The paper gives 2 and 5.

    Returns:
        (B,) in [0, 1].
    """
    error = (color.rgb_to_lab(predicted).round() - color.rgb_to_lab(actual).round()).abs()
    allowed = torch.tensor([1, 2.2, 2.2], device=error.device).reshape(3, 1, 1) * tolerance
    return (error <= allowed + 1e-4).all(1).flatten(1).float().mean(1)         # 2.2 x 5 is 11, but not in float32


def ab_distance(predicted: Tensor, actual: Tensor) -> Tensor:
    """Distance of each pixel's color in the ab plane: (B, H, W) in Lab units, at most 150."""
    return _ab_error(predicted, actual).square().sum(1).sqrt().clamp(max=150)


def ab_auc(predicted: Tensor, actual: Tensor) -> Tensor:
    """Area under the curve of Zhang et al. 2016, section 3.1, per image; every pixel counts the same ("raw").

    The curve is the fraction of pixels whose distance in the ab plane is below t, for t from 0 to 150 Lab units. The
    area under such a cumulative distribution is 1 - mean(min(distance, 150)) / 150.

    Returns:
        (B,) in [0, 1].
    """
    return 1 - ab_distance(predicted, actual).flatten(1).mean(1) / 150


def _ab_error(predicted: Tensor, actual: Tensor) -> Tensor:
    """Difference of a and b, (B,2,H,W) in Lab units."""
    return color.split_lab(predicted)[1] - color.split_lab(actual)[1]
