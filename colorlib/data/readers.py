"""The forms in which a reader may hold a data set; each yields its pictures one by one.

A source has the methods of ``Source``. To read another form is to add one class here.
"""

import io
import pickle
import tarfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from PIL import Image

from colorlib.data.decode import decode, square
from colorlib.data.folders import GET_AGAIN, Folder, open_files
from colorlib.system.errors import DataError, PictureError
from colorlib.system.parallel import in_order


class Picture(NamedTuple):
    """One picture of a data set."""

    image: Image.Image       # RGB, a square of the size asked for
    label: int
    group: int               # pictures of one group (crops of one photo) are never on both sides of a split


class Source(Protocol):
    """Where pictures come from."""

    path: Path                   # the file or folder that the reader holds
    classes: tuple[str, ...]     # the names that Picture.label counts through
    about: str                   # which kind of copy it is, in a few words

    def count(self, split: str) -> int | None:
        """How many pictures a split has, if that is known before they are read."""
        ...

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        """The pictures of a split from number ``start`` on, in an order that depends on nothing but the content."""
        ...


class CifarBatches:
    """The official CIFAR-10 for Python: ``cifar-10-python.tar.gz``, or the folder that it unpacks to."""

    about = "the official archive"
    batches: ClassVar = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}

    def __init__(self, path: Path):
        self.path = path
        with self._readable():
            (meta,) = self._read("batches.meta")
            self.classes = tuple(meta["label_names"])

    def count(self, split: str) -> None:
        return None

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        return islice(self._pictures(split, size), start, None)

    def _pictures(self, split: str, size: int) -> Iterator[Picture]:
        group = 0
        with self._readable():
            for batch in self._read(*self.batches[split]):
                for row, label in zip(batch["data"].reshape(-1, 3, 32, 32), batch["labels"], strict=True):
                    yield Picture(square(Image.fromarray(row.transpose(1, 2, 0)), size), label, group)
                    group += 1

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, LookupError, ValueError, TypeError, AttributeError,
                zlib.error, tarfile.TarError, pickle.UnpicklingError) as error:
            raise DataError(f"{self.path} is damaged ({error or type(error).__name__}): {GET_AGAIN}") from error

    def _read(self, *names: str) -> Iterator[dict]:
        """The contents of these files, one after the other."""
        found = self._files(names)
        for name in names:
            if name not in found:
                raise DataError(f"{self.path} holds no {name}, so it is not the whole of CIFAR-10: {GET_AGAIN}")
            yield _DataUnpickler(io.BytesIO(found.pop(name))).load()

    def _files(self, names: tuple[str, ...]) -> dict[str, bytes]:
        if self.path.is_dir():
            return {name: (self.path / name).read_bytes() for name in names if (self.path / name).exists()}
        with tarfile.open(self.path, "r:gz") as archive:                # to the end: gzip's checksum comes last
            files = {PurePosixPath(member.name).name: member for member in archive if member.isfile()}
            return {name: archive.extractfile(files[name]).read() for name in names if name in files}


class _DataUnpickler(pickle.Unpickler):
    """Unpickles lists, numbers and numpy arrays, and nothing that could run code."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        numpy_array = module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "_frombuffer")
        if numpy_array or (module, name) == ("_codecs", "encode"):           # the latter: bytes, in old pickles
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no picture needs")


class ImageTree:
    """A folder or a zip with ``train/<class>/*`` and ``test/<class>/*``, under any folder or none."""

    splits = ("train", "test")

    def __init__(self, path: Path):
        self.path = path
        self.folders: dict[tuple[str, str], list[str]] = {}
        with open_files(path) as tree:
            for listed in tree.list():
                if where := _split_and_class(listed.name, self.splits):
                    if listed.fate:
                        raise PictureError(f"{path}: {listed.name}", listed.fate, listed.cause)
                    files = self.folders.setdefault(where, [])
                    files += [] if listed.name.endswith("/") else [listed.name]
        kinds = {PurePosixPath(file).suffix for files in self.folders.values() for file in files}
        self.about = f"{' and '.join(sorted(kinds))} files"
        self.classes = tuple(sorted({class_name for _, class_name in self.folders}))
        if not self.classes:
            raise DataError(f"{path} has no train/<class>/ or test/<class>/ with pictures in it")

    def count(self, split: str) -> int:
        return sum(len(files) for (where, _), files in self.folders.items() if where == split)

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        files = []
        for label, class_name in enumerate(self.classes):
            names = self.folders.get((split, class_name), [])
            if not names:
                raise DataError(f"{self.path}: the class folder {split}/{class_name} is empty. "
                                "Delete the class in every split, or add its pictures")
            files += [(name, label) for name in names]
        # Shuffled once and for all, so that any slice of the data set is a fair sample of its classes.
        order = np.random.default_rng(0).permutation(len(files))
        alone = threading.Lock()
        with open_files(self.path) as tree:
            def picture(group: int) -> Picture:
                name, label = files[order[group]]
                image = decode(tree.read(name), f"{self.path}: {name}", 2 * size, alone).image
                return Picture(square(image, size), label, group)
            yield from in_order(picture, range(start, len(files)))


class Samples:
    """The embedded photos, cut into squares of several sizes. Every fourth photo is for the test alone."""

    about = "squares cut from the embedded photos"
    fractions = (1, 2 / 3, 4 / 9)               # of the shorter side: from the whole scene down to a detail

    def __init__(self, path: Path):
        self.path = path
        self.photos = sorted(path.glob("*.jpg"))
        self.classes = tuple(photo.stem for photo in self.photos)
        if not self.photos:
            raise DataError(f"no sample photos in {path}: the installation is incomplete, install colorlib again")

    def count(self, split: str) -> None:
        return None

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        return islice(self._pictures(split, size), start, None)

    def _pictures(self, split: str, size: int) -> Iterator[Picture]:
        for label, photo in enumerate(self.photos):
            if (label % 4 == 3) == (split == "test"):
                image = decode(Folder(self.path).read(photo.name), str(photo)).image
                for box in self._boxes(*image.size, size):
                    yield Picture(square(image.crop(box), size), label, label)

    def _boxes(self, width: int, height: int, size: int) -> Iterator[tuple[int, int, int, int]]:
        """Squares on a half-overlapping grid; none but the largest is enlarged to ``size``."""
        for fraction in self.fractions:
            side = round(min(width, height) * fraction)
            if side >= size or fraction == 1:
                for top in _grid(height, side):
                    for left in _grid(width, side):
                        yield left, top, left + side, top + side


def _grid(length: int, side: int) -> list[int]:
    """Where squares of ``side`` start, half a side apart or a little less, from one end of ``length`` to the other."""
    steps = -(-2 * (length - side) // side)
    return [round(i * (length - side) / max(steps, 1)) for i in range(steps + 1)]


def _split_and_class(name: str, splits: tuple[str, ...]) -> tuple[str, str] | None:
    """"any/folder/train/cat/1.png" or ".../train/cat/" -> ("train", "cat"); None for what lies elsewhere."""
    folder = PurePosixPath(name) if name.endswith("/") else PurePosixPath(name).parent
    return (folder.parent.name, folder.name) if folder.parent.name in splits else None
