"""Objectives: what a network predicts, the loss of a prediction, and how a prediction becomes a picture.

An objective is the only part that knows both colors and losses. A network maps gray to output channels and knows neither.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorlib import color
from colorlib.color import bins
from colorlib.data.images import Images
from colorlib.models.cross_entropy import soft_cross_entropy
from colorlib.models.features import FEATURES, Features, load_features, normalize_channels
from colorlib.models.patches import average_patches, enlarge
from colorlib.system.errors import UsageError

ROWS = 32            # of an output that are decoded at a time
NORMS = {"l1": F.l1_loss, "l2": F.mse_loss}


class Objective(ABC):
    """What a network predicts. A new objective is a frozen dataclass with ``out_channels``, ``loss`` and ``decode``."""

    out_channels: int
    temperature: float | None = None      # None: the objective predicts colors, not a distribution
    vividness: float | None = None        # None: no vividness was chosen, or the objective predicts colors
    critic_lr: float = 1.0                # factor of the learning rate for the critic, if there is one

    @abstractmethod
    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Scalar loss of the network's output (B, out_channels, h, w) for rgb (B, 3, H, W), uint8 or in [0, 1].

        Raises:
            UsageError: if the objective must be fitted first, and is not.
        """

    @abstractmethod
    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """Output (B, out_channels, h, w) and the known L (B, 1, H, W) in [0, 100] -> rgb (B, 3, H, W) in [0, 1]."""

    def with_temperature(self, temperature: float) -> "Objective":
        """Copy that decodes at another temperature.

        Raises:
            UsageError: if the objective has no temperature.
        """
        raise UsageError("only weights that predict a distribution have a temperature, such as cifar-vivid and photos")

    def with_vividness(self, vividness: float) -> "Objective":
        """Copy that decodes more or less boldly: 0 has the least error, 1 the most color.

        Raises:
            UsageError: if the objective predicts colors, or for a vividness outside of 0...1.
        """
        raise UsageError("only weights that predict a distribution have a vividness, such as cifar-vivid and photos")

    def fitted_to(self, images: Images) -> "Objective":
        """Copy with everything that the loss needs from the training images; by default the objective itself."""
        return self

    def validation_loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Loss by which epochs are compared, of the arguments of ``loss``; by default the loss itself."""
        return self.loss(output, rgb)

    def build_critic(self, seed: int) -> nn.Module | None:
        """A network that is trained along with the one that colors, and judges it; by default None."""
        return None

    def against(self, critic: nn.Module | None) -> "Objective":
        """Copy whose loss asks this critic; by default the objective itself."""
        return self

    def frozen_networks(self) -> list[nn.Module]:
        """Pretrained networks in the loss, by default none. Their weights are part of what a run is.

        Raises:
            DataError: if one cannot be loaded.
        """
        return []


class Regression(Objective):
    """Base of the objectives that predict one color per pixel.

    Args:
        norm: "l1" for the mean absolute error, "l2" for the mean squared error.

    Raises:
        UsageError: for another norm.
    """

    norm: str

    def __post_init__(self):
        if self.norm not in NORMS:
            raise UsageError(f"norm must be {' or '.join(NORMS)}, got {self.norm!r}")


@dataclass(frozen=True)
class RGBRegression(Regression):
    """The study's objective: predict red, green and blue.

    The network must also reproduce the lightness, which is known. Detail that it blurs is lost.
    """

    norm: str = "l2"
    out_channels: ClassVar[int] = 3

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Mean absolute ("l1") or squared ("l2") difference of rgb in [0, 1]."""
        return NORMS[self.norm](output.float(), average_patches(color.to_float(rgb), output.shape[-2:]))

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """Clamp the output to [0, 1]. L is not used."""
        return enlarge(output.float(), L.shape[-2:]).clamp(0, 1)


