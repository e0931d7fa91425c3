"""What makes a run this run: recipe, settings, data, and the number of the code's numerics."""

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import nn

from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.system import paths
from colorlib.training.config import TrainConfig

# Raise this number when the code computes something else from the same recipe, settings and data. Runs and results made
# with another number are refused. tests/training/test_numerics.py fails when losses or measures move.
NUMERICS = 2


def identity(recipe: Recipe, train: Images, valid: Images, config: TrainConfig,
             start: nn.Module | None = None) -> dict[str, Any]:
    """Everything that decides what a run computes, as JSON values. Two runs are the same if these are equal.

    Source code is not part of it: a new network, a renamed file or a better comment changes no run.

    Raises:
        DataError: if the objective needs a feature network that cannot be loaded.
        ValueError: if ``start`` does not have the tensors of the recipe's network.
    """
    data = {"train": train.digest, "valid": valid.digest}
    found = {"recipe": recipe.as_dict(), "config": config.identity(), "data": data, "numerics": NUMERICS}
    if networks := recipe.build_objective().frozen_networks():
        found["frozen networks"] = [_weights_digest(network) for network in networks]
    if start:
        _expect_same_shapes(start, recipe)
        found["start"] = _weights_digest(start)
    return found


def default_run_dir(recipe: Recipe, identity: dict[str, Any], num_epochs: int) -> Path:
    """Run directory for these arguments of ``fit``, under ``runs/``: equal arguments give the same directory."""
    content = json.dumps([identity, num_epochs], sort_keys=True)
    digest = hashlib.blake2b(content.encode(), digest_size=4).hexdigest()
    return paths.runs_dir() / f"{recipe.model}-{recipe.objective}-{recipe.size}px-{digest}"


def _expect_same_shapes(start: nn.Module, recipe: Recipe) -> None:
    weights, expected = start.state_dict(), recipe.build_model().state_dict()
    if [(k, v.shape) for k, v in weights.items()] != [(k, v.shape) for k, v in expected.items()]:
        raise ValueError(f"start is not the network of the recipe, {recipe.model} with {recipe.options}: its weights "
                         "have other names or shapes")


def _weights_digest(network: nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
