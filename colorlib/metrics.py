"""How good the colors are, in numbers."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colorlib import color
from colorlib.images import Images
from colorlib.objectives import Objective


def psnr(predicted: Tensor, actual: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, from its mean squared error over all pixels and channels.

    Args:
        predicted, actual: rgb (B, 3, H, W), uint8 or float in [0, 1].

    Returns:
        (B,) in dB; 100 for equal images, where it would be infinite.
    """
    error = (color.to_float(predicted) - color.to_float(actual)).square().flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=1e-10))


def ab_mae(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean absolute error of a and b of each image: what is wrong with its color, whatever its lightness.

    Args:
        predicted, actual: rgb (B, 3, H, W), uint8 or float in [0, 1].

    Returns:
        (B,) in Lab units.
    """
    (_, ab_hat), (_, ab) = color.split_lab(predicted), color.split_lab(actual)
    return (ab_hat - ab).abs().flatten(1).mean(1)


@torch.no_grad()
def validate(model: nn.Module, objective: Objective, images: Images, batch_size: int = 64) -> Mapping[str, float]:
    """Loss, PSNR (dB), ab MAE (Lab units) and colorfulness as a fraction of the truth's, each a mean over images."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    sums = torch.zeros(5, dtype=torch.float64)                     # on the CPU: not every device has float64
    for rgb in images.in_order(batch_size):
        rgb = rgb.to(device)
        gray = color.to_gray(rgb)
        output = model(gray)
        predicted = objective.decode(output, 100 * gray)
        per_image = [psnr(predicted, rgb), ab_mae(predicted, rgb), color.colorfulness(predicted),
                     color.colorfulness(rgb)]
        sums[0] += objective.loss(output, rgb).item() * len(rgb)
        sums[1:] += torch.stack(per_image).sum(1).cpu()
    model.train(was_training)
    loss, psnr_mean, ab_mae_mean, ours, theirs = (sums / len(images)).tolist()
    ratio = ours / theirs if theirs else math.nan                  # photos without color have no such fraction
    return {"loss": loss, "psnr": psnr_mean, "ab_mae": ab_mae_mean, "colorfulness": ratio}
