"""Teach a trained network the colors of your own photos."""

import os

from colorlib import data
from colorlib.models.weights import load_weights
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit
from colorlib.training.runs import Run


def finetune(weights: str | os.PathLike, root: str | os.PathLike, num_epochs: int = 5, lr: float = 0.0003,
             batch_size: int = 32, run_dir: str | os.PathLike | None = None) -> Run:
    """Go on training shipped weights, or your own, on a folder of color photos.

    The photos are scaled an eighth larger than the network's size, and another part of each is cut out every time. A
    tenth of them validates, and another is left for you to test on. ``Colorizer(run.path / "best.safetensors")`` then
    colors with what was learned.

    Args:
        weights: a name such as "photos", or a weights file.
        root: a folder or zip of photos; what cannot be used is left out and counted.
        num_epochs: times to see every photo; with few photos, more do harm.
        lr: the highest learning rate of the cycle: small, since the network knows much already.
        batch_size: photos in a step.
        run_dir: where to keep the run; by default under ``runs/``, so that the same call goes on where it stopped.

    Raises:
        RunError: for weights that are not there, and as ``fit``.
        DataError: for a folder that is not there, or holds too few photos: three are the least.
        WriteError: if the run, or what is prepared for it, cannot be written.
        ValueError: for settings that ``TrainConfig`` does not take.
    """
    network, recipe = load_weights(weights)
    train = data.load("folder", "train", recipe.size + recipe.size // 8, root)
    valid = data.load("folder", "valid", recipe.size, root)
    config = TrainConfig(num_epochs, batch_size, lr, "adamw", weight_decay=0.01, schedule="one-cycle")
    return fit(recipe, train, valid, config, run_dir, start=network)
