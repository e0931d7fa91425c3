"""Color a photo at its full size: ``Colorizer("photos")(image)``."""

import copy
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.color import bins
from colorlib.colorize.borders import Box, cropped, inside_borders, put_back, strips_outside
from colorlib.colorize.fullsize import lightness_of_pixels, local_linear_fit, render_deep, render_full_size
from colorlib.colorize.hints import Hint, checked, hint_map, inside
from colorlib.colorize.inputs import Photo, photo_of
from colorlib.models.patches import enlarge
from colorlib.models.weights import load_weights
from colorlib.system.errors import UsageError

MAX_ASPECT = 4       # longer side / shorter side of the small copy: a longer photo is squeezed


class Colorizer:
    """A trained network that colors photos of any size.

    The network sees a small copy with the photo's proportions. Its colors are enlarged along the edges of the photo's
    L, and the photo keeps its own L. Plain borders, as of a scan, are left out of what it sees, and stay as
    they are.

    Args:
        weights: a name such as "photos" or "photos-vivid", or a weights file.
        size: shorter side of the small copy, in pixels; by default the view of the recipe, or the size that the network was trained with.

    Raises:
        RunError: if the weights are not there, are damaged or were not written by colorlib.
        UsageError: for a size below 8.
    """

    def __init__(self, weights: str | os.PathLike = "photos", size: int | None = None):
        self.name = Path(weights).name
        self.model, self.recipe = load_weights(weights)
        self.objective = self.recipe.build_objective()
        self.size = checked_size(size or self.recipe.view or self.recipe.size)

    def __call__(self, image: Photo, vividness: float | None = None, saturation: float = 1.0,
                 hints: Iterable[Hint] = ()) -> Image.Image:
        """Color one photo from its L; any color that it has is ignored.

        Args:
            image: anything that Pillow opens, a path, or an array (H, W, 3) uint8. It is turned upright, converted to sRGB, and keeps
                its transparency; of an animation the first picture is used.
            vividness: 0 (careful) to 1 (bold), for weights that predict a distribution; None: that of the weights.
            saturation: factor for the colors: 0 is gray, 1 leaves them as predicted.
            hints: colors that are known at some places, for weights that take hints, such as photos.

        Returns:
            The colored photo at the same size (after turning), of mode "RGB", or "RGBA" if it has transparency. Its L
            is that of the input, to 1 unit, wherever the color is inside sRGB.

        Raises:
            UsageError: for a vividness outside of 0...1 or for weights without one, a saturation below 0, or hints outside of the
                photo or for weights that take none.
            PictureError: for a file that is no picture, damaged or too large; DataError: for one that is not there.
            TypeError: for what is no photo.
        """
        photo = photo_of(image)
        box, slope, offset = self._fit(photo, vividness, saturation, hints)
        with torch.inference_mode():
            return put_back(photo, box, render_full_size(cropped(photo, box), slope, offset, saturation))

    def in_depth(self, photo: Image.Image, levels: np.ndarray, vividness: float | None = None, saturation: float = 1.0,
                 hints: Iterable[Hint] = ()) -> np.ndarray:
        """Color a photo of 16 bits a channel; other arguments as for a call.

        Args:
            photo: in 8 bits, of mode "RGB" or "RGBA"; the network sees it.
            levels: its gray levels as sRGB encodes them, (H, W) uint16.

        Returns:
            (H, W, 3) uint16; its L is that of the gray levels, up to rounding. A border has the colors of the photo in 8 bits.
        """
        box, slope, offset = self._fit(photo, vividness, saturation, hints)
        left, top, right, bottom = box
        result = np.repeat(levels[..., None], 3, 2)
        for place, pixels in strips_outside(photo, box):
            is_colored = np.ptp(pixels, axis=2) > 0
            result[place][is_colored] = pixels[is_colored] * np.uint16(257)
        with torch.inference_mode():
            result[top:bottom, left:right] = render_deep(levels[top:bottom, left:right], slope, offset, saturation)
        return result

    @torch.inference_mode()
    def _fit(self, photo: Image.Image, vividness: float | None, saturation: float, hints: Iterable[Hint]
             ) -> tuple[Box, Tensor, Tensor]:
        """The box inside a photo's borders, and slope and offset of its colors in there, (1, 2, h, w) each."""
        objective = self.objective if vividness is None else self.objective.with_vividness(vividness)
        check_saturation(saturation)
        hints = checked(hints)
        if hints and not getattr(self.model, "takes_hints", False):
            raise UsageError(f"the weights {self.name} take no hints: use others, such as photos")
        box = inside_borders(photo)
        L, output = self.lightness_and_output(cropped(photo, box), inside(hints, box, *photo.size))
        _, ab = color.split_lab(objective.decode(output, L))
        return box, *local_linear_fit(L, ab)

    def batch(self, images: Iterable[Photo], vividness: float | None = None,
              saturation: float = 1.0) -> Iterator[Image.Image]:
        """Color several photos, one after another; arguments as for a call."""
        return (self(image, vividness, saturation) for image in images)

    @torch.inference_mode()
    def uncertainty(self, image: Photo) -> Tensor:
        """Entropy of the predicted distribution over colors, at each pixel of the small copy.

        Returns:
            (h, w) in bits: 0 is certain; log2(261), about 8, means that all bins are equally likely.

        Raises:
            UsageError: for weights that predict one color per pixel.
        """
        if self.objective.temperature is None:
            raise UsageError(f"weights with the objective {self.recipe.objective} predict one color per pixel, not a "
                             "distribution: use other weights, such as photos")
        L, output = self.lightness_and_output(photo_of(image))
        return enlarge(bins.entropy(output), L.shape[-2:])[0, 0]

    def at_size(self, size: int) -> "Colorizer":
        """The same network, shown another size.

        Raises:
            UsageError: for a size below 8.
        """
        other = copy.copy(self)
        other.size = checked_size(size)
        return other

    def settings_in_words(self, vividness: float | None = None, saturation: float = 1.0) -> str:
        """Weights and settings of a call, such as "weights photos, vividness 0.5"."""
        vividness = self.objective.vividness if vividness is None else vividness
        usual = self.recipe.view or self.recipe.size
        chosen = {"size": None if self.size == usual else self.size, "vividness": vividness,
                  "temperature": self.objective.temperature if vividness is None else None,
                  "saturation": None if saturation == 1 else saturation}
        return ", ".join([f"weights {self.name}", *(f"{name} {value:g}" for name, value in chosen.items() if value is not None)])

    def lightness_and_output(self, photo: Image.Image, hints: Iterable[Hint] = ()) -> tuple[Tensor, Tensor]:
        """L of the small copy, (1, 1, h, w), and the network's output for it: (1, C, h, w), or one value per patch."""
        L = self.lightness(photo)
        return L, self.output(L, hints)

    def output(self, L: Tensor, hints: Iterable[Hint] = ()) -> Tensor:
        """The network's output for a small copy."""
        return self.model(L / 100, hint_map(hints, *L.shape[-2:])) if hints else self.model(L / 100)

    def lightness(self, photo: Image.Image) -> Tensor:
        """L of the small copy of a photo: (1, 1, h, w)."""
        scale = self.size / min(photo.size)
        size = [min(MAX_ASPECT * self.size, max(self.size, round(scale * side))) for side in photo.size]
        photo = photo if photo.mode == "RGB" else photo.convert("RGB")          # convert would copy 100 megapixels
        return lightness_of_pixels(np.asarray(photo.resize(size, Image.Resampling.BICUBIC, reducing_gap=3)))


def gray_copy(image: Photo) -> Image.Image:
    """The photo without color, upright, at full size and with its transparency: what ``Colorizer`` starts from."""
    photo = photo_of(image)
    return render_full_size(photo, *torch.zeros(2, 1, 2, 1, 1))


def checked_size(size: int) -> int:
    """The same size; a UsageError if it is below 8 pixels."""
    if not size >= 8:
        raise UsageError(f"size must be 8 pixels or more, got {size}")
    return size


def check_saturation(saturation: float) -> None:
    """Raise a UsageError for a saturation that is negative, infinite or NaN."""
    if not 0 <= saturation < float("inf"):
        raise UsageError(f"saturation must be 0 or more, got {saturation}")
