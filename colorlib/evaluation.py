"""Colorizers compared by every number the field uses, with what chance may have done to each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from colorlib import bins, color, metrics
from colorlib.classifier import CLASSES, load_classifier, right
from colorlib.errors import DataError
from colorlib.images import Images
from colorlib.objectives import Objective
from colorlib.perception import frechet, load_lpips, summary
from colorlib.recipe import colorize

Columns = Mapping[str, np.ndarray]              # a name -> one number for each image


class Batch(NamedTuple):
    """What a colorizer made of some pictures."""

    predicted: Tensor            # rgb (B,3,H,W) in [0,1]
    actual: Tensor               # the same
    labels: Tensor               # (B,) int64


Probe = Callable[[Batch], dict[str, Tensor]]    # -> a name -> (B,), a number for each picture, or (B,F), rows of them


class Estimate(NamedTuple):
    """A measure of some images, and the interval in which 95% of such collections of images would have it."""

    value: float
    low: float
    high: float


class Measure(NamedTuple):
    """One line of the table."""

    label: str                                              # with its unit
    better: str                                             # "less", "more", "near 1" or "near 0"
    needs: tuple[str, ...]                                  # the columns it is made of
    of: Callable[..., np.ndarray] = lambda mean: mean       # their means -> the measure


MEASURES: Mapping[str, Measure] = {
    "ab_mae": Measure("ab MAE (Lab units)", "less", ("ab_mae",)),
    "ab_rmse": Measure("ab RMSE (Lab units)", "less", ("ab_mse",), np.sqrt),
    "rgb_mae": Measure("RGB MAE (of 255)", "less", ("rgb_mae",)),
    "psnr": Measure("PSNR, mean of images (dB)", "more", ("psnr",)),
    "psnr_pooled": Measure("PSNR, pooled (dB)", "more", ("rgb_mse",), lambda mse: -10 * np.log10(mse)),
    "ssim": Measure("SSIM", "more", ("ssim",)),
    "ciede2000": Measure("CIEDE2000", "less", ("ciede2000",)),
    "acc2": Measure("accuracy at 2% (Nazeri)", "more", ("acc2",)),
    "acc5": Measure("accuracy at 5% (Nazeri)", "more", ("acc5",)),
    "auc": Measure("AuC, raw (Zhang)", "more", ("auc",)),
    "auc_rebalanced": Measure("AuC, rebalanced (Zhang)", "more", ("rare_error", "rare"), lambda e, w: 1 - e / w / 150),
    "colorfulness": Measure("colorfulness / truth", "near 1", ("ours", "theirs"), lambda ours, theirs: ours / theirs),
    "lightness": Measure("L - true L (Lab units)", "near 0", ("lighter",)),
    "lpips_alexnet": Measure("LPIPS, AlexNet", "less", ("lpips_alexnet",)),
    "lpips_vgg16": Measure("LPIPS, VGG16", "less", ("lpips_vgg16",)),
    "recognized": Measure("recognized by a classifier", "more", ("recognized",)),
    "won_back": Measure("won back of what gray loses", "more", ("recognized", "gray_recognized", "true_recognized"),
                        lambda ours, gray, true: (ours - gray) / (true - gray)),
}
# With the one that is no mean over images, and so has no interval.
EVERY = MEASURES | {"frechet": Measure("Frechet distance, VGG16 (not FID)", "less", ("rows", "true_rows"))}


@dataclass(frozen=True)
class Scores:
    """What was measured of one colorizer."""

    estimates: dict[str, Estimate]                  # a key of EVERY; the interval of "frechet" is NaN
    per_image: Columns = field(repr=False)          # what they are made of


def evaluate(colorizers: Mapping[str, tuple[nn.Module, Objective]], images: Images,
             probes: Mapping[str, Probe] | None = None, seed: int = 0,
             size: int | None = None) -> dict[str, Scores]:
    """Measure colorizers on the same images.

    Args:
        colorizers: a name -> a network and the objective that reads its output.
        probes: what to measure; by default all that ``every_probe`` finds here.
        seed: of the bootstrap: 1,000 times as many photos are drawn with replacement, each with all its crops; the
            interval is where the middle 95% of the results lie. What it does not cover: another training.
        size: pixels that both pictures are shrunk to before they are compared; by default they stay as they are.

    Returns:
        The same names -> their scores.

    Raises:
        ValueError: if there are no images.
    """
    if not len(images):
        raise ValueError(f"there are no images to measure on: {images.source}")
    probes = probes if probes is not None else every_probe(images, size)[0]
    scores = {}
    for name, (model, objective) in colorizers.items():
        batches = tqdm(pictures(model, objective, images, size), f"measuring {name}", leave=False, unit=" batches")
        found = [{key: value.numpy() for probe in probes.values() for key, value in probe(batch).items()}
                 for batch in batches]
        columns = {key: np.concatenate([batch[key] for batch in found]) for key in found[0]}
        per_image = {key: column for key, column in columns.items() if column.ndim == 1}
        scores[name] = Scores(_estimates(columns, images.groups, seed), per_image)
    return scores


def pictures(model: nn.Module, objective: Objective, images: Images, size: int | None = None) -> Iterator[Batch]:
    """What a colorizer makes of the images, batch by batch, on the CPU; shrunk, if a size is given."""
    start = 0
    for rgb in images.in_order():
        pair = colorize(model, objective, rgb), color.to_float(rgb)
        labels = torch.from_numpy(images.labels[start:start + len(rgb)])
        predicted, actual = (_shrunk(picture, size) for picture in pair)
        yield Batch(predicted, actual, labels)
        start += len(rgb)


def _shrunk(rgb: Tensor, size: int | None) -> Tensor:
    return rgb if size is None else F.adaptive_avg_pool2d(rgb, size)


def every_probe(images: Images, size: int | None = None) -> tuple[dict[str, Probe], list[str]]:
    """All that can be measured here, and a sentence for each that cannot.

    Args:
        size: as for ``evaluate``.
    """
    probes: dict[str, Probe] = {"numbers": by_numbers(images, size)}
    missing = []
    for name, make in [("SSIM and CIEDE2000", lambda: to_the_eye(size or images.size)),
                       ("LPIPS and Frechet distance", to_networks),
                       ("recognition", lambda: by_a_classifier(images, size))]:
        try:
            probes[name] = make()
        except DataError as error:
            missing.append(f"{name} left out: {error}")
    return probes, missing


def by_numbers(images: Images, size: int | None = None) -> Probe:
    """Pixels compared one by one; how rare a color is, is counted in the images themselves, shrunk as they will be."""
    shrunk = (_shrunk(color.to_float(rgb), size) for rgb in images.in_order())
    rarity = bins.rarity(bins.prior(bins.count(shrunk)), uniform=0).float()

    def probe(batch: Batch) -> dict[str, Tensor]:
        predicted, actual, _ = batch
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


def to_the_eye(size: int) -> Probe:
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


def to_networks() -> Probe:
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


def by_a_classifier(images: Images, size: int | None = None) -> Probe:
    """Whether a classifier of CIFAR-10 names the picture rightly: colored, gray, and in its true colors.

    Larger pictures are shrunk to the 32 px that it was trained with.

    Args:
        size: as for ``evaluate``.

    Raises:
        DataError: for images of other classes, or smaller ones, or without the classifier's weights.
    """
    if not set(images.classes) <= set(CLASSES) or (size or images.size) < 32:
        raise DataError(f"the classifier knows only {', '.join(CLASSES)}, of 32 px or more")
    model = load_classifier()
    known = torch.tensor([CLASSES.index(name) for name in images.classes])

    def probe(batch: Batch) -> dict[str, Tensor]:
        gray = color.gray_to_rgb(color.to_gray(batch.actual))
        seen = {"recognized": batch.predicted, "gray_recognized": gray, "true_recognized": batch.actual}
        return {name: right(model, F.adaptive_avg_pool2d(rgb, 32), known[batch.labels]).float()
                for name, rgb in seen.items()}
    return probe


def _estimates(columns: Columns, groups: np.ndarray, seed: int, rounds: int = 1000) -> dict[str, Estimate]:
    numbers = {name: column.astype(float) for name, column in columns.items() if column.ndim == 1}
    _, photo = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(photo, column) for column in (*numbers.values(), np.ones(len(groups)))])     # (C+1,P)
    random, photos = np.random.default_rng(seed), sums.shape[1]
    drawn = [sums.sum(1)] + [sums[:, random.integers(0, photos, photos)].sum(1) for _ in range(rounds)]
    *totals, counts = np.stack(drawn, 1)
    means = {name: total / counts for name, total in zip(numbers, totals, strict=True)}
    found = {}
    with np.errstate(divide="ignore", invalid="ignore"):         # photos without color have no fraction of it
        for name, measure in MEASURES.items():
            if set(measure.needs) <= set(means):
                value, *others = measure.of(*(means[column] for column in measure.needs))
                others = [other for other in others if np.isfinite(other)] or [np.nan]
                found[name] = Estimate(float(value), *map(float, np.percentile(others, [2.5, 97.5])))
    if "rows" in columns and len(groups) > 1:
        distance = frechet(torch.tensor(columns["rows"]), torch.tensor(columns["true_rows"]))
        found["frechet"] = Estimate(distance, np.nan, np.nan)
    return found
