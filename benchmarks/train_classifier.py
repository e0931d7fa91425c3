"""Train the classifier of CIFAR-10 for evaluation: ``python benchmarks/train_classifier.py OUT.safetensors``.

SGD with Nesterov momentum, one cycle of learning rates, label smoothing; each picture mirrored and shifted at random,
and a square of it replaced by gray. After each epoch a checkpoint is written next to the weights; after a kill, the same
command continues from it.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from colorlib import data
from colorlib.data.images import Images
from colorlib.models.classifier import Classifier, save_classifier
from colorlib.system.distributed import process_state
from colorlib.training.checkpoints import load_state, save_state
from colorlib.training.optimizers import one_cycle

PAD = 4             # pixels that a picture may shift
HOLE = 8            # side in pixels of the gray square: DeVries and Taylor 2017, "Cutout"


@torch.no_grad()
def accuracy(model: Classifier, images: Images) -> float:
    """Fraction of pictures that are classified correctly."""
    device, labels = process_state().device, torch.from_numpy(images.labels).split(64)
    hits = [model(rgb.to(device)).argmax(1) == part.to(device)
            for rgb, part in zip(images.in_order(64), labels, strict=True)]
    return torch.cat(hits).float().mean().item()


def augmented(padded: np.ndarray, random: np.random.Generator) -> torch.Tensor:
    """Augment pictures with a margin: (B, 3, 32 + 2 PAD, 32 + 2 PAD) -> (B, 3, 32, 32)."""
    rgb = np.empty((len(padded), 3, 32, 32), np.uint8)
    corners = random.integers(0, 2 * PAD + 1, (len(padded), 2))
    holes = random.integers(1 - HOLE, 32, (len(padded), 2))                 # the square may hang over the edge
    mirrored = random.random(len(padded)) < 0.5
    for i, ((y, x), (top, left)) in enumerate(zip(corners, holes, strict=True)):
        rgb[i] = padded[i, :, y:y + 32, x:x + 32][..., ::-1 if mirrored[i] else 1]
        rgb[i, :, max(0, top):top + HOLE, max(0, left):left + HOLE] = 128
    return torch.from_numpy(rgb)


def epoch(model: Classifier, optimizer: torch.optim.Optimizer, padded: np.ndarray, images: Images, batch_size: int,
          number: int, num_epochs: int, lr: float) -> None:
    """Train on every picture once; ``padded`` holds the same pictures with a margin."""
    random, device = np.random.default_rng(number), process_state().device
    steps = len(images) // batch_size
    for step, rows in enumerate(tqdm(random.permutation(len(images))[:steps * batch_size].reshape(steps, -1))):
        for group in optimizer.param_groups:
            group["lr"] = lr * one_cycle((number + (step + 0.5) / steps) / num_epochs)
        labels = torch.from_numpy(images.labels[rows]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(augmented(padded[rows], random).to(device))
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def main() -> None:
    """Train, print the accuracy on held-out photos after each epoch and on the test photos at the end, and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.2, help="learning rate at the peak of the cycle")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    train, valid = data.load("cifar10", "train").hold_out(1000)
    model = Classifier().to(process_state().device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), options.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    padded = np.pad(train.rgb, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)), "reflect")
    checkpoint, done = options.out.with_suffix(".ckpt"), 0
    if checkpoint.exists():
        state = load_state(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epochs"]
    for number in range(done, options.epochs):
        model.train()
        epoch(model, optimizer, padded, train, options.batch_size, number, options.epochs, options.lr)
        save_state(checkpoint, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epochs": number + 1})
        model.eval()
        print(f"epoch {number + 1}: {accuracy(model, valid):.2%} of {len(valid):,} held out", flush=True)
    save_classifier(options.out, model)
    test = data.load("cifar10", "test")
    print(f"{accuracy(model, test):.2%} of {len(test):,} test photos; weights in {options.out}")


if __name__ == "__main__":
    main()
