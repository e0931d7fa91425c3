"""Compare objectives at equal training time: ``python benchmarks/objectives.py OUT``. After a kill, start it again.

First the speed of each objective is timed, in photos per second, and kept in OUT/speeds.json, so that the benchmark has
the same plan when it is started again. Then every variant trains for the same time, with several seeds.
OUT/objectives.csv has a row per training, measured on 2,000 held-out photos of CIFAR-10 (but not on recognition, since
the classifier was trained on half of them). All variants but the study's have the same network, except its last layer.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from colorlib import data
from colorlib.metrics.evaluation import MEASURES
from colorlib.models.recipe import Recipe
from colorlib.study.study import Row, Study, Trial
from colorlib.study.tables import write_table
from colorlib.system.files import write_atomic
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

NET = {"width": 32, "depth": 3, "patch": 2}
HALF = NET | {"full_size": False}
RECIPES: Mapping[str, Recipe] = {
    "study: CourseNet, RGB L2": Recipe("study", "rgb-l2"),
    "study: CourseNet, RGB L1": Recipe("study", "rgb-l1"),
    "RGB L2": Recipe("unet", "rgb-l2", 32, NET),
    "RGB L1": Recipe("unet", "rgb-l1", 32, NET),
    "ab L2": Recipe("unet", "ab-l2", 32, NET),
    "ab L1": Recipe("unet", "ab-l1", 32, NET),
    "bins": Recipe("unet", "bins", 32, HALF, {"rebalance": 1.0}),
    "bins, rebalanced": Recipe("unet", "bins", 32, HALF, {"rebalance": 0.5}),
    "ab L2 + perceptual": Recipe("unet", "perceptual", 32, NET, {"features": "classifier", "weight": 0.02}),
}
SPANS = (1_024, 11_264)      # photos to time
SHOWN = ("ab_mae", "psnr", "acc5", "auc", "auc_rebalanced", "colorfulness", "lpips_alexnet", "frechet")


def config(name: str, num_epochs: int) -> TrainConfig:
    """The study's own settings for its network; for the others one cycle of learning rates."""
    if name.startswith("study"):
        return TrainConfig(num_epochs, 64, 0.001)
    return TrainConfig(num_epochs, 128, 0.003, "adamw", weight_decay=0.05, schedule="one-cycle")


def speed(name: str, recipe: Recipe) -> float:
    """Training speed in photos per second, from two epochs of different length."""
    train, valid = data.load_to_train("cifar10")
    seconds = []
    for count in SPANS:
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            run = fit(recipe, train[:count], valid[:64], config(name, 1), Path(folder) / "run")
            seconds.append(time.perf_counter() - start)
        if not run.finished:
            raise SystemExit("interrupted: start the same command again")
    return (SPANS[1] - SPANS[0]) / (seconds[1] - seconds[0])        # the time to start cancels out


def trial(name: str, recipe: Recipe, photos: float) -> Trial:
    """A trial that sees about so many photos, in as few epochs as possible."""
    num_epochs = math.ceil(photos / 44_000)
    return Trial(recipe, config(name, num_epochs), num_images=round(photos / num_epochs), num_valid=2_000)


def show(rows: list[Row]) -> None:
    """Print the mean and the standard deviation over the seeds."""
    measures = pd.DataFrame([{"variant": row.variant, **row.measures} for row in rows if not row.error])
    print(measures.groupby("variant", sort=False).agg(["mean", "std"]).round(3).to_string())
    print("; ".join(f"{name}: {MEASURES[name].label}" for name in SHOWN))


def main() -> None:
    """Time, train, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=3, help="of training, each")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    plan = options.out / "speeds.json"
    speeds = json.loads(plan.read_text()) if plan.exists() else {}
    for name in [name for name in RECIPES if name not in speeds]:
        speeds[name] = speed(name, RECIPES[name])
        write_atomic(plan, json.dumps(speeds, indent=1).encode())
    variants = {name: trial(name, recipe, 60 * options.minutes * speeds[name]) for name, recipe in RECIPES.items()}
    rows = [row._replace(measures={name: row.measures[name] for name in SHOWN if name in row.measures})
            for row in Study(variants, range(options.seeds)).run()]
    write_table(options.out / "objectives.csv", rows)
    show(rows)
    if failed := [f"{row.variant}, seed {row.seed}: {row.error}" for row in rows if row.error]:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
