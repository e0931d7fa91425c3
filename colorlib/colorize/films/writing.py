"""Write a film in parts, so that a kill loses seconds, and join them with the sound of the source."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from colorlib.colorize.films.reading import Film
from colorlib.colorize.formats import CONTAINERS

# No frame depends on a later one, so that times of decoding are those of showing.
QUALITY = {"crf": "18", "preset": "veryfast", "bf": "0"}
BT709, LIMITED = 1, 1        # of ITU-T H.273: the colors of HD, and levels from 16 to 235


class PartWriter:
    """One part of a film: its pictures alone.

    Args:
        path: an MP4.
        film: the source, whose times are kept.
        size: width and height; odd ones lose a row or a column, which H.264 cannot hold.
    """

    def __init__(self, path: Path, film: Film, size: tuple[int, int]):
        self.container = av.open(str(path), "w", format="mp4")
        self.stream = self.container.add_stream("libx264", rate=film.rate, options=QUALITY)
        self.stream.width, self.stream.height = (side - side % 2 for side in size)
        self.stream.pix_fmt, self.stream.time_base = "yuv420p", film.time_base
        context = self.stream.codec_context
        context.time_base, context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
            film.time_base, BT709, BT709, BT709, LIMITED)
        if film.aspect:                                        # of a pixel: those of DV and DVD are not square
            is_turned = tuple(size) == film.size[::-1] != film.size
            context.sample_aspect_ratio = 1 / film.aspect if is_turned else film.aspect
        self.first: int | None = None

    def write(self, image: Image.Image, pts: int) -> None:
        """Add a frame."""
        self.first = pts if self.first is None else self.first
        frame = av.VideoFrame.from_ndarray(np.asarray(image)[:self.stream.height, :self.stream.width], format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = pts - self.first, self.stream.codec_context.time_base
        self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        """Write what is left."""
        self.container.mux(self.stream.encode(None))
        self.container.close()


def join(parts: list[tuple[Path, int]], source: Path, target: Path, made_by: str, until: Fraction | None = None) -> str:
    """Join the parts, and copy sound and subtitles of the source.

    Args:
        parts: files of ``PartWriter``, and the time of the first frame of each in the source.
        target: where to write; its extension decides the container.
        made_by: what the film says of how it was made.
        until: seconds after which the sound ends, for a film that is not finished.

    Returns:
        What could not be copied, or "".
    """
    with av.open(str(source)) as original, av.open(str(target), "w", format=CONTAINERS[target.suffix.lower()]) as joined:
        time_base, copied, lost = original.streams.video[0].time_base, {}, set()
        with av.open(str(parts[0][0])) as first:
            video = joined.add_stream_from_template(first.streams.video[0])
        for stream in (stream for stream in original.streams if stream.type in ("audio", "subtitle")):
            try:
                copied[stream] = joined.add_stream_from_template(stream)
            except (ValueError, av.FFmpegError):
                lost.add(stream.type)                          # the container cannot hold it
        joined.metadata.update(original.metadata)
        joined.metadata["comment"] = "; ".join(filter(None, (made_by, original.metadata.get("comment"))))
        sound = ((packet, copied[packet.stream]) for packet in (original.demux(*copied) if copied else ())
                 if packet.dts is not None and (until is None or packet.dts * packet.time_base <= until))
        pictures = ((packet, video) for packet in _pictures(parts, time_base))
        for packet, stream in heapq.merge(pictures, sound, key=lambda pair: pair[0].dts * pair[0].time_base):
            packet.stream = stream
            joined.mux(packet)
    return f"{' and '.join(sorted(lost))} left out" if lost else ""


def _pictures(parts: list[tuple[Path, int]], time_base: Fraction) -> Iterator[Any]:
    """The packets of all parts, at their times in the source."""
    for path, first in parts:
        with av.open(str(path)) as part:
            for packet in part.demux(part.streams.video[0]):
                if packet.dts is not None:
                    shift = round(first * time_base / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    yield packet
