"""EfficientNet-Lite0: an encoder that can be pretrained to name what is in a photo, and that is quick on a CPU.

Tan and Le 2019, "EfficientNet: Rethinking Model Scaling", in the variant for small processors: ReLU6, and no
squeeze-and-excitation. Modules have the names that ``timm`` gives them, so that its weights of ``tf_efficientnet_lite0`` fit.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Stage:
    """Blocks of one width; the first of them halves H and W if the stride is 2."""

    width: int
    num_blocks: int
    kernel: int
    stride: int
    expansion: int           # channels inside of a block, for each that enters it


STEM_WIDTH = 32
# Table 1 of the paper.
STAGES = (Stage(16, 1, 3, 1, 1), Stage(24, 2, 3, 2, 6), Stage(40, 2, 5, 2, 6), Stage(80, 3, 3, 2, 6),
          Stage(112, 3, 5, 1, 6), Stage(192, 4, 5, 2, 6), Stage(320, 1, 3, 1, 6))


class EfficientNetLite0(nn.Module):
    """The convolutions of EfficientNet-Lite0, as five feature maps, from half size to a 32nd.

    Shapes:
        (B, 3, H, W), H and W multiples of 32, with values normalized with ``mean`` and ``std`` -> five maps
        (B, ``widths[i]``, H / 2^(i+1), W / 2^(i+1)).
    """

    widths, reductions = (16, 24, 40, 112, 320), (2, 4, 8, 16, 32)
    mean = std = 0.5                               # of pixels in [0, 1], that it was pretrained with

    def __init__(self):
        super().__init__()
        self.conv_stem, self.bn1 = _conv(3, STEM_WIDTH, 3, 2), _batch_norm(STEM_WIDTH)
        entering = (STEM_WIDTH, *(stage.width for stage in STAGES))
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Block(width if number == 0 else stage.width, stage.width, stage.kernel,
                                  stage.stride if number == 0 else 1, stage.expansion) for number in range(stage.num_blocks)))
            for width, stage in zip(entering, STAGES, strict=False))

    @property
    def edges(self) -> tuple[nn.Module, ...]:
        """First layers, which find edges in any photo: half a percent of the weights, and 18% of the time of a training step."""
        return self.conv_stem, self.bn1, *self.blocks[:2]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self.bn1(self.conv_stem(x)))
        features = []
        for stage, blocks in zip(STAGES, self.blocks, strict=True):
            y = blocks(x)
            if stage.stride == 2:
                features.append(x)                             # the last map of its size
            x = y
        return [*features, x]


class Block(nn.Module):
    """Inverted bottleneck: wider by a 1 x 1 convolution, one convolution per channel, back by another 1 x 1 (Sandler et al. 2018).

    Shapes:
        (B, channels, H, W) -> (B, width, H / stride, W / stride).
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inside = channels * expansion
        convolutions = {"conv_pw": _conv(channels, inside)} if expansion > 1 else {}
        convolutions["conv_dw"] = _conv(inside, inside, kernel, stride, groups=inside)
        convolutions["conv_pwl" if expansion > 1 else "conv_pw"] = _conv(inside, width)
        self.names = tuple(convolutions)
        for number, (name, convolution) in enumerate(convolutions.items(), 1):
            self.add_module(name, convolution)
            self.add_module(f"bn{number}", _batch_norm(convolution.out_channels))
        self.adds_input = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number, name in enumerate(self.names, 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(name)(y))
            if number < len(self.names):                       # the last is linear
                y = F.relu6(y)
        return x + y if self.adds_input else y


class _Conv2dSame(nn.Conv2d):
    """A convolution that pads as TensorFlow does, H and W even: with a stride of 2, one pixel more at the end.

    With one filter per channel it computes in float32 on a CPU, where oneDNN's gradients of it take up to twenty times as
    long in bfloat16.
    """

    def forward(self, x: Tensor) -> Tensor:
        before, odd = divmod(self.kernel_size[0] - self.stride[0], 2)
        x = F.pad(x, (before, before + odd, before, before + odd)) if odd else x
        if self.groups == 1 or x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def _conv(channels: int, width: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    padding = kernel // 2 if stride == 1 else 0                # with a stride of 2, forward pads
    return _Conv2dSame(channels, width, kernel, stride, padding, groups=groups, bias=False)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001)                 # TensorFlow's eps, which the weights were trained with
