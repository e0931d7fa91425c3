"""Errors that a reader can act on: each names the file and says what to do."""

import errno
from pathlib import Path

from colorlib.system import paths


class ColorlibError(Exception):
    """The base of all: the command line prints its text in place of a traceback."""


class UsageError(ColorlibError, ValueError):
    """An argument with a value that is not allowed: a name, a number or an option."""


class DataError(ColorlibError):
    """Images that cannot be had or read."""


class PictureError(DataError):
    """One file that yields no picture: its ``fate`` in a word, and the ``cause`` as the end of a sentence."""

    def __init__(self, name: str, fate: str, cause: str):
        advice = ". Delete it, or put a whole copy in its place" if fate in ("empty", "damaged", "no picture") else ""
        super().__init__(f"{name} cannot be used: {cause}{advice}")
        self.fate, self.cause = fate, cause


class RunError(ColorlibError):
    """A run directory, or a weights file, that cannot be used as asked."""


class WriteError(ColorlibError):
    """A file that cannot be written; what was there before is as it was."""


FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your disk quota is used up"}


def cannot_write(folder: Path, error: OSError) -> WriteError:
    """What to raise when writing in ``folder`` failed: the cause in the reader's words."""
    causes = FULL | {errno.EROFS: "it is read-only", errno.EACCES: "you may not write there",
                     errno.EEXIST: "a file is in its place", errno.ENOTDIR: "a file is in its place"}
    cause = causes.get(error.errno, error.strerror or str(error))
    advice = "Make room, or choose" if error.errno in FULL else "Choose"
    ours = folder.is_relative_to(paths.home())
    return WriteError(f"cannot write in {folder}: {cause}. {advice} another folder"
                      + " (COLORLIB_HOME says where they are by default)" * ours)
