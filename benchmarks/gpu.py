"""Training on a GPU: photos a second in three ways, and seconds until validation reaches 8.5, 8.0 and 7.5 Lab units.

Takes ``--minutes`` and a few seconds: each part has a share of them, and what does not fit is left out, with a row that
says so. The tables are Markdown. Each row is printed and written at once, so a benchmark that is stopped has all
rows so far. Nothing is downloaded: put CIFAR-10 and Animals-10 into ``data/``, or set ``COLORLIB_DATA``. With
``--miniature``, all parts run with tiny networks and the embedded samples, in less than a minute on one processor core.

The ways to train:

plain            the loop of fit, with the pixels of all photos on the card
CUDA graphs      loss and gradients are captured once and replayed; the optimizer runs as in fit
torch.compile    loss and gradients are compiled; the optimizer runs as in fit

Memory is the peak on the card without the photos. The seconds of a training are those from the call of fit to its return,
in a process that has used the card before.
"""

import argparse
import gc
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import quality
import speed
import torch
from peak import conv, operations
from torch import Tensor
from train_weights import TRAININGS, Loader, cifar, one_cycle, plain_cifar

from colorlib import data
from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.system import processor
from colorlib.system.distributed import process_state
from colorlib.system.memory import MiB
from colorlib.training.config import TrainConfig
from colorlib.training.gradients import BatchGradients
from colorlib.training.trainer import Trainer

PRECISION = "bfloat16"
TARGETS = (8.5, 8.0, 7.5)                # validation ab MAE, Lab units
AIM, BOUND = 60_000, 400_000             # photos a second through the study's network at 32 px, on an H100
SECONDS_TO_END = 3                       # for a process, before it is killed
SPEEDS_SHARE = 0.45                      # of all the time; what is left of it goes to the next part


# Ways to train

class CompiledTrainer(Trainer):
    """Trainer that compiles the loss of a batch and its gradients."""

    def __init__(self, *arguments: Any, backend: str = "inductor"):
        super().__init__(*arguments)
        torch.compiler.reset()                               # or another batch size would get kernels for any size
        loss = self.gradients.loss                           # a partial, which torch.compile does not take
        self.gradients.loss = torch.compile(lambda network, rgb: loss(network, rgb), dynamic=False, backend=backend)


class GraphTrainer(Trainer):
    """Trainer that captures the loss and the gradients of its first batch as a CUDA graph, and replays it."""

    def train_step(self, rgb: Tensor) -> None:
        """Take one step on a batch, rgb (B,3,H,W) uint8 on the card."""
        if not isinstance(self.gradients, GraphedGradients):
            self.gradients = GraphedGradients(self.gradients, rgb)
        super().train_step(rgb)


class GraphedGradients:
    """Loss and gradients of batches of one size: a CUDA graph is one launch in place of some hundred.

    Args:
        gradients: what to capture.
        rgb: a batch (B,3,H,W) uint8 on the card; the graph computes batches of this shape.
    """

    def __init__(self, gradients: BatchGradients, rgb: Tensor):
        self.parameters, self.rgb, self.graph = gradients.parameters, rgb.clone(), torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()                           # the default stream cannot be captured: warm up on another
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(speed.WARM_UP):
                gradients(self.rgb, len(rgb))
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(self.graph):
            self.loss = gradients(self.rgb, len(rgb))
        self.gradients = [parameter.grad for parameter in self.parameters]

    def __call__(self, rgb: Tensor, batch_size: int) -> Tensor:
        """Set the gradients of a batch, and return its loss, as ``BatchGradients`` does."""
        self.rgb.copy_(rgb)
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient                        # zero_grad has removed it
        return self.loss.clone()                             # the next replay overwrites it


@dataclass(frozen=True)
class Way:
    """A way to train."""

    name: str
    trainer: Callable[..., Trainer] = Trainer
    needs_gpu: bool = False

    def steps(self, recipe: Recipe, images: Images, batch_size: int) -> Iterator[object]:
        """Train without end, one step at a time."""
        return speed.Colorlib(PRECISION, batch_size, self.trainer).steps(recipe, images, processor.usable_threads())


# What is measured

