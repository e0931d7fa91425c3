"""The finished parts of a film, kept until all are finished, so that a kill loses seconds of work."""

import io
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from colorlib.colorize.films.steady import Frame
from colorlib.system.errors import RunError
from colorlib.system.files import make_folder, write_atomic


class Part(NamedTuple):
    """A finished part of a film."""

    path: Path
    first: int           # time of its first frame in the source, in units of the film's time base
    last: int            # and of its last one
    seen: Frame          # what the next part's colors are averaged with


class Parts:
    """The finished parts, in a folder beside the result. Use it as a context: another process must not write there.

    Args:
        target: the film that they will become.
        settings: what decides their pictures; parts with other settings are deleted.

    Raises:
        RunError: if another process colors this film.
    """

    def __init__(self, target: Path, settings: dict[str, object]):
        self.folder = parts_folder(target)
        make_folder(self.folder)
        self._lock = FileLock(self.folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"another process is coloring {target}") from error
        described = self.folder / "settings.json"
        if _content(described) != settings:
            for file in (*self.folder.glob("*.npz"), *self.folder.glob("*.mp4")):
                file.unlink()
        write_atomic(described, json.dumps(settings).encode())
        self.finished: list[Part] = []
        while part := _read(self.next_path):
            self.finished.append(part)

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    @property
    def next_path(self) -> Path:
        """Where the next part is to be written."""
        return self.folder / f"{len(self.finished):05}.mp4"

    def finish(self, first: int, last: int, seen: Frame) -> None:
        """Remember that the part in ``next_path`` is whole."""
        part, state = Part(self.next_path, first, last, seen), io.BytesIO()
        with part.path.open("rb+") as file:
            os.fsync(file.fileno())                # before its state, which says that it is whole
        np.savez(state, times=[first, last], **seen._asdict())
        write_atomic(part.path.with_suffix(".npz"), state.getvalue())
        self.finished.append(part)

    def delete(self) -> None:
        """Delete all."""
        shutil.rmtree(self.folder)


def parts_folder(target: Path) -> Path:
    """Where the parts of a film are kept until all are finished."""
    return target.with_name(f".{target.name}.parts")


def _content(file: Path) -> object:
    """What a JSON file holds; None if it is damaged or not there."""
    with suppress(OSError, ValueError):
        return json.loads(file.read_text())
    return None


def _read(path: Path) -> Part | None:
    """A finished part; None for one that is damaged or not there: it is made again."""
    import av

    with suppress(Exception), np.load(path.with_suffix(".npz")) as saved, av.open(str(path)) as film:
        if film.streams.video:
            return Part(path, *saved["times"].tolist(), Frame(saved["lightness"], saved["ab"], int(saved["age"])))
    return None
