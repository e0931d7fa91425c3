"""How few seconds of training colors take that are better than those of the study's five epochs of CIFAR-10.

One short run of ``fit`` is complete in itself: one cycle of learning rates. It is measured on 2,000 photos that it did
not see. The time is that of the call of ``fit`` until it returns, with the validation. The student's loop (quality.py) had an
ab MAE of 8.6 Lab units after five epochs, and 8.5 after three.

    python benchmarks/speedrun.py            the fastest recipe for each target, with three seeds
    python benchmarks/speedrun.py --steps    each change on the way to them
"""

import argparse
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from quality import CONFIG, RECIPE, train_colorlib

import colorlib as cl

SEEDS = 3


@dataclass(frozen=True)
class Attempt:
    """A recipe, its settings, and the number of photos."""

    change: str                      # what differs from the attempt before
    recipe: cl.Recipe
    config: cl.TrainConfig
    num_photos: int


def options(depth: int, full_size: bool = True) -> dict[str, object]:
    """Options of a UNet of width 32 on patches of 2 x 2 pixels."""
    return {"width": 32, "depth": depth, "patch": 2, "full_size": full_size}


TWO_LEVELS, SMALL_OUTPUT = replace(RECIPE, options=options(2)), replace(RECIPE, options=options(3, full_size=False))
STEPS = (
    Attempt("the network of quality.py, one thread", RECIPE, replace(CONFIG, threads=1, micro_batch=32), 8_000),
    Attempt("two threads, half of a batch each", RECIPE, CONFIG, 8_000),
    Attempt("two levels in place of three", TWO_LEVELS, CONFIG, 8_000),
    Attempt("batches of 48, lr 0.006", TWO_LEVELS, replace(CONFIG, batch_size=48, lr=0.006), 8_000),
    Attempt("more photos, for 8.5", TWO_LEVELS, replace(CONFIG, batch_size=48, lr=0.006), 14_000),
    Attempt("three levels, one color per patch, for 8.0", SMALL_OUTPUT,
            replace(CONFIG, num_epochs=4, batch_size=64, lr=0.004), 44_000),
)
FASTEST = STEPS[-2:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", action="store_true", help="also the attempts on the way")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    chosen = parser.parse_args()
    photos, valid = cl.load("cifar10", "train").hold_out(2000)
    for attempt in STEPS if chosen.steps else FASTEST:
        with redirect_stdout(None):
            results = [train_colorlib(photos[:attempt.num_photos], valid, attempt.recipe, replace(attempt.config, seed=seed))
                       for seed in range(chosen.seeds)]
        errors = [result.ab_mae for result in results]
        spread = f" ±{stdev(errors):.3f}" if len(errors) > 1 else ""
        print(f"{attempt.change:48} {attempt.num_photos:7,} photos {fmean(result.seconds for result in results):6.1f} s  "
              f"ab MAE {fmean(errors):.3f}{spread} Lab units", flush=True)


if __name__ == "__main__":
    main()
