"""Color a film, in memory for a few frames, so that a kill or Ctrl-C loses seconds of work."""

import json
import shutil
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from colorlib.colorize.borders import Box, inside_borders
from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.films.painting import Painter
from colorlib.colorize.films.reading import FilmStream, open_film
from colorlib.colorize.films.steady import Frame
from colorlib.colorize.provenance import maker
from colorlib.system.errors import PictureError
from colorlib.system.files import make_folder, write_atomic, write_errors
from colorlib.system.interrupt import deferred_interrupt
from colorlib.system.progress import progress_bar

PART_SECONDS = 10        # of film in a part: what a kill can lose
LOOKED_AT = 9            # frames in which the bars above and below the picture are looked for


class Part(NamedTuple):
    """A finished part of a film."""

    path: Path
    first: int           # time of its first frame in the source, in units of the stream's time base
    last: int            # and of its last one
    seen: Frame          # what the next part's colors are averaged with


class Parts:
    """The finished parts of a film, in a folder beside the result.

    Args:
        target: the film that they will become.
        settings: what decides their pictures; parts with other settings are deleted.
    """

    def __init__(self, target: Path, settings: dict[str, object]):
        self.folder = parts_folder(target)
        described = self.folder / "settings.json"
        if described.exists() and json.loads(described.read_text()) != settings:
            shutil.rmtree(self.folder)
        make_folder(self.folder)
        write_atomic(described, json.dumps(settings).encode())
        self.finished = [self._read(file) for file in sorted(self.folder.glob("*.npz"))]

    @property
    def next_path(self) -> Path:
        """Where the next part is to be written."""
        return self.folder / f"{len(self.finished):05}.mp4"

    def finish(self, first: int, last: int, seen: Frame) -> None:
        """Remember that the part in ``next_path`` is whole."""
        part = Part(self.next_path, first, last, seen)
        temporary = self.folder / "part.tmp"
        with temporary.open("wb") as file:
            np.savez(file, times=[first, last], **seen._asdict())
        temporary.replace(part.path.with_suffix(".npz"))
        self.finished.append(part)

    def delete(self) -> None:
        """Delete all."""
        shutil.rmtree(self.folder)

    @staticmethod
    def _read(file: Path) -> Part:
        with np.load(file) as saved:
            return Part(file.with_suffix(".mp4"), *saved["times"].tolist(), Frame(saved["lightness"], saved["ab"], int(saved["age"])))


def parts_folder(target: Path) -> Path:
    """Where the parts of a film are kept until all are finished."""
    return target.with_name(f".{target.name}.parts")


def color_film(source: Path, target: Path, colorizer: Colorizer, vividness: float | None = None, saturation: float = 1.0) -> str:
    """Color a film: the same size, times, sound and subtitles. Killed and called again, it continues.

    Args:
        target: a file that ends with .mp4, .m4v, .mov or .mkv.

    Returns:
        A remark, such as that subtitles were left out, or "".

    Raises:
        DataError: if PyAV is not installed.
        PictureError: for a file that is no film.
        WriteError: if the result cannot be written.
        KeyboardInterrupt: after Ctrl-C; the result is then a film that ends there, and the same call continues.
    """
    with open_film(source) as film, deferred_interrupt() as interrupt:
        settings = {"source": [source.stat().st_size, source.stat().st_mtime], "settings": colorizer.settings_in_words(vividness, saturation)}
        parts = Parts(target, settings)
        painter = Painter(colorizer, vividness, saturation, _inside_bars(film), last=parts.finished[-1].seen if parts.finished else None)
        bar = progress_bar(total=film.num_frames, unit=" frames", description=source.name)
        with write_errors(target.parent), bar:
            while not interrupt.is_set() and _color_part(film, parts, painter, interrupt, bar):
                pass
            if not parts.finished:
                raise PictureError(str(source), "no film", "it has no frames")
            stopped = interrupt.is_set()
            until = parts.finished[-1].last * film.time_base
            made_by = maker(colorizer.settings_in_words(vividness, saturation))
            remark = _joined(parts, source, target, made_by, until if stopped else None)
    if stopped:
        raise KeyboardInterrupt(f"{target} ends at {_clock(until)}; the same command continues there")
    parts.delete()
    return remark


def _color_part(film: FilmStream, parts: Parts, painter: Painter, interrupt: Event, bar: tqdm) -> bool:
    """Color the next part, which ends after ``PART_SECONDS`` or at an interrupt; returns whether there may be another one."""
    from colorlib.colorize.films.writing import PartWriter  # not at the top: it needs PyAV

    writer, first, last, is_full = None, 0, 0, False
    for frame in film.frames(parts.finished[-1].last if parts.finished else None):
        if writer is None:
            writer, first = PartWriter(parts.next_path, film, frame.image.size), frame.pts
        elif (frame.pts - first) * film.time_base >= PART_SECONDS:
            is_full = True
            break
        writer.write(painter(frame.image), frame.pts)
        last = frame.pts
        bar.update()
        if interrupt.is_set():
            break
    if writer is not None:
        writer.close()
        parts.finish(first, last, painter.steady.last)
    return is_full


def _inside_bars(film: FilmStream) -> Box | None:
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
