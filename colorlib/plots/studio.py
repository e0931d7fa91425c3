"""A page to upload a photo, color it, compare, and download. It needs core ipywidgets alone (7.7 or 8)."""

import base64
import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from matplotlib import colormaps
from PIL import Image

from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer, gray_copy
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.plots.shelf import MiB, Shelf
from colorlib.plots.widgets import WIDE, Interactive
from colorlib.system import paths
from colorlib.system.errors import ColorlibError

SHOWN = 480                  # pixels of the longer side on the screen; the download has all
MAX_BITS = 8                 # entropy if all 261 bins are equally likely


def _shows_errors(handler: Callable[["Studio"], None]) -> Callable[..., None]:
    """Handler of a widget that shows errors on the page, where a traceback could not be seen."""
    def guarded(studio: "Studio", _: Any = None) -> None:
        try:
            return handler(studio)
        except OSError as error:                         # a file or folder is gone, or may not be read
            text = f"{error.filename}: {error.strerror}"
        except (ColorlibError, MemoryError) as error:
            text = str(error) or "there is too little memory for this photo: use a smaller copy of it"
        studio.message.value = f"<b>{escape(text)}</b>"
    return guarded


class Studio:
    """A small page: ``Studio().page`` in a cell shows it.

    A photo (an upload, a sample, or one of a folder) is colored at screen size while the sliders move. A button colors
    it at full size and offers the result for download.

    Args:
        weights: names or files to choose from.
        photos: files to choose from; by default the embedded samples.
        shelf: the folders that it may open; by default all in a notebook, and on a web page those that it was started for.

    Raises:
        RunError: for weights that are not there.
    """

    def __init__(self, weights: tuple[str, ...] = ("photos",), photos: list[Path] | None = None, shelf: Shelf | None = None):
        self.shelf = shelf or Shelf.of_this_kernel()
        self.colorizers = {str(name): Colorizer(name) for name in weights}
        wide = {"layout": WIDE, "style": {"description_width": "6.5em"}}
        self.upload = ipywidgets.FileUpload(accept="image/*", multiple=False, description="upload a photo")
        self.sample = ipywidgets.Dropdown(description="or choose")
        self.folder = ipywidgets.Text(placeholder="folder of this page" if self.shelf.is_public else "folder of this notebook",
                                      description="from folder", continuous_update=False)
        self.folder.layout.display = None if self.shelf.is_open else "none"
        self.limit = ipywidgets.HTML(f"<small>up to {self.shelf.largest_upload // MiB} MB"
                                     f"{'; larger ones: from folder' if self.shelf.is_open else ''}</small>")
        self.weights = ipywidgets.Dropdown(options=list(self.colorizers), description="weights")
        self.compare = ipywidgets.FloatSlider(1, min=0, max=1, step=0.05, description="gray to color", **wide)
        self.saturation = ipywidgets.FloatSlider(1, min=0, max=2, step=0.1, description="saturation", **wide)
        self.vividness = ipywidgets.FloatSlider(self._default_vividness, min=0, max=1, step=0.01, description="vividness", **wide)
        self.uncertainty = ipywidgets.Checkbox(False, description="show where the network is uncertain", indent=False,
                                               layout={"width": "auto"})
        self.picture = ipywidgets.Image(format="png")
        self.button = ipywidgets.Button(description="color at full size")
        self.message, self.download = ipywidgets.HTML(), ipywidgets.HTML()
        self.data, self.name, self.photo = b"", "", None
        for widget, handler in [(self.upload, self._on_upload), (self.sample, self._on_sample),
                                (self.folder, self._on_folder), (self.weights, self._on_weights),
                                (self.saturation, self._colorize), (self.vividness, self._colorize),
                                (self.compare, self._draw), (self.uncertainty, self._draw)]:
            widget.observe(handler, "value")
        self.button.on_click(self._on_full_size)
        self._offer(photos or sorted(paths.samples_dir().glob("*.jpg")))

    @property
    def page(self) -> ipywidgets.Widget:
        """All widgets in one box."""
        top = ipywidgets.HBox([self.upload, self.limit, self.sample, self.folder, self.weights], layout={"flex_flow": "row wrap"})
        return Interactive([top, self.message, self.picture, self.compare, self.vividness, self.saturation,
                            self.uncertainty, ipywidgets.HBox([self.button, self.download])], self.picture.value)

    @property
    def colorizer(self) -> Colorizer:
        """Colorizer of the chosen weights."""
        return self.colorizers[self.weights.value]

    @_shows_errors
    def _on_upload(self) -> None:
        if files := self.upload.value:
            # ipywidgets 7 has a dict {name: file}, ipywidgets 8 a tuple of files with names.
            name, file = next(iter(files.items())) if isinstance(files, dict) else (files[0]["name"], files[0])
            self._open(bytes(file["content"]), name)
            self.sample.value = None                     # so that the same sample can be chosen again

    @_shows_errors
    def _on_sample(self) -> None:
        if file := self.sample.value:
            self._open(file.read_bytes(), file.name)

    @_shows_errors
    def _on_folder(self) -> None:
        self._offer(self.shelf.photos(self.folder.value))

    def _offer(self, files: list[Path]) -> None:
        self.sample.options = [("-", None), *((file.stem, file) for file in files)]
        self.sample.value = files[0]

    def _open(self, data: bytes, name: str) -> None:
        with ignore_pillow_warnings():
            decoded = decode(data, name, min_side=SHOWN)
        decoded.image.thumbnail((SHOWN, SHOWN))
        self.data, self.name, self.photo, self.gray = data, name, decoded.image, gray_copy(decoded.image)
        self.message.value = decoded.remark
        self._colorize()

    @_shows_errors
    def _on_weights(self) -> None:
        if self._default_vividness == self.vividness.value:
            self._colorize()
        else:
            self.vividness.value = self._default_vividness         # which calls _colorize

    @_shows_errors
    def _colorize(self) -> None:
        if self.photo is not None:                       # the first file may be unreadable
            self.vividness.disabled = self.uncertainty.disabled = self.colorizer.objective.temperature is None
            self.colored = self.colorizer(self.photo, self._chosen_vividness, self.saturation.value)
            self.download.value = ""                     # it has other settings
            self._draw()

    @_shows_errors
    def _draw(self) -> None:
        if self.photo is not None:
            image = Image.blend(self.gray, self.colored, self.compare.value)
            if self.uncertainty.value and not self.uncertainty.disabled:
                heat = colormaps["magma"](self.colorizer.uncertainty(self.photo).numpy() / MAX_BITS, bytes=True)
                image = Image.fromarray(heat[..., :3]).resize(self.photo.size, Image.Resampling.BILINEAR)
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            self.picture.value = buffer.getvalue()

    @property
    def _default_vividness(self) -> float:
        """Vividness of the weights; where they set a temperature instead, that which gives the same colors, if they have no curve."""
        objective = self.colorizer.objective
        return 1 - (objective.temperature or 0) if objective.vividness is None else objective.vividness

    @property
    def _chosen_vividness(self) -> float | None:
        return None if self.vividness.disabled else self.vividness.value

    @_shows_errors
    def _on_full_size(self) -> None:
        options = ColorizeOptions(self._chosen_vividness, self.saturation.value, "jpeg")
        colored, _ = color_bytes(self.data, self.name, self.colorizer, options)
        link = base64.b64encode(colored).decode()
        name = escape(f"{Path(self.name).stem}-in-color.jpg")
        self.download.value = f'<a download="{name}" href="data:image/jpeg;base64,{link}">download {name}</a>'
