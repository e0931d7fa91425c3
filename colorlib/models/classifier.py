"""A CIFAR-10 classifier, which measures whether colors make objects recognizable."""

import copy
from pathlib import Path

import safetensors.torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color
from colorlib.system.errors import DataError
from colorlib.system.files import write_atomic

WEIGHTS = Path(__file__).parent / "trained" / "classifier.safetensors"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Residual(nn.Module):
    """x + two convolutions of x: (B, width, H, W) -> the same shape."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(*_conv(width, width), *_conv(width, width)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.change(x))


class Classifier(nn.Module):
    """Ten convolutions with batch norm and GELU, six of them in three residual blocks, then a maximum and a linear layer.

    After the fast CIFAR-10 networks of Page 2018 (ResNet-9) and Jordan 2024 (airbench96). In eval mode the logits are
    the mean over the picture and its mirror image.

    Args:
        width: channels of the second convolution.

    Shapes:
        rgb (B, 3, H, W), uint8 or in [0, 1], H and W from 16 up -> logits (B, 10).
    """

    def __init__(self, width: int = 64):
        super().__init__()
        self.layers = nn.Sequential(
            *_conv(3, width // 2),
            *_conv(width // 2, width, pool=True), Residual(width),
            *_conv(width, 4 * width, pool=True), Residual(4 * width),
            *_conv(4 * width, 4 * width, pool=True), Residual(4 * width),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * width, len(CLASSES)))

    def forward(self, rgb: Tensor) -> Tensor:
        x = 4 * color.to_float(rgb) - 2                       # roughly mean 0 and standard deviation 1
        return self.layers(x) if self.training else (self.layers(x) + self.layers(x.flip(-1))) / 2


def save_classifier(path: Path, model: Classifier) -> None:
    """Write the weights of a classifier in float16.

    Raises:
        WriteError: if the file cannot be written.
    """
    weights = {name: tensor.contiguous() for name, tensor in copy.deepcopy(model).half().state_dict().items()}
    write_atomic(path, safetensors.torch.save(weights))


def load_classifier(path: Path = WEIGHTS) -> Classifier:
    """Load a classifier in eval mode, by default the one in the package.

    Raises:
        DataError: if the file is missing or damaged.
    """
    try:
        model = Classifier()
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise DataError(f"there is no classifier in {path}, or it is damaged ({error})") from error
    return model.eval()


def _conv(channels: int, width: int, pool: bool = False) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), *[nn.MaxPool2d(2)] * pool, nn.BatchNorm2d(width),
            nn.GELU()]
