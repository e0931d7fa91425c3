"""A collection of photos in class folders, whatever state its files are in."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from PIL import Image

from colorlib.data.readers import Picture, decode_squares
from colorlib.data.survey import USED, Row, Survey, survey_files


class Photos:
    """A folder or zip of photos. The folder of a photo is its class; every photo is assigned to a split.

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
        """The center squares of some photos, scaled to ``size`` pixels along each side."""
        return decode_squares(self.path, [row.file for row in rows], size)

    def _rows_of(self, split: str) -> list[Row]:
        return [row for row in self.rows if split in (row.split, "all")]

    def _class_of(self, file: str) -> str | None:
        folder = PurePosixPath(file).parent.name or self.path.stem
        return folder if self.folders is None else self.folders.get(folder.casefold())
