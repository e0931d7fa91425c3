"""Default folders: data and caches, run directories, and the files that come with the package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent          # the folder colorlib/


def expand_user(path: str | os.PathLike) -> Path:
    """Expand ~ and ~user; the path is unchanged if there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises if there is no such user)


def home() -> Path:
    """Folder that colorlib writes in.

    The first of: the environment variable ``COLORLIB_HOME``; the checkout that the package runs from; the nearest
    folder, at or above the current one, with a folder ``notebooks`` in it, so that the kernels of ``notebooks/`` and
    ``notebooks/solutions/`` share data and runs; the current folder.
    """
    if named := os.environ.get("COLORLIB_HOME"):
        return expand_user(named).resolve()
    if (PACKAGE.parent / "pyproject.toml").exists():
        return PACKAGE.parent
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)


def data_dir() -> Path:
    """Folder of downloads, searched first for a copy of a data set."""
    return home() / "data"


def cache_dir() -> Path:
    """Folder of prepared data sets."""
    return data_dir() / "cache"


def runs_dir() -> Path:
    """Folder of training runs."""
    return home() / "runs"


def search_dirs(root: str | os.PathLike | None = None) -> list[Path]:
    """Folders to search for a data set: ``root`` alone if given, else ``data/``, then ``COLORLIB_DATA``.

    A relative ``COLORLIB_DATA`` is searched from the current folder and from ``home()``, since a notebook's kernel
    starts in the notebook's folder.
    """
    if root is not None:
        return [expand_user(root)]
    named = os.environ.get("COLORLIB_DATA")
    return [data_dir(), *([expand_user(named), home() / named] if named else [])]


def relative_to_home(path: Path) -> str:
    """A path relative to ``home()`` if it is inside, for messages."""
    return path.relative_to(home()).as_posix() if path.is_relative_to(home()) else str(path)


def samples_dir() -> Path:
    """Folder of the embedded color photos."""
    return _embedded("samples")


def animals_dir() -> Path:
    """Folder of the embedded photos of farm animals, which may be shown where those of a data set may not."""
    return _embedded("animals")


def historic_photo() -> Path:
    """Embedded black-and-white photo: Castle Clinton, New York, in 1961."""
    return _embedded("historic") / "castle_clinton_1961.jpg"


def results_dir() -> Path:
    """Folder of the stored result tables of long trainings, which the notebooks plot."""
    return _embedded("results", "notebooks")


def offline() -> bool:
    """Whether ``COLORLIB_OFFLINE=1`` forbids downloads."""
    return os.environ.get("COLORLIB_OFFLINE", "0") not in ("", "0")


def _embedded(name: str, checkout_folder: str = "data") -> Path:
    """A folder that comes with colorlib: inside an installed package, or in a folder of a checkout."""
    installed = PACKAGE / name
    return installed if installed.exists() else PACKAGE.parent / checkout_folder / name
