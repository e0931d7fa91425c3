"""A training small enough for a test: its recipe, its settings, its files."""

from dataclasses import fields
from pathlib import Path

import pytest
import torch

from colorlib.data import load
from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.models.weights import save_weights
from colorlib.training.config import TrainConfig
from colorlib.training.runs import Run

RECIPE = Recipe("study", "ab-l1", 16, {"depth": 8, "width": 8})
CONFIG = TrainConfig(num_epochs=2, batch_size=32, lr=0.003, threads=1)
EVERYTHING = {"ema": 0.9, "schedule": "one-cycle", "optimizer": "adamw", "weight_decay": 0.01, "micro_batch": 20, "aged": 0.5}
# What a finished run leaves, besides its lock.
FILES = ("last.ckpt", "best.safetensors", "history.csv", "config.json")


ON_A_CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes a batch in one part")


def sample_photos() -> Images:
    """The embedded photos at 16 px, all squares of one after another: known numbers were stored in this order."""
    images = load("samples", "train", 16)
    return images[images.group_ids.argsort(kind="stable")]


def divide(samples: Images) -> tuple[Images, Images]:
    """Images to train on, for 8 steps an epoch, and images to validate on."""
    return samples[:320].hold_out(60)


def contents(run: Run) -> dict[str, bytes]:
    """The bytes of all that a run leaves behind."""
    return {file.name: file.read_bytes() for file in run.path.iterdir()}


def weights(folder: Path, size: int = 16, **options: int) -> Path:
    """A file with the weights of an untrained UNet that predicts ab."""
    recipe = Recipe("unet", "ab-l1", size, {"width": 8, "depth": 2} | options)
    save_weights(folder / "tiny.safetensors", recipe.build_model(), recipe)
    return folder / "tiny.safetensors"


def as_kind(kind: type[Images], images: Images) -> Images:
    """The same images as another class of them."""
    return kind(*(getattr(images, field.name) for field in fields(images)))
