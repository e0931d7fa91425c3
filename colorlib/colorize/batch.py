"""Color files and whole folders: every output is whole or not there, and no bad photo stops the others."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm.auto import tqdm

from colorlib.colorize.colorizer import Colorizer, gray_copy
from colorlib.colorize.encode import FORMATS, encode, format_of, picture_extensions
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.data.folders import Folder, file_problem
from colorlib.system.errors import ColorlibError, DataError, PictureError
from colorlib.system.files import make_folder, write_atomic
from colorlib.system.paths import expanded

LARGEST = 420 * 2**20        # bytes of a file, and of a photo while it is decoded: 110 megapixels


@dataclass(frozen=True)
class ColorizeOptions:
    """How to color, and how to write.

    Raises:
        ValueError: for a temperature, saturation or format that there is not.
    """

    temperature: float | None = None
    saturation: float = 1.0
    format: str | None = None        # a key of FORMATS; None: that of the input's name, if it is one of them, else PNG
    compare: bool = False            # gray on the left, colored on the right
    overwrite: bool = False          # outputs that are there; never an input

    def __post_init__(self):
        if self.temperature is not None and not 0 <= self.temperature <= 1:
            raise ValueError(f"temperature must be from 0 (vivid) to 1 (cautious), got {self.temperature}")
        if not 0 <= self.saturation < float("inf"):
            raise ValueError(f"saturation must be 0 or more, got {self.saturation}")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}")


class Task(NamedTuple):
    """A file, and where its colored copy belongs."""

    source: Path
    target: Path | None              # None: by its name it is no picture
    trouble: str = ""                # why it cannot be read, if that is known already


class Outcome(NamedTuple):
    """What became of one file."""

    source: Path
    fate: str                        # "done", "skipped" or "failed"
    cause: str = ""


class Colored(NamedTuple):
    """A colored image file."""

    data: bytes
    remark: str                      # what a reader should know, such as that an animation was cut, or ""


def plan(inputs: Iterable[str], out: str, wish: ColorizeOptions) -> list[Task]:
    """All files among the inputs, and where their colored copies belong.

    Args:
        inputs: files, folders (with all that is below them) and globs.
        out: a folder; or, for one file, the name of the output.

    Raises:
        DataError: for an input that is not there.
        ValueError: for an output without a name, an extension that is not known, or that is no folder for several.
    """
    if not out:
        raise ValueError("the output has no name: name a file or a folder")
    place = expanded(out)
    found = list(dict.fromkeys(path for text in inputs for path in _matching(text, place)))
    if len(found) > 1:                                          # such as *, where the results are already
        found = [path for path in found if _real(path) != _real(place)]
    if not found:
        raise DataError("no file or folder was named to color")
    into_folder = place.is_dir() or out.endswith("/")
    if len(found) == 1 and not found[0].is_dir() and not into_folder and place.suffix:
        return [_single(found[0], place, wish)]
    if format_of(place) and not into_folder:
        raise ValueError(f"{out} would be one picture, and there may be several to color: name a folder")
    once: dict[str, Task] = {}
    for task in (task for path in found for task in _below(path, place, len(found) > 1)):
        once.setdefault(_real(task.source), task)
    if not once:
        raise DataError(f"there are no files in {', '.join(map(str, found))}")
    return [task._replace(target=_named(task, wish)) for task in once.values()]


def color_files(tasks: list[Task], colorizer: Colorizer, wish: ColorizeOptions) -> Iterator[Outcome]:
    """Color file after file; whatever is wrong with one of them, the next has its turn.

    Yields:
        The outcome of each, as soon as it is known.

    Raises:
        ValueError: for a temperature, if the weights have none.
    """
    if wish.temperature is not None:
        colorizer.objective.at(wish.temperature)
    inputs, targets = {_real(task.source) for task in tasks}, Counter(task.target for task in tasks)
    for source, target, trouble in tasks:
        if trouble:
            yield Outcome(source, "failed", trouble)
        elif target is None:
            yield Outcome(source, "skipped", "no picture by name")
        elif _real(target) in inputs:
            yield Outcome(source, "failed", "its output would overwrite an input")
        elif targets[target] > 1:
            yield Outcome(source, "failed", "another input has the same name, and so the same output")
        else:
            yield _color_file(source, target, colorizer, wish)


def color_bytes(data: bytes, name: str, colorizer: Colorizer, wish: ColorizeOptions, form: str | None = None) -> Colored:
    """The bytes of an image file -> its colored copy.

    Of its EXIF, what tells of the photo stays: who took it, when, where, with what. A color profile was applied.

    Args:
        name: what errors call it.
        form: a key of FORMATS; by default that of the wish, else that of the data, if it is one of them, else PNG.

    Raises:
        PictureError: for what is no picture, or damaged, or too large.
    """
    with ignore_pillow_warnings():
        decoded = decode(data, name, keep_alpha=True, largest=LARGEST)
    form = form or wish.format or (decoded.format.lower() if decoded.format.lower() in FORMATS else "png")
    result = colorizer(decoded.image, wish.temperature, wish.saturation)
    if wish.compare:
        result = _side_by_side(gray_copy(decoded.image), result)
    return Colored(encode(result, form, name, decoded.told), decoded.remark)


def with_progress(outcomes: Iterable[Outcome], total: int) -> list[Outcome]:
    """All outcomes, a bar meanwhile, and at once a line for each that failed."""
    kept = []
    for outcome in tqdm(outcomes, "coloring", total, unit=" photos", disable=total < 2):
        kept.append(outcome)
        if outcome.fate == "failed":
            tqdm.write(f"{outcome.source}: {outcome.cause}", sys.stderr)
    return kept


def summary_line(outcomes: list[Outcome]) -> str:
    """One line: how many were done, skipped, and failed, and why."""
    parts = []
    for fate in ("done", "skipped", "failed"):
        causes = Counter(outcome.cause for outcome in outcomes if outcome.fate == fate)
        why = "; ".join(f"{count:,} {cause}" for cause, count in causes.most_common(4) if cause)
        parts.append(f"{causes.total():,} {fate}" + (f" ({why}{'; ...' if len(causes) > 4 else ''})" if why else ""))
    return ", ".join(parts)


def _matching(text: str, out: Path) -> list[Path]:
    """What is called so, or matches the pattern: then without what lies in ``out``, if other files match as well."""
    path = expanded(text)
    if path.exists():
        return [path]
    if matches := [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]:  # noqa: PTH207
        return [match for match in matches if Path(_real(out)) not in Path(_real(match)).parents] or matches
    raise DataError(f"there is no {text}")


def _single(source: Path, target: Path, wish: ColorizeOptions) -> Task:
    if format_of(target) is None or wish.format not in (None, format_of(target)):
        wanted = FORMATS.get(wish.format) or f"one of {', '.join(FORMATS.values())}"
        raise ValueError(f"{target}: an output must end with {wanted}, or be a folder")
    return Task(source, target, file_problem(source, LARGEST)[1])


def _real(path: Path) -> str:
    """Where a file really lies, through all links; of a link to itself, where that lies."""
    return os.path.realpath(path)          # Path.resolve raises for these


def _below(path: Path, out: Path, of_several: bool) -> Iterator[Task]:
    """A task for a file, or for each file below a folder; the target is its place in ``out``, not named yet.

    What lies in ``out`` is left out if that is in the folder. One of several folders keeps its own name.
    """
    if not path.is_dir():
        yield Task(path, out / path.name, file_problem(path, LARGEST)[1])
        return
    inner, folder = Path(_real(out)), Path(_real(path))
    top = out / folder.name if of_several else out
    for name, _, trouble in Folder(path, LARGEST).list():
        is_result = folder in inner.parents and inner in (folder / name).parents
        if not is_result and (trouble or not name.endswith("/")):
            is_picture = Path(name).suffix.lower() in picture_extensions()
            yield Task(path / name, top / name if is_picture else None, trouble)


def _named(task: Task, wish: ColorizeOptions) -> Path | None:
    """The target of a task with the extension of the format to write, after another one that is there.

    So cat.gif becomes cat.gif.png whatever else is colored, and is never taken for the result of a cat.png.
    """
    if (place := task.target) is None:
        return None
    form = wish.format or format_of(place) or "png"
    return place if format_of(place) == form else place.with_name(place.name + FORMATS[form])


def _color_file(source: Path, target: Path, colorizer: Colorizer, wish: ColorizeOptions) -> Outcome:
    try:
        if target.exists() and not wish.overwrite:
            return Outcome(source, "skipped", "there already")
        colored = color_bytes(source.read_bytes(), str(source), colorizer, wish, format_of(target))
        make_folder(target.parent)
        write_atomic(target, colored.data)
    except PictureError as error:
        return Outcome(source, "failed", error.cause)
    except ColorlibError as error:
        return Outcome(source, "failed", str(error))
    except OSError as error:                              # it vanished, or may not be read
        return Outcome(source, "failed", error.strerror or str(error))
    except Exception as error:                            # too little memory, or what nobody foresaw
        return Outcome(source, "failed", f"{type(error).__name__}: {error}")
    return Outcome(source, "done", colored.remark)


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new(right.mode, (2 * right.width, right.height))
    both.paste(left, (0, 0))
    both.paste(right, (right.width, 0))
    return both
