"""Collections of photos with odd files: each is used or left out with a reason, and the splits do not overlap."""

import csv
import io
import os
import random
import zipfile
from collections import Counter

import numpy as np
import pytest
import test_decode as odd
from collection import SPLITS, fill, labels_of, listed, listed_after, photo
from PIL import Image, ImageOps

from colorlib import data
from colorlib.data.survey import is_colorless
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError


def test_a_photo_in_two_classes_has_the_same_one_in_every_copy(tmp_path, home):
    for root, dog, cat in [("italian", "cane", "gatto"), ("english", "Dog", "Cat")]:
        for name in (dog, cat):
            fill(tmp_path / root / name, 1)
    for root in ("italian", "english"):
        assert labels_of(data.load("animals10", "train", 16, root=tmp_path / root)) == {"cat": 1}


def odd_files(folder):
    """Every kind of file that ``test_decode`` makes, and some that only a folder can hold: name -> status."""
    source = Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB")
    made = {}
    for number, (kind, (make, *_)) in enumerate(odd.KINDS.items()):
        different = ImageOps.fit(source.rotate(20 * number), (160, 120))         # near-duplicates are another test's
        made[f"{kind}.jpg"] = (make(different), "used")                          # the extension is wrong for most
    for kind in ("gray JPEG", "1 bit", "16 bits PNG", "16 bits TIFF", "gray with alpha"):
        made[f"{kind}.jpg"] = (made[f"{kind}.jpg"][0], "gray")
    made |= {f"{kind}.jpg": (make(source.resize((160, 120))), status) for kind, (make, status) in odd.BAD.items()}
    made["turned.jpg"] = (odd.saved(source.rotate(170), "JPEG", exif=odd.exif(6)), "used")
    made["profile.png"] = (odd.saved(source.rotate(-10), "PNG", icc_profile=odd.swapped_profile()), "used")
    made["фото 日本語 ñ.jpeg"] = (photo(1), "used")
    made["the same again.jpeg"] = (made["фото 日本語 ñ.jpeg"][0], "used")         # before its copy in the alphabet
    made["фото 日本語 ñ.jpeg"] = (made["фото 日本語 ñ.jpeg"][0], "copy")
    folder.mkdir(parents=True)
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    statuses = {f"odd/{name}": status for name, (_, status) in made.items()}
    (folder / os.fsdecode(b"caf\xe9.jpeg")).write_bytes(photo(2))
    (folder / "Icon\r").write_bytes(b"")                                     # a folder's own icon, on a Mac
    (folder / "nowhere.jpeg").symlink_to("nothing.jpeg")
    (folder / "circle").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpeg")
    return statuses | {os.fsdecode(b"odd/caf\xe9.jpeg"): "used", "odd/Icon\r": "empty", "odd/nowhere.jpeg": "unreadable",
                    "odd/circle/": "unreadable", "odd/pipe.jpeg": "unreadable"}


