"""A recipe: model + objective + image size. It is stored in every weights file, so the file alone is enough to use it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from numbers import Integral
from typing import Any

from torch import nn

from colorlib.models.adversarial import Adversarial
from colorlib.models.encoder_unet import EncoderUNet
from colorlib.models.networks import CourseNet, UNet
from colorlib.models.objectives import ABClassification, ABRegression, Objective, Perceptual, RGBRegression
from colorlib.models.seeding import seeded
from colorlib.system.errors import UsageError


def _perceptual(base: str = "ab-l2", **settings: Any) -> Perceptual:
    return Perceptual(_base(base), **settings)


def _adversarial(base: str = "ab-l1", base_settings: Mapping[str, Any] | None = None, **settings: Any) -> Adversarial:
    return Adversarial(_base(base, **(base_settings or {})), **settings)


def _base(name: str, **settings: Any) -> Objective:
    names = [name for name in OBJECTIVES if name != "adversarial"]          # an adversarial base would need a second critic
    if name not in names:
        raise UsageError(f"base must be one of {', '.join(names)}, got {name!r}")
    return OBJECTIVES[name](**settings)


MODELS: Mapping[str, Callable[..., nn.Module]] = {"study": CourseNet, "unet": UNet, "encoder-unet": EncoderUNet}
OLD_NAMES = {"course": "study"}          # in weights files and run directories made before the name changed
OBJECTIVES: Mapping[str, Callable[..., Objective]] = {
    "rgb-l1": partial(RGBRegression, "l1"),
    "rgb-l2": partial(RGBRegression, "l2"),
    "ab-l1": partial(ABRegression, "l1"),
    "ab-l2": partial(ABRegression, "l2"),
    "bins": ABClassification,
    "perceptual": _perceptual,           # its base is a key of OBJECTIVES
    "adversarial": _adversarial,         # the same
}


@dataclass(frozen=True)
class Recipe:
    """Everything needed to build a network and to decode its output.

    Raises:
        UsageError: for an unknown model or objective, or a size or view that is not an integer of at least 8.
    """

    model: str = "study"             # a key of MODELS
    objective: str = "rgb-l2"        # a key of OBJECTIVES
    size: int = 32                   # pixels along each side of the training images
    options: dict[str, Any] = field(default_factory=dict)     # of the model, such as depth and width
    settings: dict[str, Any] = field(default_factory=dict)    # of the objective, such as rebalance and temperature
    view: int | None = None          # shorter side of the copy of a photo that Colorizer shows the network; None: size

    def __post_init__(self):
        object.__setattr__(self, "model", OLD_NAMES.get(self.model, self.model))
        for kind, name, names in [("model", self.model, MODELS), ("objective", self.objective, OBJECTIVES)]:
            if name not in names:
                raise UsageError(f"no {kind} is called {name!r}: there are {', '.join(names)}")
        for name in ("size", "view") if self.view is not None else ("size",):
            pixels = getattr(self, name)
            if not isinstance(pixels, Integral) or pixels < 8:
                raise UsageError(f"{name} must be an integer of at least 8 pixels, got {pixels!r}")
            object.__setattr__(self, name, int(pixels))
        for name in ("options", "settings"):                           # as a weights file will hold them
            try:
                object.__setattr__(self, name, json.loads(json.dumps(getattr(self, name))))
            except TypeError as error:
                raise UsageError(f"{name} must be numbers, texts and lists that JSON can hold: {error}") from error

    def __hash__(self) -> int:
        return hash((self.model, self.objective, self.size))

    def build_objective(self) -> Objective:
        """Build the objective that trains the network and decodes its output.

        Raises:
            UsageError: for settings that the objective does not have.
        """
        try:
            return OBJECTIVES[self.objective](**self.settings)
        except (TypeError, KeyError) as error:
            raise UsageError(f"the objective {self.objective!r} cannot be set to {self.settings}: {error}") from error

    def build_model(self, seed: int = 0) -> nn.Module:
        """Build a new network. Its weights depend on ``seed`` alone, and torch's random state is left as it was.

        Raises:
            UsageError: for options that the model, or settings that the objective, does not have.
        """
        with seeded(seed):
            try:
                return MODELS[self.model](self.build_objective().out_channels, **self.options)
            except TypeError as error:
                raise UsageError(f"the model {self.model!r} cannot be set to {self.options}: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON values; ``Recipe(**recipe.as_dict())`` is equal to it."""
        values = asdict(self)
        return values if self.view else {name: value for name, value in values.items() if name != "view"}     # as in older runs
