"""The forms in which a reader may hold a data set; each yields its pictures one by one.

A source has the methods of ``Source``. To read another form is to add one class here.
"""

import io
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from PIL import Image

from colorlib.errors import DataError

GET_AGAIN = "it may have been cut while it was copied or downloaded. Delete it and get it again"


class Picture(NamedTuple):
    """One picture of a data set, before it is prepared."""

    image: Image.Image
    label: int
    group: int               # pictures of one group (crops of one photo) are never on both sides of a split


class Source(Protocol):
    """Where pictures come from."""

    path: Path                   # the file or folder that the reader holds
    classes: tuple[str, ...]     # the names that Picture.label counts through
    about: str                   # which kind of copy it is, in a few words

    def pictures(self, split: str, size: int) -> Iterator[Picture]:
        """The pictures of a split, in an order that depends on nothing but the content."""
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

    def pictures(self, split: str, size: int) -> Iterator[Picture]:
        group = 0
        with self._readable():
            for batch in self._read(*self.batches[split]):
                for row, label in zip(batch["data"].reshape(-1, 3, 32, 32), batch["labels"], strict=True):
                    yield Picture(Image.fromarray(row.transpose(1, 2, 0)), label, group)
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
        folders: dict[tuple[str, str], list[str]] = {}
        for name in self._names():
            where = _split_and_class(name, self.splits)
            if where:
                files = folders.setdefault(where, [])
                files += [] if name.endswith("/") else [name]
        self.folders = folders
        self.about = f"{' and '.join(sorted({PurePosixPath(n).suffix for f in folders.values() for n in f}))} files"
        self.classes = tuple(sorted({class_name for _, class_name in folders}))
        if not self.classes:
            raise DataError(f"{path} has no train/<class>/ or test/<class>/ with pictures in it")

    def pictures(self, split: str, size: int) -> Iterator[Picture]:
        files = []
        for label, class_name in enumerate(self.classes):
            names = self.folders.get((split, class_name), [])
            if not names:
                raise DataError(f"{self.path}: the class folder {split}/{class_name} is empty. "
                                "Delete the class in every split, or add its pictures")
            files += [(name, label) for name in sorted(names)]
        # Shuffled once and for all, so that any slice of the data set is a fair sample of its classes.
        order = np.random.default_rng(0).permutation(len(files))
        with self._reader() as read:
            for group, (name, label) in enumerate(files[i] for i in order):
                yield Picture(decode(read(name), f"{self.path}: {name}"), label, group)

    def _names(self) -> list[str]:
        """All files and folders, folders with a slash at the end; what hides behind a dot is not for us."""
        if self.path.is_dir():
            names = [f"{p.relative_to(self.path).as_posix()}{'/' * p.is_dir()}" for p in self.path.rglob("*")]
        else:
            with self._zip() as archive:
                names = archive.namelist()
        return [n for n in names if not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(n).parts)]

    @contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(f"{self.path} is damaged ({error}): {GET_AGAIN}") from error

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        """A function from a name to the bytes of that file."""
        if self.path.is_dir():
            yield lambda name: _read(self.path / name)
        else:
            with self._zip() as archive:
                yield archive.read


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

    def pictures(self, split: str, size: int) -> Iterator[Picture]:
        for label, photo in enumerate(self.photos):
            if (label % 4 == 3) == (split == "test"):
                image = decode(_read(photo), str(photo))
                for box in self._boxes(*image.size, size):
                    yield Picture(image.crop(box), label, label)

    def _boxes(self, width: int, height: int, size: int) -> Iterator[tuple[int, int, int, int]]:
        """Squares on a half-overlapping grid; none but the largest is enlarged to ``size``."""
        for fraction in self.fractions:
            side = round(min(width, height) * fraction)
            if side >= size or fraction == 1:
                for top in _grid(height, side):
                    for left in _grid(width, side):
                        yield left, top, left + side, top + side


def decode(data: bytes, name: str) -> Image.Image:
    """The bytes of an image file -> an RGB picture.

    Raises:
        DataError: if they are no image, or one that breaks off; the text begins with ``name``.
    """
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        cause = "it is empty" if not data else "it is no image, or only a part of one"
        raise DataError(f"{name} cannot be read: {cause}. Delete it, or put a whole copy in its place") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _grid(length: int, side: int) -> list[int]:
    """Where squares of ``side`` start, half a side apart or a little less, from one end of ``length`` to the other."""
    steps = -(-2 * (length - side) // side)
    return [round(i * (length - side) / max(steps, 1)) for i in range(steps + 1)]


def _split_and_class(name: str, splits: tuple[str, ...]) -> tuple[str, str] | None:
    """"any/folder/train/cat/1.png" or ".../train/cat/" -> ("train", "cat"); None for what lies elsewhere."""
    folder = PurePosixPath(name) if name.endswith("/") else PurePosixPath(name).parent
    return (folder.parent.name, folder.name) if folder.parent.name in splits else None
