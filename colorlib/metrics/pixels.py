"""How good the colors are, in numbers."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from colorlib import color
from colorlib.data.images import Images
from colorlib.models.networks import Constant, evaluating
from colorlib.models.objectives import ABRegression, Objective


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
    return _ab_error(predicted, actual).abs().flatten(1).mean(1)


def ab_mse(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean squared error of a and b of each image, to be averaged before the root is taken: RMSE.

    Args:
        predicted, actual: rgb (B, 3, H, W), uint8 or float in [0, 1].

    Returns:
        (B,) in squared Lab units.
    """
    return _ab_error(predicted, actual).square().flatten(1).mean(1)


def rgb_mae(predicted: Tensor, actual: Tensor) -> Tensor:
    """Mean absolute error of red, green and blue of each image: rgb (B, 3, H, W) both -> (B,) in levels of 255."""
    return 255 * (color.to_float(predicted) - color.to_float(actual)).abs().flatten(1).mean(1)


def accuracy(predicted: Tensor, actual: Tensor, tolerance: float) -> Tensor:
    """The share of right pixels of Nazeri et al. 2018, "Image Colorization using GANs": near enough in all of L, a, b.

    Lab is rounded, and right is |dL| <= e, and |da| and |db| <= 2.2 e, since a and b have 2.2 times the range of L.

    Args:
        predicted, actual: rgb (B, 3, H, W), uint8 or float in [0, 1].
        tolerance: e in percent of L's range, which is 100: the paper gives 2 and 5.

    Returns:
        (B,) in [0, 1].
    """
    off = (color.rgb_to_lab(predicted).round() - color.rgb_to_lab(actual).round()).abs()
    allowed = torch.tensor([1, 2.2, 2.2], device=off.device).reshape(3, 1, 1) * tolerance
    return (off <= allowed + 1e-4).all(1).flatten(1).float().mean(1)         # 2.2 x 5 is 11, but not in float32


def ab_distance(predicted: Tensor, actual: Tensor) -> Tensor:
    """Each pixel's error in the ab plane, rgb (B, 3, H, W) both -> (B, H, W) in Lab units, at most 150."""
    return _ab_error(predicted, actual).square().sum(1).sqrt().clamp(max=150)


def ab_auc(predicted: Tensor, actual: Tensor) -> Tensor:
    """Area under the curve of Zhang et al. 2016, section 3.1: the share of pixels whose color is off by less than t.

    t runs from 0 to 150 Lab units of distance in the ab plane. The area under a cumulative distribution up to 150 is
    1 - mean(min(error, 150)) / 150, which is what is computed.

    Args:
        predicted, actual: rgb (B, 3, H, W), uint8 or float in [0, 1].

    Returns:
        (B,) in [0, 1], raw: every pixel counts the same.
    """
    return 1 - ab_distance(predicted, actual).flatten(1).mean(1) / 150


def baselines(images: Images) -> dict[str, tuple[nn.Module, Objective]]:
    """What any colorizer has to beat: the gray photo, and the mean color of some images everywhere.

    Returns:
        A name -> a network and an objective, for ``validate``, ``by_class`` and ``evaluate``.

    Raises:
        ValueError: if there are no images.
    """
    if not len(images):
        raise ValueError(f"there are no images to take a mean color of: {images.source}")
    sums = sum(color.split_lab(rgb)[1].double().mean((2, 3)).sum(0) for rgb in images.in_order())
    mean = sums / len(images) / ABRegression.unit
    return {"gray copy": (Constant(torch.zeros(2)), ABRegression()), "mean color": (Constant(mean), ABRegression())}


def by_class(model: nn.Module, objective: Objective, images: Images) -> dict[str, Mapping[str, float]]:
    """What ``validate`` says of each class: a class -> its measures. A class without images is left out."""
    rows = {name: images.labels == label for label, name in enumerate(images.classes)}
    return {name: validate(model, objective, images[chosen]) for name, chosen in rows.items() if chosen.any()}


def validate(model: nn.Module, objective: Objective, images: Images, batch_size: int | None = None,
             sum_over_processes: Callable[[Tensor], Tensor] = Tensor.cpu) -> Mapping[str, float]:
    """Measure a network on images.

    Args:
        batch_size: images at once; by default as many as ``colorize`` takes.
        sum_over_processes: how to bring the sums of all processes together, if each of them measures some of the images.

    Returns:
        Loss, PSNR (dB), ab MAE (Lab units), AuC, colorfulness as a fraction of the truth's: each a mean over images.

    Raises:
        ValueError: if there are no images.
    """
    if not len(images):
        raise ValueError(f"there are no images to validate on: {images.source}")
    device = next(model.parameters()).device
    rows = []
    with evaluating(model):
        for rgb in images.in_order(batch_size):
            rgb = rgb.to(device)
            gray = color.to_gray(rgb)
            output = model(gray)
            predicted = objective.decode(output, 100 * gray)
            loss = objective.loss(output, rgb).expand(len(rgb))
            rows.append(torch.stack([torch.ones_like(loss), loss, psnr(predicted, rgb), ab_mae(predicted, rgb),
                                     ab_auc(predicted, rgb), color.colorfulness(predicted), color.colorfulness(rgb)]))
    sums = torch.cat(rows, 1).sum(1)                               # on the device until here: to look would be to wait
    count, *sums = sum_over_processes(sums).tolist()
    loss, psnr_mean, ab_mae_mean, ab_auc_mean, ours, theirs = (sum_ / count for sum_ in sums)
    ratio = ours / theirs if theirs else math.nan                  # photos without color have no such fraction
    return {"loss": loss, "psnr": psnr_mean, "ab_mae": ab_mae_mean, "auc": ab_auc_mean, "colorfulness": ratio}


def _ab_error(predicted: Tensor, actual: Tensor) -> Tensor:
    """rgb (B,3,H,W) both -> the difference of ab, (B,2,H,W) in Lab units."""
    (_, ab_hat), (_, ab) = color.split_lab(predicted), color.split_lab(actual)
    return ab_hat - ab
