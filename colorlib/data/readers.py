"""The forms of a data set on disk; each yields its pictures one by one.

A reader has the methods of ``Source``. To read another form, add a class here and name it in the catalog.
"""

import hashlib
import pickle
import tarfile
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path, PurePosixPath
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from PIL import Image

from colorlib.data.decode import center_square, decode, readable_formats
from colorlib.data.folders import GET_AGAIN, Folder, open_files
from colorlib.data.survey import USED, Row, Survey, survey_files
from colorlib.system.errors import DataError, PictureError
from colorlib.system.processor import parallel_map


class Picture(NamedTuple):
    """One picture of a data set."""

    image: Image.Image       # RGB, a square of the requested size
    label: int
    group: int               # pictures of one group (crops of one photo) are never on two sides of a split


class Source(Protocol):
    """A reader: the pictures of one copy of a data set."""

    path: Path                   # the file or folder
    classes: tuple[str, ...]     # Picture.label is an index into it
    about: str                   # the kind of copy, in a few words

    def count(self, split: str) -> int | None:
        """Number of pictures in a split, or None if it is not known before they are read."""
        return None

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        """The pictures of a split from number ``start`` on, in an order that depends on the content alone."""
        ...


def decode_squares(path: Path, names: Iterable[str], size: int) -> Iterator[Image.Image]:
    """Center squares of some files in a folder or zip, scaled to ``size`` pixels along each side, on all cores."""
    readable_formats()
    large_picture_lock = threading.Lock()
    with open_files(path) as tree:
        def decode_square(name: str) -> Image.Image:
            # Decoded at twice the size at least, so that scaling down has pixels to average.
            return center_square(decode(tree.read(name), f"{path}: {name}", 2 * size, large_picture_lock).image, size)
        yield from parallel_map(decode_square, names)


class CifarBatches(Source):
    """The official CIFAR-10 for Python: ``cifar-10-python.tar.gz``, or the folder that it unpacks to.

    The files are checked before they are unpickled, as in ``torchvision.datasets.CIFAR10``, which would take 150 MiB
    more memory to import, and would unpack the archive into its folder, which may be read-only.

    Raises:
        DataError: for a copy that is damaged or incomplete.
    """

    about = "the official archive"
    batches: ClassVar = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    md5: ClassVar = {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(self, path: Path):
        self.path = path
        (meta,) = self._unpickled(["batches.meta"])
        self.classes = tuple(meta["label_names"])

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        rows = ((pixels, label) for batch in self._unpickled(self.batches[split])
                for pixels, label in zip(batch["data"].reshape(-1, 3, 32, 32), batch["labels"], strict=True))
        for group, (pixels, label) in islice(enumerate(rows), start, None):
            yield Picture(center_square(Image.fromarray(pixels.transpose(1, 2, 0)), size), label, group)

    def _unpickled(self, names: list[str]) -> Iterator[dict]:
        try:
            contents = self._read(names)
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise DataError(f"{self.path} is damaged ({error or type(error).__name__}): {GET_AGAIN}") from error
        for name in names:
            if name not in contents:
                raise DataError(f"{self.path} holds no {name}, so it is not the whole of CIFAR-10: {GET_AGAIN}")
            content = contents.pop(name)                            # 30 MB each: free it after use
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != self.md5[name]:
                raise DataError(f"{self.path} is damaged ({name} has another checksum): {GET_AGAIN}")
            yield pickle.loads(content, encoding="latin1")          # Python 2 packed it

    def _read(self, names: list[str]) -> dict[str, bytes]:
        if self.path.is_dir():
            return {name: (self.path / name).read_bytes() for name in names if (self.path / name).exists()}
        with tarfile.open(self.path, "r:gz") as archive:      # read to its end, where the checksum of gzip is
            files = {PurePosixPath(member.name).name: member for member in archive if member.isfile()}
            return {name: archive.extractfile(files[name]).read() for name in names if name in files}


class ImageTree(Source):
    """A folder or a zip with ``train/<class>/*`` and ``test/<class>/*``, at any depth.

    Raises:
        DataError: for a file that cannot be read, and where there are no such folders.
    """

    def __init__(self, path: Path):
        self.path = path
        self.files: dict[tuple[str, str], list[str]] = {}               # (split, class) -> names
        with open_files(path) as tree:
            for entry in tree.entries():
                folder = PurePosixPath(entry.name) if entry.name.endswith("/") else PurePosixPath(entry.name).parent
                if folder.parent.name in ("train", "valid", "test"):
                    if entry.status:
                        raise PictureError(f"{path}: {entry.name}", entry.status, entry.cause)
                    files = self.files.setdefault((folder.parent.name, folder.name), [])
                    files += [] if entry.name.endswith("/") else [entry.name]
        extensions = {PurePosixPath(file).suffix for files in self.files.values() for file in files}
        self.about = f"{' and '.join(sorted(extensions))} files"
        self.classes = tuple(sorted({class_name for _, class_name in self.files}))
        if not self.classes:
            raise DataError(f"{path} has no train/<class>/, valid/<class>/ or test/<class>/ with pictures in it")

    def count(self, split: str) -> int:
        return sum(len(files) for (where, _), files in self.files.items() if where == split)

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        for class_name in self.classes:
            if not self.files.get((split, class_name)):
                raise DataError(f"{self.path}: the class folder {split}/{class_name} is empty. "
                                "Remove the class from every split, or add its pictures")
        files = [(name, label) for label, class_name in enumerate(self.classes)
                 for name in self.files[split, class_name]]
        # A fixed shuffle, so that any slice of the data set is a fair sample of its classes.
        names, labels = zip(*(files[i] for i in np.random.default_rng(0).permutation(len(files))), strict=True)
        images = decode_squares(self.path, names[start:], size)
        yield from map(Picture, images, labels[start:], range(start, len(files)))


class Photos(Source):
    """A folder or zip of photos, whatever state its files are in, each assigned to a split; its folder is its class.

    Args:
        path: the folder or zip.
        name: of the data set.
        folders: folder name in lower case -> class; photos in other folders are left out. By default each folder is
            a class of its own name.
    """

    splits = ("train", "valid", "test", "all")

    def __init__(self, path: Path, name: str, folders: Mapping[str, str] | None = None):
        self.path, self.name, self.folders = path.resolve(), name, folders

    @cached_property
    def survey(self) -> Survey:
        """Every file, with its status."""
        return survey_files(self.path, self.name, self._class_of)

    @cached_property
    def rows(self) -> list[Row]:
        """The used photos by split; near-duplicates stand together."""
        rows = [row for row in self.survey.rows if row.status == USED]
        first = {row.group: row.digest for row in sorted(rows, key=lambda row: row.digest, reverse=True)}
        return sorted(rows, key=lambda row: (row.split, first[row.group], row.digest))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.folders.values()) if self.folders else {row.class_name for row in self.rows}))

    @property
    def about(self) -> str:
        return f"{len(self.rows):,} photos of {len(self.survey.rows):,} files"

    def count(self, split: str) -> int:
        return len(self._rows_of(split))

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        rows = self._rows_of(split)[start:]
        for row, image in zip(rows, self.squares(rows, size), strict=True):
            yield Picture(image, self.classes.index(row.class_name), row.group)

    def squares(self, rows: list[Row], size: int) -> Iterator[Image.Image]:
        """Center squares of some photos, scaled to ``size`` pixels along each side."""
        return decode_squares(self.path, [row.file for row in rows], size)

    def _rows_of(self, split: str) -> list[Row]:
        return [row for row in self.rows if split in (row.split, "all")]

    def _class_of(self, file: str) -> str | None:
        folder = PurePosixPath(file).parent.name or self.path.stem
        return folder if self.folders is None else self.folders.get(folder.casefold())


