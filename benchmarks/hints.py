"""PSNR against the number of hints, as Figure 6 of Zhang et al. 2017: ``python benchmarks/hints.py --weights photos``.

Hints are random squares of the truth, on photos never learned from.
"""

import argparse

import numpy as np
import torch
from train_weights import photos

import colorlib as cl
from colorlib import color
from colorlib.models.hints import random_hints

NUMBERS = (0, 1, 2, 5, 10, 20, 50, 100)


def main() -> None:
    """Print PSNR and ab MAE for each number of hints, and those of a gray copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="photos")
    parser.add_argument("--photos", type=int, default=400)
    options = parser.parse_args()
    model, recipe = cl.load_weights(options.weights)
    objective = recipe.build_objective()
    _, valid = photos(recipe.size)
    rgb = color.to_tensor(valid.rgb[np.linspace(0, len(valid) - 1, options.photos).astype(int)])
    L, ab = color.split_lab(rgb)
    truth = color.to_float(rgb)
    print("gray copy", measures(color.gray_to_rgb(L / 100), truth))
    for number in NUMBERS:
        hints = torch.stack([random_hints(colors, number, np.random.default_rng([number, seed])) for seed, colors in enumerate(ab)])
        with torch.inference_mode():
            colored = torch.cat([objective.decode(model(gray, known), 100 * gray)
                                 for gray, known in zip((L / 100).split(8), hints.split(8), strict=True)])
        print(number, "hints", measures(colored, truth), flush=True)


def measures(colored: torch.Tensor, truth: torch.Tensor) -> str:
    """PSNR and ab MAE in words."""
    return (f"{cl.metrics.psnr(colored, truth).mean():.2f} dB, "
            f"ab MAE {cl.metrics.ab_mae(colored, truth).mean():.2f} Lab units")


if __name__ == "__main__":
    main()
