"""Features of pretrained networks, for perceptual losses and distances."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color
from colorlib.models.classifier import load_classifier
from colorlib.models.hub import hub_weights
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError

# Mean and standard deviation of ImageNet, with which both networks were trained.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Known(NamedTuple):
    """A network of torchvision."""

    taps: tuple[int, ...]        # indices of the layers that LPIPS compares, in ``features``
    linear: str                  # its name in the package lpips


KNOWN = {
    "vgg16": Known((3, 8, 15, 22, 29), "vgg"),
    "alexnet": Known((1, 4, 7, 9, 11), "alex"),
}
# "classifier" is the CIFAR-10 classifier of this package, for pictures of 32 px.
FEATURES = (*KNOWN, "classifier")


class Features(nn.Module):
    """A frozen network that returns the outputs of some of its layers.

    Args:
        layers: such as torchvision's ``features``.
        taps: indices of the layers to return.
        mean, deviation: of red, green and blue in its training images.

    Shapes:
        rgb (B, 3, H, W), uint8 or in [0, 1] -> a list of (B, C, h, w), from fine to coarse. Layers for which the
        picture is too small are left out.
    """

    def __init__(self, layers: nn.Sequential, taps: tuple[int, ...], mean: tuple[float, float, float] = MEAN,
                 deviation: tuple[float, float, float] = DEVIATION):
        super().__init__()
        self.taps = taps
        self.layers = layers[:taps[-1] + 1].requires_grad_(False).eval()
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False            # an in-place ReLU would change the outputs already returned
        self.register_buffer("mean", torch.tensor(mean).reshape(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(3, 1, 1))

    def forward(self, rgb: Tensor) -> list[Tensor]:
        x, outputs = (color.to_float(rgb) - self.mean) / self.deviation, []
        for number, layer in enumerate(self.layers):
            if isinstance(layer, nn.MaxPool2d) and min(x.shape[-2:]) < layer.kernel_size:
                break
            x = layer(x)
            if number in self.taps:
                outputs.append(x)
        return outputs

    def train(self, mode: bool = True) -> "Features":
        """Stay in eval mode: the network is never trained."""
        return super().train(False)


def load_features(name: str) -> Features:
    """Load the features of "vgg16" or "alexnet", trained on ImageNet, or of "classifier", trained on CIFAR-10.

    VGG16 and AlexNet are read from ``data/``, ``COLORLIB_DATA`` or a folder ``weights`` beside it; else torchvision
    downloads them, unless ``COLORLIB_OFFLINE=1``. The classifier is part of the package.

    Raises:
        DataError: if they are not available, with the way to get them.
        UsageError: for another name.
    """
    if name not in FEATURES:
        raise UsageError(f"features must be one of {', '.join(FEATURES)}, got {name!r}")
    if name == "classifier":
        return Features(load_classifier().layers, (2, 6, 7, 11, 12), (0.5,) * 3, (0.25,) * 3)
    from torchvision import models  # imported here, since it takes a second

    with torch.device("meta"):         # allocates no memory and draws no random numbers
        layers = getattr(models, name)(weights=None).features
    layers = layers.to_empty(device="cpu")
    weights, path = _copy(name) or _download(name)
    try:
        layers.load_state_dict({key.removeprefix("features."): value.float() for key, value in weights.items()
                                if key.startswith("features.")})
    except RuntimeError as error:
        raise DataError(f"{path} does not hold the features of {name}: put another in its place") from error
    return Features(layers, KNOWN[name].taps)


def load_linear(name: str) -> list[Tensor]:
    """Load the channel weights of LPIPS 0.1, (C,) for each layer.

    They are read from the same copies as the features, else from the package ``lpips``.

    Raises:
        DataError: if they are missing or incomplete.
        UsageError: for another name.
    """
    if name not in KNOWN:
        raise UsageError(f"LPIPS has weights for {' and '.join(KNOWN)}, not for {name!r}")
    weights, path = _copy(name) or _lpips_package(name)
    linear = [value.float().flatten() for key, value in sorted(weights.items()) if key.startswith("lpips.lin")]
    if len(linear) != len(KNOWN[name].taps):
        raise DataError(f"{path} does not hold LPIPS's weights: put another in its place, or delete it")
    return linear


def normalize_channels(features: Tensor) -> Tensor:
    """Scale features (B, C, h, w) to length 1 at each pixel, as LPIPS does."""
    return F.normalize(features, dim=1, eps=1e-10)


def _copy(name: str) -> tuple[Mapping[str, Tensor], Path] | None:
    folders = [place for folder in paths.search_dirs() for place in (folder, folder.parent / "weights")]
    for path in (folder / f"{name}_features_lpips.safetensors" for folder in folders):
        if path.exists():
            try:
                return safetensors.torch.load_file(path), path
            except (safetensors.SafetensorError, OSError) as error:
                raise DataError(f"{path} is damaged ({error}): delete it, or put a whole copy in its place") from error
    return None


def _download(name: str) -> tuple[Mapping[str, Tensor], Path]:
    """Torchvision's file. It is memory-mapped where possible: the features are a tenth of VGG16's 553 MB."""
    from torchvision import models

    return hub_weights(models.get_model_weights(name).DEFAULT.url, f"the features of {name}")


def _lpips_package(name: str) -> tuple[Mapping[str, Tensor], Path]:
    try:
        import lpips
    except ImportError as error:
        raise DataError("LPIPS needs its weights: pip install lpips") from error
    path = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{KNOWN[name].linear}.pth"
    weights = torch.load(path, map_location="cpu", weights_only=True)
    return {f"lpips.{key}": value for key, value in weights.items()}, path
