"""Files that are whole or not there, at whatever moment the power goes."""

import os
from contextlib import suppress
from pathlib import Path

from colorlib.errors import no_room


def write_whole(path: Path, data: bytes | memoryview, keep_as: Path | None = None) -> None:
    """Write a file so that, killed at any moment, ``path`` holds the old content or the new, never a part.

    Args:
        keep_as: where to keep the old content. Killed between the two renames, it is there, and nothing at ``path``.

    Raises:
        WriteError: if it cannot be written (a full disk, no permission, a folder that is gone); the old content stays.
    """
    # In the same folder, so that the rename is one step; nobody else's, and not another process's.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep_as:
            path.replace(keep_as)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise no_room(path.parent, error) from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the renames in a folder last through a power cut."""
    with suppress(OSError):                              # Windows and some network disks cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
