"""Near-duplicates are found, strangers are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from colorlib import paths
from colorlib.likeness import groups_alike, perceptual_hash


@pytest.fixture(scope="module")
def photos():
    """The embedded photos, all of different things."""
    return [Image.open(path).convert("RGB") for path in sorted(paths.samples_dir().glob("*.jpg"))]


def grouped(images):
    hashes = np.stack([perceptual_hash(image) for image in images])
    return groups_alike(hashes, np.stack([perceptual_hash(ImageOps.mirror(image)) for image in images]))


def recompressed(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=20)
    return Image.open(file)


def test_the_hash_says_where_it_gets_lighter():
    """Worked out by hand: to the right everywhere, and nowhere downwards."""
    ramp = Image.fromarray(np.tile(np.arange(0, 252, 28, dtype=np.uint8), (9, 1)))          # 9 x 9, columns 0, 28, ...
    assert perceptual_hash(ramp).tolist() == [True] * 64 + [False] * 64
    assert perceptual_hash(ramp.transpose(Image.Transpose.TRANSPOSE)).tolist() == [False] * 64 + [True] * 64
    assert not perceptual_hash(ImageOps.mirror(ramp)).any()


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


def test_alike_is_passed_on():
    """A chain: the first and the last differ in more bits than neighbors may."""
    hashes = np.zeros((6, 128), bool)
    for i in range(4):
        hashes[i, :16 * i] = True
    hashes[4:, 64:] = True
    hashes[5, :17] = True                                        # one bit more than alike
    unlike = np.random.default_rng(0).random((6, 128)) < 0.5
    assert groups_alike(hashes, unlike).tolist() == [0, 0, 0, 0, 4, 5]


def test_many_blocks_agree_with_the_definition():
    random = np.random.default_rng(1)
    hashes = random.random((600, 128)) < 0.5
    hashes[300:] = hashes[:300] ^ (random.random((300, 128)) < 0.1)          # about 13 bits differ
    distance = (hashes[:, None] != hashes[None]).sum(-1)
    groups = groups_alike(hashes, random.random((600, 128)) < 0.5)
    for i in range(600):
        alike = np.flatnonzero(distance[i] <= 16)
        assert set(groups[alike]) == {groups[i]}
    assert len(set(groups)) == 600 - (distance[np.arange(300), np.arange(300, 600)] <= 16).sum()
