"""Compare colorizers on standard metrics, with bootstrap intervals."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from colorlib import color
from colorlib.data.images import Images, images_per_batch
from colorlib.metrics.perceptual import frechet
from colorlib.metrics.probes import Probe, available_probes, colored_batch, quick_probe
from colorlib.models.networks import Constant
from colorlib.models.objectives import ABRegression, Objective
from colorlib.models.predict import eval_mode
from colorlib.system.heap import trim_heap
from colorlib.system.processor import core_threads
from colorlib.system.progress import progress_bar

Columns = Mapping[str, np.ndarray]              # a column name -> one number per image
QUICK_AT_ONCE = 2        # batches that are measured at the same time by ``QUICK``; the networks of LPIPS need the memory alone
QUICK: Mapping[str, Probe] = {"quick": quick_probe}     # for ``evaluate``: PSNR, ab MAE, AuC and colorfulness alone


class Estimate(NamedTuple):
    """Value of a measure on some images, and its 95% bootstrap interval over photos."""

    value: float
    low: float
    high: float


class Measure(NamedTuple):
    """One row of the table of scores."""

    label: str                                              # with its unit
    better: str                                             # "less", "more", "near 1" or "near 0"
    columns: tuple[str, ...]                                # of the probes
    formula: Callable[..., np.ndarray] = lambda mean: mean  # the columns' means over the images -> the measure


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
    "auc_rebalanced": Measure("AuC, rebalanced (Zhang)", "more", ("rarity_times_distance", "rarity"),
                              lambda weighted, weight: 1 - weighted / weight / 150),
    "colorfulness": Measure("colorfulness / truth", "near 1", ("predicted_colorfulness", "actual_colorfulness"),
                            np.divide),
    "lightness": Measure("L - true L (Lab units)", "near 0", ("lightness",)),
    "lpips_alexnet": Measure("LPIPS, AlexNet", "less", ("lpips_alexnet",)),
    "lpips_vgg16": Measure("LPIPS, VGG16", "less", ("lpips_vgg16",)),
    "recognized": Measure("recognized by a classifier", "more", ("recognized",)),
    "won_back": Measure("won back of what gray loses", "more", ("recognized", "gray_recognized", "true_recognized"),
                        lambda predicted, gray, true: (predicted - gray) / (true - gray)),
    "top1": Measure("named rightly, ImageNet (top-1)", "more", ("top1",)),
    # Distances of two sets of features: they have no mean over images, and no interval.
    "frechet": Measure("Frechet distance, VGG16 (not FID)", "less", ("predicted_features", "actual_features")),
    "fid": Measure("FID (Inception)", "less", ("predicted_inception", "actual_inception")),
}


@dataclass(frozen=True)
class Scores:
    """Measures of one colorizer."""

    estimates: dict[str, Estimate]                  # a key of MEASURES -> value and interval; NaN where it has none
    per_image: Columns = field(repr=False)          # the probes' columns with one number per image

    @property
    def values(self) -> dict[str, float]:
        """A key of MEASURES -> the value alone."""
        return {name: estimate.value for name, estimate in self.estimates.items()}


def evaluate(colorizers: Mapping[str, tuple[nn.Module, Objective]], images: Images,
             probes: Mapping[str, Probe] | None = None, seed: int = 0,
             size: int | None = None) -> dict[str, Scores]:
    """Compare colorizers on the same images.

    Intervals are bootstrap intervals: of 1,000 samples of the photos with replacement, each photo with all its crops,
    the middle 95%. They do not include the variation between trainings of a network.

    ``QUICK`` is measured by two threads. Networks, objectives and probes must not change while they are called.

    Args:
        colorizers: a name -> a network and the objective that decodes its output.
        probes: what to measure: ``QUICK`` for PSNR, ab MAE, AuC and colorfulness; by default all of
            ``available_probes``.
        seed: seed of the bootstrap.
        size: pixels that both pictures are shrunk to before they are compared; by default they are not shrunk.

    Returns:
        The same names -> their scores.

    Raises:
        ValueError: if there are no images.
    """
    if not len(images):
        raise ValueError(f"there are no images to measure on: {images.source}")
    probes = probes if probes is not None else available_probes(images, size)[0]
    scores = {}
    for name, (model, objective) in colorizers.items():
        measured = _measured(partial(_measure_batch, model, objective, images, size, probes), model, images, name,
                             QUICK_AT_ONCE if probes is QUICK else 1)
        columns = {key: np.concatenate([batch[key] for batch in measured]) for key in measured[0]}
        per_image = {key: column for key, column in columns.items() if column.ndim == 1}
        scores[name] = Scores(_estimates(columns, images.group_ids, seed), per_image)
    return scores


def _measured(measure: Callable[[slice], Columns], model: nn.Module, images: Images, name: str,
              at_once: int) -> list[Columns]:
    """Columns of all batches, of which ``at_once`` are measured at the same time."""
    batch_size = -(-images_per_batch(images.size, images.size) // at_once)
    rows = [slice(start, start + batch_size) for start in range(0, len(images), batch_size)]
    threads = core_threads(at_once) if at_once > 1 else nullcontext(_map_and_trim)
    with eval_mode(model), threads as mapper:       # outside of the threads, each of which would end it for the others
        return list(progress_bar(mapper(measure, rows), f"measuring {name}".rstrip(), total=len(rows), leave=False, unit=" batches"))


def _map_and_trim(measure: Callable[[slice], Columns], rows: Iterable[slice]) -> Iterator[Columns]:
    """``map`` that returns freed memory before each batch: glibc's heap, fragmented by the features of LPIPS, would grow."""
    for batch in rows:
        trim_heap()
        yield measure(batch)


