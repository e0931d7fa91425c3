"""Every form of CIFAR-10 on disk, complete and damaged."""

import hashlib
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from colorlib import data
from colorlib.data.readers import CifarBatches, ImageTree, Samples
from colorlib.system import paths
from colorlib.system.errors import DataError

CLASSES = ("bird", "cat")


def write_batch(folder, name, content, monkeypatch):
    """Write a file of the official CIFAR-10, with its checksum in place of the published one."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickled := pickle.dumps(content))
    monkeypatch.setitem(CifarBatches.md5, name, hashlib.md5(pickled).hexdigest())


@pytest.fixture
def batches(tmp_path, monkeypatch):
    """The official folder, with 4 pictures in each batch and two classes."""
    folder = tmp_path / "cifar-10-batches-py"
    random = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pixels = random.integers(0, 256, (4, 3072), dtype=np.uint8)
        write_batch(folder, name, {"data": pixels, "labels": [0, 1, 0, 1]}, monkeypatch)
    write_batch(folder, "batches.meta", {"label_names": list(CLASSES)}, monkeypatch)
    return folder


@pytest.fixture
def archive(batches):
    """The same as the official archive."""
    path = batches.parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(batches, batches.name)
    return path


@pytest.fixture
def tree(tmp_path, picture):
    """Pictures as <split>/<class>/<n>.png: 6 to train on, 4 to test."""
    root = tmp_path / "cifar10-images"
    for split, count in [("train", 3), ("test", 2)]:
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{i}.png").write_bytes(picture(10 * label + i))
    return root


@pytest.fixture
def zipped(tree):
    """The same tree as a zip."""
    return Path(shutil.make_archive(str(tree), "zip", tree.parent, tree.name))


def test_the_official_forms_hold_the_pixels_in_the_published_layout(batches, archive, home):
    """Each row of "data" is 1024 reds, 1024 greens, 1024 blues, row by row (the data set's own description)."""
    first = pickle.loads((batches / "data_batch_1").read_bytes(), encoding="latin1")["data"][0]
    for copy in (batches, archive):
        images = data.load("cifar10", "train", 32, root=copy)
        assert np.array_equal(images.rgb[0], first.reshape(3, 32, 32))
        assert (len(images), images.classes) == (20, CLASSES)
        assert len(data.load("cifar10", "test", 32, root=copy)) == 4


def test_folder_and_zip_hold_the_same_pictures(tree, zipped, home):
    from_folder, from_zip = data.load("cifar10", "train", 32, root=tree), data.load("cifar10", "train", 32, root=zipped)
    assert from_folder.digest == from_zip.digest
    expected = {Image.open(file).tobytes(): CLASSES.index(file.parent.name) for file in tree.glob("train/*/*.png")}
    found = {rgb.transpose(1, 2, 0).tobytes(): label for rgb, label in zip(from_zip.rgb, from_zip.labels, strict=True)}
    assert found == expected


@pytest.mark.parametrize("where", ["data", "data/cifar10", "elsewhere", "elsewhere/cifar10"])
def test_a_copy_is_found_in_every_searched_folder(where, archive, home, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path / "elsewhere"))
    folder = tmp_path / where.replace("data", "home/data")
    folder.mkdir(parents=True)
    shutil.move(archive, folder)
    shutil.rmtree(archive.parent / "cifar-10-batches-py")
    assert len(data.load("cifar10", "train")) == 20


def test_a_tree_named_after_the_data_set_is_found(tree, home):
    home.joinpath("data").mkdir(parents=True)
    shutil.move(tree, home / "data" / "cifar10")
    assert len(data.load("cifar10", "train")) == 6


def test_hidden_files_are_left_out(tree):
    (tree / "train" / "cat" / ".DS_Store").write_bytes(b"not a picture")
    assert len(list(ImageTree(tree).pictures("train", 32))) == 6


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99], ids=["empty", "only a start", "half", "all but the end"])
def test_a_truncated_archive_is_named_and_leaves_no_cache(keep, archive, zipped, home):
    for path in (archive, zipped):
        whole = path.read_bytes()
        path.write_bytes(whole[:int(keep if keep >= 1 else keep * len(whole))])
        with pytest.raises(DataError, match=rf"{path.name} is damaged .*Get it again"):
            data.load("cifar10", "train", root=path)
        assert not list(paths.cache_dir().glob("*[!k]"))           # nothing but .lock files


