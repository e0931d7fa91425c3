"""What lies in a folder or a zip: its files by name, listed without surprises and read whole."""

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError

LARGEST = 64 * 2**20         # bytes: no photo for a course is larger, and two at once must fit into a small kernel
GET_AGAIN = "it may have been cut while it was copied or downloaded. Delete it and get it again"


class Listed(NamedTuple):
    """A file or folder, and why it cannot be read, if so."""

    name: str                # from the top of the tree, with slashes; a folder ends with one
    fate: str = ""           # "", or a word for what is wrong
    cause: str = ""          # the same as the end of a sentence


class Tree(Protocol):
    """Files under one roof, to be used as ``with open_files(path) as tree``; many threads may read at once."""

    path: Path

    def list(self) -> list[Listed]:
        """All files and folders in the order of their names; what hides behind a dot is not for us."""
        ...

    def read(self, name: str) -> bytes:
        """The content of one file.

        Raises:
            PictureError: if it cannot be read.
        """
        ...


def open_files(path: Path) -> "Folder | Zip":
    """The files in a folder or a zip.

    Raises:
        DataError: for a zip that is damaged, and for what is neither.
    """
    return Folder(path) if path.is_dir() else Zip(path)


def size_of(path: Path) -> int:
    """Bytes of a file; none if it is not there."""
    return path.stat().st_size if path.exists() else 0


def fingerprint(path: Path) -> str:
    """A few letters that change when any file of a copy does, or what can be read."""
    path = path.resolve()
    listed = Folder(path).list() if path.is_dir() else []
    # Of folders the names alone: their times change with every hidden file.
    stats = [(entry.name, entry.fate, *([] if entry.name.endswith("/") else _stats(path / entry.name)))
             for entry in listed]
    how = (3, find_spec("pillow_heif") is not None)              # 3: how pictures are prepared
    content = repr((how, str(path), stats or _stats(path))).encode(errors="surrogateescape")
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _stats(path: Path) -> tuple[int, int]:
    """Size and time of a file, or of what a link leads to."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


class Folder:
    """The files below a folder. Links are followed, but not in circles.

    Args:
        largest: bytes that a file may have; by default as many as in a course.
    """

    def __init__(self, path: Path, largest: int | None = None):
        self.path, self.largest = path, largest or LARGEST
        self.ours = (paths.cache_dir(), paths.runs_dir())

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to close."""

    def list(self) -> list[Listed]:
        return sorted(self._below(self.path, frozenset()))

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise PictureError(f"{self.path / name}", "unreadable", error.strerror or str(error)) from error

    def _below(self, folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Listed]:
        try:
            status = folder.stat()
            entries = list(os.scandir(folder))
        except OSError as error:
            yield Listed(f"{self._name(folder)}/", "unreadable", error.strerror or str(error))
            return
        if (here := (status.st_dev, status.st_ino)) in above:
            yield Listed(f"{self._name(folder)}/", "unreadable", "a link that leads back to a folder above it")
            return
        for entry in entries:
            path = folder / entry.name
            if not entry.name.startswith(".") and path not in self.ours:
                if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a folder may not be entered)
                    yield Listed(f"{self._name(path)}/")
                    yield from self._below(path, above | {here})
                else:
                    yield Listed(self._name(path), *file_problem(path, self.largest))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()


def file_problem(path: Path, largest: int) -> tuple[str, str]:
    """Fate and cause of what no one should try to read: to open a pipe, for one, would wait for ever."""
    try:
        status = path.stat()
    except OSError as error:                                    # a link to nowhere, or to itself
        return "unreadable", error.strerror or str(error)
    if not stat.S_ISREG(status.st_mode):
        return "unreadable", "it is no file, but a pipe, a socket or a device"
    return _too_large(status.st_size, largest)


def _too_large(size: int, largest: int) -> tuple[str, str]:
    return ("too large", f"a file of {size / 2**20:,.0f} MiB") if size > largest else ("", "")


class Zip:
    """The files in a zip, read where they are: nothing is unpacked.

    Raises:
        DataError: if it is damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
            raise DataError(f"{path} is neither a folder nor a zip")
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"{path} is damaged ({error}): {GET_AGAIN}") from error

    def __enter__(self) -> "Zip":
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def list(self) -> list[Listed]:
        files = {info.filename: info for info in self._zip.infolist()}
        return sorted(Listed(name, *_zip_trouble(info)) for name, info in files.items() if not _hidden(name))

    def read(self, name: str) -> bytes:
        try:
            return self._zip.read(name)
        except Exception as error:               # what is damaged makes the decompressors raise many kinds
            raise PictureError(f"{self.path}: {name}", "damaged", str(error) or "it breaks off") from error


def _hidden(name: str) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _zip_trouble(info: zipfile.ZipInfo) -> tuple[str, str]:
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts:
        return "refused", "its name leads out of the zip"
    if info.flag_bits & 1:
        return "unreadable", "it is encrypted"
    return _too_large(info.file_size, LARGEST)
