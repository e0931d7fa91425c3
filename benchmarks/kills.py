"""Kill a training with SIGKILL at random moments, start it again each time, and compare its files.

Weights, optimizer, averages and history must be equal to the byte to those of a run without interruption. The run saves
after every step, so that many kills hit a file that is being written. Needs a system with fork.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from colorlib import data
from colorlib.data.images import Images
from colorlib.models.predict import batch_loss
from colorlib.models.recipe import Recipe
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

RECIPE = Recipe("study", "ab-l1", 16, {"depth": 8})
EPOCHS = 10              # with 8 steps each
KILLS_PER_RUN = 10


def settings(precision: str) -> TrainConfig:
    """Settings with a moving average, one cycle of learning rates, and micro-batches that do not divide the batch."""
    return TrainConfig(EPOCHS, 32, 0.003, "adamw", weight_decay=0.01, schedule="one-cycle", ema=0.99, threads=1,
                       precision=precision, micro_batch=20, save_seconds=0)


def start(train: Images, valid: Images, config: TrainConfig, folder: Path) -> int:
    """Start or resume a run in a child process without output, and return its process id."""
    if child := os.fork():
        return child
    status = 1
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        fit(RECIPE, train, valid, config, folder)
        status = 0
    finally:
        os._exit(status)


def contents(folder: Path) -> dict[str, bytes]:
    """Names and bytes of all files of a run."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def finished_run(train: Images, valid: Images, config: TrainConfig, folder: Path) -> dict[str, bytes]:
    """Train to the end, from the start or from a killed run, and return the files."""
    _, status = os.waitpid(start(train, valid, config, folder), 0)
    if status:
        sys.exit(f"training failed in {folder}")
    return contents(folder)


def kill(train: Images, valid: Images, config: TrainConfig, folder: Path, wait: float) -> Iterator[str]:
    """Start or resume a run, kill it after some seconds, and yield what the kill hit; nothing if the run ended before."""
    child = start(train, valid, config, folder)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        # process 1234 writes last.ckpt as .last.ckpt.1234.tmp
        writing = [file.name[1:].rsplit(".", 2)[0] for file in folder.glob("*.tmp")] if folder.exists() else []
        yield f"writing {writing[0]}" if writing else "between two writes"


def prepare() -> None:
    """Initialize torch once before forking, so that kills hit training more often than initialization."""
    torch.set_num_threads(1)                                    # a process with several threads cannot fork
    batch_loss(RECIPE.build_model(), torch.zeros(2, 3, 16, 16), RECIPE.build_objective()).backward()


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="for each precision (default: 50)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    prepare()
    train, valid = data.load("samples", "train", RECIPE.size)[:320].hold_out(60)
    for precision in ("float32", "bfloat16"):
        config = settings(precision)
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            expected = finished_run(train, valid, config, Path(folder) / "whole")
            seconds = time.monotonic() - began
            hits: list[str] = []
            run = 0
            while len(hits) < options.kills:
                path = Path(folder) / str(run)
                for _ in range(KILLS_PER_RUN):
                    hits += kill(train, valid, config, path, moments.uniform(0, seconds / 4))
                found = finished_run(train, valid, config, path)
                if odd := [name for name in sorted(expected | found) if found.get(name) != expected.get(name)]:
                    sys.exit(f"{precision}: after {len(hits)} kills, other bytes in {', '.join(odd)}")
                run += 1
        print(f"{precision}: {len(hits)} kills in {run} runs, each ended with the same bytes as a run without interruption of "
              f"{seconds:.1f} s; " + ", ".join(f"{hits.count(kind)} {kind}" for kind in sorted(set(hits))))


if __name__ == "__main__":
    main()
