"""Load a data set by name: from the cache, a local copy, or a download."""

import os
import warnings
from functools import cache
from pathlib import Path
from typing import Literal

from colorlib.data.catalog import DATASETS, Reader, find
from colorlib.data.images import Images
from colorlib.data.prepare import last_prepared, prepare
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError

Missing = Literal["error", "samples"]


def load(name: str, split: str = "train", size: int = 32, root: str | os.PathLike | None = None,
         missing: Missing = "error") -> Images:
    """Load the images of a data set, prepared on the first call and memory-mapped from then on.

    Searched in this order: ``root``, or else ``data/`` and the folder that ``COLORLIB_DATA`` names; what was prepared
    from a copy that is gone; a download, unless ``COLORLIB_OFFLINE=1``. ``Images.source`` says which was used.

    Photos in class folders (all but CIFAR-10) may be in any state: files that cannot be used are left out, counted in
    one printed line, and listed with the reason in ``prepared.csv``.

    Args:
        name: "cifar10", "animals10", "animals3", "samples", or "folder" for any photos.
        split: "train" or "test"; of photos in class folders also "valid", or "all" for the three together.
        size: pixels along each side: photos are scaled by their shorter side and cropped to the center.
        root: a folder that holds the copy, or the copy itself: a folder or a zip.
        missing: "samples" to use the sample photos of the package, with a warning, if there is no usable copy and no download.

    Raises:
        DataError: if there is no copy and no download, or a copy is damaged or incomplete.
        WriteError: if the cache cannot be written, for example on a full disk.
        UsageError: for an unknown name, split or value of ``missing``, and a size below 8.
    """
    copy = find(name, root)
    if split not in DATASETS[name].splits:
        raise UsageError(f"no split of {name} is called {split!r}: there are {', '.join(DATASETS[name].splits)}")
    if size < 8:
        raise UsageError(f"size must be 8 pixels or more, got {size}")
    if missing not in ("error", "samples"):
        raise UsageError(f"missing must be 'error' or 'samples', got {missing!r}")
    if name == "folder" and root is None:
        raise UsageError("the data set 'folder' is any folder or zip of photos: give its path as root")
    if copy:
        return prepare(name, *copy, split, size)
    if root is not None:
        place, files = paths.expand_user(root), ", ".join(DATASETS[name].readers)
        advice = f"put one of {files} there" if place.exists() and files else "there is no such file or folder"
        raise DataError(f"no {name} in {place.resolve()}: {advice}")
    if images := last_prepared(name, split, size):
        return images
    try:
        return prepare(name, *get(name), split, size)
    except DataError as error:
        if missing == "error":
            raise DataError(f"no {name}: {error}\nGet it with `colorlib data get {name}`, or put a copy where "
                            "data/README.md says") from error
        _warn_once(f"\n{'*' * 88}\nNO {name.upper()}: {error}\nThe embedded SAMPLES are used instead: a few photos, enough to see "
                   f"everything run, too few to learn much.\nGet the data with `colorlib data get {name}`.\n{'*' * 88}")
        return _load_samples(name, split, size)


def load_to_train(name: str, size: int = 32, root: str | os.PathLike | None = None, missing: Missing = "error"
                  ) -> tuple[Images, Images]:
    """Load images to train on and to validate on: the split "valid", or else a tenth of "train", at most 2,000 images.

    Args and errors as for ``load``.
    """
    images = load(name, "train", size, root, missing)
    if "valid" in DATASETS[name].splits:
        return images, load(name, "valid", size, root, missing)
    return images.hold_out(max(1, min(2000, len(images) // 10)))


def get(name: str) -> tuple[Path, Reader]:
    """Find a copy of a data set, or download one into ``data/``; return its path and its reader.

    Raises:
        DataError: if ``COLORLIB_OFFLINE=1`` forbids a download, or no host delivers it.
        WriteError: for a full disk.
        UsageError: for an unknown name.
    """
    if copy := find(name):
        return copy
    if paths.offline():
        raise DataError("no copy was found, and COLORLIB_OFFLINE=1 forbids downloads")
    failures = []
    for download in DATASETS[name].downloads:
        try:
            download(paths.data_dir())
        except DataError as error:
            failures.append(str(error))
        if copy := find(name):
            return copy
    raise DataError("\n".join(failures) or f"{name} cannot be downloaded: give its path as root")


@cache                               # a notebook may load a set ten times
def _warn_once(message: str) -> None:
    """Warn the caller of ``load``, the first time in this process."""
    warnings.warn(message, stacklevel=3)


def _load_samples(name: str, split: str, size: int) -> Images:
    """The samples in place of a data set: if it has a split "valid", an eighth of their training photos."""
    if split == "test" or "valid" not in DATASETS[name].splits:
        return load("samples", split, size)
    images = load("samples", "train", size)
    train, valid = images.hold_out(len(images) // 8)
    return valid if split == "valid" else train              # "all" is "train" too
