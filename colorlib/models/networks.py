"""Networks: gray (B,1,H,W) in, (B,C,H,W) out. They know nothing of colors."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from colorlib.system.errors import UsageError


@dataclass(frozen=True)
class Conv:
    """One convolution of a plan."""

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


class Constant(nn.Module):
    """The same output for every pixel of every picture: a baseline.

    Args:
        values: (C,) the output.

    Shapes:
        gray (B, 1, H, W) -> (B, C, H, W).
    """

    def __init__(self, values: Tensor):
        super().__init__()
        self.values = nn.Parameter(values.float().reshape(1, -1, 1, 1))

    def forward(self, gray: Tensor) -> Tensor:
        return self.values.expand(len(gray), -1, *gray.shape[-2:])


class CourseNet(nn.Module):
    """The study's network: ``depth`` 3 x 3 convolutions, each but the last followed by ReLU and batch norm.

    From the report: eleven (at first eight) convolutions, Conv-ReLU-BatchNorm in this order, with bias, gray in and RGB
    out, after Zhang, Isola and Efros 2016, "Colorful Image Colorization". The report gives neither widths nor strides.
    Chosen here: ``width`` channels at full size, twice as many at half size, four times as many at a quarter (Zhang's
    eighth would leave 4 x 4 pixels of a CIFAR image); dilation 2 in the middle; nearest-neighbor upsampling before a
    convolution in place of Zhang's transposed convolution; a last convolution at full size in place of an enlarged output.

    Args:
        out_channels: channels of the output: 3 for RGB, 2 for ab.
        depth: 11 or 8 convolutions.
        batch_norm: whether each ReLU is followed by batch norm.
        bias: whether the convolutions have one.
        width: channels of the first convolution.

    Shapes:
        gray (B, 1, H, W) in [0, 1] -> (B, out_channels, H, W), for any H and W from 8 up.

    Raises:
        UsageError: for another depth, or a width below 1.
        ValueError: for a gray image that is not (B, 1, H, W) of 8 pixels or more.
    """

    multiple = 4             # H and W are padded to multiples of this, since the map is halved twice

    def __init__(self, out_channels: int, depth: int = 11, batch_norm: bool = True, bias: bool = True, width: int = 64):
        super().__init__()
        if depth not in PLANS:
            raise UsageError(f"CourseNet has {' or '.join(map(str, sorted(PLANS)))} convolutions, not depth={depth}")
        if width < 1:
            raise UsageError(f"CourseNet needs a width of 1 or more, got {width}")
        layers, channels = [], 1
        for conv in PLANS[depth]:
            layers += [nn.Upsample(scale_factor=2)] if conv.upsample else []
            layers += [nn.Conv2d(channels, conv.width * width, 3, conv.stride, conv.dilation, conv.dilation, bias=bias)]
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.BatchNorm2d(conv.width * width)] if batch_norm else []
            channels = conv.width * width
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, out_channels, 3, padding=1, bias=bias))

    def forward(self, gray: Tensor) -> Tensor:
        H, W = gray.shape[-2:]
        return self.layers(padded(gray, self.multiple))[..., :H, :W]


class Residual(nn.Module):
    """x + two convolutions of x, each with batch norm (He et al. 2016): (B, C, H, W) -> the same.

    The weight of the last batch norm starts at zero: a new block is the identity (Goyal et al. 2017, section 5.1).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*conv_layers(channels, channels), *conv_layers(channels, channels)[:-1])
        nn.init.zeros_(self.body[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.body(x).add_(x))          # in place: batch norm and the sum need no result for their gradients


class PaddedNetwork(nn.Module):
    """Base of networks that take any H and W from 8 up: gray is padded, and the output cropped.

    A network sets these four, and computes padded gray (B, 1, H, W) -> (B, C, H / scale, W / scale) in ``_forward``, from gray
    alone or, if it takes them, from gray and hints (B, 3, H, W).
    """

    multiple: int            # H and W are padded to multiples of this
    scale: int               # pixels along each side of what one value of the output covers
    mirror: bool             # in eval mode, average the outputs for the picture and for its mirror image
    takes_hints = False

    def forward(self, gray: Tensor, hints: Tensor | None = None) -> Tensor:
        H, W = gray.shape[-2:]
        inputs = [padded(gray, self.multiple)]
        if hints is not None:
            self._expect_hints(hints, gray)
            inputs.append(F.pad(hints, (0, -W % self.multiple, 0, -H % self.multiple)))
        output = self._forward(*inputs)
        if self.mirror and not self.training:
            output = (output + self._forward(*(x.flip(-1) for x in inputs)).flip(-1)) / 2
        return output[..., :-(-H // self.scale), :-(-W // self.scale)]

    def _expect_hints(self, hints: Tensor, gray: Tensor) -> None:
        if not self.takes_hints:
            raise ValueError(f"{type(self).__name__} takes no hints: use EncoderUNet")
        expected = (len(gray), 3, *gray.shape[-2:])
        if hints.shape != expected:
            raise ValueError(f"hints must be (B,3,H,W) = {expected}, got {tuple(hints.shape)}: see models.hints")


class UNet(PaddedNetwork):
    """A compact U-Net: a path down for context, a path up for position, skips that keep edges.

    After Ronneberger et al. 2015, with one residual block at each level on either way, skips that are added instead of
    concatenated, strided convolutions down and nearest-neighbor upsampling after a 1 x 1 convolution up.

    Args:
        out_channels: channels of the output: 3 for RGB, 2 for ab.
        width: channels at the finest level; each coarser level has twice as many.
        depth: levels.
        patch: side of the squares of pixels that the finest level reads and writes as channels (Shi et al. 2016). 2 takes
            a quarter of the time and memory of 1.
        full_size: False leaves the output at the finest level, one value per patch, as in Zhang's classifier.
        mirror: in eval mode, average the outputs for the picture and for its mirror image. Takes twice the time.

    Shapes:
        gray (B, 1, H, W) in [0, 1] -> (B, out_channels, H, W), for any H and W from 8 up; not at full size, H and W are
        divided by ``patch`` and rounded up.

    Raises:
        UsageError: for a width, depth or patch below 1.
        ValueError: for a gray image that is not (B, 1, H, W) of 8 pixels or more.
    """

    def __init__(self, out_channels: int, width: int = 32, depth: int = 4, patch: int = 1, full_size: bool = True,
                 mirror: bool = False):
        super().__init__()
        if min(width, depth, patch) < 1:
            raise UsageError(f"a UNet needs a width, depth and patch of 1 or more, got {width}, {depth} and {patch}")
        widths = [width * 2**level for level in range(depth)]
        self.multiple, self.mirror = patch * 2**(depth - 1), mirror
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch), *conv_layers(patch**2, width))
        self.down = nn.ModuleList(nn.Sequential(*conv_layers(fine, coarse, stride=2)) for fine, coarse in pairwise(widths))
        self.up = steps_up(widths)
        self.before = nn.ModuleList(map(Residual, widths))
        self.after = nn.ModuleList(map(Residual, widths[:-1]))
        self.scale, shuffle = (1, patch) if full_size else (patch, 1)
        self.head = nn.Sequential(nn.Conv2d(width, out_channels * shuffle**2, 3, padding=1), nn.PixelShuffle(shuffle))

    def _forward(self, gray: Tensor) -> Tensor:
        x = self.stem(gray)                                           # (B,1,H,W) -> (B,width,H/patch,W/patch)
        skips = []
        for block, down in zip(self.before, self.down, strict=False):
            skips.append(block(x))
            x = down(skips[-1])                                       # half of H and W, twice the channels
        x = self.before[-1](x)
        for block, up, skip in zip(self.after[::-1], self.up[::-1], skips[::-1], strict=True):
            x = block(up(x).add_(skip))
        return self.head(x)


def steps_up(widths: Sequence[int]) -> nn.ModuleList:
    """From each level to the next finer one, of ``widths`` from fine to coarse: twice H and W, fewer channels."""
    return nn.ModuleList(nn.Sequential(nn.Conv2d(coarse, fine, 1), nn.Upsample(scale_factor=2)) for fine, coarse in pairwise(widths))


def conv_layers(channels: int, width: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Convolution, batch norm and ReLU: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""
    convolution = nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False)      # batch norm has its own bias
    return [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


def padded(gray: Tensor, multiple: int) -> Tensor:
    """Repeat the last rows and columns of gray (B,1,H,W) until H and W are multiples of ``multiple``."""
    if gray.ndim != 4 or gray.shape[1] != 1:
        raise ValueError(f"gray must be (B,1,H,W), got {tuple(gray.shape)}: pass rgb through color.to_gray first")
    H, W = gray.shape[-2:]
    if min(H, W) < 8:
        raise ValueError(f"gray must be at least 8 x 8 pixels, got {H} x {W}")
    return F.pad(gray, (0, -W % multiple, 0, -H % multiple), mode="replicate")
