"""Weights files: save and load a trained network together with its recipe."""

import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import safetensors
import safetensors.torch
from torch import nn

from colorlib.models.recipe import Recipe
from colorlib.system import paths
from colorlib.system.errors import DataError, RunError
from colorlib.system.files import write_atomic

TRAINED = Path(__file__).parent / "trained"          # the weights files of the package, described in its README.md
VARIANTS = {"photos-vivid": ("photos", {"vividness": 1.0})}      # another name of weights: their file, and settings of its own


def shipped() -> dict[str, Path]:
    """Names and paths of the weights in the package. ``colorlib/models/trained/README.md`` describes each."""
    files = {path.stem: path for path in sorted(TRAINED.glob("*.safetensors")) if path.stem != "classifier"}
    return files | {name: files[file] for name, (file, _) in VARIANTS.items() if file in files}


def save_weights(path: str | os.PathLike, model: nn.Module, recipe: Recipe, half: bool = False) -> None:
    """Write a network's weights as safetensors, with its recipe in the metadata.

    Args:
        half: store float16, which takes half the space. ``load_weights`` returns float32, rounded to three digits.

    Raises:
        WriteError: if the file cannot be written.
    """
    write_atomic(paths.expand_user(path), pack_weights(copy.deepcopy(model).half() if half else model, recipe))


def pack_weights(model: nn.Module, recipe: Recipe) -> bytes:
    """Content of the file that ``save_weights`` writes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(weights, metadata={"recipe": json.dumps(recipe.as_dict())})


def load_weights(weights: str | os.PathLike) -> tuple[nn.Module, Recipe]:
    """Load a trained network and its recipe.

    Args:
        weights: a name in ``shipped()``, such as "photos", or a file, such as a run's ``best.safetensors``.

    Returns:
        The network, in eval mode, and its recipe.

    Raises:
        RunError: for an unknown name, or a file that is missing, damaged or not written by colorlib.
    """
    path = shipped().get(str(weights), paths.expand_user(weights))
    try:
        if not path.exists():
            raise RunError(f"there are no weights {str(weights)!r}: give a file, or one of {', '.join(shipped())}")
        _expect_no_pickle(path)
        with safetensors.safe_open(path, framework="pt") as file:
            recipe = Recipe(**json.loads((file.metadata() or {})["recipe"]))
            recipe = replace(recipe, settings=recipe.settings | VARIANTS.get(str(weights), ("", {}))[1])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
        model = recipe.build_model()
        model.load_state_dict(tensors)
    except DataError as error:                                 # its network needs a package that is not installed
        raise RunError(f"{path}: {error}") from error
    except KeyError as error:
        raise RunError(f"{path} holds weights, but no recipe to use them with: colorlib did not write it") from error
    except (safetensors.SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(f"{path} is no weights file of colorlib, or a damaged one ({error})") from error
    return model.eval(), recipe


def _expect_no_pickle(path: Path) -> None:
    """Refuse files of torch.save and pickle by their first bytes: safetensors begin with a length and a brace."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(9)
        if start.startswith((b"PK\x03\x04", b"\x80")) and not start.endswith(b"{"):
            raise RunError(f"{path} was written by torch.save, and loading it can run arbitrary code: use a "
                           "safetensors file that colorlib wrote")
