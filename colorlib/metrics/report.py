"""What ``colorlib evaluate`` measures, compares with, prints and writes."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import nn

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.evaluation import MEASURES, Estimate, Scores, baselines
from colorlib.models.objectives import Objective
from colorlib.models.weights import load_weights
from colorlib.system import paths
from colorlib.system.errors import UsageError
from colorlib.system.files import write_atomic


def evaluation_images(name: str, split: str, size: int, limit: int | None = None) -> tuple[Images, Images]:
    """Load the images to measure on, and the images whose mean color is the baseline.

    Args:
        name: a data set, whose baseline is the mean color of its training images; or a folder or zip, of which all
            photos are measured, and whose baseline is the mean color of the same photos.
        limit: measure only so many images, spread evenly.

    Raises:
        DataError: for a data set, folder or zip that is not there, or that holds no photos.
        UsageError: for a name that is neither a data set nor a folder, another split, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be 1 or more, got {limit}")
    if name in data.DATASETS and name != "folder":
        images, others = data.load(name, split, size), data.load(name, "train", size)
    elif paths.expand_user(name).exists():
        images = others = data.load("folder", "all", size, root=name)
    else:
        names = ", ".join(dataset for dataset in data.DATASETS if dataset != "folder")
        raise UsageError(f"there is no data set and no folder {name!r}: give the path of a folder, or one of {names}")
    if limit is not None and limit < len(images):
        images = replace(images[np.linspace(0, len(images) - 1, limit).astype(int)],
                         source=f"{limit:,} of {images.source}")
    return images, others


def reference_colorizers(others: Images) -> dict[str, tuple[nn.Module, Objective]]:
    """Colorizers to compare with: the gray copy, the mean color of ``others``, and the study's network."""
    model, recipe = load_weights("study")
    return baselines(others) | {"study": (model, recipe.build_objective())}


def score_table(scores: Mapping[str, Scores]) -> str:
    """Text table of scores: a row per measure, a column per colorizer, each value with half its 95% interval."""
    widths = [max(16, len(name) + 2) for name in scores]
    rows = [["", *scores]]
    for key, measure in MEASURES.items():
        estimates = [score.estimates.get(key) for score in scores.values()]
        if any(estimates):
            rows.append([measure.label, *map(_cell, estimates)])
    return "\n".join(f"{label:36}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
                     for label, *cells in rows)


def write_json(path: str | os.PathLike, scores: Mapping[str, Scores], images: Images) -> None:
    """Write all estimates, and the columns of each image, as JSON; what is not finite becomes null.

    Raises:
        WriteError: if the file cannot be written.
    """
    content = {"data": images.source, "images": len(images), "colorizers": {
        name: {"measures": {key: estimate._asdict() for key, estimate in score.estimates.items()},
               "per_image": {key: column.tolist() for key, column in score.per_image.items()}}
        for name, score in scores.items()}}
    finite = json.loads(json.dumps(content), parse_constant=lambda nan_or_infinity: None)
    write_atomic(paths.expand_user(path), json.dumps(finite, indent=1).encode())


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or not math.isfinite(estimate.value):
        return "-"
    value, low, high = estimate
    digits = max(0, min(4, 3 - math.floor(math.log10(abs(value) or 1))))
    around = "" if not math.isfinite(high - low) else f" ±{(high - low) / 2:.{digits}f}"
    return f"{value:.{digits}f}{around}"
