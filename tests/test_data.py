"""Loading: what is prepared, in which order, and what happens when nothing is at hand or nothing fits."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib import data, paths, preparing
from colorlib.errors import DataError, WriteError


def test_the_samples_are_several_hundred_crops_in_one_mapped_array(samples):
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
    photos = list(paths.samples_dir().glob("*"))
    readme = (paths.PACKAGE.parent / "data" / "README.md").read_text()
    assert len(photos) >= 12
    assert sum(photo.stat().st_size for photo in photos) < 3_000_000
    rows = [line for line in readme.splitlines() if any(word in line for word in ("CC0", "CC BY", "public domain"))]
    assert all(any(f"| `{photo.stem}` |" in row for row in rows) for photo in photos)
    assert any(f"historic/{paths.historic_photo().name}`" in line for line in readme.splitlines())
    assert paths.historic_photo().stat().st_size < 200_000


def test_a_second_load_maps_what_the_first_prepared(samples):
    before = {file: file.stat().st_mtime_ns for file in paths.cache_dir().rglob("rgb.bin")}
    again = data.load("samples", "train", 16)
    assert again.digest == samples.digest
    assert {file: file.stat().st_mtime_ns for file in paths.cache_dir().rglob("rgb.bin")} == before


def test_the_digest_depends_on_every_pixel_and_label(samples):
    few = samples[:10]
    changed = few.rgb.copy()
    changed[9, 2, 15, 15] ^= 1
    others = [type(few)(few.name, changed, few.labels, few.groups, few.classes, few.source),
              type(few)(few.name, few.rgb, few.labels + 1, few.groups, few.classes, few.source), samples[1:11]]
    assert len({few.digest, *(other.digest for other in others)}) == 4


def test_an_epoch_is_a_function_of_seed_and_number_alone(samples):
    def epoch(seed, number, start=0):
        return list(samples.batches(64, seed, number, start))

    first = epoch(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, epoch(0, 0), strict=True))
    assert not torch.equal(first[0], epoch(0, 1)[0])
    assert not torch.equal(first[0], epoch(1, 0)[0])
    assert all(torch.equal(a, b) for a, b in zip(first[2:], epoch(0, 0, start=2), strict=True))


def test_an_epoch_holds_images_once_each_half_of_them_mirrored(samples):
    known = {image.tobytes(): (i, False) for i, image in enumerate(samples.rgb)}
    known |= {image[..., ::-1].tobytes(): (i, True) for i, image in enumerate(samples.rgb)}
    seen = [known[image.numpy().tobytes()] for batch in samples.batches(64, seed=3) for image in batch]
    numbers, mirrored = zip(*seen, strict=True)
    assert len(set(numbers)) == len(seen) == 64 * (len(samples) // 64)
    # A fair coin thrown n times: four standard deviations around the half.
    assert abs(sum(mirrored) / len(seen) - 0.5) < 4 * 0.5 / len(seen) ** 0.5


def test_flips_differ_from_step_to_step(samples):
    one = samples[:1]
    same = type(one)(one.name, np.repeat(one.rgb, 128, 0), one.labels, one.groups, one.classes, one.source)
    first, second = ([torch.equal(rgb, batch[0]) for rgb in batch] for batch in same.batches(64))
    assert first != second


def test_the_shares_of_several_processes_make_up_the_batch(samples):
    whole = list(samples.batches(64, seed=1, epoch=2, start=3))
    shares = [samples.batches(64, 1, 2, 3, share) for share in (slice(0, 21), slice(21, 64))]
    for batch, first, second in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([first, second]), batch)


def test_a_part_is_cut_out_of_each_image_another_every_time(samples):
    """An image whose pixels tell their place: red is the column, green the row."""
    column, row = np.meshgrid(np.arange(16), np.arange(16))
    one = np.stack([column, row, 0 * row]).astype(np.uint8)
    same = replace(samples[:300], rgb=np.tile(one, (300, 1, 1, 1)))
    first, second = (list(same.batches(100, 0, epoch, size=12)) for epoch in (0, 1))
    corners = []
    for rgb in torch.cat(first):
        assert rgb.shape == (3, 12, 12)
        straight = rgb if rgb[0, 0, 0] < rgb[0, 0, 1] else rgb.flip(-1)
        left, top = straight[:2, 0, 0].tolist()
        assert torch.equal(straight, torch.from_numpy(one[:, top:top + 12, left:left + 12]))
        corners.append((left, top))
    assert set(corners) == {(left, top) for left in range(5) for top in range(5)}, "every place there is"
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("size", [None, 10])
def test_batches_made_from_a_tensor_are_the_same(samples, size):
    """As on a GPU, where the pixels are."""
    pixels = torch.from_numpy(np.array(samples.rgb))
    arguments = {"batch_size": 64, "seed": 1, "epoch": 2, "share": slice(5, 50), "size": size}
    for ours, theirs in zip(samples.batches(**arguments, pixels=pixels), samples.batches(**arguments), strict=True):
        assert torch.equal(ours, theirs)


def test_in_order_yields_everything_unchanged(samples):
    assert np.array_equal(torch.cat(list(samples.in_order(100))).numpy(), samples.rgb)


def test_a_batch_larger_than_the_data_set_is_the_data_set(samples):
    (batch,) = samples[:5].batches(64)
    assert len(batch) == 5


def test_held_out_photos_are_not_trained_on(samples):
    sizes = np.cumsum(np.unique(samples.labels, return_counts=True)[1])          # of one photo, of two, ...
    for num_images in (1, 60, 200, 400):
        train, valid = samples.hold_out(num_images)
        assert set(train.labels).isdisjoint(valid.labels)
        assert len(train) + len(valid) == len(samples)
        assert len(valid) == min(sizes[:-1], key=lambda size: abs(size - num_images))


@pytest.mark.parametrize("num_images", [0, -1, 10**6])
def test_holding_out_nothing_or_everything_is_refused(samples, num_images):
    with pytest.raises(ValueError, match=f"cannot hold {num_images} images"):
        samples.hold_out(num_images)


def test_photos_whose_crops_are_apart_cannot_be_held_out_whole(samples):
    mixed = samples[np.random.default_rng(0).permutation(len(samples))]
    with pytest.raises(ValueError, match="their crops do not stand together"):
        mixed.hold_out(60)


def test_one_image_is_no_collection(samples):
    with pytest.raises(TypeError, match=r"take images\[5:6\] or images.rgb\[5\]"):
        samples[5]


def test_a_data_set_that_is_not_known_cannot_be_found():
    with pytest.raises(ValueError, match="no data set is called 'cifar11'"):
        data.find("cifar11")


def test_too_few_photos_for_a_split_are_told(home, tmp_path, picture):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    with pytest.raises(DataError, match="holds no valid pictures: a split takes three or more photos"):
        data.load_to_train("folder", 16, tmp_path)


@pytest.mark.parametrize(("arguments", "message"), [
    (("cifar11",), "no data set is called 'cifar11': there are cifar10, animals10, animals3, folder, samples"),
    (("samples", "valid"), "no split is called 'valid': there are train, test"),
    (("samples", "train", 4), "size must be 8 pixels or more, got 4"),
])
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(*arguments)


def test_offline_without_a_copy_gives_the_samples_and_says_so(home):
    with pytest.warns(UserWarning, match="(?s)NO CIFAR10: .*COLORLIB_OFFLINE=1.*embedded SAMPLES"):
        images = data.load("cifar10", "train", 16)
    assert images.name == "samples"


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
    script = ("import os, signal\nfrom colorlib import data, sources\nfrom PIL import Image\n"
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
    assert preparing.newest("samples", "train", 16) is None, "of a copy that is gone"


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
