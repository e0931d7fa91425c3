"""How long colorlib trains until its colors are as good as those of a student's loop after 5 epochs of CIFAR-10.

Both train on the same photos with the same number of threads, and are measured on the same 2,000 other photos. colorlib
makes one short run after another, each on more photos and complete in itself, until one is better than the student's
loop in ab MAE and in AuC. The time is that of this run alone, from the call of ``fit`` to its return.

Takes about an hour, nearly all of it for the student's loop.
"""

import argparse
import tempfile
import time
from typing import NamedTuple

import torch
from student_loop import predict, train

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics import ab_auc, ab_mae
from colorlib.models.networks import CourseNet
from colorlib.models.recipe import Recipe
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

RECIPE = Recipe("unet", "ab-l1", 32, {"width": 32, "depth": 3, "patch": 2})
CONFIG = TrainConfig(num_epochs=1, batch_size=32, lr=0.003, optimizer="adamw", weight_decay=0.01, schedule="one-cycle")
PHOTOS = (8_000, 12_000, 16_000, 20_000, 24_000, 32_000, 44_000)


class Result(NamedTuple):
    """Training time and quality."""

    seconds: float
    ab_mae: float            # Lab units
    auc: float

    def __str__(self) -> str:
        return f"{self.seconds:7.1f} s  ab MAE {self.ab_mae:.3f}  AuC {self.auc:.4f}"


def train_student_loop(photos: Images, valid: Images, num_epochs: int) -> Result:
    """Train with the student's loop and print a line per epoch. Measuring does not count as time."""
    torch.manual_seed(0)
    model, seconds = CourseNet(3), 0.0
    start, total = time.perf_counter(), num_epochs * (len(photos) // 64)
    for step, _ in enumerate(train(model, photos, num_epochs), 1):
        if step % (total // num_epochs) == 0:
            seconds += time.perf_counter() - start
            rgb = torch.from_numpy(valid.rgb[:])
            predicted = torch.cat(list(predict(model, valid)))
            result = Result(seconds, ab_mae(predicted, rgb).mean().item(), ab_auc(predicted, rgb).mean().item())
            print(f"student, epoch {step * num_epochs // total}: {result}", flush=True)
            model.train()
            start = time.perf_counter()
    return result


def train_colorlib(photos: Images, valid: Images, recipe: Recipe = RECIPE, config: TrainConfig = CONFIG) -> Result:
    """Train one run of colorlib."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = fit(recipe, photos, valid, config, folder)
        seconds = time.perf_counter() - start
    if not run.finished:
        raise SystemExit("interrupted: nothing was kept")
    return Result(seconds, run.epochs[-1]["valid_ab_mae"], run.epochs[-1]["valid_auc"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="for both (default: 1)")
    parser.add_argument("--epochs", type=int, default=5, help="of the student's loop (default: 5)")
    parser.add_argument("--student", type=float, nargs=3, metavar=("SECONDS", "AB_MAE", "AUC"),
                        help="an earlier result of the student's loop, to measure colorlib alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos, valid = data.load("cifar10", "train").hold_out(2000)
    student = Result(*options.student) if options.student else train_student_loop(photos, valid, options.epochs)
    for count in PHOTOS:
        result = train_colorlib(photos[:count], valid)
        better = result.ab_mae < student.ab_mae and result.auc > student.auc
        print(f"colorlib, {count:,} photos: {result}  {'better' if better else 'not better'} than the student's loop, "
              f"{student.seconds / result.seconds:.1f} times faster", flush=True)
        if better:
            break


if __name__ == "__main__":
    main()
