"""A collection of photos in class folders, whatever state its files are in."""

import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from PIL import Image

from colorlib.data.decode import decode, prepare_pillow, square
from colorlib.data.folders import open_files
from colorlib.data.readers import Picture
from colorlib.data.survey import USED, Row, Survey, survey
from colorlib.system.parallel import in_order


class Photos:
    """A folder or zip of photos. A photo's class is the folder that it lies in; every photo is assigned to a split.

    Args:
        path: the folder or zip.
        name: of the data set.
        folders: a folder's name, in lower case -> its class; photos in other folders are left out. By default each
            folder is a class, under its own name.
    """

    splits = ("train", "valid", "test", "all")

    def __init__(self, path: Path, name: str, folders: Mapping[str, str] | None = None):
        self.path, self.name, self.folders = path.resolve(), name, folders

    @cached_property
    def survey(self) -> Survey:
        """What became of every file."""
        return survey(self.path, self.name, self._class_of)

    @cached_property
    def rows(self) -> list[Row]:
        """The photos to use, by split; those that look alike stand together."""
        rows = [row for row in self.survey.rows if row.fate == USED]
        first = {row.group: row.digest for row in sorted(rows, key=lambda row: row.digest, reverse=True)}
        return sorted(rows, key=lambda row: (row.split, first[row.group], row.digest))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.folders.values()) if self.folders else {row.class_name for row in self.rows}))

    @property
    def about(self) -> str:
        return f"{len(self.rows):,} photos of {len(self.survey.rows):,} files"

    def count(self, split: str) -> int:
        return len(self._of(split))

    def pictures(self, split: str, size: int, start: int = 0) -> Iterator[Picture]:
        numbers = {name: number for number, name in enumerate(self.classes)}
        rows = self._of(split)[start:]
        for row, image in zip(rows, self.squares(rows, size), strict=True):
            yield Picture(image, numbers[row.class_name], row.group)

    def squares(self, rows: list[Row], size: int) -> Iterator[Image.Image]:
        """The photos of some rows, ``size`` pixels along each side."""
        prepare_pillow()
        alone = threading.Lock()
        with open_files(self.path) as tree:
            def picture(row: Row) -> Image.Image:
                # Twice the size, so that scaling down to it has pixels to average.
                return square(decode(tree.read(row.file), f"{self.path}: {row.file}", 2 * size, alone).image, size)
            yield from in_order(picture, rows)

    def _of(self, split: str) -> list[Row]:
        return [row for row in self.rows if split in (row.split, "all")]

    def _class_of(self, file: str) -> str | None:
        folder = PurePosixPath(file).parent.name or self.path.stem
        return folder if self.folders is None else self.folders.get(folder.casefold())
