"""Interactive pictures, from core ipywidgets alone (7.7 and 8)."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorlib import color
from colorlib.models.objectives import Objective
from colorlib.plots import study as study_figures
from colorlib.study.study import Row
from colorlib.study.tables import Curves

Picture = Tensor | np.ndarray
STEPS = 10          # positions from one picture to the next


class Interactive(ipywidgets.VBox):
    """Widgets below one another, and a picture for whoever reads the notebook where no kernel runs, as on GitHub.

    Args:
        children: the widgets.
        still: the picture, as PNG bytes. (ipywidgets 7 shows none.)
    """

    def __init__(self, children: Sequence[ipywidgets.Widget], still: bytes):
        # Without flex-start a box stretches its picture to the width of the page.
        super().__init__(children, layout=ipywidgets.Layout(align_items="flex-start"))
        self._still = base64.b64encode(still).decode()

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        return {**super()._repr_mimebundle_(**kwargs), "image/png": self._still}


def compare_slider(gray: Picture, predicted: Picture, actual: Picture, height: int = 320) -> ipywidgets.Widget:
    """A slider that goes from gray over predicted to actual, and another that picks the image.

    Both can be dragged, or moved with the arrow keys after a click or Tab. An image's blends are made when it is
    picked, as PNG bytes; moving the first slider only chooses among them.

    Args:
        gray: (N, 1, H, W) in [0, 1].
        predicted, actual: (N, 3, H, W), uint8 or float in [0, 1].
        height: of the picture on the screen, in pixels.

    Raises:
        ValueError: if the three do not hold equally many pictures of one size.
    """
    pictures = _alike(*map(color.to_tensor, (gray, predicted, actual)))
    blends = lru_cache(maxsize=4)(lambda i: _blends(*(of[i] for of in pictures), height))
    position = ipywidgets.SelectionSlider(
        options=[(name, i) for i, name in enumerate(_names())], value=0, description="shows",
        layout=ipywidgets.Layout(width="34em", max_width="100%"))
    number = ipywidgets.IntSlider(min=1, max=len(pictures[0]), value=1, description="image", layout=position.layout)
    picture = ipywidgets.Image(format="png", value=blends(0)[0])

    def update(_: object) -> None:
        picture.value = blends(number.value - 1)[position.value]

    position.observe(update, "value")
    number.observe(update, "value")
    return Interactive([picture, position, number], _side_by_side(blends(0)[::STEPS]))


def temperature_slider(logits: Tensor, L: Tensor, objective: Objective, height: int = 320) -> ipywidgets.Widget:
    """A slider from the mode (0) to the mean (1) of what a network believes of some pictures, side by side.

    Args:
        logits: (N, Q, h, w), the output of a network that classifies.
        L: (N, 1, H, W) in [0, 100].
        objective: what reads the logits, at any temperature.
        height: of the pictures on the screen, in pixels.
    """
    slider = ipywidgets.FloatSlider(0.38, min=0, max=1, step=0.02, description="T", continuous_update=False,
                                    layout=ipywidgets.Layout(width="34em", max_width="100%"))
    picture = ipywidgets.Image(format="png")

    @torch.no_grad()
    def update(_: object = None) -> None:
        colored = color.to_uint8(objective.at(slider.value).decode(logits, L))
        picture.value = _png(torch.cat([*colored], -1).permute(1, 2, 0).numpy(), height)

    slider.observe(update, "value")
    update()
    return Interactive([picture, slider], picture.value)


def study_explorer(rows: Sequence[Row], known: Curves, start: Sequence[str]) -> ipywidgets.Widget:
    """Pick a measure and some variants of a study; see every training, and how it got there.

    Args:
        rows, known: as ``read_table`` and ``read_curves`` give them.
        start: the variants to begin with, as far as they were trained.

    Raises:
        ValueError: if no training was finished.
    """
    done = [row for row in rows if not row.error]
    if not done:
        raise ValueError("none of these trainings was finished: there is nothing to explore")
    measured = set.intersection(*(set(row.measures) for row in done))
    trained = list(dict.fromkeys(row.variant for row in done))
    metric = ipywidgets.Dropdown(description="measure", options=[
        (label, name) for name, label in study_figures.LABELS.items() if name in measured])
    chosen = [name for name in start if name in trained] or trained[:1]
    variants = ipywidgets.SelectMultiple(options=trained, value=chosen, rows=10, description="variants",
                                         layout=ipywidgets.Layout(width="34em", max_width="100%"))
    picture = ipywidgets.Image(format="png")

    def update(_: object = None) -> None:
        if variants.value:
            buffer = io.BytesIO()
            figure = study_figures.both(rows, known, variants.value, metric.value)[0].figure
            figure.savefig(buffer)
            plt.close(figure)
            picture.value = buffer.getvalue()

    metric.observe(update, "value")
    variants.observe(update, "value")
    update()
    return Interactive([metric, variants, picture], picture.value)


def _names() -> list[str]:
    """What each position shows, in words: the slider's readout."""
    blends = [f"{100 * i // STEPS}% {{}}" for i in range(1, STEPS)]
    to_predicted, to_actual = ([blend.format(name) for blend in blends] for name in ("predicted", "actual"))
    return ["gray", *to_predicted, "predicted", *to_actual, "actual"]


def _alike(gray: Tensor, predicted: Tensor, actual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three, if they show the same images at one size."""
    if gray.ndim != 4 or gray.shape[1] != 1 or len(gray) == 0:
        raise ValueError(f"gray must be (N,1,H,W), got {tuple(gray.shape)}: pass rgb through color.to_gray first")
    if len({(len(p), *p.shape[-2:]) for p in (gray, predicted, actual)}) > 1:
        shapes = ", ".join(str(tuple(p.shape)) for p in (gray, predicted, actual))
        raise ValueError(f"gray, predicted and actual must show the same images at one size, got {shapes}")
    return gray, predicted, actual


def _blends(gray: Tensor, predicted: Tensor, actual: Tensor, height: int) -> list[bytes]:
    """PNG bytes of one image: gray to predicted to actual in 2 * STEPS + 1 blends."""
    first, middle, last = color.gray_to_rgb(gray[None])[0], color.to_float(predicted), color.to_float(actual)
    weights = [i / STEPS for i in range(STEPS)]
    stages = [torch.lerp(a, b, w) for a, b in ((first, middle), (middle, last)) for w in weights] + [last]
    return [_png(color.to_uint8(stage).permute(1, 2, 0).numpy(), height) for stage in stages]


def _side_by_side(pictures: Sequence[bytes]) -> bytes:
    """One PNG of several of one size."""
    pixels = np.concatenate([np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures], axis=1)
    return _png(pixels, len(pixels))


def _png(pixels: np.ndarray, height: int) -> bytes:
    """(H,W,3) uint8 -> a PNG about ``height`` pixels high; small images become sharp squares, not a blur."""
    image = Image.fromarray(pixels)
    scale = max(1, round(height / image.height))
    buffer = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