@dataclass(frozen=True)
class Attempt:
    """A short training that is complete in itself: one cycle of learning rates."""

    network: str
    recipe: Recipe
    config: TrainConfig
    images: Loader
    num_images: int | None = None            # to train on; None: all

    def photos_seen(self, available: int) -> int:
        """Photos of all epochs together, if ``available`` photos are there."""
        return min(self.num_images or available, available) * self.config.num_epochs


@dataclass(frozen=True)
class Series:
    """Attempts on the same photos, from the shortest to the longest."""

    title: str
    share: float                             # of the time that is left before it
    attempts: Sequence[Attempt]
    aims: Mapping[float, float] = field(default_factory=dict)            # target -> seconds on an H100


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    networks: Mapping[str, Recipe]
    batch_sizes: Sequence[int]
    ways: Sequence[Way]
    num_photos: int                          # of noise, on the card
    seconds: float                           # of each row of the speeds
    series: Sequence[Series]


def animals(size: int) -> tuple[Images, Images]:
    """Animals-10, the training photos an eighth larger than needed, for random crops."""
    return data.load("animals10", "train", size + size // 8), data.load("animals10", "valid", size)


def samples(size: int) -> tuple[Images, Images]:
    """The embedded samples."""
    return data.load_to_train("samples", size)


PLAIN, GRAPHS = Way("plain"), Way("CUDA graphs", GraphTrainer, needs_gpu=True)
NETWORKS = {"study": TRAININGS["study"].recipe, "unet": Recipe("unet", "ab-l1", 128, {"width": 32, "depth": 4, "patch": 2})}
ON_CIFAR = (
    *(Attempt("UNet of quality.py", quality.RECIPE, replace(quality.CONFIG, num_epochs=epochs, batch_size=128), plain_cifar,
              num_images) for num_images, epochs in [(11_000, 1), (22_000, 1), (None, 1), (None, 2), (None, 4)]),
    *(Attempt("cifar", TRAININGS["cifar"].recipe, one_cycle(epochs), cifar) for epochs in (8, 24)),
)
ON_ANIMALS = [Attempt("unet", NETWORKS["unet"], one_cycle(epochs, batch_size=64), animals) for epochs in (1, 2, 4, 8, 16)]
FULL = Size(
    NETWORKS, (64, 256, 1024), (PLAIN, GRAPHS, Way("torch.compile", CompiledTrainer)), num_photos=16_384, seconds=2,
    series=[Series("CIFAR-10, 32 px", 0.7, ON_CIFAR, {8.0: 10}), Series("Animals-10, 128 px", 1, ON_ANIMALS)])

TINY = {name: replace(recipe, size=16, options=recipe.options | {"width": 8}) for name, recipe in NETWORKS.items()}
# aot_eager is torch.compile without the slow last step, which makes kernels.
QUICKLY_COMPILED = Way("torch.compile", partial(CompiledTrainer, backend="aot_eager"))
MINIATURE = Size(
    TINY, (8,), (PLAIN, GRAPHS, QUICKLY_COMPILED), num_photos=64, seconds=0.2,
    series=[Series(f"samples, {name}", 0.5, [Attempt(name, recipe, one_cycle(epochs, batch_size=32), samples) for epochs in (1, 2)],
                   {8.0: 10}) for name, recipe in TINY.items()])


# Time limits, and a process that can be ended

@dataclass(frozen=True)
class Deadline:
    """The moment at which a part of the benchmark ends."""

    moment: float                            # seconds of time.monotonic

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.moment - time.monotonic()

    def share(self, fraction: float) -> "Deadline":
        """Deadline of a part that may take a fraction of the time that is left."""
        return Deadline(time.monotonic() + fraction * max(0, self.left))


@dataclass(frozen=True)
class Failure:
    """Why there is no result, in one line."""

    reason: str


class Worker:
    """A process that calls one function after another. After a failure, a new process takes its place.

    In a process of its own, since an error of CUDA can spoil everything that follows, and compiling cannot be interrupted.
    """

    def __enter__(self) -> "Worker":
        context = multiprocessing.get_context("spawn")
        self.connection, other_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(other_end,))
        self.process.start()
        other_end.close()                                    # so that the end of the process ends the connection
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()                              # ends a process that waits for the next function
        self.process.join(SECONDS_TO_END)
        self.process.kill()
        self.process.join()

    def __call__(self, deadline: Deadline, function: Callable[..., Any], *arguments: Any) -> Any:
        """Result of the function, or a Failure if it raises, does not end before the deadline, or ends the process."""
        if deadline.left <= 0:
            return Failure("left out: the time is over")
        try:
            self.connection.send((function, arguments))
            result = self.connection.recv() if self.connection.poll(deadline.left) else Failure("cut off: the time is over")
        except (EOFError, OSError):
            result = Failure("the process died")
        if isinstance(result, Failure):
            self.__exit__()
            self.__enter__()
        return result


