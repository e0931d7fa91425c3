"""Every file of a collection, looked at once: a photo to use, or left out with the reason."""

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
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from colorlib import color
from colorlib.data import splits
from colorlib.data.decode import decode, ignore_pillow_warnings
from colorlib.data.duplicates import difference_hash, near_duplicate_groups
from colorlib.data.folders import Listed, Tree, fingerprint, open_files
from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError
from colorlib.system.files import atomic_folder, write_errors
from colorlib.system.parallel import in_order

USED = "used"
LOOK = 64                  # pixels on the shorter side are enough to see whether there is color, and what is alike
COLORLESS = 2.0            # Lab units: a gray photo, JPEG's traces of color and all, has no more than this


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one file: a line of ``prepared.csv``."""

    file: str
    fate: str                # "used", or in a word why not
    cause: str = ""          # the same in a few words more
    class_name: str = ""
    split: str = ""          # "train", "valid" or "test"
    group: int = -1          # photos that look alike share it
    format: str = ""         # what the file is, whatever its name
    width: int = 0
    height: int = 0
    changes: str = ""        # what was done to make it an upright sRGB picture
    digest: str = ""         # a hash of the file

    def __post_init__(self):
        """Keep one copy of what many rows say: there may be a hundred thousand."""
        for name in ("fate", "cause", "class_name", "split", "format", "changes"):
            object.__setattr__(self, name, sys.intern(getattr(self, name)))


class Look(NamedTuple):
    """One file, seen: the beginnings of its row, and the hashes of the picture and its mirror image."""

    row: Row
    hashes: bytes = b""


@dataclass(frozen=True)
class Survey:
    """What became of all files of a collection."""

    rows: list[Row]
    table: Path              # where prepared.csv lies

    def __str__(self) -> str:
        fates = Counter(row.fate for row in self.rows)
        left_out = ", ".join(f"{count:,} {fate}" for fate, count in fates.most_common() if fate != USED)
        changes = Counter(change for row in self.rows if row.fate == USED and row.changes
                          for change in row.changes.split("; "))
        changed = "".join(f", {count:,} {change}" for change, count in changes.most_common())
        return (f"{len(self.rows):,} files: {fates[USED]:,} used{changed}; "
                f"left out: {left_out or 'none'}; each is listed in {paths.shown(self.table)}")


def survey(path: Path, name: str, classify: Callable[[str], str | None]) -> Survey:
    """Look at every file of a folder or zip, or remember what was seen.

    Killed half way and called again, it goes on where it was.

    Args:
        name: of the data set.
        classify: the name of a file -> its class, or None if it belongs to none.

    Raises:
        DataError: for a zip that is damaged.
        WriteError: for a full disk.
    """
    folder = paths.cache_dir() / f"{name}-files-{fingerprint(path)}"
    table = folder / "prepared.csv"
    with atomic_folder(folder) as to_fill:
        if to_fill:
            log = to_fill / "looks.jsonl"
            with open_files(path) as tree:
                _write(_rows(_looks(tree, name, classify, log)), to_fill / table.name)
            log.unlink()
    found = Survey(_read(table), table)
    if to_fill:
        tqdm.write(f"{name}: {found}")
    return found


def _looks(tree: Tree, name: str, classify: Callable[[str], str | None], log: Path) -> list[Look]:
    """A look at every file, in the order of their names; each is written to ``log`` at once."""
    files = [listed for listed in tree.list() if not listed.name.endswith("/") or listed.fate]
    looks = _logged(log)
    look = partial(_look, tree, classify, threading.Lock())
    bar = tqdm(in_order(look, files[len(looks):]), f"looking at {name}", len(files), initial=len(looks), unit=" files")
    with write_errors(log.parent), ignore_pillow_warnings(), log.open("a", encoding="utf-8") as file:
        for found in bar:
            file.write(json.dumps([asdict(found.row), found.hashes.hex()]) + "\n")
            file.flush()
            looks.append(found)
    return looks


def _logged(log: Path) -> list[Look]:
    """What was written before it was killed, without the line that broke off."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        with write_errors(log.parent):
            log.write_text("".join(whole), encoding="utf-8")
    return [Look(Row(**row), bytes.fromhex(hashes)) for row, hashes in map(json.loads, whole)]


def _look(tree: Tree, classify: Callable[[str], str | None], alone: threading.Lock, listed: Listed) -> Look:
    """Look at one file."""
    row = Row(listed.name, listed.fate or USED, listed.cause, classify(listed.name) or "")
    if listed.fate:
        return Look(row)
    if not row.class_name:
        return Look(replace(row, fate="other class", cause="its folder is not one of the classes"))
    try:
        data = tree.read(listed.name)
        found = decode(data, listed.name, LOOK, alone)
    except PictureError as error:
        return Look(replace(row, fate=error.fate, cause=error.cause))
    row = replace(row, format=found.format, width=found.width, height=found.height, changes="; ".join(found.changes),
                  digest=blake2b(data, digest_size=16).hexdigest())
    if is_colorless(found.image):
        row = replace(row, fate="gray", cause="in truth without color")
    hashes = np.concatenate([difference_hash(found.image), difference_hash(ImageOps.mirror(found.image))])
    return Look(row, np.packbits(hashes).tobytes())


def is_colorless(image: Image.Image) -> bool:
    """Whether at least 99% of an RGB picture has a chroma below 2 Lab units, seen at 32 x 32 pixels."""
    pixels = np.asarray(image.resize((32, 32), Image.Resampling.BOX))
    _, ab = color.split_lab(color.to_tensor(pixels.transpose(2, 0, 1)))
    return bool((ab.norm(dim=0) < COLORLESS).float().mean() >= 0.99)


def _rows(looks: list[Look]) -> list[Row]:
    """The finished rows: copies left out, the others with their group and split."""
    rows = [look.row for look in looks]
    first: dict[str, str] = {}
    for i, row in sorted(enumerate(rows), key=lambda pair: (pair[1].class_name, pair[1].file)):
        if row.fate == USED and first.setdefault(row.digest, row.file) != row.file:
            rows[i] = replace(row, fate="copy", cause=f"the same file as {first[row.digest]}")
    used = [i for i, row in enumerate(rows) if row.fate == USED]
    if not used:
        return rows
    seen = np.stack([np.frombuffer(looks[i].hashes, np.uint8) for i in used])
    hashes, mirrored = np.hsplit(np.unpackbits(seen, axis=1).astype(bool), 2)
    groups = near_duplicate_groups(hashes, mirrored)
    split = splits.assign([rows[i].digest for i in used], [rows[i].class_name for i in used], groups.tolist())
    for i, group, name in zip(used, groups.tolist(), split, strict=True):
        rows[i] = replace(rows[i], group=group, split=name)
    return rows


def _write(rows: list[Row], table: Path) -> None:
    # Names that are no UTF-8, as old systems left them, come out as the bytes they are.
    with write_errors(table.parent), table.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        # All quoted: a name may hold a comma, or be the "Icon\\r" of a Mac.
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(map(asdict, rows))
        file.flush()
        os.fsync(file.fileno())


def _read(table: Path) -> list[Row]:
    try:
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [Row(**row | {name: int(row[name]) for name in ("group", "width", "height")})
                    for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise DataError(f"{table} is damaged: delete the folder it is in, and load again") from error
