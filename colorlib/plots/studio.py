"""Upload a photo, color it, compare, download: from core ipywidgets alone (7.7 and 8)."""

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from matplotlib import colormaps
from PIL import Image

from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer, gray_copy
from colorlib.colorize.encode import picture_extensions
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.plots.widgets import Interactive
from colorlib.system import paths
from colorlib.system.errors import ColorlibError

SHOWN = 480                  # pixels of the longer side on the screen; the download has all
BITS = 8                     # the most that a pixel can be unsure: log2(261)


class Studio:
    """A small page: ``Studio().page`` in a cell shows it.

    A photo, uploaded, one of the samples, or of a folder, is colored at screen size while the sliders move; a button
    colors it at its full size, and offers that for download.

    Args:
        weights: names or files to choose from.
        photos: files to choose from; by default the embedded samples.

    Raises:
        RunError: for weights that are not there.
    """

    def __init__(self, weights: tuple[str, ...] = ("photos", "photos-vivid"), photos: list[Path] | None = None):
        self.colorizers = {str(name): Colorizer(name) for name in weights}
        files = photos or sorted(paths.samples_dir().glob("*.jpg"))
        wide = {"layout": ipywidgets.Layout(width="34em", max_width="100%"), "style": {"description_width": "6.5em"}}
        self.upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="your photo")
        self.sample = ipywidgets.Dropdown(options=_choices(files), value=files[0], description="or this")
        self.folder = ipywidgets.Text(placeholder="where this notebook runs", description="of a folder",
                                      continuous_update=False)
        self.weights = ipywidgets.Dropdown(options=list(self.colorizers), description="weights")
        self.compare = ipywidgets.FloatSlider(1, min=0, max=1, step=0.05, description="gray to color", **wide)
        self.saturation = ipywidgets.FloatSlider(1, min=0, max=2, step=0.1, description="saturation", **wide)
        self.temperature = ipywidgets.FloatSlider(self._own_temperature or 0, min=0, max=1, step=0.02,
                                                  description="temperature", **wide)
        self.unsure = ipywidgets.Checkbox(False, description="show where the network is unsure", indent=False,
                                        layout=ipywidgets.Layout(width="auto"))
        self.picture = ipywidgets.Image(format="png")
        self.button = ipywidgets.Button(description="color at full size")
        self.message, self.download = ipywidgets.HTML(), ipywidgets.HTML()
        self.data, self.name, self.photo = b"", "", None
        for widget, react in [(self.upload, self._uploaded), (self.sample, self._chosen), (self.folder, self._listed),
                              (self.weights, self._taken),
                              (self.saturation, self._painted), (self.temperature, self._painted),
                              (self.compare, self._shown), (self.unsure, self._shown)]:
            widget.observe(react, "value")
        self.button.on_click(self._full_size)
        self._chosen()

    @property
    def page(self) -> ipywidgets.Widget:
        """All of it, in one box."""
        top = ipywidgets.HBox([self.upload, self.sample, self.folder, self.weights],
                              layout=ipywidgets.Layout(flex_flow="row wrap"))
        return Interactive([top, self.message, self.picture, self.compare, self.saturation, self.temperature,
                            self.unsure, ipywidgets.HBox([self.button, self.download])], self.picture.value)

    @property
    def colorizer(self) -> Colorizer:
        """The one that is chosen."""
        return self.colorizers[self.weights.value]

    def _uploaded(self, _: Any = None) -> None:
        if files := self.upload.value:
            # ipywidgets 7 has a dict {name: file}, 8 a tuple of files that know their names.
            name, file = next(iter(files.items())) if isinstance(files, dict) else (files[0]["name"], files[0])
            self._open(bytes(file["content"]), name)
            self.sample.value = None              # so that it can be chosen again

    def _chosen(self, _: Any = None) -> None:
        if file := self.sample.value:
            try:
                self._open(file.read_bytes(), file.name)
            except OSError as error:                     # it vanished, or may not be read
                self.message.value = f"<b>{escape(f'{file.name}: {error.strerror}')}</b>"

    def _listed(self, _: Any = None) -> None:
        folder = paths.expanded(self.folder.value)
        files = [file for file in sorted(folder.glob("*")) if file.suffix.lower() in picture_extensions()]
        if files:
            self.sample.options = _choices(files)
            self.sample.value = files[0]
        else:
            self.message.value = f"<b>there are no photos in {escape(str(folder))}</b>"

    def _open(self, data: bytes, name: str) -> None:
        try:
            with ignore_pillow_warnings():
                decoded = decode(data, name, at_least=SHOWN)
        except ColorlibError as error:
            self.message.value = f"<b>{escape(str(error))}</b>"
            return
        decoded.image.thumbnail((SHOWN, SHOWN))
        self.data, self.name, self.photo, self.gray = data, name, decoded.image, gray_copy(decoded.image)
        self.message.value, self.download.value = decoded.remark, ""
        self._painted()

    def _taken(self, _: Any = None) -> None:
        if self._own_temperature in (None, self.temperature.value):
            self._painted()
        else:
            self.temperature.value = self._own_temperature             # which paints

    def _painted(self, _: Any = None) -> None:
        if self.photo is None:                           # the first could not be opened
            return
        self.temperature.disabled = self.unsure.disabled = self._own_temperature is None
        self.colored = self.colorizer(self.photo, self._temperature, self.saturation.value)
        self.download.value = ""
        self._shown()

    def _shown(self, _: Any = None) -> None:
        if self.photo is None:
            return
        image = Image.blend(self.gray, self.colored, self.compare.value)
        if self.unsure.value and not self.unsure.disabled:
            image = _heat(self.colorizer.uncertainty(self.photo).numpy() / BITS, self.photo.size)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        self.picture.value = buffer.getvalue()

    @property
    def _own_temperature(self) -> float | None:
        """What the weights are read at, if nobody moves the slider."""
        return self.colorizer.objective.temperature

    @property
    def _temperature(self) -> float | None:
        return None if self._own_temperature is None else self.temperature.value

    def _full_size(self, _: Any = None) -> None:
        wish = ColorizeOptions(self._temperature, self.saturation.value)
        try:
            colored = color_bytes(self.data, self.name, self.colorizer, wish, "jpeg")
        except ColorlibError as error:
            self.message.value = f"<b>{escape(str(error))}</b>"
            return
        link = base64.b64encode(colored.data).decode()
        name = escape(f"{Path(self.name).stem}-in-color.jpg")
        self.download.value = f'<a download="{name}" href="data:image/jpeg;base64,{link}">download {name}</a>'


def _choices(files: list[Path]) -> list[tuple[str, Path | None]]:
    """What a dropdown offers: each file by its name, and none."""
    return [("-", None), *((file.stem, file) for file in files)]


def _heat(values: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """(h, w) in [0, 1] as a picture of this size, dark to bright."""
    rgb = (255 * colormaps["magma"](values.clip(0, 1))[..., :3]).round().astype(np.uint8)
    return Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR)
