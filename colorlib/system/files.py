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
    """Write a file so that, killed at any moment, ``path`` holds the old content or the new, never a part.

    Args:
        keep_as: where to keep the old content. Killed between the two renames, it is there, and nothing at ``path``.

    Raises:
        WriteError: if it cannot be written (a full disk, no permission, a folder that is gone); the old content stays.
    """
    # In the same folder, so that the rename is one step; nobody else's, and not another process's.
    short = os.fsencode(path.name)[:200].decode(errors="ignore")     # a name may have 255 bytes, and this is longer
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
        except BaseException:              # Ctrl-C as well
            with suppress(OSError):
                temporary.unlink()
            raise
    _sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not there yet.

    Raises:
        WriteError: if it cannot be made.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def expect_writable(path: Path) -> None:
    """Raise a WriteError now, if a file could not be written later; its folder is made."""
    make_folder(path.parent)
    with write_errors(path.parent):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
        tempfile.TemporaryFile(dir=path.parent).close()


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path | None]:
    """Yield a folder to fill, renamed to ``folder`` only when the block succeeds.

    Killed or interrupted, the next call gets the partly filled folder back. After an error the folder is removed. Of
    two processes the second waits, and gets None if the first has finished the work.

    Raises:
        WriteError: if it cannot be made.
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
    """Within this block, what the system says of a write becomes a WriteError in the reader's words."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error) from error


def _sync_folder(folder: Path) -> None:
    """Make the renames in a folder last through a power cut."""
    with suppress(OSError):                              # Windows and some network disks cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