def _serve(connection: Connection) -> None:
    # Nothing but tables is printed; an error of the connection means that the benchmark waits no longer.
    with redirect_stdout(None), suppress(EOFError, OSError):
        while True:
            function, arguments = connection.recv()
            try:
                result = function(*arguments)
            except Exception as error:
                result = Failure(f"{type(error).__name__}: {' '.join(str(error).split())[:160]}")
            connection.send(result)


# Functions that the worker calls

class Machine(NamedTuple):
    """Where the worker computes."""

    name: str
    device: str                              # "cuda" or "cpu"
    peak: float                              # operations a second of a convolution


class Turn(NamedTuple):
    """Speed of one way to train."""

    photos: float                            # a second
    memory: float                            # peak in bytes; on a card without the pixels of the photos
    start: float                             # seconds of the first steps, which choose kernels, capture or compile


def machine() -> Machine:
    """Name and peak speed of the card, or of the processor."""
    device = process_state().device
    on_gpu = device.type == "cuda"
    name = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}" if on_gpu else speed.processor_name()
    return Machine(name, device.type, conv(getattr(torch, PRECISION), device))


def turn(way: Way, recipe: Recipe, batch_size: int, num_photos: int, seconds: float) -> Turn:
    """Train for some seconds."""
    device, images = process_state().device, speed.noise(recipe.size, num_photos)
    if device.type == "cuda":
        gc.collect()                                         # the network of the turn before
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated() + images.rgb.nbytes
    steps, start = way.steps(recipe, images, batch_size), time.perf_counter()
    for _ in range(speed.WARM_UP):
        next(steps)
    speed.synchronize(device)
    ready, count = time.perf_counter(), 0
    while time.perf_counter() - ready < seconds:
        next(steps)
        count += 1
    speed.synchronize(device)
    photos = count * batch_size / (time.perf_counter() - ready)
    memory = torch.cuda.max_memory_allocated() - held if device.type == "cuda" else speed.peak_memory(steps)
    steps.close()
    return Turn(photos, memory, ready - start)


def prepared(attempt: Attempt) -> int:
    """Prepare the photos of an attempt; the number to train on."""
    return len(attempt.images(attempt.recipe.size)[0])


def train(attempt: Attempt) -> quality.Result:
    """Train, as quality.py does: seconds from the call of ``fit`` to its return, and the measures of validation."""
    photos, valid = attempt.images(attempt.recipe.size)
    return quality.train_colorlib(photos[:attempt.num_images], valid, attempt.recipe, attempt.config)


# The parts

@dataclass(frozen=True)
class Report:
    """Lines of Markdown, printed and written to a file at once."""

    files: Sequence[TextIO]

    def line(self, text: str = "") -> None:
        """Add a line."""
        for file in self.files:
            print(text, file=file, flush=True)

    def row(self, *cells: object) -> None:
        """Add a row of a table."""
        self.line("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")

    def header(self, *titles: str) -> None:
        """Begin a table."""
        self.line()
        self.row(*titles)
        self.line("|---" * len(titles) + "|")


