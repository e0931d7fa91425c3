"""How long it takes to look at a collection of photos and to prepare it, and how much memory, above what imports take.

python benchmarks/preparing.py animals10.zip --size 64
"""

import argparse
import os
import resource
import tempfile
import time

import torch

from colorlib import color, data


def used() -> float:
    """The most memory that this process has held, in MiB: Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="a folder or zip of photos")
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    color.rgb_to_lab(torch.rand(3, 8, 8))                       # what torch takes once is not the photos'
    with tempfile.TemporaryDirectory() as home:
        os.environ["COLORLIB_HOME"] = home
        before, start = used(), time.perf_counter()
        counts = [len(data.load("folder", split, options.size, options.root)) for split in ("train", "valid", "test")]
        print(f"{sum(counts):,} photos at {options.size} px in {time.perf_counter() - start:.1f} s, at most "
              f"{used() - before:.0f} MiB above the {before:.0f} MiB of the imports")


if __name__ == "__main__":
    main()
