"""Time and memory to color photos of 0.1 to 100 megapixels, each size in its own process.

The time is that of the call, without reading and writing the file. The memory is the peak of the process, with the
photo and its colored copy.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from PIL import Image

from colorlib.colorize.colorizer import Colorizer

MEGAPIXELS = (0.1, 1, 12, 40, 50, 100)


def photo(megapixels: float, seed: int = 0) -> Image.Image:
    """Smooth noise with an aspect of 3:2, in place of a photo."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    noise = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((round(1.5 * height), height), Image.Resampling.BICUBIC)


def measure(megapixels: float, weights: str, threads: int) -> None:
    """Color one photo three times and print a line."""
    torch.set_num_threads(threads)
    colorizer, image = Colorizer(weights), photo(megapixels)
    colorizer(photo(0.01))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        colorizer(image)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    colorizer.lightness_and_output(image)
    network = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{megapixels:6} MP  {image.width:6} x {image.height:<6} {min(seconds):7.2f} s  of which the small copy "
          f"{network:.2f} s  {min(seconds) / megapixels:.3f} s per MP  {peak:6.0f} MiB", flush=True)


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="photos")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        measure(options.only, options.weights, options.threads)
        return
    for megapixels in MEGAPIXELS:
        subprocess.run([sys.executable, __file__, "--weights", options.weights, "--threads", str(options.threads),
                        "--only", str(megapixels)], check=True)


if __name__ == "__main__":
    main()