class Samples(Source):
    """The embedded photos, cut into squares of several sizes, photo by photo in turn. Every fourth photo is for the test alone."""

    about = "squares cut from the embedded photos"
    fractions = (1, 2 / 3, 4 / 9)               # of the shorter side: from the whole scene to a detail

    def __init__(self, path: Path):
        self.path = path
        self.photos = sorted(path.glob("*.jpg"))
        self.classes = tuple(photo.stem for photo in self.photos)
        if not self.photos:
            raise DataError(f"no sample photos in {path}: the installation is incomplete, install colorlib again")

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        photos = [(label, photo) for label, photo in enumerate(self.photos) if (label % 4 == 3) == (split == "test")]
        images = ((label, decode(Folder(self.path).read(photo.name), str(photo)).image) for label, photo in photos)
        squares = zip_longest(*(self._squares(label, image, size) for label, image in images))
        return islice((picture for row in squares for picture in row if picture is not None), start, None)

    def _squares(self, label: int, image: Image.Image, size: int) -> Iterator[Picture]:
        return (Picture(center_square(image.crop(box), size), label, label) for box in self._boxes(*image.size, size))

    def _boxes(self, width: int, height: int, size: int) -> Iterator[tuple[int, int, int, int]]:
        """Squares on grids that overlap by half; only the largest may have to be enlarged to ``size``."""
        for fraction in self.fractions:
            side = round(min(width, height) * fraction)
            if side >= size or fraction == 1:
                for top in _grid(height, side):
                    for left in _grid(width, side):
                        yield left, top, left + side, top + side


def _grid(length: int, side: int) -> list[int]:
    """Starts of squares of ``side``, half a side or less apart, from one end of ``length`` to the other."""
    steps = -(-2 * (length - side) // side)
    return [round(i * (length - side) / max(steps, 1)) for i in range(steps + 1)]
