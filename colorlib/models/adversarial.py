"""Adversarial training: a critic that learns to tell painted colors from true ones, and the objective that it takes part in."""

from dataclasses import dataclass, field, replace
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorlib import color
from colorlib.models.objectives import ABRegression, BasedObjective, Objective
from colorlib.models.seeding import seeded
from colorlib.system.errors import UsageError


class PatchCritic(nn.Module):
    """Score each patch of a picture: high for true colors, low for painted ones.

    A small PatchGAN (Isola et al. 2017, section 3.2.2): each score sees 18 x 18 pixels. Spectral norm (Miyato et al. 2018) limits
    how much a layer can enlarge differences, so that no batch norm is needed.

    Args:
        width: channels of the first layer; the others have twice and four times as many.

    Shapes:
        gray (B, 1, H, W) in [0, 1] and ab (B, 2, H, W) in Lab units -> (B, 1, H / 4, W / 4).
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(3, width, 4, 2, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 4 * width, 3, 1, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(4 * width, 1, 1)))

    def forward(self, gray: Tensor, ab: Tensor) -> Tensor:
        return self.layers(torch.cat([gray, ab / ABRegression.unit], 1))


@dataclass(frozen=True)
class Adversarial(BasedObjective):
    """Loss of a base objective, plus what a critic thinks of the painted colors; the critic learns at the same time.

    The hinge loss of Lim and Ye 2017: the critic raises its scores of true colors to 1 and lowers those of painted ones to -1; the
    network raises those of its own. Both are terms of one sum: the gradient of a critic's weight comes from the critic's terms
    alone, that of the network's weights from the others, and one step changes all of them.

    Meant for a short finish of a network that was trained with the base alone ("NoGAN", Antic 2019, DeOldify).

    Raises:
        UsageError: for a weight or width that makes no sense.
    """

    base: Objective = field(default_factory=lambda: ABRegression("l1"))     # defines the output and its decoding
    weight: float = 0.01                    # of the critic in the loss of the network
    base_weight: float = 1.0                # 0: the critic alone
    width: int = 32                         # of the critic
    critic_lr: float = 1.0                  # factor of the learning rate for the critic
    critic: nn.Module | None = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        for name in ("weight", "base_weight", "critic_lr"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 <= value < float("inf"):
                raise UsageError(f"{name} must be a number of 0 or more, got {value!r}")
        if not isinstance(self.width, Integral) or self.width < 1:
            raise UsageError(f"width must be a whole number of 1 or more channels, got {self.width!r}")
        if not isinstance(self.critic, nn.Module | None):
            raise UsageError(f"critic must be a network, got {self.critic!r}: fit builds its own")

    def build_critic(self, seed: int) -> PatchCritic:
        """A new critic, whose weights depend on the seed alone; torch's random state is left as it was."""
        with seeded(seed):
            return PatchCritic(self.width)

    def against(self, critic: nn.Module | None) -> "Adversarial":
        """Copy that is judged by this critic."""
        return replace(self, critic=critic)

    def loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """``base_weight`` x loss of the base + ``weight`` x loss of the network by the critic + loss of the critic.

        Args:
            output: of the network, as the base defines it: (B, C, H, W).
            rgb: the true colors, (B, 3, H, W) in [0, 1].

        Returns:
            A scalar.

        Raises:
            UsageError: without a critic.
        """
        if self.critic is None:
            raise UsageError("the adversarial loss needs a critic: take objective.against(objective.build_critic(seed))")
        gray, true_ab = color.to_gray(rgb), color.split_lab(rgb)[1]
        ab = color.split_lab(self.decode(output, 100 * gray))[1]
        weights = {name: weight.detach() for name, weight in self.critic.named_parameters()}
        judged = torch.func.functional_call(self.critic, weights, (gray, ab))        # no gradient for the critic: this term is not its own
        of_critic = F.relu(1 - self.critic(gray, true_ab)).mean() + F.relu(1 + self.critic(gray, ab.detach())).mean()
        return self.base_weight * self.base.loss(output, rgb) - self.weight * judged.mean() + of_critic

    def validation_loss(self, output: Tensor, rgb: Tensor) -> Tensor:
        """Loss of the base: scores of a critic that changes cannot be compared."""
        return self.base.loss(output, rgb)
