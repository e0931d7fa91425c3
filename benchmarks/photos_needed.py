"""How many photos would better colors take? ``python benchmarks/photos_needed.py``, killed and started at will.

One network and recipe, near that of the weights ``cifar``, on a quarter of CIFAR-10, on half of it, and on all; each
for as many steps, that is a quarter four times as often, and validated on the same photos. What doubling the photos
gains, while the work stays the same, says what more of them might.
"""

import argparse
from dataclasses import replace

from train_weights import VIVID, cifar, one_cycle

from colorlib.models.recipe import Recipe
from colorlib.training.loop import fit

PARTS = (4, 2, 1)


def main() -> None:
    """Train on each part, and print the validation of the last epoch, and of the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6, help="of all photos")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    train, valid = cifar(32)
    recipe = Recipe("unet", "ab-l1", 32, VIVID | {"full_size": True})
    for part in PARTS:
        config = replace(one_cycle(part * options.epochs), threads=options.threads)
        some = train[:len(train) // part]
        run = fit(recipe, some, valid, config)
        if not run.finished(config.num_epochs):
            raise SystemExit("interrupted: the same call goes on there")
        errors = [epoch["valid_ab_mae"] for epoch in run.epochs]
        print(f"{len(some):6,} photos, {config.num_epochs:2} epochs: ab MAE {errors[-1]:.3f} Lab units, "
              f"at best {min(errors):.3f}", flush=True)


if __name__ == "__main__":
    main()