def test_every_odd_file_is_used_or_left_out_with_its_reason(tmp_path, home, capsys):
    statuses = odd_files(tmp_path / "photos" / "odd")
    images = data.load("folder", "train", 16, root=tmp_path / "photos")
    assert {name: row["status"] for name, row in listed().items()} == statuses
    assert all(row["cause"] for row in listed().values() if row["status"] != "used")
    assert sum(len(data.load("folder", split, 16, root=tmp_path / "photos")) for split in SPLITS) == (
        Counter(statuses.values())["used"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("folder: ")]
    for status, count in Counter(statuses.values()).items():
        assert f"{count} {status}" in line
    assert line.startswith(f"folder: {len(statuses)} files: ")
    assert line.endswith("/prepared.csv")
    assert images.classes == ("odd",)


def test_odd_files_in_a_zip_get_the_same_status(tmp_path, home):
    folder = tmp_path / "odd"
    statuses = {name: status for name, status in odd_files(folder).items()
             if not (folder.parent / name).is_symlink() and (folder.parent / name).is_file()}
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for name in statuses:
            file.writestr(name.encode(errors="replace").decode(), (tmp_path / name).read_bytes())
        file.writestr("../outside.jpeg", photo(3))
    data.load("folder", "train", 16, root=tmp_path / "photos.zip")
    expected = {name.encode(errors="replace").decode(): status for name, status in statuses.items()}
    assert {name: row["status"] for name, row in listed().items()} == expected | {"../outside.jpeg": "refused"}
    assert not (tmp_path.parent / "outside.jpeg").exists()


def test_only_a_photo_without_color_is_colorless():
    pixels = np.full((100, 100, 3), 128, np.uint8)
    assert is_colorless(Image.fromarray(pixels))
    noisy = pixels + np.random.default_rng(0).integers(-20, 21, (100, 100, 1)).astype(np.uint8)
    jpeg = Image.open(io.BytesIO(odd.saved(Image.fromarray(noisy), "JPEG", quality=50)))
    assert is_colorless(jpeg)
    pixels[:20, :20] = (255, 0, 0)                                     # 4% of it is red
    assert not is_colorless(Image.fromarray(pixels))
    assert not is_colorless(Image.fromarray(np.full((9, 9, 3), (140, 128, 116), np.uint8))), "sepia is a color"


def everyone(root):
    """The split of every photo, by its content."""
    return {(split, rgb.tobytes()) for split in SPLITS for rgb in data.load("folder", split, 16, root=root).rgb}


def test_the_split_depends_on_content_alone(tmp_path, home):
    names = [f"{i}.jpeg" for i in range(60)]
    for where in ("a", "b"):
        (tmp_path / where / "cat").mkdir(parents=True)
        for name, number in zip(names, range(60), strict=True):
            (tmp_path / where / "cat" / name).write_bytes(photo(number))
        random.Random(0).shuffle(names)
    assert everyone(tmp_path / "a") == everyone(tmp_path / "b")
    table = {row["digest"]: row["split"] for row in listed_all("a")}
    assert table == {row["digest"]: row["split"] for row in listed_all("b")}


def listed_all(which):
    tables = sorted(paths.cache_dir().glob("folder-files-*/prepared.csv"), key=lambda path: path.stat().st_mtime)
    with tables["ab".index(which)].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_split_is_the_same_at_every_size(animals, home):
    for split in SPLITS:
        small, large = (data.load("animals10", split, size, root=animals) for size in (8, 40))
        assert np.array_equal(small.labels, large.labels)
        assert np.array_equal(small.group_ids, large.group_ids)
    assert len(listed()) == 101


def test_near_duplicates_are_on_one_side(tmp_path, home):
    folder = tmp_path / "cats" / "cat"
    fill(folder, 40)
    for path in list(folder.iterdir()):
        image = Image.open(path)
        ImageOps.mirror(image).save(folder / f"{path.stem} mirrored.png")
        image.resize((90, 60)).save(folder / f"{path.stem} larger.webp", quality=50)
    rows = listed_after(tmp_path / "cats")
    sides = {(row["file"].split("/")[1].split()[0].split(".")[0], row["split"]) for row in rows}
    assert len(rows) == 120
    assert len(sides) == 40
    assert Counter(side for _, side in sides) == {"train": 32, "valid": 4, "test": 4}


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"name": "folder"}, UsageError, "any folder or zip of photos: give its path as root"),
    ({"name": "folder", "root": "/nowhere"}, DataError, "no folder in /nowhere: there is no such file or folder"),
    ({"name": "animals10", "root": "."}, DataError, "no animals10 in .*: put one of animals10.zip"),
])
def test_a_missing_root_is_named(arguments, error, message, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        data.load(**arguments)


def test_a_folder_without_photos_says_what_it_holds(tmp_path, home):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("text")
    with pytest.raises(DataError, match=r"texts holds no pictures for train \(0 photos of 1 files\)"):
        data.load("folder", "train", 16, root=tmp_path / "texts")


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, home, monkeypatch):
    fill(tmp_path / "Pictures" / "cat", 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(data.load("folder", "train", 16, root="~/Pictures")) == 1
    monkeypatch.chdir(tmp_path / "Pictures" / "cat")
    assert data.load("folder", "train", 16, root=".").classes == ("cat",)
    monkeypatch.setenv("COLORLIB_DATA", "~/Pictures")
    assert (tmp_path / "Pictures") in paths.search_dirs()
