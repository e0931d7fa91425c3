"""Collections of photos as they are: every odd file used rightly or left out, counted and listed; splits that hold."""

import csv
import io
import os
import random
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import test_decoding as odd
from PIL import Image, ImageOps

from colorlib import data, paths, preparing
from colorlib.errors import DataError
from colorlib.survey import is_colorless

ITALIAN = ("cane", "cavallo", "elefante", "farfalla", "gallina", "gatto", "mucca", "pecora", "ragno", "scoiattolo")
ENGLISH = ("dog", "horse", "elephant", "butterfly", "chicken", "cat", "cow", "sheep", "spider", "squirrel")
SPLITS = ("train", "valid", "test")


def photo(seed, size=(60, 40), form="JPEG"):
    """The bytes of a colorful picture that is like no other: coarse random patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def fill(folder, count, first=0):
    """Photos into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        (folder / f"{i}.jpeg").write_bytes(photo(i))


@pytest.fixture
def animals(tmp_path):
    """Ten photos for each class, as Kaggle's archive unpacks."""
    root = tmp_path / "kaggle"
    for number, name in enumerate(ITALIAN):
        fill(root / "raw-img" / name, 10, 100 * number)
    (root / "raw-img" / "translate.py").write_text("translate = {}")
    return root


def listed():
    """The one prepared.csv of this test: a file's name -> its row."""
    (table,) = paths.cache_dir().glob("*/prepared.csv")
    with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def labels_of(images):
    return Counter(images.classes[label] for label in images.labels)


def test_kaggles_folders_become_the_ten_english_classes(animals, home):
    images = data.load("animals10", "train", 16, root=animals)
    assert images.classes == tuple(sorted(ENGLISH))
    assert labels_of(images) == dict.fromkeys(ENGLISH, 8)
    assert [labels_of(data.load("animals10", split, 16, root=animals)) for split in SPLITS[1:]] == [
        dict.fromkeys(ENGLISH, 1)] * 2
    of_file = {row["file"]: row["class_name"] for row in listed().values() if row["fate"] == "used"}
    pairs = {(Path(file).parent.name, english) for file, english in of_file.items()}
    assert pairs == set(zip(ITALIAN, ENGLISH, strict=True))
    assert listed()["translate.py"]["fate"] == "other class"


def as_archive(animals, where):
    shutil.make_archive(str(where / "archive"), "zip", animals)


def as_named_zip(animals, where):
    shutil.make_archive(str(where / "animals10"), "zip", animals)


def as_raw_img(animals, where):
    shutil.copytree(animals / "raw-img", where / "raw-img")


def as_unpacked_archive(animals, where):
    shutil.copytree(animals, where / "archive")


def as_english_folders(animals, where):
    for italian, english in zip(ITALIAN, ENGLISH, strict=True):
        shutil.copytree(animals / "raw-img" / italian, where / "animals10" / english.title())


@pytest.mark.parametrize("form", [as_archive, as_named_zip, as_raw_img, as_unpacked_archive, as_english_folders])
def test_every_form_of_the_animals_is_found_and_holds_the_same(form, animals, home, tmp_path, monkeypatch):
    (home / "data").mkdir(parents=True)
    form(animals, home / "data")
    expected = data.load("animals10", "test", 16, root=animals)
    assert data.load("animals10", "test", 16).digest == expected.digest


def test_an_archive_of_something_else_is_not_the_animals(animals, home, tmp_path):
    (home / "data").mkdir(parents=True)
    as_archive(animals, home / "data")
    assert data.find("animals10")[0].name == "archive.zip"
    assert data.find("animals3") is None
    assert data.find("cifar10") is None
    fill(tmp_path / "pandas" / "panda", 3)
    fill(tmp_path / "pandas" / "cats", 3, 10)
    fill(tmp_path / "pandas" / "dogs", 3, 20)
    shutil.make_archive(str(home / "data" / "archive"), "zip", tmp_path / "pandas")
    assert data.find("animals10") is None, "cats and dogs are animals, but not all ten"
    assert data.load("animals3", "train", 16).classes == ("cat", "dog", "panda")


def test_a_photo_in_two_classes_has_the_same_one_in_every_copy(tmp_path, home):
    for root, dog, cat in [("italian", "cane", "gatto"), ("english", "Dog", "Cat")]:
        for name in (dog, cat):
            fill(tmp_path / root / name, 1)
    for root in ("italian", "english"):
        assert labels_of(data.load("animals10", "train", 16, root=tmp_path / root)) == {"cat": 1}


def test_when_the_copy_is_gone_all_splits_are_of_one_copy(tmp_path, home):
    """Else a photo could be learned from in one copy's training part, and asked for in the other's test."""
    fill(home / "data" / "animals10" / "cat", 20)
    fill(home / "data" / "animals10" / "dog", 20, 50)
    data.load("animals10", "test", 16)
    fill(home / "data" / "animals10" / "dog", 20, 80)
    newer = data.load("animals10", "train", 16)
    shutil.rmtree(home / "data" / "animals10")
    assert data.load("animals10", "train", 16).digest == newer.digest
    with pytest.warns(UserWarning, match="NO ANIMALS10"):
        assert data.load("animals10", "test", 16).name == "samples"