def test_a_flipped_bit_in_a_zip_is_noticed(zipped, home):
    with zipfile.ZipFile(zipped) as file:
        middle = file.infolist()[4].header_offset + 200
    content = bytearray(zipped.read_bytes())
    content[middle] ^= 255
    zipped.write_bytes(content)
    with pytest.raises(DataError, match="cifar10-images.zip"):
        [data.load("cifar10", split, root=zipped) for split in ("train", "test")]


@pytest.mark.parametrize(("content", "cause"), [
    (b"", "it is empty"), (b"hello", "it is no picture.* Convert it to JPEG or PNG, or leave it out"),
    ("cut", "only a part of a picture.* Convert it to JPEG or PNG, or leave it out")])
def test_the_error_for_a_file_that_is_no_image_never_says_to_delete_it(content, cause, tree, picture, home):
    """It may be whole, and in a format that Pillow does not know."""
    bad = tree / "train" / "cat" / "bad.png"
    bad.write_bytes(picture(0)[:500] if content == "cut" else content)
    with pytest.raises(DataError, match=rf"train/cat/bad.png cannot be used: .*{cause}") as caught:
        data.load("cifar10", "train", root=tree)
    assert "delete" not in str(caught.value).lower()
    assert not list(paths.cache_dir().glob("*[!k]"))
    bad.unlink()
    assert len(data.load("cifar10", "train", root=tree)) == 6


def test_a_pipe_is_named_and_never_opened(tree, home):
    os.mkfifo(tree / "train" / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"train/cat/pipe.png cannot be used: it is no file, but a pipe"):
        data.load("cifar10", "train", root=tree)


def test_an_empty_class_folder_is_named(tree, home):
    for file in (tree / "test" / "cat").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="the class folder test/cat is empty"):
        data.load("cifar10", "test", root=tree)
    zipped = Path(shutil.make_archive(str(tree), "zip", tree))
    with pytest.raises(DataError, match="the class folder test/cat is empty"):
        data.load("cifar10", "test", root=zipped)


def test_the_checksums_are_those_of_torchvision():
    published = dict([*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])])
    assert published == CifarBatches.md5


def test_a_batch_that_is_missing_or_damaged_is_named(batches, home):
    third = batches / "data_batch_3"
    content = third.read_bytes()
    (batches / "data_batch_3 (copy)").write_bytes(content)              # left by a file manager: not a batch
    assert len(data.load("cifar10", "train", root=batches)) == 20
    third.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"cifar-10-batches-py is damaged \(data_batch_3 has another checksum\)"):
        data.load("cifar10", "train", root=batches)
    third.unlink()
    with pytest.raises(DataError, match="holds no data_batch_3"):
        data.load("cifar10", "train", root=batches)


def test_a_pickle_that_would_run_code_is_refused(batches, tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it ran",)

    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": Evil()}))
    with pytest.raises(DataError, match="batches.meta has another checksum"):
        CifarBatches(batches)
    assert not (tmp_path / "it ran").exists()


def test_an_archive_is_read_without_writing_beside_it(archive, home):
    shutil.rmtree(archive.parent / "cifar-10-batches-py")
    before = set(archive.parent.iterdir())
    assert len(list(CifarBatches(archive).pictures("train", 32))) == 20
    assert set(archive.parent.iterdir()) == before


def test_another_archive_under_the_official_name_is_recognized(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(__file__, "something.py")
    with pytest.raises(DataError, match="holds no batches.meta, so it is not the whole of CIFAR-10"):
        CifarBatches(path)


def test_a_root_without_the_data_set_says_what_could_be_there(tmp_path):
    with pytest.raises(DataError, match="no cifar10 in .* put one of cifar-10-python.tar.gz"):
        data.load("cifar10", root=tmp_path)


def test_sample_crops_are_squares_and_only_the_largest_is_enlarged():
    samples = Samples(paths.samples_dir())
    for size in (32, 128, 300):
        boxes = list(samples._boxes(360, 480, size))
        assert all(right - left == bottom - top >= size for left, top, right, bottom in boxes)
        assert all(0 <= left < right <= 360 and 0 <= top < bottom <= 480 for left, top, right, bottom in boxes)
        assert {picture.image.size for picture in samples.pictures("test", size)} == {(size, size)}
    assert len({right - left for left, _, right, _ in samples._boxes(360, 480, 32)}) == 3
    assert {right - left for left, _, right, _ in samples._boxes(360, 480, 400)} == {360}
