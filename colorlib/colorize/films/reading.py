"""Read a film frame by frame, upright."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from colorlib.system.errors import DataError, PictureError

FILM_EXTENSIONS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".ts", ".mts", ".3gp", ".ogv", ".flv"})
UNTIMED = {"avi", "h264", "hevc", "m4v", "mpegvideo"}          # of PyAV: files without times of frames; they are counted


class FilmFrame(NamedTuple):
    """One frame and its time."""

    image: Image.Image           # upright, of mode "RGB"
    pts: int                     # presentation time, in units of the film's time base


class Film:
    """The pictures of a film file.

    Args:
        path: of the file; ``open_film`` gives errors that a user understands.
    """

    def __init__(self, path: Path):
        import av  # not at the top: it is optional

        self.av, self.path, self.is_damaged = av, path, False
        with self._opened() as (container, stream):
            self.time_base: Fraction = stream.time_base                # seconds of a unit of time
            self.rate: Fraction = stream.average_rate or stream.guessed_rate or Fraction(25)            # frames a second
            self.size, self.aspect = (stream.width, stream.height), stream.sample_aspect_ratio
            self.start, self.length, frames = stream.start_time or 0, stream.duration or 0, stream.frames
            seconds = self.length * self.time_base or (container.duration or 0) / Fraction(1_000_000)
            self.num_frames: int | None = frames or round(seconds * self.rate) or None                  # perhaps an estimate
            self._counts = container.format.name in UNTIMED

    def some(self, number: int) -> Iterator[FilmFrame]:
        """Frames that are spread over the film, as far as the file tells its length and can be read from anywhere."""
        if self._counts or not self.length:
            yield from islice(self.frames(), number)
            return
        for place in range(number):
            yield from islice(self._frames(self.start + self.length * place // number), 1)

    def frames(self, after: int | None = None) -> Iterator[FilmFrame]:
        """The frames, or those after a time. What cannot be decoded is left out, and makes the film ``is_damaged``."""
        frames = self._frames(None if self._counts else after)
        if after is not None and not self._counts:
            first = next(frames, None)
            if first is None or first.pts > after:             # some files cannot be entered just anywhere
                frames = self._frames(None)
        for frame in frames:
            if after is None or frame.pts > after:
                yield frame

    def _frames(self, near: int | None) -> Iterator[FilmFrame]:
        """All frames, or those from a key frame near a time, which should be before it."""
        with self._opened() as (container, stream):
            stream.thread_type = "AUTO"
            if near is not None:
                container.seek(near, stream=stream)
            step, pts = max(1, round(1 / (self.rate * self.time_base))), None
            for number, frame in enumerate(self._decoded(container, stream)):
                if self._counts:
                    pts = round(number / (self.rate * self.time_base))
                elif pts is None or (frame.pts is not None and frame.pts > pts):
                    pts = self.start if frame.pts is None else frame.pts
                else:                                          # no time, or one that repeats or steps back
                    pts += step
                yield FilmFrame(Image.fromarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)), pts)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except self.av.FFmpegError:
                self.is_damaged = True
                continue
            yield from frames

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        with self.av.open(str(self.path)) as container:
            if not container.streams.video:
                raise PictureError(str(self.path), "no film", "it has no pictures")
            yield container, container.streams.video[0]


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its extension."""
    return path.suffix.lower() in FILM_EXTENSIONS


def open_film(path: Path) -> Film:
    """Open a film.

    Raises:
        DataError: if PyAV is not installed.
        PictureError: for a file that is no film, or holds only sound.
    """
    try:
        import av
    except ImportError as error:
        raise DataError(f"films need PyAV and OpenCV: pip install av opencv-python-headless ({error})") from error
    try:
        return Film(path)
    except (av.FFmpegError, OSError) as error:
        raise PictureError(str(path), "no film", f"it is no film, or damaged ({error})") from error
