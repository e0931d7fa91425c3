"""A recipe: model + objective + image size, and everything that follows from it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from colorlib import color
from colorlib.data.images import at_once
from colorlib.models.networks import CourseNet, UNet, evaluating
from colorlib.models.objectives import ABClassification, ABRegression, Objective, Perceptual, RGBRegression


def _perceptual(base: str = "ab-l2", **settings: Any) -> Perceptual:
    return Perceptual(OBJECTIVES[base](), **settings)


MODELS: Mapping[str, Callable[..., nn.Module]] = {"course": CourseNet, "unet": UNet}
OBJECTIVES: Mapping[str, Callable[..., Objective]] = {
    "rgb-l1": partial(RGBRegression, "l1"),
    "rgb-l2": partial(RGBRegression, "l2"),
    "ab-l1": partial(ABRegression, "l1"),
    "ab-l2": partial(ABRegression, "l2"),
    "bins": ABClassification,
    "perceptual": _perceptual,           # its base is a key of OBJECTIVES
}


# Torch has one random state for all threads: while one builds a network, no other may.
SEEDING = threading.Lock()


@dataclass(frozen=True)
class Recipe:
    """Enough to build a network and to know what its output means; stored in every weights file.

    Raises:
        ValueError: for a model or an objective that has no such name.
    """

    model: str = "course"            # a key of MODELS
    objective: str = "rgb-l2"        # a key of OBJECTIVES
    size: int = 32                   # pixels of the images it was made for
    options: dict[str, Any] = field(default_factory=dict)     # for the model, such as depth and width
    settings: dict[str, Any] = field(default_factory=dict)    # for the objective, such as rebalance and temperature

    def __post_init__(self):
        for kind, name, names in [("model", self.model, MODELS), ("objective", self.objective, OBJECTIVES)]:
            if name not in names:
                raise ValueError(f"no {kind} is called {name!r}: there are {', '.join(names)}")

    def build_objective(self) -> Objective:
        """The objective that trains the network and reads its output.

        Raises:
            ValueError: for settings that it does not have.
        """
        try:
            return OBJECTIVES[self.objective](**self.settings)
        except (TypeError, KeyError) as error:
            raise ValueError(f"the objective {self.objective!r} cannot be set to {self.settings}: {error}") from error

    def build_model(self, seed: int = 0) -> nn.Module:
        """A fresh network, its weights a function of ``seed`` alone; torch's own random state is left as it was.

        Raises:
            ValueError: for options that it does not have.
        """
        with SEEDING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                return MODELS[self.model](self.build_objective().out_channels, **self.options)
            except TypeError as error:
                raise ValueError(f"the model {self.model!r} cannot be set to {self.options}: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values; ``Recipe(**recipe.as_dict())`` is the same recipe."""
        return asdict(self)


def colorize(model: nn.Module, objective: Objective, rgb: Tensor) -> Tensor:
    """What the network makes of the lightness of some pictures.

    Args:
        rgb: (B, 3, H, W), uint8 or float in [0, 1]; only its L is looked at.

    Returns:
        (B, 3, H, W) float in [0, 1], on the CPU.
    """
    device = next(model.parameters()).device
    colored = []
    with evaluating(model):
        for part in rgb.split(at_once(*rgb.shape[-2:])):
            gray = color.to_gray(part.to(device))                      # (B,3,H,W) -> (B,1,H,W)
            colored.append(objective.decode(model(gray), 100 * gray).cpu())
    return torch.cat(colored)
