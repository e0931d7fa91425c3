"""Protocols of papers: their picture size, their measures, and what they published, with the gain over a gray copy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from colorlib.data.images import Images
from colorlib.metrics.evaluation import MEASURES, Scores
from colorlib.metrics.imagenet import imagenet_probe
from colorlib.metrics.probes import Probe, pixel_probe, working_probes
from colorlib.system.errors import UsageError


@dataclass(frozen=True)
class Protocol:
    """How a paper measured, and its numbers."""

    paper: str
    photos: str                                  # that the paper measured on
    size: int                                    # pixels along each side
    measures: tuple[str, ...]                    # keys of MEASURES
    published: Mapping[str, Mapping[str, float]]       # a colorizer -> its measures; "gray copy" is one, if the paper has it


WIDTH = 34           # of a column
SIZES = {"cifar10": 32}            # pixels along each side of the images of data sets that have one size

PROTOCOLS = {
    "zhang2016": Protocol(
        "Zhang, Isola and Efros 2016, Colorful Image Colorization, Table 1", "10,000 validation photos of ImageNet", 256,
        ("auc", "auc_rebalanced", "top1"),
        {"true colors": {"top1": 0.683}, "gray copy": {"auc": 0.891, "auc_rebalanced": 0.580, "top1": 0.527},
         "Larsson et al. 2016": {"auc": 0.917, "top1": 0.594}, "L2": {"auc": 0.912}, "class": {"auc": 0.916},
         "full": {"auc": 0.895, "auc_rebalanced": 0.673, "top1": 0.560}}),
    "nazeri2018": Protocol(
        "Nazeri, Ng and Ebrahimi 2018, Image Colorization using Generative Adversarial Networks", "10,000 test photos of CIFAR-10", 32,
        ("acc2", "acc5"),
        {"U-Net": {"acc2": 0.137, "acc5": 0.372}, "GAN": {"acc2": 0.241, "acc5": 0.655}}),
}


def expect_large_images(protocol: Protocol, name: str) -> None:
    """Raise a UsageError if the images of a data set are smaller than those of the protocol: enlarged, they would be other photos."""
    if (size := SIZES.get(name, protocol.size)) < protocol.size:
        raise UsageError(f"{name} has images of {size} px, and {protocol.size} px are to be measured: give larger photos")


def protocol_probes(protocol: Protocol, images: Images) -> tuple[dict[str, Probe], list[str]]:
    """What the protocol measures on these images, and a sentence for what it cannot measure here."""
    top1 = {"top-1": partial(imagenet_probe, images)} if "top1" in protocol.measures else {}
    return working_probes({"pixels": pixel_probe} | top1)


def protocol_table(protocol: Protocol, scores: Mapping[str, Scores]) -> str:
    """Text table: a row per colorizer, then the rows of the paper. In brackets the gain over the gray copy of the same photos.

    Args:
        scores: a colorizer -> its scores; with a row "gray copy".
    """
    ours = {name: score.values for name, score in scores.items()}
    lines = [f"{'':32}" + "".join(f"{MEASURES[key].label:>{WIDTH}}" for key in protocol.measures),
             *_rows(ours, protocol.measures), f"published: {protocol.paper}; {protocol.photos}", *_rows(protocol.published, protocol.measures)]
    true = next(iter(scores.values())).per_image.get("true_top1")
    if true is not None:
        lines.append(f"in their true colors, {np.mean(true):.3f} of the photos are named rightly")
    if "gray copy" not in protocol.published:
        lines.append("the paper has no gray copy: its gain is not known")
    return "\n".join(lines)


def _rows(rows: Mapping[str, Mapping[str, float]], measures: tuple[str, ...]) -> list[str]:
    gray = rows.get("gray copy", {})
    return [f"{name:32}" + "".join(f"{_cell(values.get(key), gray.get(key)):>{WIDTH}}" for key in measures) for name, values in rows.items()]


def _cell(value: float | None, gray: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({value - gray:+.3f})" if gray is not None else "")
