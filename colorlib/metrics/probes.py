"""What can be measured of a picture, in groups: each a function of a batch, made for some images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color, metrics
from colorlib.color import bins
from colorlib.data.images import Images, at_once
from colorlib.metrics.perceptual import load_lpips, summary
from colorlib.models.classifier import CLASSES, load_classifier, right
from colorlib.models.objectives import Objective
from colorlib.models.recipe import colorize
from colorlib.system.errors import DataError
from colorlib.system.memory import trim_heap

PART = 4                 # of as many as are colored at once: the networks that look at them need more memory for each
TIDY = 64                # batches after which memory that was freed, and only kept at hand, goes back to the system


class Batch(NamedTuple):
    """What a colorizer made of some pictures."""

    predicted: Tensor            # rgb (B,3,H,W) in [0,1]
    actual: Tensor               # the same
    labels: Tensor               # (B,) int64
    start: int = 0               # the place of the first among the images


Probe = Callable[[Batch], dict[str, Tensor]]    # -> a name -> (B,), a number for each picture, or (B,F), rows of them


def pictures(model: nn.Module, objective: Objective, images: Images, size: int | None = None) -> Iterator[Batch]:
    """What a colorizer makes of the images, batch by batch, on the CPU; shrunk, if a size is given."""
    start = 0
    for number, rgb in enumerate(images.in_order(-(-at_once(images.size, images.size) // PART))):
        if number % TIDY == 0:                  # else glibc's heap frays, and takes a gigabyte in the end
            trim_heap()
        pair = colorize(model, objective, rgb), color.to_float(rgb)
        labels = torch.from_numpy(images.labels[start:start + len(rgb)])
        predicted, actual = (_shrunk(picture, size) for picture in pair)
        yield Batch(predicted, actual, labels, start)
        start += len(rgb)


def _shrunk(rgb: Tensor, size: int | None) -> Tensor:
    return rgb if size is None else F.adaptive_avg_pool2d(rgb, size)


def available_probes(images: Images, size: int | None = None) -> tuple[dict[str, Probe], list[str]]:
    """All that can be measured here, and a sentence for each that cannot.

    Args:
        size: as for ``evaluate``.
    """
    probes: dict[str, Probe] = {"numbers": pixel_probe(images, size)}
    missing = []
    for name, make in [("SSIM and CIEDE2000", lambda: ssim_and_ciede2000_probe(size or images.size)),
                       ("LPIPS and Frechet distance", lpips_and_frechet_probe),
                       ("recognition", lambda: recognition_probe(images, size))]:
        try:
            probes[name] = make()
        except DataError as error:
            missing.append(f"{name} left out: {error}")
    return probes, missing


def pixel_probe(images: Images, size: int | None = None) -> Probe:
    """Pixels compared one by one; how rare a color is, is counted in the images themselves, shrunk as they will be."""
    shrunk = (_shrunk(color.to_float(rgb), size) for rgb in images.in_order())
    rarity = bins.rarity(bins.prior(bins.count(shrunk)), uniform=0).float()

    def probe(batch: Batch) -> dict[str, Tensor]:
        predicted, actual = batch.predicted, batch.actual
        weights = rarity[bins.nearest(color.split_lab(actual)[1], 1)[0][:, 0]]                 # (B,H,W)
        error = weights * metrics.ab_distance(predicted, actual)
        return {"ab_mae": metrics.ab_mae(predicted, actual), "ab_mse": metrics.ab_mse(predicted, actual),
                "rgb_mae": metrics.rgb_mae(predicted, actual), "psnr": metrics.psnr(predicted, actual),
                "rgb_mse": (predicted - actual).square().flatten(1).mean(1),
                "acc2": metrics.accuracy(predicted, actual, 2), "acc5": metrics.accuracy(predicted, actual, 5),
                "auc": metrics.ab_auc(predicted, actual),
                "rare_error": error.mean((1, 2)), "rare": weights.mean((1, 2)),
                "lighter": 100 * (color.to_gray(predicted) - color.to_gray(actual)).mean((1, 2, 3)),
                "ours": color.colorfulness(predicted), "theirs": color.colorfulness(actual)}
    return probe


def ssim_and_ciede2000_probe(size: int) -> Probe:
    """SSIM as Wang et al. 2004 define it, and the mean CIEDE2000: both by scikit-image.

    Raises:
        DataError: for pictures of a ``size`` below 11, SSIM's window; if scikit-image is not installed.
    """
    if size < 11:
        raise DataError(f"they need pictures of 11 px or more, and these have {size}")
    try:
        from skimage.color import deltaE_ciede2000, rgb2lab
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise DataError("they need scikit-image: pip install scikit-image") from error
    as_wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}

    def probe(batch: Batch) -> dict[str, Tensor]:
        ours, theirs = (rgb.permute(0, 2, 3, 1).numpy() for rgb in (batch.predicted, batch.actual))
        ssim = [structural_similarity(a, b, channel_axis=-1, **as_wang) for a, b in zip(ours, theirs, strict=True)]
        far = deltaE_ciede2000(rgb2lab(ours), rgb2lab(theirs)).mean((1, 2))
        return {"ssim": torch.tensor(ssim), "ciede2000": torch.tensor(far)}
    return probe


def lpips_and_frechet_probe() -> Probe:
    """LPIPS with both networks, and the rows for a Frechet distance.

    Raises:
        DataError: if the networks cannot be had.
    """
    alexnet, vgg16 = load_lpips("alexnet"), load_lpips("vgg16")

    @torch.no_grad()
    def probe(batch: Batch) -> dict[str, Tensor]:
        ours, theirs = vgg16.features(batch.predicted), vgg16.features(batch.actual)
        return {"lpips_alexnet": alexnet(batch.predicted, batch.actual), "lpips_vgg16": vgg16.between(ours, theirs),
                "rows": summary(ours), "true_rows": summary(theirs)}
    return probe


def recognition_probe(images: Images, size: int | None = None) -> Probe:
    """Whether a classifier of CIFAR-10 names the picture rightly: colored, gray, and in its true colors.

    Larger pictures are shrunk to the 32 px that it was trained with. The last two are judged once, for all colorizers.

    Args:
        images: those that will be measured, and no others.
        size: as for ``evaluate``.

    Raises:
        DataError: for images of other classes, or smaller ones, or without the classifier's weights.
    """
    if not set(images.classes) <= set(CLASSES) or (size or images.size) < 32:
        raise DataError(f"the classifier knows only {', '.join(CLASSES)}, of 32 px or more")
    model, places = load_classifier(), torch.tensor([CLASSES.index(name) for name in images.classes])
    given: dict[int, dict[str, Tensor]] = {}            # by the start of a batch: the same for every colorizer

    def judged(rgb: Tensor, labels: Tensor) -> Tensor:
        return right(model, F.adaptive_avg_pool2d(rgb, 32), places[labels]).float()

    def probe(batch: Batch) -> dict[str, Tensor]:
        if batch.start not in given:
            gray = color.gray_to_rgb(color.to_gray(batch.actual))
            given[batch.start] = {"gray_recognized": judged(gray, batch.labels),
                                  "true_recognized": judged(batch.actual, batch.labels)}
        return {"recognized": judged(batch.predicted, batch.labels), **given[batch.start]}
    return probe
