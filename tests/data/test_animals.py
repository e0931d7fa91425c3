"""Animals-10 in every form on disk."""

import shutil
from pathlib import Path

import pytest
from collection import ENGLISH, ITALIAN, SPLITS, fill, labels_of, listed

from colorlib import data
from colorlib.system.errors import DataError


def test_kaggles_folders_become_the_ten_english_classes(animals, home):
    images = data.load("animals10", "train", 16, root=animals)
    assert images.classes == tuple(sorted(ENGLISH))
    assert labels_of(images) == dict.fromkeys(ENGLISH, 8)
    assert [labels_of(data.load("animals10", split, 16, root=animals)) for split in SPLITS[1:]] == [
        dict.fromkeys(ENGLISH, 1)] * 2
    of_file = {row["file"]: row["class_name"] for row in listed().values() if row["status"] == "used"}
    pairs = {(Path(file).parent.name, english) for file, english in of_file.items()}
    assert pairs == set(zip(ITALIAN, ENGLISH, strict=True))
    assert listed()["translate.py"]["status"] == "other class"


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


def test_a_damaged_archive_stops_the_search_only_where_it_was_named(animals, home):
    """Kaggle calls every data set archive.zip, so it may have nothing to do with the animals."""
    archive = home / "data" / "archive.zip"
    as_named_zip(animals, home / "data")
    archive.write_bytes((home / "data" / "animals10.zip").read_bytes()[:5000])
    assert data.find("animals10")[0].name == "animals10.zip"
    with pytest.warns(UserWarning, match=r"passed over, .*archive.zip is damaged"):
        assert data.find("animals3") is None
    with pytest.raises(DataError, match=r"archive.zip is damaged .*Get it again"):
        data.find("animals3", archive)


def test_when_the_copy_is_gone_all_splits_are_of_one_copy(tmp_path, home):
    """Else a photo could be in the training split of one copy and in the test split of the other."""
    fill(home / "data" / "animals10" / "cat", 20)
    fill(home / "data" / "animals10" / "dog", 20, 50)
    data.load("animals10", "test", 16)
    fill(home / "data" / "animals10" / "dog", 20, 80)
    newer = data.load("animals10", "train", 16)
    shutil.rmtree(home / "data" / "animals10")
    assert data.load("animals10", "train", 16).digest == newer.digest
    with pytest.raises(DataError, match="no animals10: "):
        data.load("animals10", "test", 16)


@pytest.mark.parametrize("name", ["animals10", "animals3"])
def test_the_samples_in_place_of_the_animals_are_in_one_split_each(name, home):
    with pytest.warns(UserWarning, match=f"(?s)NO {name.upper()}: .*embedded SAMPLES"):
        images = [data.load(name, split, 16, missing="samples") for split in SPLITS]
    assert {part.name for part in images} == {"samples"}
    train, valid, test = (set(part.labels) for part in images)
    assert not train & valid and not train & test and not valid & test
