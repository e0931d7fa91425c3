"""U-Net with an encoder that can be pretrained on ImageNet, and that takes hints: the colors of some pixels."""

import torch.nn.functional as F
from torch import Tensor, nn

from colorlib.models.encoder import EfficientNetLite0
from colorlib.models.networks import PaddedNetwork, Residual, conv_layers, steps_up
from colorlib.models.timm_encoder import TimmEncoder
from colorlib.system.errors import UsageError

ENCODERS = ("new", "tuned", "frozen")
OURS = "tf_efficientnet_lite0"       # timm's name of the encoder in ``encoder.py``
WIDTHS = (48, 64, 96, 160, 256)


class EncoderUNet(PaddedNetwork):
    """A backbone, from half size to a 32nd, and a path up with skips, one residual block a level.

    The path up is that of ``UNet``. The output has one value per 2 x 2 pixels, as Zhang's classifier has one per 4 x 4: train it
    on ab or on bins, which keep the true L. (A backbone that begins at a quarter of the size gives one per 4 x 4.)

    Args:
        out_channels: channels of the output.
        encoder: "new": it learns like the rest; "tuned": its weights learn (of EfficientNet-Lite0, not those of the first
            layers, which find edges), and its batch norm keeps its statistics; "frozen": it stays as it is. The last two are
            for a pretrained encoder: see ``pretrained``.
        widths: channels of each level of the path up, from fine to coarse; by default the last of ``WIDTHS``.
        backbone: EfficientNet-Lite0, or another that timm knows by name: see ``TimmEncoder``.
        mirror: in eval mode, average the outputs for the picture and for its mirror image. Takes twice the time.

    Shapes:
        gray (B, 1, H, W) in [0, 1] -> (B, out_channels, H / 2, W / 2), rounded up, for any H and W from 8 up. Hints, if there
        are any, are (B, 3, H, W): a / 110, b / 110 and 1 at the pixels whose color is known, 0 at all others (Zhang et al. 2017,
        "Real-Time User-Guided Image Colorization with Learned Deep Priors", section 3.1).

    Raises:
        UsageError: for another encoder or backbone, or a number of widths that is not that of the backbone's maps.
        DataError: for a backbone of timm, if timm is not installed.
        ValueError: for a gray image that is not (B, 1, H, W) of 8 pixels or more.
    """

    takes_hints = True

    def __init__(self, out_channels: int, encoder: str = "new", widths: tuple[int, ...] | None = None, mirror: bool = False,
                 backbone: str = OURS):
        super().__init__()
        if encoder not in ENCODERS:
            raise UsageError(f"encoder must be one of {', '.join(ENCODERS)}, got {encoder!r}")
        self.mode, self.mirror, self.backbone = encoder, mirror, backbone
        self.encoder = EfficientNetLite0() if backbone == OURS else TimmEncoder(backbone)
        self.scale, self.multiple = self.encoder.reductions[0], self.encoder.reductions[-1]
        widths = widths or WIDTHS[-len(self.encoder.widths):]
        if len(widths) != len(self.encoder.widths):
            raise UsageError(f"an EncoderUNet on {backbone} needs {len(self.encoder.widths)} widths, got {tuple(widths)}")
        self.skips = nn.ModuleList(nn.Sequential(*conv_layers(channels, width, kernel=1)) for channels, width in
                                   zip(self.encoder.widths, widths, strict=True))
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
            levels = [level + convolution(_mean_of_hints(hints, side))
                      for level, convolution, side in zip(levels, self.hints, self.encoder.reductions, strict=True)]
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
            for layer in self.encoder.edges:
                layer.requires_grad_(False)
        return self


def _mean_of_hints(hints: Tensor, side: int) -> Tensor:
    """Mean color of the hints in each square, and 1 where there is one: (B, 3, H, W) -> (B, 3, H / side, W / side)."""
    sums = F.avg_pool2d(hints, side, divisor_override=1)
    return sums / sums[:, 2:].clamp(min=1)
