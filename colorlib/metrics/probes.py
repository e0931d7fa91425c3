"""Probes: functions that measure a batch of pictures, each a group of measures with the same needs."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color
from colorlib.color import bins
from colorlib.data.images import Images
from colorlib.metrics.perceptual import load_lpips
from colorlib.metrics.pixels import ab_auc, ab_distance, ab_mae, ab_mse, accuracy, psnr, rgb_mae
from colorlib.models.classifier import CLASSES, load_classifier
from colorlib.models.objectives import Objective
from colorlib.models.predict import colorize
from colorlib.system.errors import DataError


class Batch(NamedTuple):
    """Some pictures as a network colored them, and as they are."""

    predicted: Tensor                # rgb (B,3,H,W) in [0,1]
    actual: Tensor                   # the same
    labels: Tensor | None = None     # (B,) int64, indices into images.classes
    images: Images | None = None     # all images that are measured, at their full size


Probe = Callable[[Batch], dict[str, Tensor]]    # a batch -> column name -> (B,) numbers, or (B,F) features, per picture


def colored_batch(model: nn.Module, objective: Objective, images: Images, rows: slice, size: int | None = None) -> Batch:
    """Color some rows of the images; both pictures are shrunk to ``size`` pixels, if it is given. All is on the CPU."""
    rgb = color.to_tensor(images.rgb[rows])
    predicted, actual = (F.adaptive_avg_pool2d(picture, size or images.size)
                         for picture in (colorize(model, objective, rgb), color.to_float(rgb)))
    return Batch(predicted, actual, color.to_tensor(images.labels[rows]), images)


def quick_probe(batch: Batch) -> dict[str, Tensor]:
    """PSNR, ab MAE, AuC and colorfulness: no setup, and the batch may be on any device."""
    predicted, actual = batch.predicted, batch.actual
    return {"psnr": psnr(predicted, actual), "ab_mae": ab_mae(predicted, actual), "auc": ab_auc(predicted, actual),
            "predicted_colorfulness": color.colorfulness(predicted), "actual_colorfulness": color.colorfulness(actual)}


def pixel_probe() -> Probe:
    """Probe of everything that compares pixel by pixel: ``quick_probe`` and more.

    Rebalanced AuC weights a pixel by how rare its color is in ``batch.images``, shrunk to the size of the batch.
    """
    known: dict[tuple[str, int], Tensor] = {}           # the images' digest, and the size -> (Q,) weights of the bins

    def probe(batch: Batch) -> dict[str, Tensor]:
        predicted, actual = batch.predicted, batch.actual
        if batch.images is None:
            raise ValueError("the pixel probe counts how rare colors are in batch.images: give them, or use quick_probe")
        key = batch.images.digest, actual.shape[-1]
        if key not in known:
            shrunk = (F.adaptive_avg_pool2d(color.to_float(rgb), actual.shape[-1]) for rgb in batch.images.in_order())
            prior = bins.smoothed_prior(bins.count_bins(shrunk))
            known[key] = bins.rebalancing_weights(prior, uniform=0).float()
        rarity = known[key][bins.nearest(color.split_lab(actual)[1], 1)[0][:, 0]]                 # (B,H,W)
        return quick_probe(batch) | {
            "ab_mse": ab_mse(predicted, actual), "rgb_mae": rgb_mae(predicted, actual),
            "rgb_mse": (predicted - actual).square().flatten(1).mean(1),
            "acc2": accuracy(predicted, actual, 2), "acc5": accuracy(predicted, actual, 5),
            "rarity": rarity.mean((1, 2)),
            "rarity_times_distance": (rarity * ab_distance(predicted, actual)).mean((1, 2)),
            "lightness": 100 * (color.to_gray(predicted) - color.to_gray(actual)).mean((1, 2, 3))}
    return probe


def ssim_and_ciede2000_probe(size: int) -> Probe:
    """Probe of SSIM, as Wang et al. 2004 define it, and mean CIEDE2000, both by scikit-image.

    Raises:
        DataError: if ``size`` is below 11 px, the window of SSIM; if scikit-image is not installed.
    """
    if size < 11:
        raise DataError(f"SSIM needs pictures of 11 px or more, got {size} px")
    try:
        from skimage.color import deltaE_ciede2000, rgb2lab
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise DataError("scikit-image is not installed: pip install scikit-image") from error
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}

    def probe(batch: Batch) -> dict[str, Tensor]:
        predicted, actual = (rgb.permute(0, 2, 3, 1).numpy() for rgb in (batch.predicted, batch.actual))
        ssim = [structural_similarity(a, b, channel_axis=-1, **wang) for a, b in zip(predicted, actual, strict=True)]
        difference = deltaE_ciede2000(rgb2lab(predicted), rgb2lab(actual)).mean((1, 2))
        return {"ssim": torch.tensor(ssim), "ciede2000": torch.tensor(difference)}
    return probe


def lpips_and_frechet_probe() -> Probe:
    """Probe of LPIPS with both networks, and of the VGG16 features for a Frechet distance.

    Raises:
        DataError: if the weights of a network are not there.
    """
    alexnet, vgg16 = load_lpips("alexnet"), load_lpips("vgg16")

    @torch.no_grad()
    def probe(batch: Batch) -> dict[str, Tensor]:
        predicted, actual = vgg16.features(batch.predicted), vgg16.features(batch.actual)
        return {"lpips_alexnet": alexnet(batch.predicted, batch.actual),
                "lpips_vgg16": vgg16.distance(predicted, actual),
                # The Frechet distance is of the coarsest features, averaged over the picture: (B,F).
                "predicted_features": predicted[-1].mean((2, 3)), "actual_features": actual[-1].mean((2, 3))}
    return probe


def recognition_probe(images: Images, size: int | None = None) -> Probe:
    """Probe of whether a classifier of CIFAR-10 recognizes the predicted, the gray, and the true picture.

    Pictures are shrunk to the 32 px that the classifier was trained with.

    Raises:
        DataError: for images of other classes or below 32 px; if the weights of the classifier are not there.
    """
    _classifier_labels(images)
    if (size or images.size) < 32:
        raise DataError(f"the classifier needs pictures of 32 px or more, got {size or images.size} px")
    model = load_classifier()

    def predicted_class(rgb: Tensor) -> Tensor:
        return model(F.adaptive_avg_pool2d(rgb, 32)).argmax(1)

    class_in_gray = computed_once(lambda actual: predicted_class(color.gray_to_rgb(color.to_gray(actual))))
    true_class = computed_once(predicted_class)

    @torch.no_grad()
    def probe(batch: Batch) -> dict[str, Tensor]:
        labels = _classifier_labels(batch.images)[batch.labels]
        found = {"gray_recognized": class_in_gray(batch.actual), "true_recognized": true_class(batch.actual),
                 "recognized": predicted_class(batch.predicted)}
        return {name: (classes == labels).float() for name, classes in found.items()}
    return probe


def computed_once(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function, with its results kept by the content of the pictures: the true ones are the same for every colorizer."""
    known: dict[bytes, Tensor] = {}

    def remembered(rgb: Tensor) -> Tensor:
        key = hashlib.blake2b(rgb.numpy().tobytes()).digest()
        if key not in known:
            known[key] = function(rgb)
        return known[key]
    return remembered


