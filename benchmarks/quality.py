"""How long until our colors are as good as those of a student's loop after 5 epochs of CIFAR-10.

Both train on the same photos with as many threads, and are measured on the same 2,000 others. Ours makes one short run
after another, each on more photos and complete in itself, until one passes the student's loop in ab error and in AuC;
the seconds are those of that run alone, from the call of ``fit`` to its return.

Takes about an hour, nearly all of it the student's.
"""

import argparse
import tempfile
import time

import torch
from student_loop import predict, train

from colorlib import data
from colorlib.data.images import Images
from colorlib.metrics.pixels import ab_auc, ab_mae
from colorlib.models.networks import CourseNet
from colorlib.models.recipe import Recipe
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

RECIPE = Recipe("unet", "ab-l1", 32, {"width": 32, "depth": 3, "patch": 2})
PHOTOS = (8_000, 12_000, 16_000, 20_000, 24_000, 32_000, 44_000)


def settings(threads: int) -> TrainConfig:
    """How ours trains: one epoch, all of one cycle."""
    return TrainConfig(num_epochs=1, batch_size=32, lr=0.003, optimizer="adamw", weight_decay=0.01,
                       schedule="one-cycle", threads=threads)


def student(photos: Images, valid: Images, num_epochs: int) -> tuple[float, float, float]:
    """Seconds, ab MAE and AuC of the student's loop; a line for each epoch. To measure does not count as time."""
    torch.manual_seed(0)
    model, seconds = CourseNet(3), 0.0
    start, last = time.perf_counter(), num_epochs * (len(photos) // 64)
    for step, _ in enumerate(train(model, photos, num_epochs), 1):
        if step % (last // num_epochs) == 0:
            seconds += time.perf_counter() - start
            rgb = torch.from_numpy(valid.rgb[:])
            predicted = torch.cat(list(predict(model, valid)))
            error, auc = ab_mae(predicted, rgb).mean().item(), ab_auc(predicted, rgb).mean().item()
            print(f"student, epoch {step * num_epochs // last}: {seconds:7.1f} s  ab MAE {error:.3f}  AuC {auc:.4f}",
                  flush=True)
            model.train()
            start = time.perf_counter()
    return seconds, error, auc


def ours(photos: Images, valid: Images, threads: int) -> tuple[float, float, float]:
    """Seconds, ab MAE and AuC of one run of ours."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = fit(RECIPE, photos, valid, settings(threads), folder)
        seconds = time.perf_counter() - start
    if not run.finished(1):
        raise SystemExit("interrupted: there is nothing to go on with")
    return seconds, run.epochs[-1]["valid_ab_mae"], run.epochs[-1]["valid_auc"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="for both (default: 1)")
    parser.add_argument("--epochs", type=int, default=5, help="of the student's loop (default: 5)")
    parser.add_argument("--student", type=float, nargs=3, metavar=("SECONDS", "ERROR", "AUC"),
                        help="what the student's loop was measured to have, to measure only ours")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos, valid = data.load("cifar10", "train").hold_out(2000)
    slow, error, auc = options.student or student(photos, valid, options.epochs)
    for count in PHOTOS:
        fast, our_error, our_auc = ours(photos[:count], valid, options.threads)
        passed = our_error < error and our_auc > auc
        print(f"ours, {count:,} photos: {fast:7.1f} s  ab MAE {our_error:.3f}  AuC {our_auc:.4f}  "
              f"{'passes' if passed else 'does not pass'} it, {slow / fast:.1f} times sooner", flush=True)
        if passed:
            break


if __name__ == "__main__":
    main()
