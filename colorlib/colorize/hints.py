"""Colors that a user knows, at places of a photo: as a list, as JSON, and as the map that a network sees."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from colorlib import color
from colorlib.models.hints import UNIT
from colorlib.system.errors import DataError, UsageError

SIDE = 7             # pixels along each side of the square that a hint covers in the small copy; in training 1 to 9


class Hint(NamedTuple):
    """A color at a place. Its lightness does not matter: the photo keeps its own."""

    x: float                 # from 0, the left edge of the upright photo, to 1, the right one
    y: float                 # from 0, the upper edge, to 1
    rgb: str                 # such as "#c08040"

    @property
    def ab(self) -> Tensor:
        """(2,) in Lab units."""
        levels = torch.tensor([int(self.rgb[place:place + 2], 16) for place in (1, 3, 5)], dtype=torch.uint8)
        return color.split_lab(levels.reshape(3, 1, 1))[1].flatten()


def hint_map(hints: Iterable[Hint], height: int, width: int) -> Tensor:
    """Hints as a network takes them: (1, 3, height, width), with a / 110, b / 110 and 1 in a square around each place.

    Of two that overlap the later one counts.
    """
    result = torch.zeros(1, 3, height, width)
    for hint in hints:
        row, column = (min(int(place * length), length - 1) for place, length in ((hint.y, height), (hint.x, width)))
        square = result[0, :, max(0, row - SIDE // 2):row + SIDE // 2 + 1, max(0, column - SIDE // 2):column + SIDE // 2 + 1]
        square[:] = torch.cat([hint.ab / UNIT, torch.ones(1)])[:, None, None]
    return result


def checked(hints: Iterable[Hint]) -> tuple[Hint, ...]:
    """The same hints.

    Raises:
        UsageError: for a place outside of the photo, or a color that is not like "#c08040".
    """
    hints = tuple(Hint(*hint) for hint in hints)
    for hint in hints:
        if not all(isinstance(place, int | float) and 0 <= place <= 1 for place in (hint.x, hint.y)):
            raise UsageError(f"the place of a hint must be x and y from 0 to 1, got {hint.x!r}, {hint.y!r}")
        if not isinstance(hint.rgb, str) or not re.fullmatch("#[0-9a-fA-F]{6}", hint.rgb):
            raise UsageError(f'the color of a hint must be like "#c08040", got {hint.rgb!r}')
    return hints


def inside(hints: Sequence[Hint], box: tuple[int, int, int, int], width: int, height: int) -> tuple[Hint, ...]:
    """The hints that lie in a box of a photo of width x height pixels, with their places in the box."""
    left, top, right, bottom = box
    moved = (Hint((hint.x * width - left) / (right - left), (hint.y * height - top) / (bottom - top), hint.rgb) for hint in hints)
    return tuple(hint for hint in moved if 0 <= hint.x <= 1 and 0 <= hint.y <= 1)


def to_json(hints: Iterable[Hint]) -> str:
    """The hints as JSON, one a line."""
    return '{"hints": [\n' + ",\n".join("  " + json.dumps(hint._asdict()) for hint in hints) + "\n]}\n"


def read_hints(path: Path) -> tuple[Hint, ...]:
    """The hints of a JSON file: ``{"hints": [{"x": 0.5, "y": 0.2, "rgb": "#c08040"}]}``.

    Raises:
        DataError: for a file that is not there, or holds something else.
    """
    try:
        return parse_hints(path.read_text(errors="replace"), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def parse_hints(text: str, name: str) -> tuple[Hint, ...]:
    """The hints of JSON as ``to_json`` writes it; ``name`` is that of the file, for error messages.

    Raises:
        DataError: for something else.
    """
    try:
        return checked(Hint(**entry) for entry in json.loads(text)["hints"])
    except (ValueError, KeyError, TypeError, UsageError) as error:
        raise DataError(f'{name} holds no hints such as {{"hints": [{{"x": 0.5, "y": 0.2, "rgb": "#c08040"}}]}} ({error})') from error
