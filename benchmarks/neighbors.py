"""Speed beside busy neighbors, and under a processor quota, as on a hub.

Each kind of work runs in a process of its own, alone, then beside one, two and four processes that compute all the time,
then alone in a control group with a quota of one core and of half a core. The conditions take turns for several rounds. Prints medians: items a second alone,
and then the fraction of that speed which is left, beside the fair share. With two cores and one neighbor three threads
want to run, and the two of ours should get two thirds of the machine; beside two neighbors a half.

Quotas need the right to make control groups (root has it). With the default options it takes 40 minutes; nothing else should run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import colorlib as cl  # first: it sets how torch's threads wait
from colorlib.system import processor

import speed
from fullsize import photo

SECONDS = 2              # in each turn
# A neighbor ends with the benchmark, also if that is killed.
NEIGHBOR = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"


def training(model: str, size: int) -> Iterator[int]:
    """Train on ab, in batches of 64 images; yields the images of each step."""
    way = speed.Colorlib("auto")
    for _ in way.steps(cl.Recipe(model, "ab-l1", size), speed.noise(size, 1024), processor.available_cores()):
        yield way.batch_size


def measuring(size: int) -> Iterator[int]:
    """Measure a new UNet with the measures of validation; yields the images of each call."""
    recipe, images = cl.Recipe("unet", "ab-l1", size, {"patch": 2}), speed.noise(size, 256)
    colorizer = recipe.build_model(), recipe.build_objective()
    while True:
        cl.evaluate({"": colorizer}, images, cl.metrics.QUICK)
        yield len(images)


def preparing(size: int) -> Iterator[int]:
    """Prepare a folder of JPEGs of 0.5 megapixels, each time anew; yields the photos of each time."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as homes:
        for number in range(40):
            photo(0.5, number).save(Path(folder) / f"{number}.jpg")
        for number in count():
            os.environ["COLORLIB_HOME"] = str(Path(homes) / str(number))
            with redirect_stdout(None):
                images = [cl.load("folder", split, size, folder) for split in ("train", "valid", "test")]
            yield sum(map(len, images))


def coloring(megapixels: int) -> Iterator[int]:
    """Color a photo at full size, again and again."""
    colorizer, image = cl.Colorizer(), photo(megapixels)
    while True:
        colorizer(image)
        yield 1


WORKS: dict[str, tuple[Callable[..., Iterator[int]], tuple]] = {
    "train CourseNet, 32 px": (training, ("study", 32)),
    "train CourseNet, 64 px": (training, ("study", 64)),
    "train UNet, 32 px": (training, ("unet", 32)),
    "train UNet, 64 px": (training, ("unet", 64)),
    "measure, 32 px": (measuring, (32,)),
    "prepare, 64 px": (preparing, (64,)),
    "color 12 megapixels": (coloring, (12,)),
}


@dataclass(frozen=True)
class Neighbors:
    """Processes that compute all the time."""

    number: int

    def __str__(self) -> str:
        return f"beside {self.number}" if self.number else "alone"

    def fair_share(self, cores: int) -> float:
        """Fraction of the cores for one process of as many threads."""
        return cores / (cores + self.number)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Start the neighbors, and end them."""
        running = [subprocess.Popen([sys.executable, "-c", NEIGHBOR, str(os.getpid())]) for _ in range(self.number)]
        try:
            yield
        finally:
            for process in running:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Quota:
    """A control group that allows some processor time."""

    cores: float
    PERIOD = 100_000             # microseconds, the kernel's default

    def __str__(self) -> str:
        return f"quota {self.cores:g}"

    def fair_share(self, cores: int) -> float:
        """Fraction of the cores that the group allows."""
        return min(1, self.cores / cores)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Move this process, whose children inherit it, into the group, and back."""
        quota = str(round(self.cores * self.PERIOD))
        version1 = Path("/sys/fs/cgroup/cpu")
        root, limits = ((version1, {"cpu.cfs_period_us": str(self.PERIOD), "cpu.cfs_quota_us": quota})
                        if (version1 / "cpu.cfs_quota_us").exists() or (version1 / "cpu.shares").exists()
                        else (Path("/sys/fs/cgroup"), {"cpu.max": f"{quota} {self.PERIOD}"}))
        own = next((root / path.lstrip("/") for _, controllers, path in groups() if controllers in ("cpu", "cpu,cpuacct", "")), root)
        group = root / f"neighbors-{os.getpid()}"
        group.mkdir()
        try:
            for name, value in limits.items():
                (group / name).write_text(value)
            (group / "cgroup.procs").write_text(str(os.getpid()))
            yield
        finally:
            (own / "cgroup.procs").write_text(str(os.getpid()))
            group.rmdir()


