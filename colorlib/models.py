"""The networks: gray (B,1,H,W) in, some channels (B,C,H,W) out. None of them knows what a color is."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Conv:
    """One row of a network's plan."""

    width: int                 # output channels, in units of the network's width
    stride: int = 1            # 2 halves H and W
    dilation: int = 1          # 2 sees twice as far with the same weights
    upsample: bool = False     # double H and W first


# The study writes only "eleven 2D convolution layers", after Zhang et al. 2016, and "eight" before that.
# As in Zhang's Table 4: strided convolutions instead of pooling, dilation where the map is smallest, a way back up.
PLANS = {
    11: (Conv(1), Conv(1, stride=2), Conv(2), Conv(2, stride=2), Conv(4), Conv(4, dilation=2), Conv(4, dilation=2),
         Conv(2), Conv(1, upsample=True), Conv(1, upsample=True)),
    8: (Conv(1, stride=2), Conv(2, stride=2), Conv(4), Conv(4, dilation=2), Conv(2),
        Conv(1, upsample=True), Conv(1, upsample=True)),
}


class CourseNet(nn.Module):
    """The study's network: ``depth`` 3 x 3 convolutions, each but the last followed by ReLU and batch norm.

    Theirs: eleven (first eight) convolutions, Conv-ReLU-BatchNorm in this order, bias, gray in and RGB out, after
    Zhang, Isola and Efros 2016, "Colorful Image Colorization". Ours, since the report gives neither widths nor strides:
    ``width`` channels at full size, twice as many at a half, four times at a quarter, where Zhang's eighth would leave
    4 x 4 pixels of a CIFAR image; dilation 2 in the middle; nearest-neighbor upsampling before a convolution where
    Zhang transposes one; and a last convolution at full size, where Zhang enlarges the output.

    Args:
        out_channels: channels of the output: 3 for RGB, 2 for ab.
        depth: 11 or 8 convolutions.
        batch_norm: whether each ReLU is followed by batch norm.
        bias: whether the convolutions have one.
        width: channels of the first convolution.

    Shapes:
        gray (B, 1, H, W) in [0, 1] -> (B, out_channels, H, W), for any H and W from 8 up.

    Raises:
        ValueError: for another depth, or a gray image that is not (B, 1, H, W) of 8 pixels or more.
    """

    def __init__(self, out_channels: int, depth: int = 11, batch_norm: bool = True, bias: bool = True, width: int = 64):
        super().__init__()
        if depth not in PLANS:
            raise ValueError(f"CourseNet has {' or '.join(map(str, sorted(PLANS)))} convolutions, not depth={depth}")
        layers, channels = [], 1
        for conv in PLANS[depth]:
            layers += [nn.Upsample(scale_factor=2)] if conv.upsample else []
            layers += [nn.Conv2d(channels, conv.width * width, 3, conv.stride, conv.dilation, conv.dilation, bias=bias)]
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.BatchNorm2d(conv.width * width)] if batch_norm else []
            channels = conv.width * width
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, out_channels, 3, padding=1, bias=bias))

    def forward(self, gray: Tensor) -> Tensor:
        _expect_gray(gray)
        H, W = gray.shape[-2:]
        padded = F.pad(gray, (0, -W % 4, 0, -H % 4), mode="replicate")   # two halvings want multiples of 4
        return self.layers(padded)[..., :H, :W]


def _expect_gray(gray: Tensor) -> None:
    if gray.ndim != 4 or gray.shape[1] != 1:
        raise ValueError(f"gray must be (B,1,H,W), got {tuple(gray.shape)}: pass rgb through color.to_gray first")
    if min(gray.shape[-2:]) < 8:
        raise ValueError(f"gray must be at least 8 x 8 pixels, got {gray.shape[-2]} x {gray.shape[-1]}")
