"""Near-duplicates are grouped, and different photos are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from colorlib.data.duplicates import difference_hash, near_duplicate_groups
from colorlib.system import paths


@pytest.fixture(scope="module")
def photos():
    """The embedded photos, all of different things."""
    return [Image.open(path).convert("RGB") for path in sorted(paths.samples_dir().glob("*.jpg"))]


def grouped(images):
    hashes = np.stack([difference_hash(image) for image in images])
    return near_duplicate_groups(hashes, np.stack([difference_hash(ImageOps.mirror(image)) for image in images]))


def recompressed(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=20)
    return Image.open(file)


def test_the_hash_says_where_it_gets_lighter():
    """Worked out by hand: to the right everywhere, and nowhere downwards."""
    ramp = Image.fromarray(np.tile(np.arange(0, 252, 28, dtype=np.uint8), (9, 1)))          # 9 x 9, columns 0, 28, ...
    assert difference_hash(ramp).tolist() == [True] * 64 + [False] * 64
    assert difference_hash(ramp.transpose(Image.Transpose.TRANSPOSE)).tolist() == [False] * 64 + [True] * 64
    assert not difference_hash(ImageOps.mirror(ramp)).any()


@pytest.mark.parametrize("change", [
    recompressed,
    ImageOps.mirror,
    ImageOps.grayscale,
    lambda image: image.resize((image.width // 3, image.height // 3)),
    lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    lambda image: ImageEnhance.Color(image).enhance(2),
], ids=["recompressed", "mirrored", "gray", "smaller", "darker", "more colorful"])
def test_a_changed_copy_is_alike_and_other_photos_are_not(change, photos):
    groups = grouped([*photos, *(change(photo) for photo in photos)])
    count = len(photos)
    assert groups.tolist() == [*range(count), *range(count)]


def test_a_chain_of_near_duplicates_is_one_group():
    """A chain: the first and the last differ in more bits than neighbors may."""
    hashes = np.zeros((6, 128), bool)
    for i in range(4):
        hashes[i, :16 * i] = True
    hashes[4:, 64:] = True
    hashes[5, :17] = True                                        # one bit more than alike
    unlike = np.random.default_rng(0).random((6, 128)) < 0.5
    assert near_duplicate_groups(hashes, unlike).tolist() == [0, 0, 0, 0, 4, 5]


def test_many_tiles_agree_with_the_definition():
    """Enough hashes for several tiles."""
    random, half = np.random.default_rng(1), 1500
    hashes = random.random((2 * half, 128)) < 0.5
    hashes[half:] = hashes[:half] ^ (random.random((half, 128)) < 0.1)       # about 13 bits differ
    groups = near_duplicate_groups(hashes, random.random((2 * half, 128)) < 0.5)
    alike = (hashes[:half] != hashes[half:]).sum(1) <= 16
    assert 300 < alike.sum() < 1400
    expected = np.where(alike, np.arange(half), np.arange(half, 2 * half))
    assert groups.tolist() == [*range(half), *expected]


def test_mirrored_near_duplicates_are_found_in_either_order():
    """The hash of a mirror image is not exactly mirrored: where two neighbors are equal, neither way is lighter."""
    random = np.random.default_rng(2)
    hashes, mirrored = random.random((2, 128)) < 0.5, random.random((2, 128)) < 0.5
    mirrored[1] = hashes[0]                                     # and mirrored[0] is unlike hashes[1]
    assert near_duplicate_groups(hashes, mirrored).tolist() == [0, 0]
    assert near_duplicate_groups(hashes[::-1].copy(), mirrored[::-1].copy()).tolist() == [0, 0]


def test_the_shuffled_frames_of_a_long_film_are_one_group():
    """Every frame is like its neighbors alone."""
    frames, random = 700, np.random.default_rng(3)
    hashes = np.zeros((frames, 128), bool)
    for i in range(1, frames):
        hashes[i] = hashes[i - 1]
        hashes[i, random.choice(128, 9, replace=False)] ^= True
    shuffled = random.permutation(frames)
    unlike = random.random((frames, 128)) < 0.5
    assert set(near_duplicate_groups(hashes[shuffled], unlike)) == {0}


def test_among_thousands_every_pair_is_found():
    """The first with the last, too, as it is and in a mirror."""
    generator = np.random.default_rng(0)
    hashes, mirrored = generator.random((2, 2500, 128)) < 0.5
    expected = np.arange(2500)
    for i in (0, 700, 1023):
        hashes[2499 - i] = hashes[i] ^ (np.arange(128) < 16)
        mirrored[2000 - i] = hashes[i]
        expected[[i, 2499 - i, 2000 - i]] = min(i, 2000 - i)
    assert near_duplicate_groups(hashes, mirrored).tolist() == expected.tolist()