def groups() -> list[list[str]]:
    """Number, controllers and path of the control groups of this process."""
    return [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]


def throttled() -> float:
    """Seconds that this process's group was not allowed to run, by ``cpu.stat``; 0 without a quota."""
    for _, controllers, path in groups():
        for mount in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup"):
            statistics = Path(mount + path) / "cpu.stat"
            if controllers in ("cpu", "cpu,cpuacct", "") and statistics.exists():
                fields = dict(field.split() for field in statistics.read_text().splitlines())
                if "throttled_time" in fields:                                           # version 1: nanoseconds
                    return int(fields["throttled_time"]) / 1e9
                if "throttled_usec" in fields:
                    return int(fields["throttled_usec"]) / 1e6
    return 0


def turn(work: str) -> tuple[float, float]:
    """Work for some seconds; return items a second, and the fraction of the time in which the group was throttled."""
    function, arguments = WORKS[work]
    steps = function(*arguments)
    next(steps)                                                  # chooses kernels, allocates memory
    next(steps)
    before, start, done = throttled(), time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        done += next(steps)
    seconds = time.perf_counter() - start
    steps.close()
    return done / seconds, (throttled() - before) / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--neighbors", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--quotas", type=float, nargs="*", default=[1, 0.5], help="in cores")
    parser.add_argument("--works", choices=WORKS, nargs="+", default=list(WORKS))
    options = parser.parse_args()
    cores = processor.available_cores()
    conditions = [Neighbors(0), *map(Neighbors, options.neighbors), *filter(possible, map(Quota, options.quotas))]
    print(f"{speed.processor_name()}, {cores} cores, {options.rounds} rounds")
    measured: dict[str, dict[Neighbors | Quota, list[tuple[float, float]]]] = {
        work: {condition: [] for condition in conditions} for work in options.works}
    try:
        for _ in range(options.rounds):
            for work in options.works:
                for condition in conditions:
                    with condition.applied():
                        measured[work][condition].append(speed.in_new_process(turn, work))
    finally:                                                     # also after Ctrl-C
        print_shares({work: turns for work, turns in measured.items() if all(turns.values())}, conditions, cores)


def possible(quota: Quota) -> bool:
    """Whether this process may make a control group with the quota; prints why not."""
    try:
        with quota.applied():
            return True
    except OSError as error:
        print(f"{quota} left out: {error}")
        return False


def print_shares(measured: dict[str, dict[Neighbors | Quota, list[tuple[float, float]]]],
                 conditions: list[Neighbors | Quota], cores: int) -> None:
    """Print the table of medians."""
    shares = {condition: condition.fair_share(cores) for condition in conditions}
    print(f"{'a second alone, then the share of it':36}" + "".join(f"{condition!s:>20}" for condition in conditions))
    print(f"{'fair share':36}" + "".join(f"{share:20.0%}" for share in shares.values()))
    for work, turns in measured.items():
        speeds = {condition: median(rate for rate, _ in values) for condition, values in turns.items()}
        alone = speeds[conditions[0]]
        cells = [f"{alone:.3g}"]
        for condition in conditions[1:]:
            share, wait = speeds[condition] / alone, median(wait for _, wait in turns[condition])
            cells.append(f"{share:.0%} ({share / shares[condition]:.0%} of fair" + (f", {wait:.0%} throttled)" if wait else ")"))
        print(f"{work:36}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