def odd_files(folder):
    """Every kind of file that ``test_decoding`` knows, and some that only a folder can hold: a name -> its fate."""
    source = Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB")
    made = {}
    for number, (kind, (make, *_)) in enumerate(odd.KINDS.items()):
        different = ImageOps.fit(source.rotate(20 * number), (160, 120))         # near-duplicates are another test's
        made[f"{kind}.jpg"] = (make(different), "used")                          # the extension is wrong for most
    for kind in ("gray JPEG", "1 bit", "16 bits PNG", "16 bits TIFF", "gray with alpha"):
        made[f"{kind}.jpg"] = (made[f"{kind}.jpg"][0], "gray")
    made |= {f"{kind}.jpg": (make(source.resize((160, 120))), fate) for kind, (make, fate) in odd.BAD.items()}
    made["turned.jpg"] = (odd.saved(source.rotate(170), "JPEG", exif=odd.exif(6)), "used")
    made["profile.png"] = (odd.saved(source.rotate(-10), "PNG", icc_profile=odd.swapped_profile()), "used")
    made["фото 日本語 ñ.jpeg"] = (photo(1), "used")
    made["the same again.jpeg"] = (made["фото 日本語 ñ.jpeg"][0], "used")         # before its copy in the alphabet
    made["фото 日本語 ñ.jpeg"] = (made["фото 日本語 ñ.jpeg"][0], "copy")
    folder.mkdir(parents=True)
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    fates = {f"odd/{name}": fate for name, (_, fate) in made.items()}
    (folder / os.fsdecode(b"caf\xe9.jpeg")).write_bytes(photo(2))
    (folder / "Icon\r").write_bytes(b"")                                     # a folder's own icon, on a Mac
    (folder / "nowhere.jpeg").symlink_to("nothing.jpeg")
    (folder / "circle").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpeg")
    return fates | {os.fsdecode(b"odd/caf\xe9.jpeg"): "used", "odd/Icon\r": "empty", "odd/nowhere.jpeg": "unreadable",
                    "odd/circle/": "unreadable", "odd/pipe.jpeg": "unreadable"}


def test_every_odd_file_is_used_or_left_out_with_its_reason(tmp_path, home, capsys):
    fates = odd_files(tmp_path / "photos" / "odd")
    images = data.load("folder", "train", 16, root=tmp_path / "photos")
    assert {name: row["fate"] for name, row in listed().items()} == fates
    assert all(row["cause"] for row in listed().values() if row["fate"] != "used")
    assert sum(len(data.load("folder", split, 16, root=tmp_path / "photos")) for split in SPLITS) == (
        Counter(fates.values())["used"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("folder: ")]
    for fate, count in Counter(fates.values()).items():
        assert f"{count} {fate}" in line
    assert line.startswith(f"folder: {len(fates)} files: ")
    assert line.endswith("/prepared.csv")
    assert images.classes == ("odd",)


def test_in_a_zip_they_fare_the_same(tmp_path, home):
    folder = tmp_path / "odd"
    fates = {name: fate for name, fate in odd_files(folder).items()
             if not (folder.parent / name).is_symlink() and (folder.parent / name).is_file()}
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for name in fates:
            file.writestr(name.encode(errors="replace").decode(), (tmp_path / name).read_bytes())
        file.writestr("../outside.jpeg", photo(3))
    data.load("folder", "train", 16, root=tmp_path / "photos.zip")
    expected = {name.encode(errors="replace").decode(): fate for name, fate in fates.items()}
    assert {name: row["fate"] for name, row in listed().items()} == expected | {"../outside.jpeg": "refused"}
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
        assert np.array_equal(small.groups, large.groups)
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


def listed_after(root):
    data.load("folder", "train", 16, root=root)
    return [row for row in listed().values() if row["fate"] == "used"]


KILL = """
import os, signal
from colorlib import data, decoding, photos, survey
count = iter(range(10**6))
def decode(*arguments):
    next(count) == {when} and os.kill(os.getpid(), signal.SIGKILL)
    return decoding.decode(*arguments)
photos.decode = survey.decode = decode
data.load("animals10", "train", 16, root={root!r})
"""


@pytest.mark.parametrize("when", [70, 140])
def test_a_killed_preparation_goes_on_where_it_was(when, animals, home, capsys):
    """Killed while looking at the files, and while the array is written: what was done is not done again."""
    script = KILL.format(when=when, root=str(animals))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    looks = [line for file in paths.cache_dir().rglob("looks.jsonl") for line in file.read_text().splitlines()]
    rows = [file.stat().st_size // 8 for file in paths.cache_dir().rglob("groups.bin")]
    left = 100 - sum('"format": "JPEG"' in line for line in looks) + 80 if when == 70 else 80 - rows[0]
    again = KILL.format(when=10**6, root=str(animals)) + "print(next(count))"
    second = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, check=True)
    assert int(second.stdout.split()[-1]) in (left, left + 1), "the row that broke off is made again"
    assert left < (180 if when == 70 else 80)
    interrupted = data.load("animals10", "train", 16, root=animals).digest
    shutil.rmtree(paths.cache_dir())
    assert data.load("animals10", "train", 16, root=animals).digest == interrupted
    assert not list(paths.cache_dir().glob("*.partial"))


def test_a_stopped_preparation_leaves_warnings_as_they_were(animals, home, monkeypatch):
    """Though the traceback, as a notebook keeps it, still holds all that was open."""
    def stopped(*arguments):
        raise KeyboardInterrupt

    before = list(warnings.filters)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as kept:
        patch.setattr(preparing.np, "int64", stopped)
        data.load("animals10", "train", 16, root=animals)
    assert warnings.filters == before
    assert kept.tb


def test_what_a_kill_broke_off_is_made_again(animals, home):
    """The array and the listing as a kill may leave them: half of a row, half of a line."""
    digest = data.load("animals10", "train", 16, root=animals).digest
    (array,), (table,) = (list(paths.cache_dir().glob(f"animals10-{kind}-*/")) for kind in ("train", "files"))
    before = listed()
    (array / "meta.json").unlink()
    (table / "prepared.csv").unlink()
    for file, half in [(array / "rgb.bin", b"half a row"), (table / "looks.jsonl", b'[{"file": "ca')]:
        with file.open("ab") as opened:
            opened.write(half)
    for folder in (array, table):
        folder.rename(folder.with_name(f"{folder.name}.partial"))
    assert data.load("animals10", "train", 16, root=animals).digest == digest
    assert listed() == before


def test_two_processes_at_once_prepare_one_copy(animals, home):
    script = f"from colorlib import data; print(data.load('animals10', 'train', 16, root={str(animals)!r}).digest)"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate()[0].split()[-1] for process in both)
    assert first == second
    assert len(list(paths.cache_dir().glob("*/prepared.csv"))) == 1


