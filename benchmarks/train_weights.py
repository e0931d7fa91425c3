"""Train the weights that colorlib ships: ``python benchmarks/train_weights.py NAME``, hours each, to be killed at will.

Started again, a training goes on where it was. At the end the running average of the weights is written in float16 to
``colorlib/weights/NAME.safetensors``; measure it with ``colorlib evaluate``.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from colorlib import data, paths
from colorlib.checkpoints import load_weights, save_weights
from colorlib.images import Images
from colorlib.recipe import Recipe
from colorlib.training import TrainConfig, fit

UNET = {"width": 32, "depth": 4}
VIVID = UNET | {"patch": 2, "full_size": False}


@dataclass(frozen=True)
class Training:
    """One file of weights: what is trained, how, and on what."""

    recipe: Recipe
    config: TrainConfig
    images: Callable[[int], tuple[Images, Images]]           # a size -> (to learn from, to validate on)
    start: str | None = None                                 # weights to begin with


def one_cycle(num_epochs: int, lr: float = 0.003, weight_decay: float = 0.05) -> TrainConfig:
    """AdamW, one cycle of learning rates, a running average of the weights."""
    return TrainConfig(num_epochs, 128, lr, "adamw", weight_decay, "one-cycle", ema=0.999)


def cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10, each picture with a mirrored margin of two pixels, so that another part is cut out every time."""
    train, valid = data.load("cifar10", "train", size).hold_out(2000)
    return replace(train, rgb=np.pad(train.rgb, ((0, 0), (0, 0), (2, 2), (2, 2)), "reflect")), valid


def plain_cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10 as it is, for the study's network."""
    return data.load("cifar10", "train", size).hold_out(2000)


def photos(size: int) -> tuple[Images, Images]:
    """Animals and everyday photos, an eighth larger than needed, so that another part is cut out every time."""
    roots = {"animals10": None, "folder": next(folder / "photos.zip" for folder in paths.search_dirs()
                                               if (folder / "photos.zip").exists())}
    train = [data.load(name, "train", size + size // 8, root) for name, root in roots.items()]
    valid = [data.load(name, "valid", size, root) for name, root in roots.items()]
    return _joined(*train), _joined(*valid)


def _joined(first: Images, second: Images) -> Images:
    """Both collections as one; their classes, which nobody asks for here, become one as well."""
    rgb = np.concatenate([first.rgb, second.rgb])
    return Images("photos", rgb, np.zeros(len(rgb), np.int64), np.arange(len(rgb)), ("photo",),
                  f"{first.source}; {second.source}")


TRAININGS: Mapping[str, Training] = {
    "study": Training(Recipe("course", "rgb-l2"), TrainConfig(20, 64, 0.001), plain_cifar),
    "cifar": Training(Recipe("unet", "ab-l1", 32, UNET), one_cycle(30), cifar),
    "cifar-vivid": Training(Recipe("unet", "bins", 32, VIVID), one_cycle(30), cifar),
}


def main() -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TRAININGS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    training = TRAININGS[options.name]
    folder = paths.PACKAGE / "weights"
    start = load_weights(folder / f"{training.start}.safetensors")[0] if training.start else None
    train, valid = training.images(training.recipe.size)
    print(train.source)
    run = fit(training.recipe, train, valid, replace(training.config, threads=options.threads),
              paths.runs_dir() / "weights" / options.name, start)
    folder.mkdir(exist_ok=True)
    save_weights(folder / f"{options.name}.safetensors", run.model, run.recipe, half=True)
    print({name: round(value, 4) for name, value in run.epochs[-1].items()})


if __name__ == "__main__":
    main()
