"""Where things live: data and caches, run directories, the embedded samples."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent          # the folder colorlib/


def expanded(path: str | os.PathLike) -> Path:
    """A path with ~ and ~user written out; where there is no such user, as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises where there is no such user)


def home() -> Path:
    """The folder that colorlib writes in: ``COLORLIB_HOME``, or the checkout it runs from, or the current folder."""
    checkout = PACKAGE.parent
    default = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return expanded(os.environ.get("COLORLIB_HOME") or default).resolve()


def data_dir() -> Path:
    """Where downloads land, and where a copy of a data set is looked for first."""
    return home() / "data"


def cache_dir() -> Path:
    """Where prepared data sets are kept."""
    return data_dir() / "cache"


def runs_dir() -> Path:
    """Where training runs are kept."""
    return home() / "runs"


def search_dirs(root: str | os.PathLike | None = None) -> list[Path]:
    """The folders to look for a data set in: ``root`` alone if given, else ``data/``, then ``COLORLIB_DATA``.

    A relative ``COLORLIB_DATA`` counts from the current folder or, since a notebook's kernel starts in the notebook's
    folder, from ``home()``.
    """
    if root is not None:
        return [expanded(root)]
    named = os.environ.get("COLORLIB_DATA")
    return [data_dir(), *([expanded(named), home() / named] if named else [])]


def shown(path: Path) -> str:
    """A path as a reader wants to see it: from ``home()`` on, if it is there."""
    return path.relative_to(home()).as_posix() if path.is_relative_to(home()) else str(path)


def samples_dir() -> Path:
    """The embedded photos in color."""
    return _embedded("samples")


def historic_photo() -> Path:
    """An embedded photo that was never in color: Castle Clinton, New York, in 1961."""
    return _embedded("historic") / "castle_clinton_1961.jpg"


def results_dir() -> Path:
    """The tables that the notebooks draw from: what the long trainings gave."""
    return _embedded("results", "notebooks")


def offline() -> bool:
    """Whether the reader forbids downloads, with ``COLORLIB_OFFLINE=1``."""
    return os.environ.get("COLORLIB_OFFLINE", "0") not in ("", "0")


def _embedded(name: str, folder: str = "data") -> Path:
    """What comes with colorlib: inside an installed package, or in a folder of a checkout."""
    installed = PACKAGE / name
    return installed if installed.exists() else PACKAGE.parent / folder / name
