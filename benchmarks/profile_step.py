"""Where the time of a training step goes: the operations of one core, and how near convolutions come to their peak.

    python benchmarks/profile_step.py --network CourseNet --size 32

A step as ``fit`` computes it has two parts at the same time, on two cores. Here one core computes one part, so that no
operation waits for another, and then the optimizer's step.
"""

import argparse
import time
from collections import Counter

import torch
from peak import conv, operations
from speed import NETWORKS, noise
from torch.profiler import ProfilerActivity, profile

import colorlib as cl
from colorlib.models.predict import batch_loss
from colorlib.system import processor
from colorlib.system.heap import keep_freed_memory
from colorlib.training.gradients import BatchGradients
from colorlib.training.optimizers import OPTIMIZERS

STEPS = 10
PART = 32                # images: half of a batch of 64
# The beginnings of torch's names of operations.
KINDS = {"convolutions, backward": ("aten::convolution_backward",),
         "convolutions, forward": ("aten::mkldnn_convolution", "aten::_convolution", "aten::convolution", "aten::conv2d"),
         "batch norm": ("aten::native_batch_norm", "aten::batch_norm", "aten::_batch_norm"),
         "ReLU": ("aten::threshold_backward", "aten::clamp_min", "aten::relu"),
         "upsampling": ("aten::upsample",),
         "optimizer": ("Optimizer", "aten::_fused"),
         "conversion of numbers, copies": ("aten::copy_", "aten::_to_copy", "aten::to")}


def kind(operation: str) -> str:
    """The kind of an operation, by its name."""
    return next((name for name, starts in KINDS.items() if operation.startswith(starts)), "all else: sums, colors, loss, Python")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="CourseNet")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    options = parser.parse_args()
    cpu = torch.device("cpu")
    precision = processor.resolve_precision(options.precision, cpu)
    model, settings = NETWORKS[options.network]
    recipe = cl.Recipe(model, "ab-l1", options.size, settings)
    network, objective = recipe.build_model().to(memory_format=torch.channels_last), recipe.build_objective()
    optimizer = OPTIMIZERS["adam"](network.parameters(), lr=0.001)
    gradients = BatchGradients(network, lambda model, rgb: batch_loss(model, rgb, objective, precision), PART)
    rgb = next(noise(options.size, PART).batches(PART))
    torch.set_num_threads(1)

    def step() -> None:
        gradients(rgb, PART)
        optimizer.step()

    with keep_freed_memory():
        step()
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        seconds = (time.perf_counter() - start) / STEPS
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(STEPS):
                step()
    speed, work = conv(getattr(torch, precision), cpu), operations(recipe) * PART
    times = Counter()
    for event in profiler.key_averages():
        times[kind(event.key)] += event.self_cpu_time_total
    print(f"{options.network}, {options.size} px, {precision}, one core: {PART / seconds:.0f} images a second, {work / seconds / speed:.0%} "
          f"of the {speed / 1e9:.0f} GFLOPS of a convolution")
    for name, time_taken in times.most_common():
        print(f"{name:40} {time_taken / times.total():6.1%}")


if __name__ == "__main__":
    main()
