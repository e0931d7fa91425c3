"""A panel to tell the network colors: click a place, choose its color, or let the network ask."""

import base64
from collections.abc import Callable
from typing import NamedTuple

import ipywidgets

from colorlib.colorize.hints import Hint, parse_hints, to_json
from colorlib.plots.picker import Picker
from colorlib.plots.widgets import uploaded

COLORS = 8                   # that are offered for a place
HELP = "Click a place whose color you know; or let the network ask."


class Questions(NamedTuple):
    """What a network can say of the photo, given what is known."""

    place: Callable[[tuple[Hint, ...]], tuple[float, float]]                    # whose color would settle most
    colors: Callable[[float, float, tuple[Hint, ...]], list[str]]               # that are likely there


class HintPanel:
    """Widgets around a picture to choose hints.

    Args:
        picker: the picture.
        questions: to the network.
        changed: called when the hints have changed.
        guarded: wraps each handler, to show errors on the page.
    """

    def __init__(self, picker: Picker, questions: Questions, changed: Callable[[], None],
                 guarded: Callable[[Callable[[], None]], Callable[..., None]]):
        self.picker, self.questions, self.changed = picker, questions, changed
        self.hints: tuple[Hint, ...] = ()
        self.place: tuple[float, float] | None = None                         # that waits for a color
        self.said = ipywidgets.HTML(HELP)
        self.palette = [ipywidgets.Button(layout={"width": "2.6em", "display": "none"}) for _ in range(COLORS)]
        self.free = ipywidgets.ColorPicker(concise=True, value="#808080", layout={"display": "none"})
        self.ask = ipywidgets.Button(description="ask me", tooltip="the network asks for the color that would settle most")
        self.undo = ipywidgets.Button(description="undo", disabled=True)
        self.load = ipywidgets.FileUpload(accept=".json", multiple=False, description="load hints")
        self.save, self.list = ipywidgets.HTML(), ipywidgets.HTML()
        for button in self.palette:
            button.on_click(guarded(lambda button=button: self._choose(button.tooltip)))
        self.free.observe(guarded(lambda: self._choose(self.free.value)), "value")
        self.ask.on_click(guarded(lambda: self.look_at(*self.questions.place(self.hints))))
        self.undo.on_click(guarded(lambda: self.set(self.hints[:-1])))
        self.load.observe(guarded(self._on_load), "value")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.box = ipywidgets.VBox([self.said, ipywidgets.HBox([*self.palette, self.free], layout=row),
                                    ipywidgets.HBox([self.ask, self.undo, self.load, self.save], layout=row), self.list])

    def set(self, hints: tuple[Hint, ...]) -> None:
        """Have these hints."""
        self.hints, self.place = hints, None
        self._offer([])
        self._show()
        self.changed()

    def look_at(self, x: float, y: float) -> None:
        """Offer colors for a place."""
        colors, self.place = self.questions.colors(x, y, self.hints), None
        self._offer(colors)
        self.free.value = colors[0]                  # another color than the last one is then a change, also for this place
        self.place = (x, y)
        self._show()

    def _choose(self, rgb: str) -> None:
        """Give the place a color; another one for the same place replaces it."""
        if self.place is not None:
            others = tuple(hint for hint in self.hints if hint[:2] != self.place)
            self.hints = (*others, Hint(*self.place, rgb))
            self._show()
            self.changed()

    def _on_load(self) -> None:
        if file := uploaded(self.load):
            name, content = file
            self.set(parse_hints(content.decode(errors="replace"), name))

    def _offer(self, colors: list[str]) -> None:
        for button, rgb in zip(self.palette, colors + [""] * (COLORS - len(colors)), strict=True):
            button.tooltip, button.style.button_color = rgb, rgb or None
            button.layout.display = None if rgb else "none"
        self.free.layout.display = None if colors else "none"

    @property
    def _waits(self) -> bool:
        """Whether a place waits for its color."""
        return self.place is not None and all(hint[:2] != self.place for hint in self.hints)

    def mark(self) -> None:
        """Draw a ring for each hint, and for the place that waits."""
        asked = [{"x": self.place[0], "y": self.place[1], "rgb": ""}] if self._waits else []
        self.picker.marks = [*(hint._asdict() for hint in self.hints), *asked]

    def _show(self) -> None:
        """Mark and list the hints."""
        self.mark()
        self.said.value = "Which color has the place in the ring?" if self._waits else HELP
        self.undo.disabled = not self.hints
        rows = (f'<span style="background:{hint.rgb};padding:0 .8em">&nbsp;</span> {hint.rgb} at {hint.x:.0%}, {hint.y:.0%}'
                for hint in self.hints)
        self.list.value = "<br>".join(rows)
        link = base64.b64encode(to_json(self.hints).encode()).decode()
        self.save.value = f'<a download="hints.json" href="data:application/json;base64,{link}">save hints</a>' if self.hints else ""
