"""Color files and folders: outputs are written atomically, inputs are never changed, one bad photo stops no other."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from colorlib.colorize.animations import ANIMATED, color_animation, is_animation
from colorlib.colorize.colorizer import Colorizer, check_saturation, checked_size, gray_copy
from colorlib.colorize.deep_files import DEEP_FORMATS, encode_deep
from colorlib.colorize.films.coloring import color_film, is_in_color
from colorlib.colorize.films.parts import parts_folder
from colorlib.colorize.films.reading import is_film
from colorlib.colorize.formats import EXTENSIONS, MAX_SIDE, as_format, encode, format_of
from colorlib.colorize.hints import Hint, checked
from colorlib.colorize.inputs import COPIES, MAX_BYTES
from colorlib.colorize.provenance import with_provenance
from colorlib.colorize.tasks import Task, real_path
from colorlib.colorize.tints import has_colors
from colorlib.data.decode import Decoded, decode, ignore_pillow_warnings
from colorlib.data.deep import can_read_deep, gray_levels, is_deep
from colorlib.data.pages import SEVERAL_PICTURES
from colorlib.system.errors import ColorlibError, PictureError, UsageError
from colorlib.system.files import make_folder, write_atomic
from colorlib.system.processor import core_threads
from colorlib.system.progress import progress_bar


@dataclass(frozen=True)
class ColorizeOptions:
    """How to color photos and write the results.

    Raises:
        UsageError: for a vividness, saturation, format, size or hint that is not allowed.
    """

    vividness: float | None = None       # 0 (careful) to 1 (bold), for weights that predict a distribution
    saturation: float = 1.0              # factor for the colors
    format: str | None = None            # a key of EXTENSIONS; None: the format of the input if it is a key, else PNG
    sizes: tuple[int, ...] = ()          # shorter sides of the copy that the network sees; several: their results in a row
    compare: bool = False                # put the gray photo on the left of the result (above it, if that would be too wide)
    only_gray: bool = False              # skip photos that have colors
    overwrite: bool = False              # replace outputs that exist; inputs are never replaced
    hints: tuple[Hint, ...] = ()         # colors that are known, the same places in every photo

    def __post_init__(self):
        if self.vividness is not None and not 0 <= self.vividness <= 1:
            raise UsageError(f"vividness must be from 0 (careful) to 1 (bold), got {self.vividness}")
        check_saturation(self.saturation)
        for size in self.sizes:
            checked_size(size)
        object.__setattr__(self, "hints", checked(self.hints))
        if self.format:
            object.__setattr__(self, "format", as_format(self.format))
        if self.format not in (None, *EXTENSIONS):
            raise UsageError(f"format must be one of {', '.join(EXTENSIONS)}, got {self.format!r}")


class Outcome(NamedTuple):
    """The result of one task."""

    source: Path
    status: str                      # "done", "skipped" or "failed"
    cause: str = ""


def color_files(tasks: list[Task], colorizer: Colorizer, options: ColorizeOptions, jobs: int = 1) -> Iterator[Outcome]:
    """Color files; a file that fails does not stop the others.

    Args:
        jobs: photos that are colored at the same time, at most one per core; each takes memory. If there are films, all is done
            one after another.

    Yields:
        The outcome of each task, in their order, as soon as it is known.

    Raises:
        UsageError: for a vividness, if the weights predict no distribution; for fewer than one job.
    """
    if options.vividness is not None:
        colorizer.objective.with_vividness(options.vividness)
    inputs, targets = {real_path(task.source) for task in tasks}, Counter(task.target for task in tasks)
    if jobs < 1:
        raise UsageError(f"jobs must be 1 or more, got {jobs}")

    def outcome(task: Task) -> Outcome:
        source, target, problem = task
        if problem:
            return Outcome(source, "failed", problem)
        if target is None:
            return Outcome(source, "skipped", "not a picture by extension")
        if real_path(target) in inputs:
            return Outcome(source, "failed", "its output would overwrite an input")
        if targets[target] > 1:
            return Outcome(source, "failed", "another input has the same name, and so the same output")
        return _color_file(source, target, colorizer, options)

    in_turn = jobs == 1 or any(is_film(task.source) for task in tasks)             # only in the main thread can Ctrl-C end a film
    with nullcontext(map) if in_turn else core_threads(jobs) as mapper:
        yield from mapper(outcome, tasks)


def color_bytes(data: bytes, name: str, colorizer: Colorizer, options: ColorizeOptions) -> tuple[bytes, str]:
    """Color an image file that is in memory.

    What the file says of the photo (author, date, place, camera, titles, resolution) is kept, and what colored it is added. Its color
    profile is applied.

    Args:
        data: the bytes of the file.
        name: of the file, for error messages.

    Returns:
        The colored file, and a remark, such as that only the first picture of an animation was colored, or "".

    Raises:
        PictureError: if the file is no picture, damaged or too large.
    """
    return _colored(data, _decoded(data, name), name, colorizer, options)


def _decoded(data: bytes, name: str) -> Decoded:
    with ignore_pillow_warnings():
        return decode(data, name, keep_alpha=True, max_bytes=MAX_BYTES, copies=COPIES)


def _colored(data: bytes, decoded: Decoded, name: str, colorizer: Colorizer, options: ColorizeOptions) -> tuple[bytes, str]:
    """A decoded file in color, as the bytes of a file, and a remark or ""."""
    input_format, photo = as_format(decoded.format), decoded.image
    file_format = options.format or (input_format if input_format in EXTENSIONS else "png")
    colorizers = [colorizer.at_size(size) for size in options.sizes] or [colorizer]
    words = "; ".join(some.settings_in_words(options.vividness, options.saturation) for some in colorizers)
    settings, metadata, remark = (options.vividness, options.saturation, options.hints), with_provenance(decoded.metadata, words), decoded.remark
    is_alone = len(colorizers) == 1 and not options.compare
    if file_format in ANIMATED and is_alone and remark == SEVERAL_PICTURES and is_animation(data):
        if options.hints:
            raise PictureError(name, "not colored", "hints belong to a photo, and this is an animation")
        return color_animation(data, name, colorizers[0], options.vividness, options.saturation, file_format, metadata)
    if is_deep(data) and file_format in DEEP_FORMATS and is_alone:
        levels, why_not = _levels(data, photo)
        if levels is not None:
            pixels = colorizers[0].in_depth(photo, levels, *settings)
            return encode_deep(pixels, photo, file_format, name, metadata), remark
        remark = f"{remark}, {why_not}" if remark else why_not
    results = [some(photo, *settings) for some in colorizers]
    shown = [gray_copy(photo), *results] if options.compare else results
    return encode(_in_a_row(shown, MAX_SIDE.get(file_format)), file_format, name, metadata), remark


def _levels(data: bytes, photo: Image.Image) -> tuple[np.ndarray | None, str]:
    """Gray levels of a file of more than 8 bits a channel, or None and why its colors get 8 bits."""
    if not can_read_deep():
        return None, "16 bits became 8; to keep them: pip install imagecodecs tifffile"
    with suppress(Exception):                             # what Pillow reads with repairs, others may not read
        levels = gray_levels(data, MAX_BYTES)
        if levels is not None and levels.shape == photo.size[::-1]:
            return levels, ""
    return None, "16 bits became 8"


def _in_a_row(pictures: list[Image.Image], max_width: int | None) -> Image.Image:
    """Pictures of one size beside one another, or above one another where that would be too wide."""
    if len(pictures) == 1:
        return pictures[0]
    (width, height), number = pictures[0].size, len(pictures)
    step = (width, 0) if max_width is None or number * width <= max_width else (0, height)
    row = Image.new(pictures[0].mode, (width + (number - 1) * step[0], height + (number - 1) * step[1]))
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * step[0], place * step[1]))
    return row


def collect_outcomes(outcomes: Iterable[Outcome], total: int) -> list[Outcome]:
    """Wait for all outcomes: show a progress bar, and print a line for each failure at once."""
    collected = []
    bar = progress_bar(outcomes, "coloring", total=total, unit=" photos", disable=True if total < 2 else None)
    for outcome in bar:
        collected.append(outcome)
        if outcome.status == "failed":
            bar.write(f"{outcome.source}: {outcome.cause}", sys.stderr)
    return collected


def summary_line(outcomes: list[Outcome]) -> str:
    """One line: how many files were done, skipped and failed, and why."""
    parts = []
    for status in ("done", "skipped", "failed"):
        causes = Counter(outcome.cause for outcome in outcomes if outcome.status == status)
        reasons = "; ".join(f"{count:,} {cause}" for cause, count in causes.most_common(4) if cause)
        more = "; ..." if len(causes) > 4 else ""
        parts.append(f"{causes.total():,} {status}" + (f" ({reasons}{more})" if reasons else ""))
    return ", ".join(parts)


def _color_film(source: Path, target: Path, colorizer: Colorizer, options: ColorizeOptions) -> Outcome:
    if options.hints or options.compare or len(options.sizes) > 1:
        return Outcome(source, "failed", "hints and comparisons are for photos, and this is a film")
    if options.only_gray and is_in_color(source):
        return Outcome(source, "skipped", "in color already")
    make_folder(target.parent)
    colorizer = colorizer.at_size(options.sizes[0]) if options.sizes else colorizer
    return Outcome(source, "done", color_film(source, target, colorizer, options.vividness, options.saturation))


def _color_file(source: Path, target: Path, colorizer: Colorizer, options: ColorizeOptions) -> Outcome:
    try:
        if target.exists() and not options.overwrite and not parts_folder(target).exists():
            return Outcome(source, "skipped", "there already")
        if is_film(source):
            return _color_film(source, target, colorizer, options)
        options = replace(options, format=format_of(target))
        data = source.read_bytes()
        decoded = _decoded(data, str(source))
        if options.only_gray and has_colors(decoded.image):
            return Outcome(source, "skipped", "in color already")
        colored, remark = _colored(data, decoded, str(source), colorizer, options)
        make_folder(target.parent)
        write_atomic(target, colored)
    except PictureError as error:
        return Outcome(source, "failed", error.cause)
    except ColorlibError as error:
        return Outcome(source, "failed", str(error))
    except OSError as error:                              # the file is gone, or may not be read
        return Outcome(source, "failed", error.strerror or str(error))
    except Exception as error:                            # such as too little memory for this photo
        return Outcome(source, "failed", f"{type(error).__name__}: {error}")
    return Outcome(source, "done", remark)
