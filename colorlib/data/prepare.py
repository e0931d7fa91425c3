"""A data set is prepared once, at a size, into one array on disk that every later use maps."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from colorlib.data.decode import ignore_pillow_warnings
from colorlib.data.folders import fingerprint, size_of
from colorlib.data.images import Images
from colorlib.data.readers import Source
from colorlib.system import paths
from colorlib.system.errors import DataError
from colorlib.system.files import atomic_folder, write_errors

DAMAGE = (FileNotFoundError, ValueError, KeyError, TypeError)       # what opening a damaged folder raises
COLUMNS = {"labels.bin": np.dtype(np.int64), "groups.bin": np.dtype(np.int64)}        # beside rgb.bin


def prepared(name: str, path: Path, read: Callable[[Path], Source], split: str, size: int) -> Images:
    """The images of one copy, from the cache if they were prepared from it before.

    Raises:
        DataError: for a copy that is damaged or incomplete.
        WriteError: if the cache cannot be written.
    """
    folder = paths.cache_dir() / f"{name}-{split}-{size}-{fingerprint(path)}"
    if folder.exists():
        try:
            return open_images(folder)
        except DAMAGE:
            shutil.rmtree(folder, ignore_errors=True)
    with atomic_folder(folder) as to_fill:
        if to_fill:
            _fill(to_fill, read(path), name, split, size)
    return open_images(folder)


def newest(name: str, split: str, size: int) -> Images | None:
    """What was prepared last, of a copy of the data set that is gone; all splits are of this copy."""
    kept = sorted(paths.cache_dir().glob(f"{name}-*-*-*/meta.json"), key=lambda file: file.stat().st_mtime)
    if not kept:
        return None
    copy = kept[-1].parent.name.split("-")[-1]
    folder = paths.cache_dir() / f"{name}-{split}-{size}-{copy}"
    try:
        return open_images(folder)
    except DAMAGE:                                              # or this split was never prepared
        return None


def open_images(folder: Path) -> Images:
    """Map what ``prepared`` wrote.

    Raises:
        One of DAMAGE: if a file is missing, or not whole.
    """
    meta = json.loads((folder / "meta.json").read_text())
    labels, groups = (np.fromfile(folder / name, dtype).reshape(meta["shape"][0]) for name, dtype in COLUMNS.items())
    return Images(
        name=meta["name"],
        rgb=np.memmap(folder / "rgb.bin", dtype=np.uint8, mode="r", shape=tuple(meta["shape"])),
        labels=labels,
        groups=groups,
        classes=tuple(meta["classes"]),
        source=meta["source"],
    )


def _fill(folder: Path, source: Source, name: str, split: str, size: int) -> None:
    """Write a source's pictures, row by row, going on after those that are there."""
    columns = {"rgb.bin": 3 * size * size} | {name: dtype.itemsize for name, dtype in COLUMNS.items()}    # bytes a row
    rows = min(size_of(folder / column) // width for column, width in columns.items())
    with write_errors(folder), ignore_pillow_warnings(), ExitStack() as stack:
        files = [stack.enter_context((folder / column).open("ab")) for column in columns]
        for file, width in zip(files, columns.values(), strict=True):
            file.truncate(rows * width)                        # without the row that broke off
        bar = tqdm(source.pictures(split, size, rows), f"preparing {name} {split} at {size} px", source.count(split),
                   initial=rows, unit=" images")
        for picture in bar:
            row = np.asarray(picture.image).transpose(2, 0, 1), np.int64(picture.label), np.int64(picture.group)
            for file, value in zip(files, row, strict=True):
                file.write(value.tobytes())
                file.flush()                    # killed now, the next call goes on here
            rows += 1
        for file in files:
            os.fsync(file.fileno())             # before the folder gets its name: a power cut must not leave zeros
        if not rows:
            why = "" if split == "train" else ": a split takes three or more photos that do not look alike"
            raise DataError(f"{source.path} holds no {split} pictures{why}")
        about = f"{rows:,} {split} images of {name} at {size} px, from {source.path.name} ({source.about})"
        meta = {"name": name, "shape": [rows, 3, size, size], "classes": source.classes, "source": about}
        (folder / "meta.json").write_text(json.dumps(meta))