@pytest.mark.parametrize("name", ["animals10", "animals3"])
def test_offline_the_samples_stand_in_for_the_animals(name, home):
    with pytest.warns(UserWarning, match=f"(?s)NO {name.upper()}: .*embedded SAMPLES"):
        images = [data.load(name, split, 16) for split in SPLITS]
    assert {part.name for part in images} == {"samples"}
    train, valid, test = (set(part.labels) for part in images)
    assert not train & valid and not train & test and not valid & test


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"name": "folder"}, ValueError, "any folder or zip of photos: say which, with root"),
    ({"name": "folder", "root": "/nowhere"}, DataError, "no folder in /nowhere: there is no such file or folder"),
    ({"name": "animals10", "root": "."}, DataError, "no animals10 in .*: put one of animals10.zip"),
])
def test_what_is_not_there_is_said(arguments, error, message, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        data.load(**arguments)


def test_a_folder_without_photos_says_what_it_holds(tmp_path, home):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("text")
    with pytest.raises(DataError, match="texts holds no train pictures"):
        data.load("folder", "train", 16, root=tmp_path / "texts")


def test_however_many_photos_the_memory_stays_small(tmp_path, home):
    """Also with photos of 48 megapixels among them: 300 MiB above what the imports take."""
    fill(tmp_path / "many" / "cat", 300)
    for i in range(2):
        (tmp_path / "many" / "cat" / f"large {i}.jpeg").write_bytes(photo(1000 + i, (8000, 6000)))
        (tmp_path / "many" / "cat" / f"large {i}.png").write_bytes(photo(2000 + i, (6000, 5000), "PNG"))
    (tmp_path / "many" / "cat" / "large.webp").write_bytes(photo(3000, (4000, 3000), "WEBP"))
    script = ("import resource\nfrom colorlib import data, survey, color\nimport torch\n"
              "color.rgb_to_lab(torch.rand(3, 8, 8))\n"
              "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = used()\n"
              f"print(len(data.load('folder', 'train', 64, root={str(tmp_path / 'many')!r})))\n"
              "print((used() - before) / 1024)\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count, more = done.stdout.split()[-2:]
    assert int(count) == 305 - 2 * 30
    assert float(more) < 300


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, home, monkeypatch):
    fill(tmp_path / "Pictures" / "cat", 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(data.load("folder", "train", 16, root="~/Pictures")) == 1
    monkeypatch.chdir(tmp_path / "Pictures" / "cat")
    assert data.load("folder", "train", 16, root=".").classes == ("cat",)
    monkeypatch.setenv("COLORLIB_DATA", "~/Pictures")
    assert (tmp_path / "Pictures") in paths.search_dirs()
