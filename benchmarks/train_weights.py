"""Train the weights that come with colorlib: ``python benchmarks/train_weights.py NAME``; takes up to two hours.

After a kill, the same command continues the training. At the end the weights with the lowest validation loss are written in
float16 to ``colorlib/models/trained/NAME.safetensors``; ``vividness.py`` chooses the curve of those that predict a
distribution. Measure them with ``colorlib evaluate``.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from colorlib import data
from colorlib.data.images import Images
from colorlib.data.prepare import prepare
from colorlib.data.readers import ImageTree
from colorlib.models.encoder_weights import pretrained
from colorlib.models.recipe import Recipe
from colorlib.models.weights import TRAINED, load_weights, save_weights
from colorlib.system import paths
from colorlib.system.errors import DataError
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

Loader = Callable[[int], tuple[Images, Images]]             # size -> (training images, validation images)


@dataclass(frozen=True)
class Stage:
    """Some epochs at one size; the next stage continues with the network."""

    size: int
    images: Loader
    config: TrainConfig
    options: Mapping[str, Any] = field(default_factory=dict)        # of the network in this stage
    settings: Mapping[str, Any] = field(default_factory=dict)       # of the objective in this stage
    rows: tuple[int, int | None] = (0, None)                        # of the training images: from, to


@dataclass(frozen=True)
class Training:
    """How one weights file is trained."""

    recipe: Recipe                           # with the size of the last stage
    stages: tuple[Stage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)        # set in the network after training


def one_cycle(num_epochs: int, lr: float = 0.003, batch_size: int = 128) -> TrainConfig:
    """AdamW, one cycle of learning rates, a moving average of the weights."""
    return TrainConfig(num_epochs, batch_size, lr, "adamw", weight_decay=0.05, schedule="one-cycle", ema=0.999)


def cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10, each picture with a mirrored margin of two pixels, for random crops."""
    train, valid = data.load("cifar10", "train", size).hold_out(2000)
    return replace(train, rgb=np.pad(train.rgb, ((0, 0), (0, 0), (2, 2), (2, 2)), "reflect")), valid


def plain_cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10 without changes, for the study's network."""
    return data.load("cifar10", "train", size).hold_out(2000)


def everyday_photos() -> Path:
    """``photos.zip``, any zip of everyday photos."""
    found = [folder / "photos.zip" for folder in paths.search_dirs() if (folder / "photos.zip").exists()]
    if not found:
        raise DataError(f"there is no photos.zip, any zip of everyday photos, in {paths.data_dir()} or COLORLIB_DATA")
    return found[0]


def photos(size: int) -> tuple[Images, Images]:
    """Animals and everyday photos, an eighth larger than needed, for random crops."""
    roots = {"animals10": None, "folder": everyday_photos()}
    train = [data.load(name, "train", size + size // 8, root) for name, root in roots.items()]
    valid = [data.load(name, "valid", size, root) for name, root in roots.items()]
    return _joined(*train), _joined(*valid)


def packed(size: int) -> tuple[Images, Images]:
    """Photos of ``photo_packs.py``, unpacked into the folder ``packs``."""
    folder = next((folder / "packs" for folder in paths.search_dirs() if (folder / "packs").exists()), None)
    if folder is None:
        raise DataError(f"there is no folder packs, of photo_packs.py, in {paths.data_dir()} or COLORLIB_DATA")
    return prepare("packs", folder, ImageTree, "train", size + size // 8), prepare("packs", folder, ImageTree, "valid", size)


def _joined(first: Images, second: Images) -> Images:
    """Join both collections, without their classes, which are not needed here."""
    rgb = np.concatenate([first.rgb, second.rgb])
    return Images("photos", rgb, np.zeros(len(rgb), np.int64), np.arange(len(rgb)), ("photo",),
                  f"{first.source}; {second.source}")


SHARP = {"width": 32, "depth": 4}                                             # sees every pixel
VIVID = {"width": 64, "depth": 3, "patch": 2, "full_size": False}             # sees patches of 2 x 2
MIRROR = {"mirror": True}                                                     # twice the time, a little better
BINS = {"rebalance": 1.0, "loss_stride": 7}                                   # of 96 x 96 values, every seventh is enough
FROZEN, TUNED = {"encoder": "frozen"}, {"encoder": "tuned"}
# The shares of old photos and of photos with hints are chosen, not compared.
FINE = replace(one_cycle(1, 0.002, 32), weight_decay=0.01, aged=0.25, hinted=0.3)

TRAININGS: Mapping[str, Training] = {
    "study": Training(Recipe("study", "rgb-l2"), (Stage(32, plain_cifar, TrainConfig(20, 64, 0.001)),)),
    "cifar": Training(Recipe("unet", "ab-l1", 32, SHARP), (Stage(32, cifar, one_cycle(24)),), MIRROR),
    "cifar-vivid": Training(Recipe("unet", "bins", 32, VIVID, {"rebalance": 1.0}), (Stage(32, cifar, one_cycle(20)),), MIRROR),
    # At first small photos and a frozen encoder, which is fast. At the end the encoder learns, slowly: after training at the full rate,
    # on 128 px, colors were worse the larger the copy that the network saw.
    "photos": Training(Recipe("encoder-unet", "bins", 128, TUNED, BINS, view=256), (
        Stage(128, packed, one_cycle(1, 0.002, 32), FROZEN, {"loss_stride": 3}, (0, 50_000)),
        Stage(192, packed, FINE, FROZEN, rows=(0, 65_000)),
        Stage(192, packed, replace(FINE, lr=0.001, encoder_lr=0.1), rows=(65_000, 122_000)))),
}


def _start(recipe: Recipe, before: nn.Module | None) -> nn.Module | None:
    """What a stage starts from: the network of the stage before, or a pretrained encoder where the recipe wants one."""
    if before is None:
        return pretrained(recipe) if recipe.options.get("encoder", "new") != "new" else None
    network = recipe.build_model()
    network.load_state_dict(before.state_dict())
    return network


def main() -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TRAININGS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    training, network = TRAININGS[options.name], None
    for number, stage in enumerate(training.stages, 1):
        train, valid = stage.images(stage.size)
        train = train[slice(*stage.rows)]
        print(train.source)
        recipe = replace(training.recipe, size=stage.size, options=training.recipe.options | stage.options,
                         settings=training.recipe.settings | stage.settings)
        config = replace(stage.config, threads=options.threads)
        folder = paths.runs_dir() / "weights" / f"{options.name}-{number}"
        run = fit(recipe, train, valid, config, folder, _start(recipe, network))
        if not run.finished:
            raise SystemExit("interrupted: the same command continues the training")
        network = load_weights(run.path / "best.safetensors")[0]
        print({name: round(value, 4) for name, value in run.epochs[-1].items()}, flush=True)
    recipe = replace(training.recipe, options=training.recipe.options | training.options)
    save_weights(TRAINED / f"{options.name}.safetensors", network, recipe, half=True)


if __name__ == "__main__":
    main()
