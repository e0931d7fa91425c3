"""What a network predicts, how its prediction is judged, and how it becomes a picture again.

An objective is the only part that knows both colors and losses; the network in between sees numbers.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch.nn.functional as F
from torch import Tensor

from colorlib import color

NORMS = {"l1": F.l1_loss, "l2": F.mse_loss}


class Objective(Protocol):
    """What training and prediction ask of an objective."""

    out_channels: int

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """The network's output (B,out_channels,H,W) and the true rgb (B,3,H,W), uint8 or in [0,1] -> a scalar."""
        ...

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """The network's output (B,out_channels,H,W) and the known L (B,1,H,W) in [0,100] -> rgb (B,3,H,W) in [0,1]."""
        ...


@dataclass(frozen=True)
class RGBRegression:
    """The study's objective: the output is red, green and blue, compared with the true ones.

    The network has to draw the picture anew, though its lightness was given: what it blurs stays blurred.
    """

    norm: str = "l2"
    out_channels: ClassVar[int] = 3

    def __post_init__(self):
        _expect_norm(self.norm)

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """The mean absolute ("l1") or squared ("l2") difference, in units of [0, 1]."""
        return NORMS[self.norm](output.float(), color.to_float(rgb))

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """The output itself, clamped to [0, 1]; L is not used."""
        return output.float().clamp(0, 1)


@dataclass(frozen=True)
class ABRegression:
    """The output is the two numbers that are missing, a and b; the true L is kept, and with it all the detail."""

    norm: str = "l1"
    out_channels: ClassVar[int] = 2
    # The output counts in hundreds of Lab units, so that network and loss deal in numbers near one, as for RGB.
    unit: ClassVar[float] = 100.0

    def __post_init__(self):
        _expect_norm(self.norm)

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """The mean absolute ("l1") or squared ("l2") difference of ab, in units of 100 Lab units."""
        _, ab = color.split_lab(rgb)
        return NORMS[self.norm](output.float(), ab / self.unit)

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """L with the predicted ab, whose chroma is clipped to what sRGB can show at that L."""
        return color.join_lab(L, output.float() * self.unit)


def _expect_norm(norm: str) -> None:
    if norm not in NORMS:
        raise ValueError(f"norm must be {' or '.join(NORMS)}, got {norm!r}")
