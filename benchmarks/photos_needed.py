"""How many photos do better colors need? ``python benchmarks/photos_needed.py``. After a kill, start it again.

One network and recipe, near that of the weights ``cifar``, trained on a quarter of CIFAR-10, on half of it, and on all
of it, for the same number of steps, and validated on the same photos. What doubling the photos gains at equal work
suggests what still more photos would gain.
"""

import argparse
from dataclasses import replace

from train_weights import VIVID, cifar, one_cycle

from colorlib.models.recipe import Recipe
from colorlib.training.loop import fit

PARTS = (4, 2, 1)


def main() -> None:
    """Train on each part, and print the validation of the last and of the best epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6, help="of all photos")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    train, valid = cifar(32)
    recipe = Recipe("unet", "ab-l1", 32, VIVID | {"full_size": True})
    for part in PARTS:
        config = replace(one_cycle(part * options.epochs), threads=options.threads)
        photos = train[:len(train) // part]
        run = fit(recipe, photos, valid, config)
        if not run.finished:
            raise SystemExit("interrupted: start the same command again")
        errors = [epoch["valid_ab_mae"] for epoch in run.epochs]
        print(f"{len(photos):6,} photos, {config.num_epochs:2} epochs: ab MAE {errors[-1]:.3f} Lab units, "
              f"at best {min(errors):.3f}", flush=True)


if __name__ == "__main__":
    main()
