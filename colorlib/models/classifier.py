"""A small network that names what is in a picture of CIFAR-10: a judge of whether colors make things recognizable."""

import copy
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color
from colorlib.system.errors import DataError
from colorlib.system.files import write_atomic

WEIGHTS = Path(__file__).parent / "trained" / "classifier.safetensors"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Residual(nn.Module):
    """Two convolutions, added to what went in: (B, width, H, W) -> the same shape."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(*_conv(width, width), *_conv(width, width)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.change(x))


class Classifier(nn.Module):
    """Ten convolutions, each with batch norm and GELU, six of them in pairs that are skipped as well as passed through.

    After the fast networks for CIFAR-10 of Page 2018 (ResNet-9) and Jordan 2024 (airbench96): the maximum of the last
    map, then one linear layer. In eval mode it looks at the picture and at its mirror image, and takes the mean.

    Args:
        classes: how many.
        width: channels of the second convolution.

    Shapes:
        rgb (B, 3, H, W), uint8 or in [0, 1], H and W from 16 up -> logits (B, classes).
    """

    def __init__(self, classes: int = len(CLASSES), width: int = 64):
        super().__init__()
        self.layers = nn.Sequential(
            *_conv(3, width // 2), *_block(width // 2, width), *_block(width, 4 * width), *_block(4 * width, 4 * width),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))

    def forward(self, rgb: Tensor) -> Tensor:
        x = 4 * color.to_float(rgb) - 2                       # about mean 0 and deviation 1
        return self.layers(x) if self.training else (self.layers(x) + self.layers(x.flip(-1))) / 2


def save_classifier(path: Path, model: Classifier) -> None:
    """Write its weights in float16.

    Raises:
        WriteError: if they cannot be written.
    """
    weights = {name: tensor.contiguous() for name, tensor in copy.deepcopy(model).half().state_dict().items()}
    write_atomic(path, safetensors.torch.save(weights))


def load_classifier(path: Path | None = None) -> Classifier:
    """The classifier that comes with colorlib, or one of your own, in eval mode.

    Raises:
        DataError: if there is none, or the file is damaged.
    """
    path = path or WEIGHTS
    try:
        model = Classifier()
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise DataError(f"there is no classifier in {path}, or it is damaged ({error})") from error
    return model.eval()


@torch.no_grad()
def right(model: Classifier, rgb: Tensor, labels: Tensor) -> Tensor:
    """Which pictures, rgb (B, 3, H, W), it names as the labels (B,) do: (B,) bool."""
    return model(rgb).argmax(1) == labels


def _conv(channels: int, width: int, pool: bool = False) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), *[nn.MaxPool2d(2)] * pool, nn.BatchNorm2d(width),
            nn.GELU()]


def _block(channels: int, width: int) -> list[nn.Module]:
    """Half the size, another width."""
    return [*_conv(channels, width, pool=True), Residual(width)]
