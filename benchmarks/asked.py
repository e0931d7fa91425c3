"""Do colors that the network asks for help more than colors at random places? ``python benchmarks/asked.py --weights photos``.

Validation photos, never learned from, with a user who knows the true colors: after each answer the photo is colored anew. Random places
are those of one draw for each photo. The interval is that of the mean difference, by bootstrap over photos.
"""

import argparse

import numpy as np
import torch
from PIL import Image
from scipy.stats import bootstrap
from train_weights import photos

import colorlib as cl
from colorlib.colorize.asking import place_to_ask

MOST = 5
SIDE = 7             # pixels of the photo over which a user looks


def known(photo: Image.Image, x: float, y: float) -> cl.colorize.Hint:
    """The true color at a place."""
    left, top = x * photo.width - SIDE / 2, y * photo.height - SIDE / 2
    box = tuple(round(edge) for edge in (max(0, left), max(0, top), min(photo.width, left + SIDE), min(photo.height, top + SIDE)))
    levels = np.asarray(photo.crop(box)).reshape(-1, 3).mean(0).round().astype(int)
    return cl.colorize.Hint(x, y, "#" + "".join(f"{level:02x}" for level in levels))


def psnr(colored: Image.Image, photo: Image.Image) -> float:
    """Of one photo, in dB."""
    return cl.metrics.psnr(*(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] for image in (colored, photo))).item()


def gains(colorizer: cl.Colorizer, photo: Image.Image, seed: int) -> list[list[float]]:
    """PSNR after 0 to ``MOST`` answers, (2, MOST + 1): at places that are asked for, and at random ones."""
    random = iter(np.random.default_rng(seed).random((MOST, 2)).tolist())
    rows = []
    for place in (lambda hints: place_to_ask(colorizer, photo, hints), lambda _: next(random)):
        hints: list[cl.colorize.Hint] = []
        row = [psnr(colorizer(photo), photo)]
        for _ in range(MOST):
            hints.append(known(photo, *place(hints)))
            row.append(psnr(colorizer(photo, hints=hints), photo))
        rows.append(row)
    return rows


def main() -> None:
    """Print mean PSNR after each answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="photos")
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--size", type=int, default=192)
    options = parser.parse_args()
    _, valid = photos(options.size)
    rgb = valid.rgb[np.linspace(0, len(valid) - 1, options.photos).astype(int)]
    colorizer = cl.Colorizer(options.weights)
    found = np.array([gains(colorizer, Image.fromarray(pixels.transpose(1, 2, 0)), seed) for seed, pixels in enumerate(rgb)])
    for name, row in zip(("asked", "random"), found.mean(0), strict=True):
        print(f"{name:6}", " ".join(f"{value:.2f}" for value in row), "dB after 0 to", MOST)
    difference = found[:, 0, -1] - found[:, 1, -1]
    low, high = bootstrap((difference,), np.mean, rng=0).confidence_interval
    print(f"asked - random, after {MOST}: {difference.mean():+.2f} dB, 95% {low:+.2f} to {high:+.2f}; better in {(difference > 0).mean():.0%}")


if __name__ == "__main__":
    main()
