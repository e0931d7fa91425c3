"""How much the colors of a photo change when it looks old: ``python benchmarks/old_photos.py --weights photos``.

It gets a border, or noise. The change is the mean distance in the ab plane, in Lab units.
"""

import argparse

import numpy as np
import torch
from PIL import Image, ImageOps
from train_weights import everyday_photos

import colorlib as cl
from colorlib import color


def ab(image: Image.Image) -> torch.Tensor:
    """Colors of a picture: (2, H, W) in Lab units."""
    return color.split_lab(torch.from_numpy(np.array(image)).permute(2, 0, 1))[1]


def bordered(photo: Image.Image, share: float, level: int) -> tuple[Image.Image, int]:
    """The photo in a plain border of ``share`` of its side, and the border's width in pixels."""
    width = round(share * min(photo.size))
    return ImageOps.expand(photo, width, (level,) * 3), width


def noisy(photo: Image.Image, strength: float, seed: int) -> Image.Image:
    """The gray photo with Gaussian noise of ``strength`` of the range."""
    gray = np.asarray(cl.colorize.gray_copy(photo))[..., 0]
    noise = 255 * strength * np.random.default_rng(seed).standard_normal(gray.shape)
    return Image.fromarray((gray + noise).round().clip(0, 255).astype(np.uint8)).convert("RGB")


def changes(colorizer: cl.Colorizer, photo: Image.Image, seed: int, vividness: float | None) -> dict[str, float]:
    """Mean distance between the colors of the photo and those of each changed copy of it."""
    plain = ab(colorizer(photo, vividness))
    found = {}
    for name, share, level in [("black border, 5%", 0.05, 0), ("white border, 30%", 0.3, 255)]:
        framed, width = bordered(photo, share, level)
        inside = np.s_[:, width:width + photo.height, width:width + photo.width]
        found[name] = (ab(colorizer(framed, vividness))[inside] - plain).norm(dim=0).mean().item()
    for strength in (0.05, 0.1):
        found[f"noise, {strength:.0%}"] = (ab(colorizer(noisy(photo, strength, seed), vividness)) - plain).norm(dim=0).mean().item()
    return found


def main() -> None:
    """Print a row for each vividness."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="photos")
    parser.add_argument("--vividness", type=float, nargs="+", default=[0, 0.5, 1])
    parser.add_argument("--photos", type=int, default=100)
    options = parser.parse_args()
    photos = cl.load("folder", "test", 192, everyday_photos())[:options.photos]
    colorizer = cl.Colorizer(options.weights)
    for vividness in options.vividness if colorizer.objective.vividness is not None else [None]:
        rows = [changes(colorizer, Image.fromarray(rgb.transpose(1, 2, 0)), seed, vividness) for seed, rgb in enumerate(photos.rgb)]
        means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
        print(f"{options.weights} {'' if vividness is None else vividness}: "
              + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items()))


if __name__ == "__main__":
    main()
