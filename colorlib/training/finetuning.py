"""Fine-tune trained weights on your own photos."""

import os

from colorlib import data
from colorlib.models.weights import load_weights
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit
from colorlib.training.runs import Run


def finetune(weights: str | os.PathLike, root: str | os.PathLike, num_epochs: int = 5, lr: float = 0.0003,
             batch_size: int = 32, run_dir: str | os.PathLike | None = None) -> Run:
    """Continue the training of a weights file on a folder of color photos.

    The photos are scaled an eighth larger than the network's size, and random squares are cut from them. A tenth of them
    validates, and another tenth is left for you to test on. ``Colorizer(run.path / "best.safetensors")`` colors with the
    epoch that validated best, which with few photos may be an early one.

    Args:
        weights: a name such as "photos", or a weights file.
        root: a folder or zip of photos; unusable files are left out and counted.
        num_epochs: passes over the photos; with few photos, more do harm.
        lr: peak of the learning rate cycle: small, since the network is already trained.
        batch_size: photos in a step.
        run_dir: where to keep the run; by default under ``runs/``, so that the same call resumes it.

    Raises:
        RunError: for weights that do not exist, and as ``fit``.
        DataError: for a folder that does not exist, or holds fewer than three usable photos.
        WriteError: if the run, or the prepared photos, cannot be written.
        UsageError: for settings that ``TrainConfig`` does not allow.
    """
    network, recipe = load_weights(weights)
    train = data.load("folder", "train", recipe.size + recipe.size // 8, root)
    valid = data.load("folder", "valid", recipe.size, root)
    encoder_lr = 0.1 if recipe.model == "encoder-unet" else 1.0
    config = TrainConfig(num_epochs, batch_size, lr, "adamw", encoder_lr, weight_decay=0.01, schedule="one-cycle")
    return fit(recipe, train, valid, config, run_dir, start=network)
