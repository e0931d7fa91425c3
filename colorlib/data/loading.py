"""Where images come from: what is at hand, else a download, else the embedded samples."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from colorlib.data.catalog import DATASETS, Reader, find
from colorlib.data.images import Images
from colorlib.data.prepare import newest, prepared
from colorlib.system import paths
from colorlib.system.errors import DataError


def load(name: str, split: str = "train", size: int = 32, root: str | os.PathLike | None = None) -> Images:
    """The images of a data set, prepared on the first call and memory-mapped from then on.

    Takes the copy in ``root`` (else in ``data/`` or the folder that ``COLORLIB_DATA`` names); else what was prepared
    from a copy that is gone; else a download, unless ``COLORLIB_OFFLINE=1``. When nothing can be had it warns, and
    returns the embedded samples. ``Images.source`` says which it was.

    Photos in class folders (all but CIFAR-10) may be in any state: what cannot be used is left out, counted in one
    printed line, and listed with its reason in ``prepared.csv``.

    Args:
        name: "cifar10", "animals10", "animals3", "samples", or "folder" for any photos of your own.
        split: "train" or "test", or, of photos in class folders, "valid", or "all" three of them.
        size: pixels along each side: photos are scaled by their shorter side and cropped to the center.
        root: the folder that holds the copy, or the copy itself: a folder, or a zip.

    Raises:
        DataError: for a copy that is damaged or incomplete, naming it; for a ``root`` that holds none.
        WriteError: for a full disk.
        ValueError: for a name, split or size that does not exist.
    """
    _expect_one_of("data set", name, DATASETS)
    _expect_one_of("split", split, DATASETS[name].splits)
    if size < 8:
        raise ValueError(f"size must be 8 pixels or more, got {size}")
    if name == "folder" and root is None:
        raise ValueError("the data set 'folder' is any folder or zip of photos: say which, with root")
    copy = find(name, root)
    if copy:
        return prepared(name, *copy, split, size)
    if root is not None:
        raise DataError(_nothing_in(paths.expanded(root), name))
    if images := newest(name, split, size):
        return images
    try:
        return prepared(name, *get(name), split, size)
    except DataError as error:
        warnings.warn(f"\n{'*' * 88}\nNO {name.upper()}: {error}\nGoing on with the embedded SAMPLES instead: a few "
                      f"photos, enough to see everything run, too few to learn much.\n{'*' * 88}", stacklevel=2)
        return _stand_in(name, split, size)


def load_to_train(name: str, size: int = 32, root: str | os.PathLike | None = None) -> tuple[Images, Images]:
    """The images to learn from, and those to validate on: a split of its own, else a tenth held out, at most 2,000.

    Args and errors as for ``load``.
    """
    images = load(name, "train", size, root)
    if "valid" in DATASETS[name].splits:
        return images, load(name, "valid", size, root)
    return images.hold_out(max(1, min(2000, len(images) // 10)))


def get(name: str) -> tuple[Path, Reader]:
    """The copy of a data set that is at hand, else downloaded into ``data/``: its path, and what reads it.

    Raises:
        DataError: if ``COLORLIB_OFFLINE=1`` forbids a download, or no host delivers it.
        WriteError: for a full disk.
    """
    _expect_one_of("data set", name, DATASETS)
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
    raise DataError("\n".join(failures) or f"{name} cannot be downloaded: give its place as root")


def _stand_in(name: str, split: str, size: int) -> Images:
    """The samples, divided as the data set is: they have no photos to validate on, so some are held out of training.

    They have no "all" either, and stand in for it with those to learn from.
    """
    if split == "test" or "valid" not in DATASETS[name].splits:
        return load("samples", split, size)
    images = load("samples", "train", size)
    train, valid = images.hold_out(len(images) // 8)
    return valid if split == "valid" else train


def _nothing_in(root: Path, name: str) -> str:
    forms = [*DATASETS[name].forms]
    way_out = f"put one of {', '.join(forms)} there" if root.exists() and forms else "there is no such file or folder"
    return f"no {name} in {root.resolve()}: {way_out}"


def _expect_one_of(kind: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise ValueError(f"no {kind} is called {name!r}: there are {', '.join(names)}")
