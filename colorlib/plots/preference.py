"""A page that asks people which of two versions of a photo they prefer, blind, without a kernel or a network."""

import base64
import json
import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from colorlib.plots.swipe import data_uri
from colorlib.system.errors import UsageError
from colorlib.system.files import write_atomic
from colorlib.system.paths import expand_user

TEMPLATE = Path(__file__).with_name("preference.html")


def preference_page(photos: Mapping[str, Mapping[str, Image.Image]], out: str | os.PathLike, num_pairs: int = 40, seed: int = 0) -> Path:
    """Write a page of pairs: two versions of one photo, without names, in another order for each person.

    Keys 1 and 2 choose the left or the right one. At the end the page saves the answers as a file, for ``metrics.read_answers``
    and ``metrics.bradley_terry``. Every two versions are compared about equally often.

    Args:
        photos: name of a photo -> name of a version, such as "gray" or "truth" -> the picture. All photos have the same versions.
        out: the page, an HTML file that holds all pictures.
        num_pairs: that each person is asked about, at most as many as there are.
        seed: decides which pairs are on the page.

    Raises:
        UsageError: for fewer than two versions, other versions of another photo, or fewer than one pair.
        WriteError: if the page cannot be written.
    """
    versions = sorted(next(iter(photos.values()), {}))
    if len(versions) < 2 or num_pairs < 1:
        raise UsageError(f"a preference test needs two versions of each photo and one pair or more, got {versions} and {num_pairs} pairs")
    if others := [name for name, pictures in photos.items() if sorted(pictures) != versions]:
        raise UsageError(f"all photos need the same versions: {others[0]!r} has {', '.join(sorted(photos[others[0]]))}, "
                         f"the first {', '.join(versions)}")
    random = np.random.default_rng(seed)
    keys = {(photo, version): random.bytes(8).hex() for photo in photos for version in versions}
    pairs = []
    while len(pairs) < num_pairs and len(pairs) < len(photos) * len(versions) * (len(versions) - 1) // 2:
        # Each two versions in turn, for a photo of which they are not compared yet.
        for first, second in random.permutation(list(combinations(versions, 2))):
            asked = {tuple(pair) for pair in pairs}
            left = [photo for photo in photos if (keys[photo, first], keys[photo, second]) not in asked]
            if left and len(pairs) < num_pairs:
                photo = left[random.integers(len(left))]
                pairs.append([keys[photo, first], keys[photo, second]])
    used = {key for pair in pairs for key in pair}
    names = {key: place for place, key in keys.items() if key in used}
    test = {"pairs": pairs, "names": base64.b64encode(json.dumps(names).encode()).decode(),
            "pictures": {key: data_uri(photos[photo][version].convert("RGB")) for key, (photo, version) in names.items()}}
    page = expand_user(out)
    write_atomic(page, TEMPLATE.read_text(encoding="utf-8").replace(">TEST<", f">{json.dumps(test)}<").encode())
    return page