def report_speeds(report: Report, worker: Worker, deadline: Deadline, size: Size, here: Machine) -> None:
    """Table of photos a second."""
    work = {name: operations(recipe) for name, recipe in size.networks.items()}
    report.header("way to train", "network", "batch", "photos/s", "of the peak", "memory (MiB)", "first steps (s)")
    fastest = dict.fromkeys(size.networks, 0.0)
    # Compiling is slow: every network in small batches first.
    for way, batch_size, (name, recipe) in itertools.product(size.ways, size.batch_sizes, size.networks.items()):
        result = (Failure("left out: needs a GPU") if way.needs_gpu and here.device != "cuda" else
                  worker(deadline, turn, way, recipe, batch_size, size.num_photos, size.seconds))
        row = way.name, f"{name}, {recipe.size} px", batch_size
        if isinstance(result, Failure):
            report.row(*row, result.reason, "", "", "")
            continue
        fastest[name] = max(fastest[name], result.photos)
        report.row(*row, f"{result.photos:,.0f}", f"{result.photos * work[name] / here.peak:.0%}",
                   f"{result.memory / MiB:,.0f}", f"{result.start:.1f}")
    report.line(f"\nFastest through `study`: {fastest['study']:,.0f} photos/s; the aim on an H100 at 32 px is {AIM:,}, "
                f"the bound about {BOUND:,}. At the peak measured here, {work['study'] / 1e9:.2f} GFLOP a photo would allow "
                f"{here.peak / work['study']:,.0f} photos/s.")


def report_quality(report: Report, worker: Worker, deadline: Deadline, series: Series) -> None:
    """Table of short trainings, and of the first that reaches each target."""
    report.line(f"\n## Time to quality: {series.title}")
    available = worker(deadline, prepared, series.attempts[0])
    if isinstance(available, Failure):
        report.line(f"\nNo trainings: {available.reason}")
        return
    report.header("network", "photos", "epochs", "seconds", "ab MAE (Lab units)", "AuC")
    results: dict[Attempt, quality.Result] = {}
    for attempt in series.attempts:
        row = attempt.network, f"{min(attempt.num_images or available, available):,}", attempt.config.num_epochs
        result = _attempted(worker, deadline, attempt, results, available)
        if isinstance(result, Failure):
            report.row(*row, result.reason, "", "")
            continue
        results[attempt] = result
        report.row(*row, f"{result.seconds:.1f}", f"{result.ab_mae:.3f}", f"{result.auc:.4f}")
        if result.ab_mae <= min(TARGETS):
            break
    report.header("ab MAE (Lab units)", "seconds", "aim on an H100 (s)")
    best = min((result.ab_mae for result in results.values()), default=None)
    for target in TARGETS:
        reached = [f"{result.seconds:.1f}" for result in results.values() if result.ab_mae <= target]
        missed = "not reached" if best is None else f"not reached: the best is {best:.3f}"
        report.row(target, reached[0] if reached else missed, series.aims.get(target, ""))


def _attempted(worker: Worker, deadline: Deadline, attempt: Attempt, results: Mapping[Attempt, quality.Result],
               available: int) -> quality.Result | Failure:
    """Result of a training, unless it would most likely be cut off: training takes time in proportion to the photos."""
    if results:
        last, result = list(results.items())[-1]
        expected = result.seconds * attempt.photos_seen(available) / last.photos_seen(available)
        if expected > deadline.left:
            return Failure(f"left out: would take about {expected:.0f} s")
    return worker(deadline, train, attempt)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=7, help="of all parts together (default: 7)")
    parser.add_argument("--out", type=Path, help="file to write the tables to, besides printing them")
    parser.add_argument("--miniature", action="store_true", help="try the script: tiny networks, no numbers of interest")
    options = parser.parse_args()
    size, end = MINIATURE if options.miniature else FULL, Deadline(time.monotonic() + 60 * options.minutes)
    with ExitStack() as stack:
        # A process that is cut off leaves its temporary files here.
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        os.environ |= {"TMPDIR": folder, "COLORLIB_OFFLINE": "1"}
        files = [stack.enter_context(options.out.open("w"))] if options.out else []
        report, worker = Report([sys.stdout, *files]), stack.enter_context(Worker())
        here = worker(end, machine)
        if isinstance(here, Failure):
            raise SystemExit(here.reason)
        report.line(f"# {here.name}\n\ntorch {torch.__version__}, {PRECISION}. Peak of a convolution: {here.peak / 1e12:,.3g} TFLOPS.")
        report.line("\n## Speed")
        report_speeds(report, worker, end.share(SPEEDS_SHARE), size, here)
        for series in size.series:
            report_quality(report, worker, end.share(series.share), series)
        report.line(f"\nAll parts together: {options.minutes * 60 - end.left:.0f} s.")


if __name__ == "__main__":
    main()
