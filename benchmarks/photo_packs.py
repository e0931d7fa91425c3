"""Pack collected photos for training: squares of 216 pixels as WebP, in zips small enough to send anywhere.

Needs a folder of photos with its ``manifest.csv`` (columns blob, hash, repository, path, licence): each photo is
``OWNER+NAME/BLOB.jpg``, and several such folders can be given. 2% of the photos are held out to validate and 2% to test, the
same ones every time, by the hash of their file. Unpacked into one folder, the zips are what ``train_weights.py photos`` learns from:

    python benchmarks/photo_packs.py COLLECTED... --out PACKS
    for pack in PACKS/*.zip; do unzip -q $pack -d UNPACKED; done
"""

import argparse
import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from train_weights import everyday_photos

from colorlib import data
from colorlib.system.processor import parallel_map

SIDE = 216                                     # pixels: an eighth more than the network sees, for random crops
HELD_OUT = {"valid": 0.02, "test": 0.04}       # ends of the ranges of hashes
MOST = 8_000                                   # photos of one collection, so that no kind outweighs the others
OWN = 2                                        # times that each of the project's own photos is in the training packs
ALIKE = 3                                      # bits of 64 that differ between hashes of near-duplicates
PACK_BYTES = 56 * 2**20


class Photo(NamedTuple):
    """One collected photo."""

    path: Path
    collection: str
    license: str
    look: str                # difference hash: equal for copies of one photo

    @property
    def hash(self) -> int:
        """The difference hash as a number."""
        return int(self.look, 16)

    @property
    def place(self) -> float:
        """From 0 to 1, by the content of the file it came from."""
        return int(self.path.stem[:12], 16) / 16**12

    @property
    def split(self) -> str:
        """Which of "valid", "test" and "train"."""
        return next((name for name, end in HELD_OUT.items() if self.place < end), "train")


def collected(folders: list[Path]) -> list[Photo]:
    """The photos of all folders in the order of their hashes, which is as good as random; ``MOST`` of a collection to train on.

    Photos that look like one that is held out are left out of training.
    """
    photos = []
    for folder in folders:
        with (folder / "manifest.csv").open(newline="") as file:
            photos += [Photo(folder / row["repository"].replace("/", "+") / f"{row['blob']}.jpg", row["repository"], row["licence"], row["hash"])
                       for row in csv.DictReader(file)]
    held_out = np.array([photo.hash for photo in photos if photo.split != "train"], np.uint64)
    counts: Counter[str] = Counter()
    taken, seen = [], set()
    for photo in sorted(photos, key=lambda photo: photo.place):
        if photo.look in seen or (photo.split == "train" and looks_like_one_of(held_out, photo.hash)):
            continue
        seen.add(photo.look)
        counts[photo.collection] += photo.split == "train"
        if photo.split != "train" or counts[photo.collection] <= MOST:
            taken.append(photo)
    return taken


def looks_like_one_of(others: np.ndarray, look: int) -> bool:
    """Whether at most ``ALIKE`` bits of a difference hash are other than in one of others, (N,) uint64."""
    return bool((np.bitwise_count(others ^ np.uint64(look)) <= ALIKE).any())


def square(photo: Photo) -> bytes:
    """A square from somewhere along the longer side of a photo, as WebP: faces are at the top of many, not in the center."""
    with Image.open(photo.path) as image:
        side, free = min(image.size), max(image.size) - min(image.size)
        start = round(free * (photo.place * 1e6 % 1))
        left, top = (start, 0) if image.width > image.height else (0, start)
        picture = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
    return as_webp(picture)


def as_webp(picture: Image.Image) -> bytes:
    """The picture as WebP."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=90, method=1)
    return file.getvalue()


def own_photos(split: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the photos of animals10 and of photos.zip, whose own splits stay as they are."""
    for name, root in [("animals10", None), ("folder", everyday_photos())]:
        images = data.load(name, split, SIDE, root)
        squares = (Image.fromarray(rgb.transpose(1, 2, 0)) for rgb in images.rgb)
        for number, picture in enumerate(parallel_map(as_webp, squares)):
            yield from ((f"{split}/photos/{name}+{number:05}-{copy}.webp", picture) for copy in range(OWN if split == "train" else 1))


def write_packs(files: Iterator[tuple[str, bytes]], out: Path, name: str) -> None:
    """Write zips of ``PACK_BYTES`` at most."""
    file = next(files, None)
    for number in count():
        if file is None:
            break
        with zipfile.ZipFile(out / f"{name}-{number:02}.zip", "w") as archive:
            while file and archive.fp.tell() + len(file[1]) < PACK_BYTES:
                archive.writestr(*file)
                file = next(files, None)


def main() -> None:
    """Pack, and print how many photos there are of each collection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    photos = collected(options.folders)
    for split in ("train", *HELD_OUT):
        some = [photo for photo in photos if photo.split == split]
        names = (f"{split}/photos/{photo.path.parent.name}+{photo.path.stem}.webp" for photo in some)
        write_packs(chain(zip(names, parallel_map(square, some), strict=True), own_photos(split)), options.out, split)
    counts = Counter((photo.collection, photo.license) for photo in photos if photo.split == "train")
    with (options.out / "photos.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["collection", "license", "training photos"])
        writer.writerows((*source, number) for source, number in counts.most_common())
    print((options.out / "photos.csv").read_text(), {split: sum(photo.split == split for photo in photos) for split in ("train", *HELD_OUT)})


if __name__ == "__main__":
    main()
