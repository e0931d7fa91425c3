"""What ``colorlib evaluate`` reads, compares with, and writes: any photos in, a table and a JSON file out."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import nn

from colorlib import data, metrics
from colorlib.data.images import Images
from colorlib.metrics.evaluation import EVERY, Scores
from colorlib.models.objectives import Objective
from colorlib.models.weights import load_weights
from colorlib.system import paths
from colorlib.system.files import write_atomic


def evaluation_images(name: str, split: str, size: int, limit: int | None = None) -> tuple[Images, Images]:
    """The photos to measure on, and those whose mean color to compare with.

    Args:
        name: a data set, whose mean color is that of its training photos; or a folder or zip, of which all photos are
            measured, and the mean color is their own.
        limit: only so many, spread evenly.

    Raises:
        DataError: for a folder or zip that is not there or holds no photos.
        ValueError: for neither a data set nor a folder, a split that there is not, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be 1 or more, got {limit}")
    if name == "folder":
        raise ValueError("give the folder itself in place of 'folder'")
    if name not in data.DATASETS and not paths.expanded(name).exists():
        raise ValueError(f"there is no data set and no folder {name!r}: data sets are {', '.join(data.DATASETS)}")
    if name in data.DATASETS:
        images, others = data.load(name, split, size), data.load(name, "train", size)
    else:
        images = others = data.load("folder", "all", size, root=name)
    if limit is not None and limit < len(images):
        images = replace(images[np.linspace(0, len(images) - 1, limit).astype(int)],
                         source=f"{limit:,} of {images.source}")
    return images, others


def reference_colorizers(others: Images) -> dict[str, tuple[nn.Module, Objective]]:
    """What to show beside a colorizer: gray, one mean color, and the study's network."""
    model, recipe = load_weights("study")
    return metrics.baselines(others) | {"study": (model, recipe.build_objective())}


def table(scores: Mapping[str, Scores]) -> str:
    """A line for each measure, a column for each colorizer: the value, and half the width of its 95% interval."""
    columns = [max(16, len(name) + 2) for name in scores]
    head = f"{'':36}" + "".join(f"{name:>{width}}" for name, width in zip(scores, columns, strict=True))
    lines = [head]
    for key, measure in EVERY.items():
        found = [score.estimates.get(key) for score in scores.values()]
        if any(found):
            cells = (_cell(*estimate) for estimate in found)
            lines.append(f"{measure.label:36}" + "".join(f"{c:>{w}}" for c, w in zip(cells, columns, strict=True)))
    return "\n".join(lines)


def write_json(path: str | os.PathLike, scores: Mapping[str, Scores], images: Images) -> None:
    """All estimates, and the numbers of each photo, as JSON; what is not a number is null.

    Raises:
        WriteError: if it cannot be written.
    """
    content = {"data": images.source, "images": len(images), "colorizers": {
        name: {"measures": {key: {part: _finite(value) for part, value in estimate._asdict().items()}
                            for key, estimate in score.estimates.items()},
               "per_image": {key: [_finite(float(value)) for value in column]
                             for key, column in score.per_image.items()}}
        for name, score in scores.items()}}
    write_atomic(paths.expanded(path), json.dumps(content, indent=1).encode())


def _cell(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "-"
    digits = max(0, min(4, 3 - math.floor(math.log10(abs(value) or 1))))
    around = "" if not math.isfinite(high - low) else f" ±{(high - low) / 2:.{digits}f}"
    return f"{value:.{digits}f}{around}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
