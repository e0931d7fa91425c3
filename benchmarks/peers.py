"""Measure colorlib beside DeOldify and DDColor, on 23 photos that none of its weights learned from.

The photos, and what ten peers made of them, are the comparison pictures of https://github.com/dan64/vs-deoldify (clone it): six tiles
each, the first of them the truth. Everyone gets the true L. Means over the photos, by scikit-image.

    python benchmarks/peers.py vs-deoldify --weights photos --vividness 0 0.5 1
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

import colorlib as cl
from colorlib import color

TILE, LEFT, TOP = 343, (13, 373, 733), (11, 391)         # pixels: side of a tile within its frame, and where tiles begin
FOLDERS = {
    "test_images": ("truth", "DeOldify video and DDColor artistic", "DDColor artistic", "DeOldify stable", "DeOldify video", "ColTran"),
    "test_images_ex": ("truth", "DeOldify artistic", "DeOldify and DDColor artistic", "DeOldify artistic and DDColor modelscope",
                       "DDColor modelscope", "DeOldify stable and DDColor artistic"),
}


def tiles(picture: Image.Image) -> list[np.ndarray]:
    """The six pictures of one comparison, (343, 343, 3) uint8 each, row by row."""
    pixels = np.asarray(picture.convert("RGB"))
    return [pixels[top:top + TILE, left:left + TILE] for top in TOP for left in LEFT]


def with_lightness_of(truth: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The colors of a picture on the true L."""
    L, ab = (color.split_lab(torch.from_numpy(array.copy()).permute(2, 0, 1)[None])[part] for array, part in ((truth, 0), (pixels, 1)))
    return color.to_uint8(color.join_lab(L, ab))[0].permute(1, 2, 0).numpy()


def measures(truth: np.ndarray, pixels: np.ndarray) -> tuple[float, float, float, float]:
    """CIEDE2000, ab MAE in Lab units, PSNR in dB, colorfulness."""
    actual, predicted = rgb2lab(truth), rgb2lab(pixels)
    return (deltaE_ciede2000(actual, predicted).mean(), np.abs(actual - predicted)[..., 1:].mean(), peak_signal_noise_ratio(truth, pixels),
            color.colorfulness(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]).item())


def results(folder: Path, weights: list[str], vividness: list[float]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Name and measures of each picture."""
    colorizers = {name: cl.Colorizer(name) for name in weights}
    for file in sorted((folder / "test_images").glob("Image_*.jpg")):
        truth = tiles(Image.open(file))[0]
        photo = Image.fromarray(truth)
        yield "truth", measures(truth, truth)
        yield "gray copy", measures(truth, np.asarray(cl.colorize.gray_copy(photo)))
        for name, colorizer in colorizers.items():
            for value in vividness if colorizer.objective.vividness is not None else [None]:
                yield f"{name} {'' if value is None else value}", measures(truth, np.asarray(colorizer(photo, value)))
    for name, peers in FOLDERS.items():
        for file in sorted((folder / name).glob("Image_*.jpg")):
            truth, *others = tiles(Image.open(file))
            yield from ((peer, measures(truth, with_lightness_of(truth, pixels))) for peer, pixels in zip(peers[1:], others, strict=True))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", nargs="+", default=["photos"])
    parser.add_argument("--vividness", type=float, nargs="+", default=[0, 0.25, 0.5, 0.75, 1])
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, ...]]] = {}
    for name, numbers in results(options.folder, options.weights, options.vividness):
        rows.setdefault(name, []).append(numbers)
    print(f"{'':42} CIEDE2000  ab MAE   PSNR  colorfulness")
    for name, found in rows.items():
        means = np.mean(found, 0)
        print(f"{name:42} {means[0]:9.2f} {means[1]:7.2f} {means[2]:6.1f} {means[3]:13.1f}   ({len(found)} photos)")


if __name__ == "__main__":
    main()
