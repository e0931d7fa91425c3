"""Errors that users can act on: each message names the file or value, and says what to do."""

import errno
from pathlib import Path

from colorlib.system import paths


class ColorlibError(Exception):
    """Base class; the command line prints the message without a traceback."""


class UsageError(ColorlibError, ValueError):
    """An argument has a value that is not allowed: a name, a number, an option or the form of a path."""


class DataError(ColorlibError):
    """Images that cannot be found, downloaded or read."""


class PictureError(DataError):
    """A file that cannot be decoded as a picture.

    Attributes:
        status: what is wrong in a word or two, such as "empty" or "damaged".
        cause: the reason, as the end of a sentence.
    """

    def __init__(self, name: str, status: str, cause: str):
        advice = ". Convert it to JPEG or PNG, or leave it out" if status in ("damaged", "no picture") else ""
        super().__init__(f"{name} cannot be used: {cause}{advice}")
        self.status, self.cause = status, cause


class RunError(ColorlibError):
    """A run directory or weights file that cannot be used."""


class WriteError(ColorlibError):
    """A file that cannot be written; its earlier content is unchanged."""


FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your disk quota is used up"}


def cannot_write(folder: Path, error: OSError) -> WriteError:
    """Turn an OSError from writing in ``folder`` into a WriteError with the cause and advice."""
    causes = FULL | {errno.EROFS: "it is read-only", errno.EACCES: "you have no permission",
                     errno.EEXIST: "a file is in its place", errno.ENOTDIR: "a file is in its place"}
    cause = causes.get(error.errno, error.strerror or str(error))
    advice = "Make room, or choose" if error.errno in FULL else "Choose"
    setting = " (the environment variable COLORLIB_HOME sets the default)" if folder.is_relative_to(paths.home()) else ""
    return WriteError(f"cannot write in {folder}: {cause}. {advice} another folder{setting}")
