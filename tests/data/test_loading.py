"""Loading: the order of search, the cache, and the errors for missing data and wrong arguments."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorlib import data
from colorlib.data import prepare as preparing
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError, WriteError


def test_the_samples_are_several_hundred_crops_in_one_mapped_array():
    samples = data.load("samples", "train", 16)
    assert isinstance(samples.rgb, np.memmap)
    assert samples.rgb.shape == (len(samples), 3, 16, 16)
    assert samples.rgb.dtype == np.uint8
    assert 300 < len(samples) < 1000
    assert "embedded photos" in samples.source


def test_no_sample_photo_is_in_both_splits(samples):
    test = data.load("samples", "test", 16)
    assert set(samples.labels).isdisjoint(test.labels)
    assert set(samples.labels) | set(test.labels) == set(range(len(samples.classes)))
    named = {samples.classes[label] for label in test.labels}
    assert named == {"cat", "dogs_at_window", "mountains", "rocket"}, "as data/README.md says"


def test_the_samples_are_small_and_each_has_a_license():
    photos = [*paths.samples_dir().glob("*"), *paths.animals_dir().glob("*")]
    readme = (paths.PACKAGE.parent / "data" / "README.md").read_text()
    assert len(photos) >= 12 + 9
    assert sum(photo.stat().st_size for photo in photos) < 3_000_000
    rows = [line for line in readme.splitlines() if any(word in line for word in ("CC0", "CC BY", "public domain"))]
    assert all(any(f"| `{photo.stem}` |" in row for row in rows) for photo in photos)
    assert any(f"historic/{paths.historic_photo().name}`" in line for line in readme.splitlines())
    assert paths.historic_photo().stat().st_size < 200_000


def test_a_second_load_maps_what_the_first_prepared():
    first = data.load("samples", "train", 16)
    before = {file: file.stat().st_mtime_ns for file in paths.cache_dir().rglob("rgb.bin")}
    again = data.load("samples", "train", 16)
    assert again.digest == first.digest
    assert {file: file.stat().st_mtime_ns for file in paths.cache_dir().rglob("rgb.bin")} == before


def test_too_few_photos_for_a_split_are_an_error(home, tmp_path, picture):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    with pytest.raises(DataError, match=r"holds no pictures for valid \(2 photos of 2 files\): a split takes three or more photos"):
        data.load_to_train("folder", 16, tmp_path)


@pytest.mark.parametrize(("arguments", "message"), [
    (("cifar11",), "no data set is called 'cifar11': there are cifar10, animals10, animals3, folder, samples"),
    (("samples", "valid"), "no split of samples is called 'valid': there are train, test"),
    (("samples", "train", 4), "size must be 8 pixels or more, got 4"),
    (("samples", "train", 16, None, "nothing"), "missing must be 'error' or 'samples', got 'nothing'"),
])
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        data.load(*arguments)


@pytest.mark.parametrize("load", [data.find, data.get])
def test_an_unknown_data_set_is_a_usage_error(load):
    with pytest.raises(UsageError, match="no data set is called 'cifar11'"):
        load("cifar11")


@pytest.mark.parametrize("load", [data.load, data.load_to_train])
def test_a_data_set_that_is_missing_is_an_error(load, home):
    """It was replaced by the samples, with a warning that a script does not read."""
    with pytest.raises(DataError, match="(?s)no cifar10: .*COLORLIB_OFFLINE=1.*`colorlib data get cifar10`.*README"):
        load("cifar10", size=16)


@pytest.mark.parametrize("load", [data.load, data.load_to_train])
def test_the_samples_replace_a_missing_data_set_on_request(load, home):
    with pytest.warns(UserWarning, match="(?s)NO CIFAR10: .*COLORLIB_OFFLINE=1.*embedded SAMPLES"):
        images = load("cifar10", size=16, missing="samples")
    assert {part.name for part in (images if isinstance(images, tuple) else [images])} == {"samples"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")                     # once is enough
        load("cifar10", size=16, missing="samples")


def test_a_size_other_than_the_files_is_scaled_and_cropped_to_the_center(home, tmp_path):
    stripes = np.zeros((40, 120, 3), np.uint8)
    stripes[:, 30:90] = 255                                # the center square and a margin are white, the rest black
    for split in ("train", "test"):
        folder = tmp_path / split / "stripes"
        folder.mkdir(parents=True)
        Image.fromarray(stripes).save(folder / "0.png")
    images = data.load("cifar10", "train", 16, root=tmp_path)
    assert images.rgb.min() == 255


def test_a_relative_folder_is_found_from_the_notebooks_too(home, tmp_path, picture, monkeypatch):
    folder = tmp_path / "mine" / "cifar10" / "train" / "cat"
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(picture(0))
    monkeypatch.setenv("COLORLIB_DATA", "../mine")
    (home / "notebooks").mkdir(parents=True)
    for place in (home, home / "notebooks", tmp_path):
        monkeypatch.chdir(place)
        assert data.find("cifar10") is not None


def test_a_replaced_copy_is_prepared_anew_and_a_deleted_one_is_remembered(home, tmp_path, picture, monkeypatch):
    folder = tmp_path / "cifar10" / "train" / "cat"
    folder.mkdir(parents=True)
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    (folder / "0.png").write_bytes(picture(0))
    assert len(data.load("cifar10")) == 1
    (folder / "1.png").write_bytes(picture(1))
    assert len(data.load("cifar10")) == 2
    before = data.load("cifar10").digest
    (folder / "1.png").write_bytes(picture(2))
    newer = data.load("cifar10")
    assert newer.digest != before
    monkeypatch.delenv("COLORLIB_DATA")
    assert data.load("cifar10").digest == newer.digest


def test_home_may_be_written_as_a_tilde_and_counts_from_where_it_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORLIB_HOME", "~/course")
    assert paths.cache_dir() == tmp_path / "course" / "data" / "cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLORLIB_HOME", ".")
    assert paths.runs_dir() == tmp_path / "runs"


def test_a_killed_preparation_leaves_no_cache_and_the_next_one_succeeds(home):
    """SIGKILL while the pictures are being written: started again, all is there."""
    script = ("import os, signal\nfrom colorlib import data\nfrom colorlib.data import readers\nfrom PIL import Image\n"
              "crop, count = Image.Image.crop, iter(range(10**6))\n"
              "def killed(*a):\n    next(count) == 100 and os.kill(os.getpid(), signal.SIGKILL)\n    return crop(*a)\n"
              "Image.Image.crop = killed\ndata.load('samples', 'train', 16)\n")
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert killed.returncode == -9
    assert not list(paths.cache_dir().glob("*/meta.json"))
    assert len(data.load("samples", "train", 16)) > 300
    assert not list(paths.cache_dir().glob("*.partial"))


@pytest.mark.parametrize("file", ["rgb.bin", "labels.bin", "groups.bin", "meta.json"])
@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(file.read_bytes()[:80]), Path.unlink])
def test_a_damaged_cache_is_prepared_again(file, damage, home):
    digest = data.load("samples", "train", 16).digest
    (folder,) = paths.cache_dir().glob("*/")
    damage(folder / file)
    assert data.load("samples", "train", 16).digest == digest
    damage(folder / file)
    assert preparing.last_prepared("samples", "train", 16) is None, "of a copy that is gone"


def test_two_processes_at_once_prepare_one_cache(home):
    script = "from colorlib import data; print(data.load('samples', 'train', 16).digest)"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (process.communicate()[0] for process in both)
    assert first == second != b""
    assert len(list(paths.cache_dir().glob("*/meta.json"))) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.decode().strip()}")
    try:
        monkeypatch.setenv("COLORLIB_HOME", str(small))
        with pytest.raises(WriteError, match="cannot write in .*: the disk is full. Make room"):
            data.load("samples", "train", 32)
        left = [file for file in Path(small).rglob("*") if file.is_file() and file.suffix != ".lock"]
        assert left == []
    finally:
        subprocess.run(["umount", small], check=True)
