"""Trained weights by name: those that come with colorlib, or a file of your own."""

import os
from pathlib import Path

from torch import nn

from colorlib import paths
from colorlib.checkpoints import load_weights
from colorlib.errors import RunError
from colorlib.recipe import Recipe


def shipped() -> dict[str, Path]:
    """The weights that come with colorlib: a name -> its file. Their README says how each was trained."""
    return {path.stem: path for path in sorted((paths.PACKAGE / "weights").glob("*.safetensors"))
            if path.stem != "classifier"}


def load_pretrained(weights: str | os.PathLike) -> tuple[nn.Module, Recipe]:
    """A trained network, in eval mode, and its recipe.

    Args:
        weights: a name of ``shipped()``, or a file such as a run's best.safetensors.

    Raises:
        RunError: for a name that is not shipped and no file, or a file that colorlib did not write.
    """
    known = shipped()
    if str(weights) not in known and not paths.expanded(weights).exists():
        raise RunError(f"there are no weights {str(weights)!r}: give a file, or one of {', '.join(known)}")
    return load_weights(known.get(str(weights), weights))
