"""What a network predicts, how its prediction is judged, and how it becomes a picture again.

An objective is the only part that knows both colors and losses; the network in between sees numbers.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from colorlib import color
from colorlib.color import bins
from colorlib.data.images import Images
from colorlib.models.features import NAMES, Features, load_features, unit

NORMS = {"l1": F.l1_loss, "l2": F.mse_loss}


class Objective(Protocol):
    """What training and prediction ask of an objective."""

    out_channels: int
    temperature: float | None             # of those that predict a distribution

    def at(self, temperature: float) -> "Objective":
        """The same objective, read at another temperature.

        Raises:
            ValueError: if it has none.
        """
        ...

    def fitted_to(self, images: Images) -> "Objective":
        """The same objective, having seen what it will train on; most have nothing to learn from that."""
        ...

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """The network's output (B,out_channels,H,W) and the true rgb (B,3,H,W), uint8 or in [0,1] -> a scalar."""
        ...

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """The network's output (B,out_channels,H,W) and the known L (B,1,H,W) in [0,100] -> rgb (B,3,H,W) in [0,1]."""
        ...


class Plain:
    """An objective that predicts one color a pixel, and is the same whatever it trains on."""

    temperature: ClassVar[None] = None

    def at(self, temperature: float) -> Objective:
        """Always a ValueError."""
        raise ValueError("only weights that classify have a temperature, such as cifar-vivid and photos-vivid")

    def fitted_to(self, images: Images) -> Objective:
        """Itself."""
        return self


@dataclass(frozen=True)
class RGBRegression(Plain):
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
class ABRegression(Plain):
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


@dataclass(frozen=True)
class ABClassification:
    """The objective of Zhang, Isola and Efros 2016: a distribution over the bins of the ab plane for every pixel.

    A mean has no choice but to be dull where colors are many; a distribution can hold them apart. Rare colors count
    more, so that they are dared at all; the annealed mean makes one color of the distribution. The network may answer
    with a map smaller than the picture, as Zhang's does: then the true ab is averaged, and the predicted one enlarged.

    Raises:
        ValueError: for a rebalance or a temperature outside of 0...1.
    """

    rebalance: float = 0.5          # l of their equation 4; 1: a common color counts as much as a rare one
    temperature: float = 0.38       # T of their equation 5, from 0 (mode, vivid) to 1 (mean, dull)
    weights: Tensor | None = field(default=None, repr=False, compare=False)     # (Q,): w of each bin, once fitted
    out_channels: ClassVar[int] = 261                                           # len(bins.bin_centers())

    def __post_init__(self):
        for name in ("rebalance", "temperature"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")

    def fitted_to(self, images: Images) -> "ABClassification":
        """With the weights of the bins that follow from how frequent each is in the images."""
        if self.rebalance == 1:
            return self
        prior = bins.prior(bins.count(images.in_order()))
        return replace(self, weights=bins.rarity(prior, self.rebalance).float())

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Their equation 2: the cross-entropy with the soft-encoded truth, each pixel weighted by its nearest bin.

        Before it is fitted, all pixels weigh the same.
        """
        _, ab = color.split_lab(rgb)
        numbers, shares = bins.soft_encode(F.adaptive_avg_pool2d(ab, output.shape[-2:]))       # (B,5,h,w) each
        entropy = -(shares * output.float().log_softmax(1).gather(1, numbers)).sum(1)           # (B,h,w)
        if self.weights is None:
            return entropy.mean()
        return (self.weights.to(entropy.device)[numbers[:, 0]] * entropy).mean()

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """L with the annealed mean of the distribution, enlarged to the size of L, and clipped to the gamut."""
        ab = bins.annealed_mean(output.float(), self.temperature)
        return color.join_lab(L, F.interpolate(ab, L.shape[-2:], mode="bilinear"))

    def at(self, temperature: float) -> "ABClassification":
        """The same objective, read at another temperature."""
        return replace(self, temperature=temperature)


@dataclass(frozen=True)
class Perceptual:
    """Another objective, plus how different the decoded picture *looks* to a network: Johnson, Alahi and Fei-Fei 2016.

    The features of each layer, every pixel's scaled to length 1 as in LPIPS, are subtracted and squared; the sum over
    channels is averaged over the picture, and over the layers.

    Raises:
        ValueError: for features that are not known.
    """

    base: Objective = field(default_factory=lambda: ABRegression("l2"))     # what the output is, and how it is read
    weight: float = 0.1                     # of the difference in features
    features: str = "vgg16"                 # or another of features.NAMES
    base_weight: float = 1.0                # 0: the features alone
    network: Features | None = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        if self.features not in NAMES:
            raise ValueError(f"features must be one of {', '.join(NAMES)}, got {self.features!r}")

    @property
    def out_channels(self) -> int:
        """Those of the base."""
        return self.base.out_channels

    @property
    def temperature(self) -> float | None:
        """That of the base."""
        return self.base.temperature

    def at(self, temperature: float) -> "Perceptual":
        """With the base read at another temperature."""
        return replace(self, base=self.base.at(temperature))

    def fitted_to(self, images: Images) -> "Perceptual":
        """With the feature network loaded, and the base fitted.

        Raises:
            DataError: if the feature network cannot be had.
        """
        return replace(self, base=self.base.fitted_to(images), network=self.network or load_features(self.features))

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """base_weight x the loss of the base + weight x the difference in features; before it is fitted, the first."""
        loss = self.base_weight * self.base.loss(output, rgb)
        if self.network is None:
            return loss
        network = self.network.to(output.device)
        with torch.autocast(output.device.type, enabled=False):
            ours, theirs = network(self.decode(output, 100 * color.to_gray(rgb))), network(rgb)
        return loss + self.weight * sum(map(_difference, ours, theirs)) / len(theirs)

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """As the base does."""
        return self.base.decode(output, L)


def _difference(ours: Tensor, theirs: Tensor) -> Tensor:
    return (unit(ours) - unit(theirs)).square().sum(1).mean()


def _expect_norm(norm: str) -> None:
    if norm not in NORMS:
        raise ValueError(f"norm must be {' or '.join(NORMS)}, got {norm!r}")
