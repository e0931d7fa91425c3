"""Color files and whole folders: every output is whole or not there, and no bad photo stops the others."""

import glob
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm.auto import tqdm

from colorlib.colorizer import Colorizer
from colorlib.decoding import decode, many_pictures
from colorlib.errors import ColorlibError, DataError, PictureError, no_room
from colorlib.files import open_tree
from colorlib.writing import write_whole

LARGEST = 420 * 2**20        # bytes that a photo may take while it is decoded: 110 megapixels
FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
SAVING = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {}, "webp": {"quality": 95},
          "tiff": {"compression": "tiff_deflate"}}
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Wish:
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


class Outcome(NamedTuple):
    """What became of one file."""

    source: Path
    fate: str                        # "done", "skipped" or "failed"
    cause: str = ""


def plan(inputs: Iterable[str], out: str, wish: Wish) -> list[Task]:
    """All files among the inputs, and where their colored copies belong.

    Args:
        inputs: files, folders (with all that is below them) and globs.
        out: a folder; or, for one file, the name of the output.

    Raises:
        DataError: for an input that is not there.
        ValueError: for an output whose name has an extension that is not known.
    """
    found = [path for text in inputs for path in _matching(text)]
    several = len(found) > 1 or found[0].is_dir() or Path(out).is_dir() or out.endswith("/")
    if not several and Path(out).suffix:
        if format_of(Path(out)) is None:
            raise ValueError(f"{out}: an output must end with one of {', '.join(FORMATS.values())}, or be a folder")
        return [Task(found[0], Path(out))]
    pairs = [pair for path in found for pair in _below(path, Path(out))]
    wanted = Counter(_named(place, wish) for _, place in pairs)          # cat.gif and cat.bmp would both be cat.png
    return [Task(source, _named(place, wish, whole=wanted[_named(place, wish)] > 1)) for source, place in pairs]


def color_files(tasks: list[Task], colorizer: Colorizer, wish: Wish) -> Iterator[Outcome]:
    """Color file after file; whatever is wrong with one of them, the next has its turn.

    Yields:
        The outcome of each, as soon as it is known.
    """
    inputs, targets = {task.source.resolve() for task in tasks}, Counter(task.target for task in tasks)
    for source, target in tasks:
        if target is None:
            yield Outcome(source, "skipped", "no picture by name")
        elif target.resolve() in inputs:
            yield Outcome(source, "failed", "its output would overwrite an input")
        elif targets[target] > 1:
            yield Outcome(source, "failed", "another input has the same name, and so the same output")
        elif target.exists() and not wish.overwrite:
            yield Outcome(source, "skipped", "there already")
        else:
            yield _color_file(source, target, colorizer, wish)


def color_bytes(data: bytes, name: str, colorizer: Colorizer, wish: Wish, form: str | None = None) -> bytes:
    """The bytes of an image file -> those of its colored copy.

    EXIF stays, but for the orientation, which was applied; so was a color profile, which is gone.

    Args:
        name: what errors call it.
        form: a key of FORMATS; by default that of the data, if it is one of them, else PNG.

    Raises:
        PictureError: for what is no picture, or damaged, or too large.
    """
    with many_pictures():
        decoded = decode(data, name, keep_alpha=True, largest=LARGEST)
    form = form or (decoded.format.lower() if decoded.format.lower() in FORMATS else "png")
    result = colorizer(decoded.image, wish.temperature, wish.saturation)
    if wish.compare:
        result = _side_by_side(colorizer(decoded.image, saturation=0), result)
    if form == "jpeg" and result.mode == "RGBA":
        result = Image.alpha_composite(Image.new("RGBA", result.size, "white"), result).convert("RGB")
    buffer = io.BytesIO()
    try:
        result.save(buffer, form, exif=_exif(data), **SAVING[form])
    except (OSError, ValueError) as error:                # WebP, for one, ends at 16,383 pixels
        raise PictureError(name, "not written", f"it cannot be written as {form} ({error})") from error
    return buffer.getvalue()


def with_bar(outcomes: Iterable[Outcome], total: int) -> list[Outcome]:
    """All outcomes, a bar meanwhile, and at once a line for each that failed."""
    kept = []
    for outcome in tqdm(outcomes, "coloring", total, unit=" photos", disable=total < 2):
        kept.append(outcome)
        if outcome.fate == "failed":
            tqdm.write(f"{outcome.source}: {outcome.cause}", sys.stderr)
    return kept


def summed_up(outcomes: list[Outcome]) -> str:
    """One line: how many were done, skipped, and failed, and why."""
    parts = []
    for fate in ("done", "skipped", "failed"):
        causes = Counter(outcome.cause for outcome in outcomes if outcome.fate == fate)
        why = "; ".join(f"{count:,} {cause}" for cause, count in causes.most_common(4) if cause)
        parts.append(f"{causes.total():,} {fate}" + (f" ({why}{'; ...' if len(causes) > 4 else ''})" if why else ""))
    return ", ".join(parts)


def format_of(path: Path) -> str | None:
    """The format that a file's name asks for: a key of FORMATS, or None."""
    form = Image.registered_extensions().get(path.suffix.lower(), "").lower()
    return form if form in FORMATS else None


def _matching(text: str) -> list[Path]:
    path = Path(text).expanduser()
    if path.exists():
        return [path]
    if matches := sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 (Path.glob takes no absolute pattern)
        return [Path(match) for match in matches]
    raise DataError(f"there is no {text}")


def _below(path: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    """(a file, its place below ``out``) for a file, or for all below a folder, but for what lies in ``out``."""
    if not path.is_dir():
        yield path, out / path.name
        return
    with open_tree(path) as tree:
        for name in (listed.name for listed in tree.list() if not listed.name.endswith("/")):
            if out.resolve() not in (path / name).resolve().parents:
                yield path / name, out / name


def _named(place: Path, wish: Wish, whole: bool = False) -> Path | None:
    """The place with the extension of the format to write; None if it is no picture by its name.

    Args:
        whole: put the extension after the one that is there.
    """
    if place.suffix.lower() not in Image.registered_extensions():
        return None
    form = wish.format or format_of(place) or "png"
    if format_of(place) == form:
        return place
    return place.with_name(place.name + FORMATS[form]) if whole else place.with_suffix(FORMATS[form])


def _color_file(source: Path, target: Path, colorizer: Colorizer, wish: Wish) -> Outcome:
    try:
        data = color_bytes(source.read_bytes(), str(source), colorizer, wish, format_of(target))
        _make_folder(target.parent)
        write_whole(target, data)
    except PictureError as error:
        return Outcome(source, "failed", error.cause)
    except ColorlibError as error:
        return Outcome(source, "failed", str(error))
    except OSError as error:                              # it vanished, or may not be read
        return Outcome(source, "failed", error.strerror or str(error))
    return Outcome(source, "done")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise no_room(folder, error) from error


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new(right.mode, (2 * right.width, right.height))
    both.paste(left, (0, 0))
    both.paste(right, (right.width, 0))
    return both


def _exif(data: bytes) -> bytes:
    """The EXIF of an image file as it is, but upright; empty if there is none, or it cannot be read."""
    try:
        exif = Image.open(io.BytesIO(data)).getexif()
        exif.pop(ORIENTATION, None)
        return exif.tobytes() if len(exif) else b""
    except Exception:                                     # odd tags make Pillow raise many kinds, and color needs none
        return b""
