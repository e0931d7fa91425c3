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
    pts: int                     # presentation time, in units of the stream's time base


class FilmStream(NamedTuple):
    """The pictures of a film that is open."""

    stream: Any                  # of PyAV
    container: Any

    @property
    def time_base(self) -> Fraction:
        """Seconds of a unit of time."""
        return self.stream.time_base

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    @property
    def num_frames(self) -> int | None:
        """Number of frames, which may be an estimate; None if the file does not say."""
        if self.stream.frames:
            return self.stream.frames
        seconds = self.stream.duration * self.time_base if self.stream.duration else (self.container.duration or 0) / Fraction(1_000_000)
        return round(seconds * self.rate) or None

    def some(self, number: int) -> Iterator[FilmFrame]:
        """Frames that are spread over the film, as far as the file tells its length."""
        length = self.stream.duration or 0
        for place in range(number if length else 1):
            yield from islice(self.frames((self.stream.start_time or 0) + length * place // number), 1)

    def frames(self, after: int | None = None) -> Iterator[FilmFrame]:
        """The frames, or those after a time."""
        counts = self.container.format.name in UNTIMED
        start = self.stream.start_time or 0
        self.container.seek(start if counts or after is None else after, stream=self.stream)           # to the key frame before
        for number, frame in enumerate(self.container.decode(self.stream)):
            pts = round(number / (self.rate * self.time_base)) if counts else frame.pts
            if pts is not None and (after is None or pts > after):
                yield FilmFrame(Image.fromarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)), pts)


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its extension."""
    return path.suffix.lower() in FILM_EXTENSIONS


@contextmanager
def open_film(path: Path) -> Iterator[FilmStream]:
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
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise PictureError(str(path), "no film", f"it is no film, or damaged ({error})") from error
    with container:
        if not container.streams.video:
            raise PictureError(str(path), "no film", "it has no pictures")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield FilmStream(stream, container)
