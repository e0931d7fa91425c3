"""Collections of photos for a test, and the status of their files."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from colorlib import data
from colorlib.data.images import Images
from colorlib.system import paths

ITALIAN = ("cane", "cavallo", "elefante", "farfalla", "gallina", "gatto", "mucca", "pecora", "ragno", "scoiattolo")
ENGLISH = ("dog", "horse", "elephant", "butterfly", "chicken", "cat", "cow", "sheep", "spider", "squirrel")
SPLITS = ("train", "valid", "test")


def photo(seed: int, size: tuple[int, int] = (60, 40), form: str = "JPEG") -> bytes:
    """The bytes of a colorful picture that is like no other: coarse random patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def fill(folder: Path, count: int, first: int = 0) -> None:
    """Photos into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        (folder / f"{i}.jpeg").write_bytes(photo(i))


def listed() -> dict[str, dict[str, str]]:
    """The one prepared.csv of this test: a file's name -> its row."""
    (table,) = paths.cache_dir().glob("*/prepared.csv")
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def listed_after(root: Path) -> list[dict[str, str]]:
    """The rows of the files that are used, once a folder is loaded."""
    data.load("folder", "train", 16, root=root)
    return [row for row in listed().values() if row["status"] == "used"]


def labels_of(images: Images) -> Counter[str]:
    """How many images each class has."""
    return Counter(images.classes[label] for label in images.labels)