@dataclass(frozen=True)
class ABRegression(Regression):
    """Predict the two missing numbers, a and b. The true L is kept, and with it all detail of lightness."""

    norm: str = "l1"
    out_channels: ClassVar[int] = 2
    # The output is ab / 100, so that the network works with numbers near one, as for RGB.
    unit: ClassVar[float] = 100.0

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Mean absolute ("l1") or squared ("l2") difference of ab / 100."""
        _, ab = color.split_lab(rgb)
        return NORMS[self.norm](output.float(), average_patches(ab, output.shape[-2:]) / self.unit)

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """Join L with the predicted ab, with chroma clipped to the sRGB gamut at that L."""
        return color.join_lab(L, enlarge(output.float() * self.unit, L.shape[-2:]))


@dataclass(frozen=True)
class ABClassification(Objective):
    """Predict a distribution over the ab bins for every pixel: Zhang, Isola and Efros 2016, section 2.

    A mean of many possible colors is dull; a distribution can represent several of them. Rebalancing gives rare colors more
    weight in the loss, and the annealed mean reduces the distribution to one color. The output may be smaller than the picture, as
    Zhang's is: the loss then compares with the mean ab of each patch, and decoding enlarges the predicted ab.

    A ``tilt`` rebalances after training instead: ``decode`` adds tilt x log(rarity) to the logits (Menon et al. 2021,
    "Long-tail learning via logit adjustment"). The loss, and the distribution that the network outputs, do not contain it.

    A ``vividness`` replaces both, tilt and temperature, by those at a place along a ``curve``. Without a curve the tilt stays, and
    the temperature falls from 1 to 0.

    Raises:
        UsageError: for a rebalance, a temperature or a vividness outside of 0...1, a tilt without the rarity of each bin, a curve
            that is not pairs of these, or an even ``loss_stride``.
    """

    rebalance: float = 0.5                # lambda of equation 4; 1: common colors count as much as rare ones
    temperature: float = 0.38             # T of equation 5, from 0 (the mode: vivid) to 1 (the mean: dull)
    loss_stride: int = 1                  # the loss counts every n-th value of the output: neighbors hardly differ. Odd, or else
                                          # it would meet only some places of the squares that a network enlarges
    tilt: float = 0.0                     # share of log(rarity) that is added to the logits in decode
    rarity: tuple[float, ...] = field(default=(), repr=False)                   # (Q,): rebalancing weight of each bin
    vividness: float | None = None        # place along the curve, from 0 to 1
    curve: tuple[tuple[float, float], ...] = ()         # tilt and temperature, at equal steps of vividness
    bin_weights: Tensor | None = field(default=None, repr=False, compare=False)     # (Q,): in the loss
    out_channels: ClassVar[int] = 261                                           # len(bins.bin_centers())

    def __post_init__(self):
        object.__setattr__(self, "rarity", tuple(self.rarity))                  # JSON has lists
        object.__setattr__(self, "curve", tuple(map(tuple, self.curve)))
        for name in ("rebalance", "temperature", "vividness"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if any(len(point) != 2 or not 0 <= point[1] <= 1 for point in self.curve):
            raise UsageError(f"a curve is pairs of a tilt and a temperature from 0 to 1, got {self.curve}")
        tilts = [self.tilt, *(tilt for tilt, _ in self.curve)]
        if len(self.rarity) not in (0, self.out_channels) or (any(tilts) and not self.rarity):
            raise UsageError(f"a tilt needs the rarity of each of the {self.out_channels} bins, got {len(self.rarity)}")
        if self.loss_stride not in range(1, 100, 2):
            raise UsageError(f"loss_stride must be 1, 3, 5 or another odd number, got {self.loss_stride}")

    def with_temperature(self, temperature: float) -> "ABClassification":
        """Copy that decodes at another temperature, with the tilt that is set, and without a vividness."""
        return replace(self, temperature=temperature, vividness=None)

    def with_vividness(self, vividness: float) -> "ABClassification":
        """Copy that decodes at another place of the curve."""
        return replace(self, vividness=vividness)

    @property
    def tilt_and_temperature(self) -> tuple[float, float]:
        """Those that ``decode`` uses: as they are set, or those of the vividness."""
        if self.vividness is None:
            return self.tilt, self.temperature
        curve = np.array(self.curve or ((self.tilt, 1), (self.tilt, 0)))
        places = np.linspace(0, 1, len(curve))
        return tuple(float(np.interp(self.vividness, places, column)) for column in curve.T)

    def fitted_to(self, images: Images) -> "ABClassification":
        """Copy with the weight of each bin in the loss, from the colors of the images."""
        if self.rebalance == 1:
            return self
        prior = bins.smoothed_prior(bins.count_bins(images.in_order()))
        return replace(self, bin_weights=bins.rebalancing_weights(prior, self.rebalance).float())

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Cross-entropy with the soft-encoded truth, weighted by the weight of each pixel's nearest bin: equation 2.

        Raises:
            UsageError: if rare colors count more and ``fitted_to`` was not called.
        """
        if self.bin_weights is None and self.rebalance < 1:
            raise UsageError(f"rebalance {self.rebalance} needs the frequencies of colors: call "
                             "objective.fitted_to(training images) first, or set rebalance to 1")
        _, ab = color.split_lab(rgb)
        ab = average_patches(ab, output.shape[-2:])
        if self.loss_stride > 1:
            output, ab = _every(self.loss_stride, output), _every(self.loss_stride, ab)
        indices, shares = bins.soft_encode(ab)                                                        # (B,5,h,w) each
        cross_entropy = soft_cross_entropy(output, indices, shares)                                   # (B,h,w)
        if self.bin_weights is None:
            return cross_entropy.mean()
        return (self.bin_weights.to(cross_entropy.device)[indices[:, 0]] * cross_entropy).mean()

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """Join L with the annealed mean of the tilted distribution, enlarged to the size of L and clipped to the gamut."""
        tilt, temperature = self.tilt_and_temperature
        shift = tilt * torch.tensor(self.rarity).log().to(output.device)[:, None, None] if tilt else 0
        # A few rows at a time: every copy of the logits of a large picture takes as much memory as the network did.
        rows = [bins.annealed_mean(logits.float() + shift, temperature) for logits in output.split(ROWS, -2)]
        return color.join_lab(L, enlarge(torch.cat(rows, -2), L.shape[-2:]))


