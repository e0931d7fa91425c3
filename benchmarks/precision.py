"""How fast the study's network trains in each precision and memory layout: the reason for what "auto" chooses.

Run by ``make bench``. The variants take turns, so that a busy machine slows all of them; it prints medians and ratios.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch

from colorlib import color
from colorlib.models import CourseNet
from colorlib.objectives import RGBRegression

VARIANTS = {
    "float32": (torch.contiguous_format, False),
    "float32, channels last": (torch.channels_last, False),
    "bfloat16, channels last": (torch.channels_last, True),
}


def trainer(memory_format: torch.memory_format, bfloat16: bool, rgb: torch.Tensor) -> Callable[[], None]:
    """A function that takes one training step on ``rgb`` (B,3,H,W) uint8."""
    torch.manual_seed(0)
    model = CourseNet(3).to(rgb.device, memory_format=memory_format)
    optimizer, objective = torch.optim.Adam(model.parameters()), RGBRegression("l2")

    def step() -> None:
        gray = color.to_gray(rgb)
        with torch.autocast(rgb.device.type, torch.bfloat16, enabled=bfloat16):
            output = model(gray)
        objective.loss(output, rgb).backward()
        optimizer.step()
        optimizer.zero_grad()
        if rgb.is_cuda:
            torch.cuda.synchronize()

    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{platform.processor() or platform.machine()}, {device}, {torch.get_num_threads()} threads, "
          f"torch {torch.__version__}, batch {options.batch_size}, {options.rounds} rounds")
    for size in (32, 64):
        rgb = torch.randint(0, 256, (options.batch_size, 3, size, size), dtype=torch.uint8, device=device)
        steps = {name: trainer(*variant, rgb) for name, variant in VARIANTS.items()}
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for step in steps.values():
            step()                                                  # the first allocates and chooses kernels
        for _ in range(options.rounds):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                seconds[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for name, median in medians.items():
            speed, ratio = options.batch_size / median, medians["float32"] / median
            print(f"{size} px  {name:24} {speed:7.0f} images/s  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
