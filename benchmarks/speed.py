"""Compare the training speed with a typical student's loop: images a second, memory, fraction of the peak speed.

The ways to train take turns for several rounds, so that a busy machine slows all of them; every turn runs in its own
process. Prints medians, and their ratios to the student's loop. Memory is the peak of a process and its children,
without files. Run by ``make bench``; takes about a quarter of an hour.
"""

import argparse
import itertools
import multiprocessing
import platform
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import psutil
import student_loop
import torch
from peak import conv, gemm, operations

from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.system import processor
from colorlib.system.distributed import process_state
from colorlib.system.heap import keep_freed_memory
from colorlib.system.memory import MiB
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import PARTS, Plan
from colorlib.training.runs import RunDir
from colorlib.training.trainer import Trainer

T = TypeVar("T")
NETWORKS = {"CourseNet": ("study", {}), "UNet": ("unet", {}), "UNet-patches": ("unet", {"patch": 2})}
WARM_UP = 3              # steps: the first ones choose kernels and allocate memory
SECONDS = 4              # in each turn


@dataclass(frozen=True)
class Student:
    """The loop of ``student_loop.py``."""

    workers: int                             # processes of the DataLoader
    batch_size: int = 64
    precision: ClassVar[str] = "float32"

    def __str__(self) -> str:
        return f"student's loop, {self.workers} workers"

    def steps(self, recipe: Recipe, images: Images, threads: int) -> Iterator[object]:
        """Train without end, one step at a time."""
        torch.set_num_threads(threads)
        return student_loop.train(
            recipe.build_model(), images, 10**6, self.batch_size, self.workers, process_state().device.type)


@dataclass(frozen=True)
class Colorlib:
    """The training loop of ``fit``, without an end."""

    precision: str
    batch_size: int = 64
    trainer: type[Trainer] = Trainer

    def __str__(self) -> str:
        return f"colorlib, {self.precision}, batches of {self.batch_size}"

    def steps(self, recipe: Recipe, images: Images, threads: int) -> Iterator[object]:
        """Train without end, one step at a time."""
        config = TrainConfig(10**6, self.batch_size, precision=self.precision, threads=threads)
        device = process_state().device
        parts, mapper = (PARTS, processor.core_threads(PARTS)) if device.type == "cpu" else (1, nullcontext(map))
        with (tempfile.TemporaryDirectory() as folder, processor.deterministic_torch(threads), keep_freed_memory(),
              mapper as mapper, RunDir(Path(folder), {}) as run_dir):
            network = recipe.build_model().to(device, memory_format=torch.channels_last)
            plan = Plan(processor.resolve_precision(self.precision, device), -(-self.batch_size // parts))
            trainer = self.trainer(network, recipe.build_objective(), recipe, config, plan, images, run_dir, mapper)
            trainer.resume(None)
            pixels = torch.from_numpy(np.array(images.rgb)).cuda() if device.type == "cuda" else None
            for epoch in range(config.num_epochs):
                for rgb in images.batches(config.batch_size, epoch=epoch, pixels=pixels):
                    trainer.train_step(rgb)
                    yield trainer.save_or_fetch(stop=False)


WAYS = (Student(0), Student(2), Colorlib("float32"), Colorlib("bfloat16"), Colorlib("bfloat16", 256))


def noise(size: int, count: int = 4096) -> Images:
    """Random photos, memory-mapped from a file like a data set: the speed does not depend on the content."""
    with tempfile.TemporaryFile() as file:
        rgb = np.memmap(file, np.uint8, "w+", shape=(count, 3, size, size))
    rgb[:] = np.random.default_rng(0).integers(0, 256, rgb.shape, dtype=np.uint8)
    return Images("noise", rgb, np.zeros(count, np.int64), np.arange(count), ("noise",), "random")


def turn(way: Student | Colorlib, recipe: Recipe, threads: int) -> tuple[float, float]:
    """Train for some seconds; return images a second, and the peak memory in bytes."""
    device, steps = process_state().device, way.steps(recipe, noise(recipe.size), threads)
    for _ in range(WARM_UP):
        next(steps)
    synchronize(device)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        next(steps)
        count += 1
    synchronize(device)
    speed = count * way.batch_size / (time.perf_counter() - start)
    return speed, torch.cuda.max_memory_allocated() if device.type == "cuda" else peak_memory(steps)


def peak_memory(steps: Iterator[object]) -> int:
    """Peak memory of a few steps in bytes. Measured after the speed, since measuring slows the steps."""
    ended, held = threading.Event(), [0]

    def watch() -> None:
        while not ended.wait(0.02):
            held.append(anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(WARM_UP):
        next(steps)
    ended.set()
    watching.join()
    return max(held)


def synchronize(device: torch.device) -> None:
    """Wait for a GPU to finish."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def anonymous() -> int:
    """Bytes of this process and its children, without files; shared memory counts once. Linux only."""
    total, me = 0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(OSError):                                   # a process may have ended
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += int(re.search(r"Pss_Anon: +(\d+) kB", rollup)[1]) * 1024
    return total


def in_new_process(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def peaks(threads: int) -> dict[str, float]:
    """Peak speeds of this machine, in operations a second."""
    torch.set_num_threads(threads)
    return {f"{name}, {precision}": function(getattr(torch, precision), process_state().device)
            for name, function in [("product", gemm), ("convolution", conv)]
            for precision in ("float32", "bfloat16")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=processor.available_cores())
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--networks", choices=NETWORKS, nargs="+", default=["CourseNet", "UNet"])
    options = parser.parse_args()
    print(f"{processor_name()}; {process_state().device}, {options.threads} threads, torch {torch.__version__}, "
          f"{options.rounds} rounds")
    peak_speeds = in_new_process(peaks, options.threads)
    print("peak: " + "; ".join(f"{name} {speed / 1e9:,.0f} GFLOPS" for name, speed in peak_speeds.items()))
    for name, size in itertools.product(options.networks, options.sizes):
        network, settings = NETWORKS[name]
        recipe = Recipe(network, "rgb-l2", size, settings)
        work = in_new_process(operations, recipe)
        print(f"\n{name}, {size} px, {work / 1e9:.2f} GFLOP an image in a step\n"
              "way to train                        images/s   ratio  memory MiB  of the convolution's peak")
        turns = [[in_new_process(turn, way, recipe, options.threads) for way in WAYS] for _ in range(options.rounds)]
        speeds, memories = (np.median([[measured[i] for measured in row] for row in turns], axis=0) for i in (0, 1))
        student = max(speed for way, speed in zip(WAYS, speeds, strict=True) if isinstance(way, Student))
        for way, speed, memory in zip(WAYS, speeds, memories, strict=True):
            fraction = speed * work / peak_speeds[f"convolution, {way.precision}"]
            print(f"{way!s:35} {speed:8.0f} {speed / student:6.2f}x  {memory / MiB:10.0f}  {fraction:25.0%}")


def processor_name() -> str:
    """Name of the processor, as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return named[1] if named else platform.processor()


if __name__ == "__main__":
    main()
