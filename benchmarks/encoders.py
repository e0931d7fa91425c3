"""Compare pretrained, frozen and new encoders: networks of one shape, by how their encoder begins and by the number of photos.

Every training sees the same number of photos in all, so a small collection is seen more often. Validation photos are never trained on.
Needs animals10, photos.zip and the extra ``encoder``. After a kill, the same command continues.

    python benchmarks/encoders.py --photos 1000 10000 --seeds 3
"""

import argparse
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
from train_weights import one_cycle, photos

import colorlib as cl
from colorlib.models.encoder_unet import ENCODERS


def main() -> None:
    """Train each, and print the validation of the last epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--seen", type=int, default=20_000, help="photos that each training sees in all")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    train, valid = photos(options.size)
    order = np.random.default_rng(0).permutation(len(train))             # animals and everyday photos in turn
    for number in options.photos:
        some = train[np.sort(order[:number])]
        for encoder in ENCODERS:
            recipe = cl.Recipe("encoder-unet", "ab-l1", options.size, {"encoder": encoder})
            errors = []
            for seed in range(options.seeds):
                config = replace(one_cycle(max(1, round(options.seen / number)), options.lr, 64), seed=seed, threads=options.threads)
                start = None if encoder == "new" else cl.models.pretrained(recipe, seed)
                run = cl.fit(recipe, some, valid, config, start=start)
                if not run.finished:
                    raise SystemExit("interrupted: the same command continues")
                errors.append(run.epochs[-1]["valid_ab_mae"])
            spread = f" ±{stdev(errors):.3f}" if len(errors) > 1 else ""
            print(f"{len(some):6,} photos, encoder {encoder:8} ab MAE {fmean(errors):.3f}{spread} Lab units", flush=True)


if __name__ == "__main__":
    main()
