"""Color a film, in memory for a few frames, so that a kill or Ctrl-C loses seconds of work."""

from fractions import Fraction
from pathlib import Path
from threading import Event

import numpy as np
from tqdm import tqdm

from colorlib.colorize.borders import Box, inside_borders
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.films.painting import Painter
from colorlib.colorize.films.parts import Parts
from colorlib.colorize.films.reading import Film, open_film
from colorlib.colorize.provenance import maker
from colorlib.colorize.tints import has_colors
from colorlib.system.errors import PictureError
from colorlib.system.files import write_errors
from colorlib.system.interrupt import deferred_interrupt
from colorlib.system.progress import progress_bar

PART_SECONDS = 10        # of film in a part: what a kill can lose
LOOKED_AT = 9            # frames, to know whether a film has colors, or bars above and below the picture


def color_film(source: Path, target: Path, colorizer: Colorizer, vividness: float | None = None, saturation: float = 1.0) -> str:
    """Color a film: the same size, times, sound and subtitles. Killed and called again, it continues.

    Args:
        target: a file that ends with .mp4, .m4v, .mov or .mkv.

    Returns:
        A remark, such as that subtitles were left out, or "".

    Raises:
        DataError: if PyAV is not installed.
        PictureError: for a file that is no film.
        RunError: if another process colors it.
        WriteError: if the result cannot be written.
        KeyboardInterrupt: after Ctrl-C; the result is then a film that ends there, and the same call continues.
    """
    film, made_by = open_film(source), maker(colorizer.settings_in_words(vividness, saturation))
    settings = {"source": [source.stat().st_size, source.stat().st_mtime], "made by": made_by}
    with deferred_interrupt() as interrupt, write_errors(target.parent), Parts(target, settings) as parts:
        painter = Painter(colorizer, vividness, saturation, _inside_bars(film), last=parts.finished[-1].seen if parts.finished else None)
        with progress_bar(total=film.num_frames, unit=" frames", description=source.name) as bar:
            is_whole = _color_parts(film, parts, painter, interrupt, bar)
        if is_whole and not parts.finished:
            parts.delete()
            raise PictureError(str(source), "no film", "it has no frames")
        until = parts.finished[-1].last * film.time_base if parts.finished else Fraction(0)
        remark = _joined(parts, source, target, made_by, None if is_whole else until) if parts.finished else ""
        if not is_whole:
            raise KeyboardInterrupt(f"{target} ends at {_clock(until)}; the same command continues there" if parts.finished else "interrupted")
        parts.delete()
    if interrupt.is_set():
        raise KeyboardInterrupt(f"interrupted, after {target} was finished")
    return ", ".join(filter(None, (remark, "damaged places left out" if film.is_damaged else "")))


def is_in_color(source: Path) -> bool:
    """Whether some of a film's frames have colors.

    Raises:
        DataError: if PyAV is not installed.
        PictureError: for a file that is no film, or holds only sound.
    """
    return any(has_colors(frame.image) for frame in open_film(source).some(LOOKED_AT))


def _color_parts(film: Film, parts: Parts, painter: Painter, interrupt: Event, bar: tqdm) -> bool:
    """Color what is left, in parts of ``PART_SECONDS``; returns whether the film is whole then, or interrupted."""
    from colorlib.colorize.films.writing import PartWriter  # not at the top: it needs PyAV

    frames = film.frames(parts.finished[-1].last if parts.finished else None)
    frame = next(frames, None)
    while frame is not None and not interrupt.is_set():
        writer, first = PartWriter(parts.next_path, film, frame.image.size), frame.pts
        while frame is not None and (frame.pts - first) * film.time_base < PART_SECONDS and not interrupt.is_set():
            writer.write(painter(frame.image), frame.pts)
            last, frame = frame.pts, next(frames, None)
            bar.update()
        writer.close()
        parts.finish(first, last, painter.steady.last)
    return frame is None


def _inside_bars(film: Film) -> Box | None:
    """The part of the frames between bars, such as those above and below a wide film; None if no frame was found where it was sought."""
    boxes = [inside_borders(frame.image) for frame in film.some(LOOKED_AT)]
    return tuple(np.median(boxes, 0).astype(int).tolist()) if boxes else None


def _joined(parts: Parts, source: Path, target: Path, made_by: str, until: Fraction | None) -> str:
    """Write the parts as one film, atomically."""
    from colorlib.colorize.films.writing import join

    whole = parts.folder / f"whole{target.suffix}"
    remark = join([(part.path, part.first) for part in parts.finished], source, whole, made_by, until)
    whole.replace(target)
    return remark


def _clock(seconds: Fraction) -> str:
    """Such as "1:05"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