def _measure_batch(model: nn.Module, objective: Objective, images: Images, size: int | None,
                   probes: Mapping[str, Probe], rows: slice) -> Columns:
    batch = colored_batch(model, objective, images, rows, size)
    return {key: value.numpy() for probe in probes.values() for key, value in probe(batch).items()}


def measures_from_means(means: Mapping[str, float]) -> dict[str, float]:
    """Measures from the means over images of a probe's columns, such as those of ``quick_probe``.

    Returns:
        Each measure whose columns are all there. A measure that is not finite is NaN, such as the colorfulness of gray
        photos.
    """
    return {name: value.item() for name, value in _measures({key: np.asarray(m) for key, m in means.items()}).items()}


def by_class(model: nn.Module, objective: Objective, images: Images) -> dict[str, dict[str, float]]:
    """Measures of ``QUICK`` on the images of each class. Classes without images are left out."""
    columns = evaluate({"": (model, objective)}, images, QUICK)[""].per_image
    rows = {name: images.labels == label for label, name in enumerate(images.classes)}
    return {name: measures_from_means({key: column[chosen].mean() for key, column in columns.items()})
            for name, chosen in rows.items() if chosen.any()}


def baselines(images: Images) -> dict[str, tuple[nn.Module, Objective]]:
    """Colorizers that every other has to beat: "gray copy", and "mean color", the mean ab of these images.

    Raises:
        ValueError: if there are no images.
    """
    if not len(images):
        raise ValueError(f"there are no images to take a mean color of: {images.source}")
    sums = sum(color.split_lab(rgb)[1].double().mean((2, 3)).sum(0) for rgb in images.in_order())
    mean = sums / len(images) / ABRegression.unit
    return {"gray copy": (Constant(torch.zeros(2)), ABRegression()), "mean color": (Constant(mean), ABRegression())}


def _measures(means: Columns) -> Columns:
    """``measures_from_means`` for one or several sets of images: all arrays have the same shape."""
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {name: measure.formula(*(means[column] for column in measure.columns))
                    for name, measure in MEASURES.items() if set(measure.columns) <= set(means)}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in measures.items()}


def _estimates(columns: Columns, groups: np.ndarray, seed: int, num_samples: int = 1000) -> dict[str, Estimate]:
    numbers = {name: column.astype(float) for name, column in columns.items() if column.ndim == 1}
    _, photo = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(photo, column) for column in (*numbers.values(), np.ones(len(groups)))])     # (C+1,P)
    random, photos = np.random.default_rng(seed), sums.shape[1]
    samples = [sums.sum(1)] + [sums[:, random.integers(0, photos, photos)].sum(1) for _ in range(num_samples)]
    *totals, counts = np.stack(samples, 1)                                # (1 + num_samples,) each: all photos first
    means = {name: total / counts for name, total in zip(numbers, totals, strict=True)}
    estimates = {}
    for name, (value, *sampled) in _measures(means).items():
        finite = [number for number in sampled if np.isfinite(number)] or [np.nan]
        estimates[name] = Estimate(float(value), *map(float, np.percentile(finite, [2.5, 97.5])))
    for key in ("frechet", "fid"):
        features = [columns[name] for name in MEASURES[key].columns if name in columns]
        if features and len(groups) > 1:
            estimates[key] = Estimate(frechet(*map(torch.from_numpy, features)), np.nan, np.nan)
    return estimates
