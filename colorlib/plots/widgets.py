"""Sliders and menus that change a picture. They need core ipywidgets alone (7.7 or 8)."""

import base64
import io
from collections.abc import Sequence

import ipywidgets
import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.models.objectives import Objective
from colorlib.plots.pictures import on_cpu

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