def _every(stride: int, x: Tensor) -> Tensor:
    """Every n-th pixel, counted row by row: (B, C, H, W) -> (B, C, 1, H x W / n), in the memory layout channels-last."""
    return x.flatten(2).movedim(1, 2)[:, ::stride].movedim(2, 1).unsqueeze(2)


class BasedObjective(Objective):
    """Base of the objectives that add something to the loss of another one, ``base``, which defines the output and its decoding."""

    base: Objective

    @property
    def out_channels(self) -> int:
        """Channels of the base."""
        return self.base.out_channels

    @property
    def temperature(self) -> float | None:
        """Temperature of the base."""
        return self.base.temperature

    @property
    def vividness(self) -> float | None:
        """Vividness of the base."""
        return self.base.vividness

    def with_temperature(self, temperature: float) -> "BasedObjective":
        """Copy whose base decodes at another temperature."""
        return replace(self, base=self.base.with_temperature(temperature))

    def with_vividness(self, vividness: float) -> "BasedObjective":
        """Copy whose base decodes at another vividness."""
        return replace(self, base=self.base.with_vividness(vividness))

    def fitted_to(self, images: Images) -> "BasedObjective":
        """Copy whose base is fitted."""
        return replace(self, base=self.base.fitted_to(images))

    def frozen_networks(self) -> list[nn.Module]:
        """Those of the base."""
        return self.base.frozen_networks()

    def decode(self, output: Tensor, L: Tensor) -> Tensor:
        """Decode as the base does."""
        return self.base.decode(output, L)


@dataclass(frozen=True)
class Perceptual(BasedObjective):
    """Loss of a base objective plus the distance between decoded and true picture in the features of a pretrained network.

    After Johnson, Alahi and Fei-Fei 2016. The features of each layer, scaled to length 1 at each pixel as in LPIPS, are
    subtracted and squared; the sum over channels is averaged over pixels and over layers.

    Raises:
        UsageError: for features that are not known.
    """

    base: Objective = field(default_factory=lambda: ABRegression("l2"))     # defines the output and its decoding
    weight: float = 0.1                     # of the distance of features
    features: str = "vgg16"                 # or another of features.FEATURES
    base_weight: float = 1.0                # 0: the features alone
    feature_network: Features | None = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        if self.features not in FEATURES:
            raise UsageError(f"features must be one of {', '.join(FEATURES)}, got {self.features!r}")

    def frozen_networks(self) -> list[nn.Module]:
        """Those of the base, and the feature network."""
        return [*super().frozen_networks(), load_features(self.features)]

    def fitted_to(self, images: Images) -> "Perceptual":
        """Copy with the feature network loaded and the base fitted.

        Raises:
            DataError: if the feature network cannot be loaded.
        """
        return replace(super().fitted_to(images), feature_network=self.feature_network or load_features(self.features))

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """``base_weight`` x loss of the base + ``weight`` x distance of features.

        Raises:
            UsageError: if ``fitted_to`` was not called, so that there is no feature network.
        """
        if self.feature_network is None:
            raise UsageError(f"the perceptual loss needs the features of {self.features}: call "
                             "objective.fitted_to(training images) first")
        network = self.feature_network.to(output.device)
        with torch.autocast(output.device.type, enabled=False):
            predicted, actual = network(self.decode(output, 100 * color.to_gray(rgb))), network(rgb)
        distance = sum(map(_feature_distance, predicted, actual)) / len(actual)
        return self.base_weight * self.base.loss(output, rgb) + self.weight * distance


def _feature_distance(predicted: Tensor, actual: Tensor) -> Tensor:
    return (normalize_channels(predicted) - normalize_channels(actual)).square().sum(1).mean()
