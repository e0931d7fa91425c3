"""Sliders and menus that change a picture. They need core ipywidgets alone (7.7 or 8)."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import ipywidgets
import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.models.objectives import Objective
from colorlib.plots.pictures import Pixels, on_cpu

STEPS = 10          # slider positions from one picture to the next
WIDE = {"width": "34em", "max_width": "100%"}


class Interactive(ipywidgets.VBox):
    """Widgets below one another, stored with a picture for pages without a kernel, such as GitHub's.

    Args:
        children: the widgets.
        still: the picture, as PNG bytes. (ipywidgets 7 stores none.)
    """

    def __init__(self, children: Sequence[ipywidgets.Widget], still: bytes):
        # Without flex-start the picture would be stretched to the width of the page.
        super().__init__(children, layout=ipywidgets.Layout(align_items="flex-start"))
        self._still = base64.b64encode(still).decode()

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        return {**super()._repr_mimebundle_(**kwargs), "image/png": self._still}


def uploaded(upload: ipywidgets.FileUpload) -> tuple[str, bytes] | None:
    """Name and content of the file that was uploaded, if there is one: in ipywidgets 7 a dict {name: file}, in 8 a tuple of files."""
    if not upload.value:
        return None
    files = upload.value
    name, file = next(iter(files.items())) if isinstance(files, dict) else (files[0]["name"], files[0])
    content = bytes(file["content"])
    upload.value = type(files)()                     # so that the same file can be chosen again
    return name, content


def compare_slider(gray: Pixels, predicted: Pixels, actual: Pixels, height: int = 320) -> ipywidgets.Widget:
    """Fade from gray to predicted to actual with a slider; choose the image with another.

    All blends of an image are computed when it is chosen, so that the first slider moves without delay.

    Args:
        gray: (N, 1, H, W) in [0, 1].
        predicted, actual: (N, 3, H, W), uint8 or float in [0, 1].
        height: of the picture on the screen, in pixels.

    Raises:
        ValueError: if the three do not hold equally many pictures of one size.
    """
    gray, predicted, actual = on_cpu(gray), on_cpu(predicted), on_cpu(actual)
    shapes = [tuple(pictures.shape) for pictures in (gray, predicted, actual)]
    if len(shapes[0]) != 4 or shapes[0][1] != 1 or len(gray) == 0:
        raise ValueError(f"gray must be (N,1,H,W), got {shapes[0]}: pass rgb through color.to_gray first")
    if len({(shape[0], *shape[2:]) for shape in shapes}) > 1:
        raise ValueError("gray, predicted and actual must show the same images at one size, got "
                         + ", ".join(map(str, shapes)))

    def stages(i: int) -> list[Tensor]:
        return [color.gray_to_rgb(gray[i:i + 1])[0], color.to_float(predicted[i]), color.to_float(actual[i])]

    @lru_cache(maxsize=4)
    def blends(i: int) -> list[bytes]:
        blended = [torch.lerp(start, end, step / STEPS) for start, end in pairwise(stages(i)) for step in range(STEPS)]
        return [_png(rgb, height) for rgb in [*blended, stages(i)[-1]]]

    percents = [f"{100 * step // STEPS}% " for step in range(1, STEPS)] + [""]
    names = ["gray", *(percent + name for name in ("predicted", "actual") for percent in percents)]
    position = ipywidgets.SelectionSlider(options=[(name, i) for i, name in enumerate(names)], value=0,
                                          description="shows", layout=WIDE)
    number = ipywidgets.IntSlider(min=1, max=len(gray), value=1, description="image", layout=WIDE)
    picture = ipywidgets.Image(format="png")
    for control in (position, number):
        ipywidgets.dlink((control, "value"), (picture, "value"), lambda _: blends(number.value - 1)[position.value])
    return Interactive([picture, position, number], _png(torch.cat(stages(0), -1), height))


def temperature_slider(logits: Tensor, L: Tensor, objective: Objective, height: int = 320) -> ipywidgets.Widget:
    """Decode the predicted distributions at temperatures from 0 (mode) to 1 (mean) with a slider.

    Args:
        logits: (N, Q, h, w), the output of a network that predicts a distribution, on any device.
        L: (N, 1, H, W) in [0, 100], on any device.
        objective: decodes the logits.
        height: of the pictures on the screen, in pixels.
    """
    logits, L = on_cpu(logits), on_cpu(L)
    slider = ipywidgets.FloatSlider(0.38, min=0, max=1, step=0.02, description="T", continuous_update=False, layout=WIDE)
    picture = ipywidgets.Image(format="png")

    def draw(temperature: float) -> bytes:
        rgb = objective.with_temperature(temperature).decode(logits, L)
        return _png(torch.cat([*rgb], -1), height)

    ipywidgets.dlink((slider, "value"), (picture, "value"), draw)
    return Interactive([picture, slider], picture.value)


def _png(rgb: Tensor, height: int) -> bytes:
    """PNG about ``height`` pixels high of rgb (3,H,W); small images are enlarged with sharp pixels."""
    image = Image.fromarray(color.to_uint8(rgb).permute(1, 2, 0).numpy())
    scale = max(1, round(height / image.height))
    buffer = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
