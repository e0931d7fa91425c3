"""Prepare a data set once, at one size: an array in the cache that every later use maps."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from colorlib.data.decode import ignore_pillow_warnings
from colorlib.data.folders import fingerprint
from colorlib.data.images import Images
from colorlib.data.readers import Source
from colorlib.system import paths
from colorlib.system.errors import DataError
from colorlib.system.files import atomic_folder, write_errors
from colorlib.system.progress import progress_bar

DAMAGE = (FileNotFoundError, ValueError, KeyError, TypeError)       # raised when a damaged folder is opened
INDEX_FILES = {"labels": "labels.bin", "group_ids": "groups.bin"}   # int64 each, beside rgb.bin


def prepare(name: str, path: Path, read: Callable[[Path], Source], split: str, size: int) -> Images:
    """The images of one copy of a data set, from the cache if it was prepared before.

    Killed and called again, it continues after the last picture.

    Raises:
        DataError: for a copy that is damaged or incomplete.
        WriteError: if the cache cannot be written.
    """
    folder = paths.cache_dir() / f"{name}-{split}-{size}-{fingerprint(path)}"
    if folder.exists():
        with suppress(*DAMAGE):
            return open_prepared(folder)
        shutil.rmtree(folder, ignore_errors=True)
    with atomic_folder(folder) as to_fill:
        if to_fill:
            _fill(to_fill, read(path), name, split, size)
    return open_prepared(folder)


def last_prepared(name: str, split: str, size: int) -> Images | None:
    """Images prepared from the copy that was used last, for when that copy is gone; None if there are none.

    Only one copy counts: with the splits of two, a photo could be in training and in test.
    """
    prepared = sorted(paths.cache_dir().glob(f"{name}-*-*-*/meta.json"), key=lambda file: file.stat().st_mtime)
    if not prepared:
        return None
    copy_fingerprint = prepared[-1].parent.name.split("-")[-1]
    with suppress(*DAMAGE):                                     # FileNotFoundError: this split was never prepared
        return open_prepared(paths.cache_dir() / f"{name}-{split}-{size}-{copy_fingerprint}")
    return None


def open_prepared(folder: Path) -> Images:
    """Map the array that ``prepare`` wrote; one of DAMAGE is raised if a file is missing or incomplete."""
    meta = json.loads((folder / "meta.json").read_text())
    return Images(
        name=meta["name"],
        rgb=np.memmap(folder / "rgb.bin", dtype=np.uint8, mode="r", shape=tuple(meta["shape"])),
        classes=tuple(meta["classes"]),
        source=meta["source"],
        **{column: np.fromfile(folder / file, np.int64).reshape(meta["shape"][0])
           for column, file in INDEX_FILES.items()},
    )


def _fill(folder: Path, source: Source, name: str, split: str, size: int) -> None:
    """Write the pictures of a source row by row, continuing after the rows that are there."""
    row_bytes = {"rgb.bin": 3 * size * size} | dict.fromkeys(INDEX_FILES.values(), 8)
    sizes = {file: (folder / file).stat().st_size if (folder / file).exists() else 0 for file in row_bytes}
    rows = min(sizes[file] // width for file, width in row_bytes.items())
    with write_errors(folder), ignore_pillow_warnings(), ExitStack() as stack:
        files = [stack.enter_context((folder / file).open("ab")) for file in row_bytes]
        for file, width in zip(files, row_bytes.values(), strict=True):
            file.truncate(rows * width)                        # drop a row that a kill cut off
        for picture in progress_bar(source.pictures(split, size, rows), f"preparing {name} {split} at {size} px",
                                    total=source.count(split), initial=rows, unit=" images"):
            row = np.asarray(picture.image).transpose(2, 0, 1), np.int64(picture.label), np.int64(picture.group)
            for file, value in zip(files, row, strict=True):
                file.write(value.tobytes())
                file.flush()                    # so that the next call can continue here after a kill
            rows += 1
        for file in files:
            os.fsync(file.fileno())             # before the folder gets its name: a power cut must not leave zeros
        if not rows:
            why = "" if split in ("train", "all") else ": a split takes three or more photos that do not look alike"
            use = "" if split == "all" else f" for {split}"
            raise DataError(f"{source.path} holds no pictures{use} ({source.about}){why}")
        kind = "images" if split == "all" else f"{split} images"
        about = f"{rows:,} {kind} of {name} at {size} px, from {source.path.name} ({source.about})"
        meta = {"name": name, "shape": [rows, 3, size, size], "classes": source.classes, "source": about}
        (folder / "meta.json").write_text(json.dumps(meta))
