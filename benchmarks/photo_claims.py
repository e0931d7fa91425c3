"""Claims about networks for photos, each with several seeds: the encoder, more photos, hints and old photos in training.

All are one U-Net at 64 px with L1 on a and b, a small stand-in for the weights ``photos``. Every training sees the same number of
photos in all, so a small collection is seen more often. Needs a folder or zip of 30,000 photos to train on, and the extra
``encoder``. After a kill, the same command continues.

    python benchmarks/photo_claims.py PHOTOS --out notebooks/results/photos
"""

import argparse
from pathlib import Path

from train_weights import one_cycle

import colorlib as cl
from colorlib.models.encoder_unet import ENCODERS
from colorlib.study.questions import AB, Question
from colorlib.study.study import Trial
from colorlib.system.errors import DataError

COLLECTION_SIZES = {"1,000": 1_000, "10,000": 10_000, "30,000": 30_000}
PHOTOS_SEEN = 30_000                      # photos that each training sees in all


def photo_trial(root: str, encoder: str, num_images: int) -> Trial:
    """A training on some photos of a folder."""
    config = one_cycle(PHOTOS_SEEN // num_images, 0.002, 64)
    return Trial(cl.Recipe("encoder-unet", "ab-l1", 64, {"encoder": encoder}), config, "folder", root, num_images,
                 num_valid=1_000, start=None if encoder == "new" else cl.models.pretrained)


def expect_enough_photos(root: str) -> None:
    """Raise a DataError if the folder has fewer photos than the largest training needs."""
    found = len(cl.load("folder", "train", 64, root))
    if found < max(COLLECTION_SIZES.values()):
        raise DataError(f"{root} has {found:,} photos to train on: {max(COLLECTION_SIZES.values()):,} are needed")


def photo_questions(root: str) -> dict[int, Question]:
    """Questions about networks for photos, by number."""
    variants = {f"{encoder}, {name}": photo_trial(root, encoder, number) for encoder in ENCODERS for name, number in COLLECTION_SIZES.items()}
    tuned = variants["tuned, 10,000"]
    variants |= {"with hints": tuned.with_changes(config={"hinted": 0.3}), "with old photos": tuned.with_changes(config={"aged": 0.25})}

    def question(*claims: cl.study.Claim) -> Question:
        return Question("", claims, {name: variants[name] for claim in claims for name in (claim.variant, claim.reference)})

    def less_error(text: str, variant: str, reference: str) -> cl.study.Claim:
        return cl.study.Claim(text, "ab_mae", variant, reference, AB)

    return {
        1: question(*(less_error(f"a frozen pretrained encoder is better than a new one: {name}", f"frozen, {name}", f"new, {name}")
                      for name in COLLECTION_SIZES)),
        2: question(*(less_error(f"a tuned one is better than a new one: {name}", f"tuned, {name}", f"new, {name}") for name in COLLECTION_SIZES)),
        3: question(*(less_error(f"a tuned one is better than a frozen one: {name}", f"tuned, {name}", f"frozen, {name}") for name in COLLECTION_SIZES)),
        4: question(less_error("10,000 photos are better than 1,000", "tuned, 10,000", "tuned, 1,000"),
                    less_error("30,000 are better than 10,000", "tuned, 30,000", "tuned, 10,000")),
        5: question(less_error("hints in training lower the error without hints", "with hints", "tuned, 10,000")),
        6: question(less_error("photos that look old lower the error of clean ones", "with old photos", "tuned, 10,000")),
    }


def main() -> None:
    """Train what is missing, and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", help="folder or zip of photos")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--claims", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-seeds", type=int, help="where the size of an effect is open, go on to so many (default: --seeds)")
    options = parser.parse_args()
    expect_enough_photos(options.photos)
    questions = photo_questions(options.photos)
    rows = cl.study.repeat(options.claims, options.seeds, options.out, most_seeds=options.most_seeds, questions=questions)
    print(cl.study.verdict_table(rows, options.claims, questions))


if __name__ == "__main__":
    main()
