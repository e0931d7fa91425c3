"""What makes a run this run: recipe, settings, data, and the code that computes it."""

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

from torch import nn

from colorlib import paths
from colorlib.config import TrainConfig
from colorlib.features import load_features
from colorlib.images import Images
from colorlib.recipe import Recipe

# The files that decide what a run computes, but for those that only read, write and show.
CODE = ("color", "bins", "classifier", "features", "images", "models", "objectives", "recipe", "metrics", "optimizers",
        "trainer", "training")


def identity(recipe: Recipe, train: Images, valid: Images, config: TrainConfig,
             start: nn.Module | None = None) -> dict[str, Any]:
    """All that decides what a run computes, as JSON values; whatever differs makes another run.

    Raises:
        DataError: if the objective needs a feature network, and it cannot be had.
        ValueError: if ``start`` is not the recipe's network.
    """
    data = {"train": train.digest, "valid": valid.digest}
    code = {name: code_digest((paths.PACKAGE / f"{name}.py").read_text()) for name in CODE}
    same = {"recipe": recipe.as_dict(), "config": config.identity(), "data": data, "code": code}
    if features := getattr(recipe.build_objective(), "features", None):          # what a perceptual one sees with
        same["features"] = _weights_digest(load_features(features))
    if start:
        _expect_same_shapes(start, recipe)
        same["start"] = _weights_digest(start)
    return same


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


def code_digest(source: str) -> str:
    """A hash of Python source that changes with what it does, not with its comments, docstrings or layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return _digest(repr(_shape(tree)))


def _shape(node: Any) -> Any:
    """A syntax tree as nested lists, the same in all versions of Python: later ones have more fields, all empty."""
    if isinstance(node, list):
        return [_shape(part) for part in node]
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, _shape(value)) for name, value in ast.iter_fields(node))
    return [type(node).__name__, *((name, value) for name, value in fields if value is not None and value != [])]


def named_by_content(recipe: Recipe, identity: dict[str, Any], num_epochs: int) -> Path:
    """The run directory that belongs to these arguments of ``fit``, and to no others."""
    digest = _digest(json.dumps([identity, num_epochs], sort_keys=True))
    return paths.runs_dir() / f"{recipe.model}-{recipe.objective}-{recipe.size}px-{digest}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
