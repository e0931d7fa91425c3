"""Inspect every file of a collection once: a photo to use, or left out with the reason."""

import csv
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from colorlib import color
from colorlib.data import splits
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.data.duplicates import BITS, difference_hash, near_duplicate_groups
from colorlib.data.folders import FileEntry, Folder, Zip, fingerprint, open_files
from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError
from colorlib.system.files import atomic_folder, write_errors
from colorlib.system.processor import parallel_map
from colorlib.system.progress import progress_bar

USED = "used"
INSPECTED_SIDE = 64        # pixels on the shorter side are enough to detect color and near-duplicates
MAX_GRAY_CHROMA = 2.0      # Lab units: a gray photo, with JPEG's traces of color, has no more


@dataclass(frozen=True, slots=True)
class Row:
    """One file: a line of ``prepared.csv``."""

    file: str
    status: str              # "used", or why not, in a word or two
    cause: str = ""          # why not, in a few words more
    class_name: str = ""
    split: str = ""          # "train", "valid" or "test"
    group: int = -1          # near-duplicates have the same number
    format: str = ""         # by content, whatever the file's name
    width: int = 0
    height: int = 0
    changes: str = ""        # made to get an upright sRGB picture
    digest: str = ""         # hash of the file's content
    hashes: str = ""         # perceptual hashes of the picture and its mirror image, 32 hexadecimal digits each

    def __post_init__(self):
        """Keep one copy of strings that many rows share: there may be a hundred thousand rows."""
        for name in ("status", "cause", "class_name", "split", "format", "changes"):
            object.__setattr__(self, name, sys.intern(getattr(self, name)))


@dataclass(frozen=True)
class Survey:
    """All files of a collection, with their status."""

    rows: list[Row]
    table: Path              # prepared.csv

    def __str__(self) -> str:
        statuses = Counter(row.status for row in self.rows)
        left_out = ", ".join(f"{count:,} {status}" for status, count in statuses.most_common() if status != USED)
        changes = Counter(change for row in self.rows if row.status == USED and row.changes
                          for change in row.changes.split("; "))
        changed = "".join(f", {count:,} {change}" for change, count in changes.most_common())
        return (f"{len(self.rows):,} files: {statuses[USED]:,} used{changed}; "
                f"left out: {left_out or 'none'}; each is listed in {paths.relative_to_home(self.table)}")


def survey_files(path: Path, name: str, classify: Callable[[str], str | None]) -> Survey:
    """Inspect every file of a folder or zip, or read the table of an earlier call.

    Killed and called again, it continues after the last file.

    Args:
        name: of the data set.
        classify: file name -> class, or None if it belongs to none.

    Raises:
        DataError: for a damaged zip.
        WriteError: for a full disk.
    """
    folder = paths.cache_dir() / f"{name}-files-{fingerprint(path)}"
    table = folder / "prepared.csv"
    with atomic_folder(folder) as to_fill:
        if to_fill:
            log = to_fill / "inspected.jsonl"
            with open_files(path) as tree:
                _write_table(_assign_splits(_inspect_all(tree, name, classify, log)), to_fill / table.name)
            log.unlink()
    survey = Survey(_read_table(table), table)
    if to_fill:
        tqdm.write(f"{name}: {survey}")
    return survey


def is_colorless(image: Image.Image) -> bool:
    """Whether at least 99% of an RGB picture, scaled to 32 x 32 pixels, has a chroma below 2 Lab units."""
    pixels = np.asarray(image.resize((32, 32), Image.Resampling.BOX))
    _, ab = color.split_lab(color.to_tensor(pixels.transpose(2, 0, 1)))
    return bool((ab.norm(dim=0) < MAX_GRAY_CHROMA).float().mean() >= 0.99)


def _inspect_all(tree: Folder | Zip, name: str, classify: Callable[[str], str | None], log: Path) -> list[Row]:
    """Inspect all files in the order of their names, and append each to ``log`` at once."""
    entries = [entry for entry in tree.entries() if not entry.name.endswith("/") or entry.status]
    logged = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    complete = [line for line in logged if line.endswith(b"\n")]            # without the line that a kill cut off
    rows = [Row(**json.loads(line)) for line in complete]
    inspected = parallel_map(partial(_inspect, tree, classify, threading.Lock()), entries[len(rows):])
    with write_errors(log.parent), ignore_pillow_warnings(), log.open("a", encoding="utf-8") as file:
        file.truncate(sum(map(len, complete)))
        for row in progress_bar(inspected, f"inspecting {name}", total=len(entries), initial=len(rows), unit=" files"):
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()
            rows.append(row)
    return rows


def _inspect(tree: Folder | Zip, classify: Callable[[str], str | None], large_picture_lock: threading.Lock,
             entry: FileEntry) -> Row:
    row = Row(entry.name, entry.status or USED, entry.cause, classify(entry.name) or "")
    if entry.status:
        return row
    if not row.class_name:
        return replace(row, status="other class", cause="its folder is not one of the classes")
    try:
        data = tree.read(entry.name)
        decoded = decode(data, entry.name, INSPECTED_SIDE, large_picture_lock)
    except PictureError as error:
        return replace(row, status=error.status, cause=error.cause)
    if is_colorless(decoded.image):
        row = replace(row, status="gray", cause="it has no color")
    hashes = np.concatenate([difference_hash(decoded.image), difference_hash(ImageOps.mirror(decoded.image))])
    return replace(row, format=decoded.format, width=decoded.width, height=decoded.height,
                   changes="; ".join(decoded.changes), digest=blake2b(data, digest_size=16).hexdigest(),
                   hashes=np.packbits(hashes).tobytes().hex())


def _assign_splits(rows: list[Row]) -> list[Row]:
    """Leave out exact copies, and give the other rows their group and split."""
    first: dict[str, str] = {}
    for i, row in sorted(enumerate(rows), key=lambda pair: (pair[1].class_name, pair[1].file)):
        if row.status == USED and first.setdefault(row.digest, row.file) != row.file:
            rows[i] = replace(row, status="copy", cause=f"the same file as {first[row.digest]}")
    used = [i for i, row in enumerate(rows) if row.status == USED]
    packed = np.frombuffer(bytes.fromhex("".join(rows[i].hashes for i in used)), np.uint8)
    hashes, mirrored = np.unpackbits(packed).astype(bool).reshape(len(used), 2, BITS).swapaxes(0, 1)
    groups = near_duplicate_groups(hashes, mirrored).tolist()
    assigned = splits.assign([rows[i].digest for i in used], [rows[i].class_name for i in used], groups)
    for i, group, split in zip(used, groups, assigned, strict=True):
        rows[i] = replace(rows[i], group=group, split=split)
    return rows


def _write_table(rows: list[Row], table: Path) -> None:
    # surrogateescape writes file names that are no UTF-8 as the bytes that they are; the pyarrow strings of pandas
    # cannot hold them. All is quoted, for names with a comma, or like the "Icon\\r" of a Mac.
    with write_errors(table.parent), table.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(map(asdict, rows))
        file.flush()
        os.fsync(file.fileno())


def _read_table(table: Path) -> list[Row]:
    try:
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [Row(**row | {name: int(row[name]) for name in ("group", "width", "height")})
                    for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise DataError(f"{table} is damaged: delete the folder {table.parent}, and load again") from error
