"""Train, validation and test: who goes where is decided by the content of the files, and by nothing else."""

from collections import defaultdict
from collections.abc import Sequence

PARTS = {"test": 0.1, "valid": 0.1}        # of each class


def assign(digests: Sequence[str], classes: Sequence[str], groups: Sequence[int]) -> list[str]:
    """The split of each photo: of every class the same parts, and no group on two sides.

    The groups of a class are sorted by the lowest digest among their photos, which is a shuffle that anyone repeats who
    has the same files. The first tenth is for the test, the second to validate (at least one photo each
    where there are three), the others to train on.

    Args:
        digests: a hash of each file's content.
        classes: the class of each photo. A group with several belongs to that of its lowest digest.
        groups: photos with the same number stay together.
    """
    members = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    of_class = defaultdict(list)
    for group in members.values():
        group.sort(key=digests.__getitem__)
        of_class[classes[group[0]]].append(group)
    split = ["train"] * len(digests)
    for some in of_class.values():
        photos = sum(map(len, some))
        left = {name: max(round(part * photos), int(photos >= 3)) for name, part in PARTS.items()}
        spare = photos - max(1, photos // 3)                     # what may be kept from training at most
        for group in sorted(some, key=lambda group: digests[group[0]]):
            fitting = [name for name, wanted in left.items() if len(group) / 2 <= wanted]     # else: too large for it
            if fitting and len(group) <= spare:
                left[fitting[0]] -= len(group)
                spare -= len(group)
                for i in group:
                    split[i] = fitting[0]
    return split
