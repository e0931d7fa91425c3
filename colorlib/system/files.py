"""Atomic writes of files and folders, which survive a power loss."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from colorlib.system.errors import cannot_write


def write_atomic(path: Path, data: bytes | memoryview, keep_as: Path | None = None) -> None:
    """Write a file atomically: after a kill at any moment, ``path`` holds the old content or the new, never a part.

    Args:
        keep_as: path that the old content is renamed to. After a kill between the two renames, the old content is
            there and ``path`` does not exist.

    Raises:
        WriteError: if the file cannot be written, such as on a full disk; the old content stays.
    """
    # In the same folder, since a rename is atomic only within one file system; with the process id, since other
    # processes may write the same file. A name may have at most 255 bytes, so the original is cut to 200.
    short = os.fsencode(path.name)[:200].decode(errors="ignore")
    temporary = path.with_name(f".{short}.{os.getpid()}.tmp")
    with write_errors(path.parent):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if keep_as:
                path.replace(keep_as)
            temporary.replace(path)
        except BaseException:              # KeyboardInterrupt as well
            with suppress(OSError):
                temporary.unlink()
            raise
    with suppress(OSError):                # Windows and some network disks cannot sync a folder
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)           # or a power loss could undo the rename
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if they do not exist; failure is a WriteError."""
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def expect_writable(path: Path) -> None:
    """Raise a WriteError if a file could not be written; its folder is created."""
    make_folder(path.parent)
    with write_errors(path.parent):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
        tempfile.TemporaryFile(dir=path.parent).close()


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path | None]:
    """Yield a temporary folder to fill, which is renamed to ``folder`` when the block succeeds.

    After a kill or an interrupt, the next call yields the partly filled folder again; an error removes it. A second
    process waits for the first, and gets None once ``folder`` exists.

    Raises:
        WriteError: if the temporary folder cannot be created.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    make_folder(folder.parent)
    with write_errors(folder.parent):
        lock = FileLock(folder.with_name(f"{folder.name}.lock"))
        lock.acquire()
    try:
        if folder.exists():
            yield None
            return
        with write_errors(folder.parent):
            partial.mkdir(exist_ok=True)
        yield partial
        partial.rename(folder)
    except Exception:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        lock.release()


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Turn every OSError of the block into a WriteError that names ``folder``."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error) from error
