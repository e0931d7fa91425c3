"""The files in a folder or a zip: list them safely, read them whole."""

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError

MAX_FILE_BYTES = 64 * 2**20         # no photo of a data set is larger, and two at once must fit into a 1 GiB kernel
PREPARATION = 4                     # raise it when pictures are prepared differently, or the cache's files change
GET_AGAIN = "it may have been cut while it was copied or downloaded. Get it again"


class FileEntry(NamedTuple):
    """A file or folder, and why it cannot be read, if so."""

    name: str                # from the top of the tree, with slashes; a folder ends with one
    status: str = ""         # "" if it can be read, else the kind of problem
    cause: str = ""          # the problem, as the end of a sentence
    stamp: tuple[int, ...] = ()     # size and modification time; not of a folder, which changes with every hidden file


@contextmanager
def open_files(path: Path) -> Iterator["Folder | Zip"]:
    """Open a folder or a zip; many threads may read from it at once.

    Raises:
        DataError: for a damaged zip, and for a path that is neither folder nor zip.
    """
    if path.is_dir():
        yield Folder(path)
        return
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise DataError(f"{path} is neither a folder nor a zip")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is damaged ({error}): {GET_AGAIN}") from error
    with archive:
        yield Zip(path, archive)


def fingerprint(path: Path) -> str:
    """Short hash of a copy: it changes with any file in it, and with the formats that can be read."""
    path = path.resolve()
    if path.is_dir():
        stamps = [(entry.name, entry.status, *entry.stamp) for entry in Folder(path).entries()]
    else:
        stamps = file_entry(path).stamp
    content = repr((PREPARATION, find_spec("pillow_heif") is not None, str(path), stamps))
    return hashlib.blake2b(content.encode(errors="surrogateescape"), digest_size=6).hexdigest()


def file_entry(path: Path, max_bytes: int | None = None, name: str = "") -> FileEntry:
    """Entry of one file; it has a status if the file must not be opened: opening a pipe would wait for ever."""
    try:
        info = path.stat()
    except OSError as error:                                    # a link to nowhere, or to itself
        return FileEntry(name, "unreadable", error.strerror or str(error))
    if not stat.S_ISREG(info.st_mode):
        return FileEntry(name, "unreadable", "it is no file, but a pipe, a socket or a device")
    return FileEntry(name, *_size_problem(info.st_size, max_bytes), (info.st_size, info.st_mtime_ns))


class Folder:
    """The files below a folder. Links are followed, but not in circles.

    Hidden files, and colorlib's own cache and runs, are left out.
    """

    def __init__(self, path: Path, max_bytes: int | None = None):
        self.path, self.max_bytes = path, max_bytes
        self._left_out = (paths.cache_dir(), paths.runs_dir())

    def entries(self) -> list[FileEntry]:
        """All files and folders, in the order of their names."""
        return sorted(self._below(self.path, frozenset()))

    def read(self, name: str) -> bytes:
        """Content of one file; a PictureError if it cannot be read."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise PictureError(f"{self.path / name}", "unreadable", error.strerror or str(error)) from error

    def _below(self, folder: Path, parents: frozenset[Path]) -> Iterator[FileEntry]:
        name = f"{folder.relative_to(self.path).as_posix()}/"
        try:
            target, children = folder.resolve(), list(folder.iterdir())
        except OSError as error:
            yield FileEntry(name, "unreadable", error.strerror or str(error))
            return
        if target in parents:
            yield FileEntry(name, "unreadable", "a link that leads back to a folder above it")
            return
        for path in children:
            if path.name.startswith(".") or path in self._left_out:
                continue
            child_name = path.relative_to(self.path).as_posix()
            if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a folder may not be entered)
                yield FileEntry(f"{child_name}/")
                yield from self._below(path, parents | {target})
            else:
                yield file_entry(path, self.max_bytes, child_name)


class Zip:
    """The files in a zip, read in place: nothing is unpacked. Hidden files are left out."""

    def __init__(self, path: Path, archive: zipfile.ZipFile):
        self.path, self._zip = path, archive

    def entries(self) -> list[FileEntry]:
        """All files and folders, in the order of their names."""
        files = {info.filename: info for info in self._zip.infolist()}
        return sorted(FileEntry(name, *_member_problem(info)) for name, info in files.items() if not _is_hidden(name))

    def read(self, name: str) -> bytes:
        """Content of one file; a PictureError if it cannot be read."""
        try:
            return self._zip.read(name)
        except Exception as error:               # damaged data makes the decompressors raise many kinds
            raise PictureError(f"{self.path}: {name}", "damaged", str(error) or "it breaks off") from error


def _is_hidden(name: str) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _member_problem(info: zipfile.ZipInfo) -> tuple[str, str]:
    """Status and cause of a file in a zip that must not be read, else ("", "")."""
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts:
        return "refused", "its name leads out of the zip"
    if info.flag_bits & 1:
        return "unreadable", "it is encrypted"
    return _size_problem(info.file_size)


def _size_problem(size: int, max_bytes: int | None = None) -> tuple[str, str]:
    return ("too large", f"a file of {size / 2**20:,.0f} MiB") if size > (max_bytes or MAX_FILE_BYTES) else ("", "")
