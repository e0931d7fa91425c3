"""Assign photos to training, validation and test by the content of the files alone."""

from collections import defaultdict
from collections.abc import Sequence

FRACTIONS = {"test": 0.1, "valid": 0.1}        # of each class


def assign(digests: Sequence[str], classes: Sequence[str], groups: Sequence[int]) -> list[str]:
    """Split of each photo: the same fractions of every class, and no group in two splits.

    The groups of a class are sorted by the lowest digest among their photos, a shuffle that can be repeated from the
    files alone. The first tenth goes to test, the second to valid (at least one photo each where there are three),
    the rest to train.

    Args:
        digests: hash of each file's content.
        classes: class of each photo. A group with several classes counts for that of its lowest digest.
        groups: number of each photo's group.
    """
    members = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    groups_of_class = defaultdict(list)
    for group in members.values():
        group.sort(key=digests.__getitem__)
        groups_of_class[classes[group[0]]].append(group)
    split = ["train"] * len(digests)
    for class_groups in groups_of_class.values():
        photos = sum(map(len, class_groups))
        wanted = {name: max(round(fraction * photos), int(photos >= 3)) for name, fraction in FRACTIONS.items()}
        spare = photos - max(1, photos // 3)                     # at least a third stays in training
        for group in sorted(class_groups, key=lambda group: digests[group[0]]):
            fitting = [name for name, count in wanted.items() if len(group) / 2 <= count]
            if fitting and len(group) <= spare:
                wanted[fitting[0]] -= len(group)
                spare -= len(group)
                for i in group:
                    split[i] = fitting[0]
    return split
