"""Train the weights that colorlib ships: ``python benchmarks/train_weights.py NAME``, for hours, to be killed at will.

Started again, a training goes on where it was. At the end the weights with the lowest validation loss are written in
float16 to ``colorlib/weights/NAME.safetensors``; measure them with ``colorlib evaluate``.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from colorlib import data
from colorlib.color import bins
from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights, save_weights
from colorlib.system import paths
from colorlib.system.errors import DataError
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

Loader = Callable[[int], tuple[Images, Images]]             # a size -> (to learn from, to validate on)


@dataclass(frozen=True)
class Stage:
    """Some epochs at one size; the next stage goes on with its network."""

    size: int
    images: Loader
    config: TrainConfig


@dataclass(frozen=True)
class Training:
    """How one file of weights comes about."""

    recipe: Recipe                           # its size is that of the last stage
    stages: tuple[Stage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)        # of the network, only once it is trained
    rarity: float = 0                        # the share for ``rebalanced``, once it is trained

    @property
    def shipped(self) -> Recipe:
        """The recipe that is written beside the weights."""
        return replace(self.recipe, options=self.recipe.options | self.options)


def one_cycle(num_epochs: int, lr: float = 0.003, batch_size: int = 128) -> TrainConfig:
    """AdamW, one cycle of learning rates, a running average of the weights."""
    return TrainConfig(num_epochs, batch_size, lr, "adamw", weight_decay=0.05, schedule="one-cycle", ema=0.999)


def cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10, each picture with a mirrored margin of two pixels, so that another part is cut out every time."""
    train, valid = data.load("cifar10", "train", size).hold_out(2000)
    return replace(train, rgb=np.pad(train.rgb, ((0, 0), (0, 0), (2, 2), (2, 2)), "reflect")), valid


def plain_cifar(size: int) -> tuple[Images, Images]:
    """CIFAR-10 as it is, for the study's network."""
    return data.load("cifar10", "train", size).hold_out(2000)


def photos(size: int) -> tuple[Images, Images]:
    """Animals and everyday photos, an eighth larger than needed, so that another part is cut out every time."""
    everyday = [folder / "photos.zip" for folder in paths.search_dirs() if (folder / "photos.zip").exists()]
    if not everyday:
        raise DataError(f"there is no photos.zip, any zip of everyday photos, in {paths.data_dir()} or COLORLIB_DATA")
    roots = {"animals10": None, "folder": everyday[0]}
    train = [data.load(name, "train", size + size // 8, root) for name, root in roots.items()]
    valid = [data.load(name, "valid", size, root) for name, root in roots.items()]
    return _joined(*train), _joined(*valid)


def _joined(first: Images, second: Images) -> Images:
    """Both collections as one; their classes, which nobody asks for here, become one as well."""
    rgb = np.concatenate([first.rgb, second.rgb])
    return Images("photos", rgb, np.zeros(len(rgb), np.int64), np.arange(len(rgb)), ("photo",),
                  f"{first.source}; {second.source}")


def rebalanced(network: nn.Module, train: Images, share: float) -> nn.Module:
    """The network, in place, with ``share`` of the logarithm of each bin's rarity (Zhang's w) added to its logit.

    Learned without rebalancing, a distribution is honest; rebalanced afterwards, one training serves for any share.
    After Menon et al. 2021, "Long-tail learning via logit adjustment".
    """
    rarity = bins.rarity(bins.prior(bins.count(train.in_order())))
    with torch.no_grad():
        network.head[0].bias += share * rarity.log().float()
    return network


SHARP = {"width": 32, "depth": 4}                                             # sees every pixel
QUICK = {"width": 32, "depth": 4, "patch": 2}                                 # sees squares of 2 x 2
VIVID = {"width": 64, "depth": 3, "patch": 2, "full_size": False}
MIRROR = {"mirror": True}                                                     # twice the time, a little better
RARITY = 0.75                # on validation photos as colorful as the truth, at Zhang's temperature of 0.38
PHOTO_STAGES = (Stage(32, cifar, one_cycle(10)), Stage(64, photos, one_cycle(20, 0.002, 64)),
                Stage(128, photos, one_cycle(10, 0.001, 32)))

TRAININGS: Mapping[str, Training] = {
    "study": Training(Recipe("course", "rgb-l2"), (Stage(32, plain_cifar, TrainConfig(20, 64, 0.001)),)),
    "cifar": Training(Recipe("unet", "ab-l1", 32, SHARP), (Stage(32, cifar, one_cycle(24)),), MIRROR),
    "cifar-vivid": Training(
        Recipe("unet", "bins", 32, VIVID, {"rebalance": 1.0}), (Stage(32, cifar, one_cycle(20)),), MIRROR, RARITY),
    "photos": Training(Recipe("unet", "ab-l1", 128, QUICK), PHOTO_STAGES, MIRROR),
    "photos-vivid": Training(
        Recipe("unet", "bins", 128, QUICK | {"full_size": False}, {"rebalance": 1.0}), PHOTO_STAGES, MIRROR, RARITY),
}


def main() -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TRAININGS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    training, network = TRAININGS[options.name], None
    for number, stage in enumerate(training.stages, 1):
        train, valid = stage.images(stage.size)
        print(train.source)
        config = replace(stage.config, threads=options.threads)
        folder = paths.runs_dir() / "weights" / f"{options.name}-{number}"
        run = fit(replace(training.recipe, size=stage.size), train, valid, config, folder, network)
        if not run.finished(config.num_epochs):
            raise SystemExit("interrupted: the same call goes on there")
        network = load_weights(run.path / "best.safetensors")[0]
        print({name: round(value, 4) for name, value in run.epochs[-1].items()}, flush=True)
    if training.rarity:
        rebalanced(network, train, training.rarity)
    out = paths.PACKAGE / "weights" / f"{options.name}.safetensors"
    out.parent.mkdir(exist_ok=True)
    save_weights(out, network, training.shipped, half=True)


if __name__ == "__main__":
    main()
