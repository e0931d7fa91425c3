"""A page to upload a photo, color it, compare, tell it colors, and download. Of ipywidgets it needs the core alone (7.7 or 8)."""

import base64
import io
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from matplotlib import colormaps
from PIL import Image

from colorlib.colorize.asking import answers, place_to_ask
from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer, gray_copy
from colorlib.colorize.hints import Hint
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.plots.hinting import HintPanel, Questions
from colorlib.plots.picker import Picker
from colorlib.plots.shelf import MiB, Shelf
from colorlib.plots.widgets import WIDE, Interactive, uploaded
from colorlib.system import paths
from colorlib.system.errors import ColorlibError, DataError

SHOWN = 480                  # pixels of the longer side on the screen; the download has all
SIZES = (128, 192, 256, 384)                             # shorter sides of what the network sees
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
        self.size = ipywidgets.Dropdown(options=[("as trained", None), *((f"{size} px", size) for size in SIZES)],
                                        description="size seen", style={"description_width": "6.5em"})
        self.compare = ipywidgets.FloatSlider(1, min=0, max=1, step=0.05, description="gray to color", **wide)
        self.saturation = ipywidgets.FloatSlider(1, min=0, max=2, step=0.1, description="saturation", **wide)
        self.vividness = ipywidgets.FloatSlider(self._default_vividness, min=0, max=1, step=0.01, description="vividness", **wide)
        self.uncertainty = ipywidgets.Checkbox(False, description="show where the network is uncertain", indent=False,
                                               layout={"width": "auto"})
        self.sizes = ipywidgets.Button(description="compare sizes", tooltip="the photo as the network colors it at each size")
        self.picture = Picker()
        self.button = ipywidgets.Button(description="color at full size")
        self.message, self.download = ipywidgets.HTML(), ipywidgets.HTML()
        self.data, self.name, self.photo, self.compares_sizes = b"", "", None, False
        self.hints = HintPanel(self.picture, Questions(self._place_to_ask, self._likely_colors), self._colorize, self._guarded)
        for widget, handler in [(self.upload, self._on_upload), (self.sample, self._on_sample),
                                (self.folder, self._on_folder), (self.weights, self._on_weights),
                                (self.saturation, self._colorize), (self.vividness, self._colorize), (self.size, self._colorize),
                                (self.compare, self._draw), (self.uncertainty, self._draw)]:
            widget.observe(handler, "value")
        self.picture.observe(self._on_pick, "picked")
        self.button.on_click(self._on_full_size)
        self.sizes.on_click(self._on_sizes)
        self._offer(photos or sorted(paths.samples_dir().glob("*.jpg")))

    @property
    def page(self) -> ipywidgets.Widget:
        """All widgets in one box."""
        top = ipywidgets.HBox([self.upload, self.limit, self.sample, self.folder, self.weights], layout={"flex_flow": "row wrap"})
        return Interactive([top, self.message, self.picture, self.hints.box, self.compare, self.vividness, self.saturation,
                            ipywidgets.HBox([self.size, self.sizes], layout={"flex_flow": "row wrap"}), self.uncertainty,
                            ipywidgets.HBox([self.button, self.download])], self.picture.value)

    @property
    def colorizer(self) -> Colorizer:
        """Colorizer of the chosen weights and size."""
        colorizer = self.colorizers[self.weights.value]
        return colorizer.at_size(self.size.value) if self.size.value else colorizer

    @_shows_errors
    def _on_upload(self) -> None:
        if file := uploaded(self.upload):
            name, content = file
            self._open(content, name)
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
        self.hints.set(())                               # which colors the photo

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
            self.hints.box.layout.display = None if self._takes_hints else "none"
            self.colored = self.colorizer(self.photo, self._chosen_vividness, self.saturation.value, self._chosen_hints)
            self.download.value = ""                     # it has other settings
            self._draw()

    @_shows_errors
    def _draw(self) -> None:
        if self.photo is not None:
            if self.compares_sizes:
                self.message.value, self.compares_sizes = "", False
            self.hints.mark()
            image = Image.blend(self.gray, self.colored, self.compare.value)
            if self.uncertainty.value and not self.uncertainty.disabled:
                heat = colormaps["magma"](self.colorizer.uncertainty(self.photo).numpy() / MAX_BITS, bytes=True)
                image = Image.fromarray(heat[..., :3]).resize(self.photo.size, Image.Resampling.BILINEAR)
            self._show(image)

    def _show(self, image: Image.Image) -> None:
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

    @property
    def _takes_hints(self) -> bool:
        return getattr(self.colorizer.model, "takes_hints", False) and self.colorizer.objective.temperature is not None

    @property
    def _chosen_hints(self) -> tuple[Hint, ...]:
        return self.hints.hints if self._takes_hints else ()

    def _place_to_ask(self, hints: tuple[Hint, ...]) -> tuple[float, float]:
        if self.photo is None:
            raise DataError("open a photo first")
        return place_to_ask(self.colorizer, self.photo, hints)

    def _likely_colors(self, x: float, y: float, hints: tuple[Hint, ...]) -> list[str]:
        return answers(self.colorizer, self.photo, x, y, hints)

    def _guarded(self, handler: Callable[[], None]) -> Callable[..., None]:
        """The handler of a part of the page, with errors shown there."""
        return partial(_shows_errors(lambda _: handler()), self)

    @_shows_errors
    def _on_sizes(self) -> None:
        """Show the photo as the network colors it at each size, until something else is chosen."""
        if self.photo is None:
            return
        colorizer, settings = self.colorizer, (self._chosen_vividness, self.saturation.value, self._chosen_hints)
        results = [colorizer.at_size(size)(self.photo, *settings) for size in SIZES]
        self.picture.marks, self.compares_sizes = [], True
        self._show(_in_a_grid(results))
        self.message.value = f"The network saw {', '.join(map(str, SIZES))} px, row by row. Click the one to keep."

    @_shows_errors
    def _on_pick(self) -> None:
        x, y, _ = self.picture.picked
        if self.compares_sizes:
            self.size.value = SIZES[2 * (y >= 0.5) + (x >= 0.5)]
            self._draw()                                 # if it is the size from before, nothing else does
        elif self._takes_hints and self.photo is not None:
            self.hints.look_at(x, y)

    @_shows_errors
    def _on_full_size(self) -> None:
        options = ColorizeOptions(self._chosen_vividness, self.saturation.value, "jpeg", hints=self._chosen_hints)
        colored, _ = color_bytes(self.data, self.name, self.colorizer, options)
        link = base64.b64encode(colored).decode()
        name = escape(f"{Path(self.name).stem}-in-color.jpg")
        self.download.value = f'<a download="{name}" href="data:image/jpeg;base64,{link}">download {name}</a>'


def _in_a_grid(pictures: list[Image.Image]) -> Image.Image:
    """Four pictures of one size, in two rows."""
    width, height = pictures[0].size
    grid = Image.new("RGB", (2 * width, 2 * height))
    for place, picture in enumerate(pictures):
        row, column = divmod(place, 2)
        grid.paste(picture, (column * width, row * height))
    return grid
