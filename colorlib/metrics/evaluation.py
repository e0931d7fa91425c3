"""Colorizers compared by every number the field uses, with what chance may have done to each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from colorlib.data.images import Images
from colorlib.metrics.perceptual import frechet
from colorlib.metrics.probes import Probe, available_probes, pictures
from colorlib.models.objectives import Objective

Columns = Mapping[str, np.ndarray]              # a name -> one number for each image


class Estimate(NamedTuple):
    """A measure of some images, and its 95% interval: how far another draw of such images might move it."""

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
        probes: what to measure; by default all that ``available_probes`` finds here.
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
    probes = probes if probes is not None else available_probes(images, size)[0]
    scores = {}
    for name, (model, objective) in colorizers.items():
        batches = tqdm(pictures(model, objective, images, size), f"measuring {name}", leave=False, unit=" batches")
        found = [{key: value.numpy() for probe in probes.values() for key, value in probe(batch).items()}
                 for batch in batches]
        columns = {key: np.concatenate([batch[key] for batch in found]) for key in found[0]}
        per_image = {key: column for key, column in columns.items() if column.ndim == 1}
        scores[name] = Scores(_estimates(columns, images.groups, seed), per_image)
    return scores


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
