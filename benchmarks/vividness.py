"""Choose the vividness curve of weights that predict a distribution, and write it into their recipe.

On validation photos, every tilt is tried with every temperature. The curve goes from the least ab MAE (0) to the colorfulness of the
truth (1), at equal steps of colorfulness, along the lower convex hull of error over colorfulness: the best trade.

    python benchmarks/vividness.py colorlib/models/trained/photos.safetensors --data packs --vividness 0.5
    python benchmarks/vividness.py colorlib/models/trained/cifar-vivid.safetensors --data cifar
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from train_weights import cifar, packed, photos

from colorlib import color
from colorlib.color import bins
from colorlib.data.images import Images
from colorlib.metrics.evaluation import measures_from_means
from colorlib.metrics.probes import Batch, quick_probe
from colorlib.models.objectives import ABClassification
from colorlib.models.patches import average_patches
from colorlib.models.predict import network_output
from colorlib.models.weights import load_weights, save_weights
from colorlib.system.processor import parallel_map

TILTS = np.round(np.arange(0, 1.3, 0.15), 2)
TEMPERATURES = (0.3, 0.38, 0.5, 0.65, 0.8, 1.0)      # below, colors are those of the mode: they jump from place to place
POINTS = 5
COUNTED = 3_000         # training photos in which colors are counted


class Setting(NamedTuple):
    """A tilt and a temperature, and what they give."""

    tilt: float
    temperature: float
    colorfulness: float      # of the truth
    ab_mae: float
    psnr: float


def measured(model: torch.nn.Module, objective: ABClassification, images: Images) -> list[Setting]:
    """Every tilt with every temperature, on all images, at the size of the network's output."""
    settings = [(float(tilt), temperature) for tilt in TILTS for temperature in TEMPERATURES]

    def columns(rgb: torch.Tensor) -> list[Mapping[str, torch.Tensor]]:
        output = network_output(model, rgb)
        L, ab = (average_patches(part, output.shape[-2:]) for part in color.split_lab(rgb))
        truth = color.join_lab(L, ab)
        return [{name: column.sum() for name, column in quick_probe(Batch(
            replace(objective, tilt=tilt, temperature=temperature, vividness=None).decode(output, L), truth)).items()}
            for tilt, temperature in settings]

    sums = list(parallel_map(columns, images.in_order(4)))
    found = []
    for number, setting in enumerate(settings):
        means = {name: sum(batch[number][name].item() for batch in sums) / len(images) for name in sums[0][0]}
        measures = measures_from_means(means)
        found.append(Setting(*setting, measures["colorfulness"], measures["ab_mae"], measures["psnr"]))
    return found


def best_trades(settings: list[Setting]) -> list[Setting]:
    """The lower convex hull of ab MAE over colorfulness, from the least error to the most color."""
    hull: list[Setting] = []
    for new in sorted(settings, key=lambda setting: setting.colorfulness):
        while len(hull) > 1 and slope(hull[-2], new) <= slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(new)
    return hull[min(range(len(hull)), key=lambda i: hull[i].ab_mae):]


def slope(left: Setting, right: Setting) -> float:
    """Error that more color costs."""
    return (right.ab_mae - left.ab_mae) / max(right.colorfulness - left.colorfulness, 1e-9)


def along(hull: list[Setting]) -> list[tuple[float, float]]:
    """Tilts and temperatures at equal steps of colorfulness, up to that of the truth."""
    colorfulness = [setting.colorfulness for setting in hull]
    if colorfulness[-1] < 1:
        raise SystemExit(f"no setting is as colorful as the truth: at most {colorfulness[-1]:.2f}")
    places = np.linspace(colorfulness[0], 1, POINTS)
    return [tuple(round(float(np.interp(place, colorfulness, [setting[column] for setting in hull])), 3) for column in (0, 1))
            for place in places]


def main() -> None:
    """Measure, choose, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", choices=("packs", "photos", "cifar"), default="packs")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--vividness", type=float, help="that the weights then have (default: tilt and temperature stay as they are)")
    options = parser.parse_args()
    model, recipe = load_weights(options.weights)
    train, valid = {"packs": packed, "photos": photos, "cifar": cifar}[options.data](recipe.size)
    if "rarity" not in recipe.settings:
        prior = bins.smoothed_prior(bins.count_bins(train[:COUNTED].in_order()))
        recipe = replace(recipe, settings=recipe.settings | {"rarity": bins.rebalancing_weights(prior).tolist()})
    objective = recipe.build_objective()
    some = valid[np.linspace(0, len(valid) - 1, options.limit).astype(int)]
    settings = measured(model, objective, some)
    hull = best_trades(settings)
    print("\n".join(map(str, hull)))
    curve = along(hull)
    print(curve)
    chosen = {"curve": curve} | ({} if options.vividness is None else {"vividness": options.vividness})
    save_weights(options.weights, model, replace(recipe, settings=recipe.settings | chosen), half=True)


if __name__ == "__main__":
    main()
