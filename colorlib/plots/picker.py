"""A picture to click on: ipywidgets has none."""

from pathlib import Path

import anywidget
import traitlets


class Picker(anywidget.AnyWidget):
    """A picture that says where it was clicked.

    Attributes:
        value: PNG bytes.
        alt: what the picture shows, in words.
        marks: rings on the picture: x and y from 0 to 1, and a color such as "#c08040", or "" for one that is asked for.
        picked: x, y of the last click, and its time.
    """

    _esm = Path(__file__).with_name("picker.js")
    _css = Path(__file__).with_name("picker.css")
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode("photo").tag(sync=True)
    marks = traitlets.List(traitlets.Dict()).tag(sync=True)
    picked = traitlets.List().tag(sync=True)
