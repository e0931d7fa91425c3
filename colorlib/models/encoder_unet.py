"""U-Net with an encoder that can be pretrained on ImageNet, and that takes hints: the colors of some pixels."""

import torch.nn.functional as F
from torch import Tensor, nn

from colorlib.models.encoder import EfficientNetLite0
from colorlib.models.networks import PaddedNetwork, Residual, conv_layers, steps_up
from colorlib.system.errors import UsageError

ENCODERS = ("new", "tuned", "frozen")
EDGES = 2            # stages that see edges, whatever the encoder learns: a quarter of its time, a hundredth of its weights


class EncoderUNet(PaddedNetwork):
    """EfficientNet-Lite0, from half size to a 32nd, and a path up with skips, one residual block a level.

    The path up is that of ``UNet``. The output has one value per 2 x 2 pixels, as Zhang's classifier has one per 4 x 4: train it
    on ab or on bins, which keep the true L.

    Args:
        out_channels: channels of the output.
        encoder: "new": it learns like the rest; "tuned": its weights learn from the third stage on, and its batch norm keeps
            its statistics; "frozen": it stays as it is. The last two are for a pretrained encoder: see ``pretrained``.
        widths: channels of each level of the path up, from half size to a 32nd.
        mirror: in eval mode, average the outputs for the picture and for its mirror image. Takes twice the time.

    Shapes:
        gray (B, 1, H, W) in [0, 1] -> (B, out_channels, H / 2, W / 2), rounded up, for any H and W from 8 up. Hints, if there
        are any, are (B, 3, H, W): a / 110, b / 110 and 1 at the pixels whose color is known, 0 at all others (Zhang et al. 2017,
        "Real-Time User-Guided Image Colorization with Learned Deep Priors", section 3.1).

    Raises:
        UsageError: for another encoder, or a number of widths other than five.
        ValueError: for a gray image that is not (B, 1, H, W) of 8 pixels or more.
    """

    multiple, scale = 32, 2          # the map is halved five times; the output has half size
    takes_hints = True

    def __init__(self, out_channels: int, encoder: str = "new", widths: tuple[int, ...] = (48, 64, 96, 160, 256),
                 mirror: bool = False):
        super().__init__()
        if encoder not in ENCODERS:
            raise UsageError(f"encoder must be one of {', '.join(ENCODERS)}, got {encoder!r}")
        if len(widths) != len(EfficientNetLite0.widths):
            raise UsageError(f"an EncoderUNet needs {len(EfficientNetLite0.widths)} widths, got {tuple(widths)}")
        self.mode, self.mirror = encoder, mirror
        self.encoder = EfficientNetLite0()
        self.skips = nn.ModuleList(nn.Sequential(*conv_layers(channels, width, kernel=1)) for channels, width in
                                   zip(EfficientNetLite0.widths, widths, strict=True))
        self.hints = nn.ModuleList(nn.Conv2d(3, width, 1, bias=False) for width in widths)
        for convolution in self.hints:                          # a network that has not learned to use hints ignores them
            nn.init.zeros_(convolution.weight)
        self.up = steps_up(widths)
        self.blocks = nn.ModuleList(map(Residual, widths))
        self.head = nn.Conv2d(widths[0], out_channels, 1)
        self.train().requires_grad_(True)

    def _forward(self, gray: Tensor, hints: Tensor | None = None) -> Tensor:
        rgb = ((gray - self.encoder.mean) / self.encoder.std).expand(-1, 3, -1, -1)             # (B,1,H,W) -> (B,3,H,W)
        levels = [skip(features) for skip, features in zip(self.skips, self.encoder(rgb), strict=True)]
        if hints is not None:
            levels = [level + convolution(_mean_of_hints(hints, 2**number))
                      for number, (level, convolution) in enumerate(zip(levels, self.hints, strict=True), 1)]
        x = self.blocks[-1](levels[-1])                                                         # (B,256,H/32,W/32)
        for level, up, block in zip(levels[-2::-1], self.up[::-1], self.blocks[-2::-1], strict=True):
            x = block(up(x).add_(level))                                                        # twice H and W, fewer channels
        return self.head(x)

    def train(self, mode: bool = True) -> "EncoderUNet":
        """Training or eval mode; batch norm of an encoder that is not new stays in eval mode."""
        super().train(mode)
        if self.mode != "new":
            self.encoder.eval()
        return self

    def requires_grad_(self, requires_grad: bool = True) -> "EncoderUNet":
        """Whether the weights get gradients; those of a frozen encoder never do."""
        super().requires_grad_(requires_grad)
        if self.mode == "frozen":
            self.encoder.requires_grad_(False)
        elif self.mode == "tuned":
            for part in (self.encoder.conv_stem, self.encoder.bn1, self.encoder.blocks[:EDGES]):
                part.requires_grad_(False)
        return self


def _mean_of_hints(hints: Tensor, side: int) -> Tensor:
    """Mean color of the hints in each square, and 1 where there is one: (B, 3, H, W) -> (B, 3, H / side, W / side)."""
    sums = F.avg_pool2d(hints, side, divisor_override=1)
    return sums / sums[:, 2:].clamp(min=1)