# Everything that can be measured. ``evaluate`` takes those that work for the images and on this machine.
_PROBES: dict[str, Callable[[Images, int | None], Probe]] = {
    "pixel measures": lambda images, size: pixel_probe(),
    "SSIM and CIEDE2000": lambda images, size: ssim_and_ciede2000_probe(size or images.size),
    "LPIPS and Frechet distance": lambda images, size: lpips_and_frechet_probe(),
    "recognition": recognition_probe,
}


def available_probes(images: Images, size: int | None = None,
                     skip: Collection[str] = ()) -> tuple[dict[str, Probe], list[str]]:
    """All probes that work for these images on this machine, and a sentence for each of the others.

    Args:
        size: as for ``evaluate``.
        skip: names of probes that are not needed.
    """
    return working_probes({name: partial(build, images, size) for name, build in _PROBES.items() if name not in skip})


def working_probes(builders: Mapping[str, Callable[[], Probe]]) -> tuple[dict[str, Probe], list[str]]:
    """The probes that can be built here, and a sentence for each of the others."""
    probes, missing = {}, []
    for name, build in builders.items():
        try:
            probes[name] = build()
        except DataError as error:
            missing.append(f"{name} left out: {error}")
    return probes, missing


def _classifier_labels(images: Images) -> Tensor:
    """The classifier's number of each class of the images: (classes,) int64."""
    if not set(images.classes) <= set(CLASSES):
        raise DataError(f"the classifier knows only {', '.join(CLASSES)}")
    return torch.tensor([CLASSES.index(name) for name in images.classes])
