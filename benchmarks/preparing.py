"""Measure the time and memory to check and prepare a collection of photos.

python benchmarks/preparing.py animals10.zip --size 64
"""

import argparse
import os
import resource
import tempfile
import time

import torch

from colorlib import color, data


def peak_memory() -> float:
    """Peak memory of this process in MiB; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="a folder or zip of photos")
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    color.rgb_to_lab(torch.rand(3, 8, 8))                       # torch allocates memory on first use, which is not counted
    with tempfile.TemporaryDirectory() as home:
        os.environ["COLORLIB_HOME"] = home
        before, start = peak_memory(), time.perf_counter()
        counts = [len(data.load("folder", split, options.size, options.root)) for split in ("train", "valid", "test")]
        print(f"{sum(counts):,} photos at {options.size} px in {time.perf_counter() - start:.1f} s, at most "
              f"{peak_memory() - before:.0f} MiB above the {before:.0f} MiB of the imports")


if __name__ == "__main__":
    main()
