"""Color a photo at its full size, in one line: ``Colorizer("photos")(image)``."""

import os
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.color import bins
from colorlib.colorize.fullsize import colored, lightness, lines
from colorlib.data.decode import normal
from colorlib.models.weights import load_weights

LONGEST = 4          # of what the network sees: the longer side, in shorter sides; what is longer is squeezed


class Colorizer:
    """A trained network that colors photos of any size.

    The network sees a small copy, in the photo's proportions; its colors are brought up to the photo along the edges of
    the photo's own lightness, which stays as it is.

    Args:
        weights: a name such as "photos" or "photos-vivid", or a weights file.
        size: the shorter side of what the network sees, in pixels; by default what it was trained with.

    Raises:
        RunError: for weights that are not there, damaged, or not ours.
    """

    def __init__(self, weights: str | os.PathLike = "photos", size: int | None = None):
        self.model, self.recipe = load_weights(weights)
        self.objective = self.recipe.build_objective()
        self.size = size or self.recipe.size

    def __call__(self, image: Image.Image, temperature: float | None = None, saturation: float = 1.0) -> Image.Image:
        """Color one photo; what color it had is not looked at.

        Args:
            image: anything that Pillow opens. It is turned upright, brought to sRGB, and keeps its transparency; of an
                animation the first picture is taken.
            temperature: of weights that classify: from 0, vivid, to 1, cautious.
            saturation: what to multiply the colors with: 0 is gray, 1 as the network has it.

        Returns:
            The photo at the same size (after turning), of mode "RGB", or "RGBA" where it was transparent. Its L is that
            of the input, to 1 unit, wherever sRGB has room for the color.

        Raises:
            ValueError: for a temperature outside of 0...1, or for weights that have none; a saturation below 0.
        """
        objective = self.objective if temperature is None else self.objective.at(temperature)
        if not 0 <= saturation < float("inf"):
            raise ValueError(f"saturation must be 0 or more, got {saturation}")
        photo, alpha = _apart(image)
        with torch.inference_mode():
            L, output = self.look(photo)
            _, ab = color.split_lab(objective.decode(output, L))
            return _together(colored(photo, *lines(L, ab), saturation), alpha)

    def batch(self, images: Iterable[Image.Image], temperature: float | None = None,
              saturation: float = 1.0) -> Iterator[Image.Image]:
        """Color several photos, one after another; args as for a call."""
        return (self(image, temperature, saturation) for image in images)

    @torch.inference_mode()
    def uncertainty(self, image: Image.Image) -> Tensor:
        """How unsure the network is of the color at each place, for weights that classify.

        Returns:
            (h, w) in bits, for the small copy that the network sees: 0 is certain; at log2(261), about 8, all bins are
            as likely.

        Raises:
            ValueError: for weights that do not classify.
        """
        if self.objective.temperature is None:
            raise ValueError(f"{self.recipe.objective} gives one color a pixel, not a distribution: take vivid weights")
        photo, _ = normal(image)
        return bins.entropy(self.look(photo)[1])[0, 0]

    def look(self, photo: Image.Image) -> tuple[Tensor, Tensor]:
        """L (1,1,h,w) of a small copy of the photo, and what the network makes of it, (1,C,h,w) or a patch a pixel."""
        scale = self.size / min(photo.size)
        longest = LONGEST * self.size
        small = photo.resize([min(longest, max(self.size, round(scale * side))) for side in photo.size],
                             Image.Resampling.BICUBIC, reducing_gap=3)
        L = lightness(np.asarray(small))
        return L, self.model(L / 100)


def gray_copy(image: Image.Image) -> Image.Image:
    """The photo without color: what a network sees of it, at full size. Takes and gives what a ``Colorizer`` does."""
    photo, alpha = _apart(image)
    return _together(colored(photo, *torch.zeros(2, 1, 2, 1, 1)), alpha)


def _apart(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The photo as mode "RGB", and what makes it transparent."""
    photo, _ = normal(image, keep_alpha=True)
    return (photo.convert("RGB"), photo.getchannel("A")) if photo.mode == "RGBA" else (photo, None)


def _together(result: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha:
        result.putalpha(alpha)
    return result
