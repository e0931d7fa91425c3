"""Color pictures that follow one another."""

import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.colorize.borders import Box, cropped, put_back
from colorlib.colorize.colorizer import Colorizer, check_saturation
from colorlib.colorize.films.steady import Frame, Steady
from colorlib.colorize.fullsize import local_linear_fit, render_full_size


class Painter:
    """Colors one picture after another.

    Args:
        colorizer: with any weights.
        vividness, saturation: as for ``Colorizer``.
        box: the part of each picture that the network sees; by default all of it.
        is_steady: whether colors are averaged along the motion, which needs OpenCV.
        last: what was remembered of the picture before the first one.
    """

    def __init__(self, colorizer: Colorizer, vividness: float | None = None, saturation: float = 1.0, box: Box | None = None,
                 is_steady: bool = True, last: Frame | None = None):
        check_saturation(saturation)
        self.colorizer, self.saturation, self.box = colorizer, saturation, box
        self.objective = colorizer.objective if vividness is None else colorizer.objective.with_vividness(vividness)
        self.steady = Steady(last=last) if is_steady else None

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Image.Image:
        """The next picture, of mode "RGB" or "RGBA", in color."""
        box = self.box or (0, 0, *image.size)
        inner = cropped(image, box)
        L = self.colorizer.lightness(inner)

        def predict() -> Tensor:
            return color.split_lab(self.objective.decode(self.colorizer.output(L), L))[1]

        ab = self.steady(L, predict) if self.steady else predict()
        return put_back(image, box, render_full_size(inner, *local_linear_fit(L, ab), self.saturation))
