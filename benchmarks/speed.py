"""How fast we train, next to the loop that a student would write: images a second, memory, share of the machine's peak.

The ways to train take turns, several rounds, so that a busy machine slows all of them, and every turn is a process of
its own. Printed are medians, and their ratios to the student's loop. Memory is the most that a process, and those it
started, hold besides files. Run by ``make bench``; takes about a quarter of an hour.
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
from contextlib import suppress
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
from colorlib.system.distributed import team
from colorlib.system.memory import MiB, keep_freed_memory
from colorlib.training.config import TrainConfig
from colorlib.training.runs import RunDir
from colorlib.training.trainer import Trainer

T = TypeVar("T")
NETWORKS = {"CourseNet": ("course", {}), "UNet": ("unet", {}), "UNet-patches": ("unet", {"patch": 2})}
WARM_UP = 3              # steps: the first choose kernels and take memory
SECONDS = 4              # of a turn


@dataclass(frozen=True)
class Student:
    """The loop of ``student_loop.py``."""

    workers: int                             # of its DataLoader
    batch_size: int = 64
    precision: ClassVar[str] = "float32"

    def __str__(self) -> str:
        return f"student's loop, {self.workers} workers"

    def steps(self, recipe: Recipe, images: Images, threads: int) -> Iterator[object]:
        """Train for ever, one step at a time."""
        torch.set_num_threads(threads)
        return student_loop.train(
            recipe.build_model(), images, 10**6, self.batch_size, self.workers, team().device.type)


@dataclass(frozen=True)
class Ours:
    """What ``fit`` does, without an end."""

    precision: str
    batch_size: int = 64

    def __str__(self) -> str:
        return f"ours, {self.precision}, batches of {self.batch_size}"

    def steps(self, recipe: Recipe, images: Images, threads: int) -> Iterator[object]:
        """Train for ever, one step at a time."""
        config = TrainConfig(10**6, self.batch_size, precision=self.precision, threads=threads)
        with (tempfile.TemporaryDirectory() as folder, processor.computing(threads), keep_freed_memory(),
              RunDir(Path(folder), {}) as run_dir):
            trainer = Trainer(recipe, images, config, run_dir, None)
            pixels = torch.from_numpy(np.array(images.rgb)).cuda() if trainer.device.type == "cuda" else None
            for epoch in range(config.num_epochs):
                for rgb in images.batches(config.batch_size, epoch=epoch, pixels=pixels):
                    trainer.learn(rgb)
                    yield trainer.pause(stop=False)


WAYS = (Student(0), Student(2), Ours("float32"), Ours("bfloat16"), Ours("bfloat16", 256))


def noise(size: int, count: int = 4096) -> Images:
    """Photos of nothing, mapped from a file as a data set is: speed does not depend on what is in them."""
    with tempfile.TemporaryFile() as file:
        rgb = np.memmap(file, np.uint8, "w+", shape=(count, 3, size, size))
    rgb[:] = np.random.default_rng(0).integers(0, 256, rgb.shape, dtype=np.uint8)
    return Images("noise", rgb, np.zeros(count, np.int64), np.arange(count), ("noise",), "made up")


def turn(way: Student | Ours, recipe: Recipe, threads: int) -> tuple[float, float]:
    """Train for some seconds: images a second, and the most memory in bytes."""
    device, steps = team().device, way.steps(recipe, noise(recipe.size), threads)
    for _ in range(WARM_UP):
        next(steps)
    synchronize(device)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        next(steps)
        count += 1
    synchronize(device)
    speed = count * way.batch_size / (time.perf_counter() - start)
    return speed, torch.cuda.max_memory_allocated() if device.type == "cuda" else most_held(steps)


def most_held(steps: Iterator[object]) -> int:
    """The most memory that a few steps hold. To look makes them slower: it has its own time."""
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
    """Bytes that this process, and those it started, hold besides files; what they share counts once. Linux only."""
    total, me = 0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(OSError):                                   # one may just have ended
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += int(re.search(r"Pss_Anon: +(\d+) kB", rollup)[1]) * 1024
    return total


def alone(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def peaks(threads: int) -> dict[str, float]:
    """What this machine can do, in operations a second."""
    torch.set_num_threads(threads)
    return {f"{name}, {precision}": function(getattr(torch, precision), team().device)
            for name, function in [("product", gemm), ("convolution", conv)]
            for precision in ("float32", "bfloat16")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=processor.cores())
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--networks", choices=NETWORKS, nargs="+", default=["CourseNet", "UNet"])
    options = parser.parse_args()
    print(f"{processor_name()}; {team().device}, {options.threads} threads, torch {torch.__version__}, "
          f"{options.rounds} rounds")
    most = alone(peaks, options.threads)
    print("at most: " + "; ".join(f"{name} {speed / 1e9:,.0f} GFLOPS" for name, speed in most.items()))
    for name, size in itertools.product(options.networks, options.sizes):
        network, settings = NETWORKS[name]
        recipe = Recipe(network, "rgb-l2", size, settings)
        work = alone(operations, recipe)
        print(f"\n{name}, {size} px, {work / 1e9:.2f} GFLOP an image in a step\n"
              "way to train                        images/s   ratio  memory MiB  of the convolution's peak")
        turns = [[alone(turn, way, recipe, options.threads) for way in WAYS] for _ in range(options.rounds)]
        speeds, memories = (np.median([[measured[i] for measured in row] for row in turns], axis=0) for i in (0, 1))
        student = max(speed for way, speed in zip(WAYS, speeds, strict=True) if isinstance(way, Student))
        for way, speed, memory in zip(WAYS, speeds, memories, strict=True):
            share = speed * work / most[f"convolution, {way.precision}"]
            print(f"{way!s:35} {speed:8.0f} {speed / student:6.2f}x  {memory / MiB:10.0f}  {share:25.0%}")


def processor_name() -> str:
    """As the system calls it."""
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return named[1] if named else platform.processor()


if __name__ == "__main__":
    main()
