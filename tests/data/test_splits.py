"""Splits: fixed by content, the same fractions of every class, and no group in two splits."""

import hashlib
import random
from collections import Counter

from colorlib.data.splits import assign


def digest(i):
    return hashlib.sha256(str(i).encode()).hexdigest()


def test_a_tenth_of_every_class_is_tested_and_another_validates():
    classes = ["dog"] * 1000 + ["cat"] * 60 + ["cow"] * 3 + ["ant"] * 2
    count = len(classes)
    split = assign([digest(i) for i in range(count)], classes, range(count))
    found = Counter(zip(classes, split, strict=True))
    assert [found["dog", name] for name in ("train", "valid", "test")] == [800, 100, 100]
    assert [found["cat", name] for name in ("train", "valid", "test")] == [48, 6, 6]
    assert [found["cow", name] for name in ("train", "valid", "test")] == [1, 1, 1]
    assert found["ant", "train"] == 2


def test_the_order_of_files_and_numbers_of_groups_do_not_matter():
    shuffled = random.Random(0)
    photos = [(digest(i), f"class {i % 3}", i // 2) for i in range(200)]
    before = dict(zip((photo[0] for photo in photos), assign(*zip(*photos, strict=True)), strict=True))
    shuffled.shuffle(photos)
    renamed = [(d, c, 1000 - g) for d, c, g in photos]
    assert dict(zip((p[0] for p in photos), assign(*zip(*renamed, strict=True)), strict=True)) == before


def test_a_group_is_never_divided():
    sizes = [1, 2, 3, 7, 30] * 20
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    split = assign([digest(i) for i in range(len(groups))], ["dog"] * len(groups), groups)
    assert len({(group, name) for group, name in zip(groups, split, strict=True)}) == len(sizes)
    tested = Counter(split)["test"]
    assert abs(tested - 0.1 * len(groups)) <= 15                 # half of the largest group


def test_a_group_larger_than_the_test_part_is_trained_on():
    groups = [0] * 30 + list(range(1, 71))
    split = assign([digest(i) for i in range(100)], ["dog"] * 100, groups)
    assert set(split[:30]) == {"train"}
    assert Counter(split) == {"train": 80, "valid": 10, "test": 10}


def test_something_is_always_left_to_train_on():
    for groups in ([0, 0, 1, 1], [0, 1, 1], [0, 0, 0, 1, 1], [0], [0, 1]):
        split = assign([digest(i) for i in range(len(groups))], ["dog"] * len(groups), groups)
        assert "train" in split, groups


def test_a_new_photo_moves_hardly_any():
    before = assign([digest(i) for i in range(1000)], ["dog"] * 1000, range(1000))
    after = assign([digest(i) for i in range(1001)], ["dog"] * 1001, range(1001))
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 2
