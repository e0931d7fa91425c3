"""Folders of what was prepared: made once, by one process, and whole or not there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from colorlib.writing import make_folder, write_errors


@contextmanager
def whole(folder: Path) -> Iterator[Path | None]:
    """A folder to fill, which gets its name when all went well.

    Killed, or interrupted, half way, the next call is given the folder as it was left. After an error it is removed.
    Of two processes the second waits; it is given None when the first has done the work.

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
