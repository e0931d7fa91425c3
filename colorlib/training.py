"""Training: one loop, which can be stopped at any step and goes on from there."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from colorlib import color, paths
from colorlib.checkpoints import save_weights
from colorlib.errors import RunError
from colorlib.images import Images
from colorlib.interrupt import deferred_interrupt
from colorlib.metrics import validate
from colorlib.recipe import Recipe
from colorlib.runs import Run, RunDir, read_history

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Batch size, learning rate and optimizer are those the study settled on.

    Raises:
        ValueError: for a value that cannot be trained with, naming it.
    """

    num_epochs: int = 3
    batch_size: int = 64
    lr: float = 0.001
    optimizer: str = "adam"          # or "sgd"
    seed: int = 0                    # the first weights, the order of the images and their flips follow from it
    precision: str = "auto"          # bfloat16 where the processor computes in it, else float32
    threads: int | None = None       # CPU threads; None leaves torch's choice, one a core
    log_every: int = 10              # steps; a row of the history is their mean loss
    save_seconds: float = 30         # a killed run loses no more than this

    def __post_init__(self):
        for name in ("num_epochs", "batch_size", "lr", "log_every"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be 1 or more, got {self.threads}")
        for name, names in [("optimizer", OPTIMIZERS), ("precision", PRECISIONS)]:
            if getattr(self, name) not in names:
                raise ValueError(f"{name} must be one of {', '.join(names)}, got {getattr(self, name)!r}")


def fit(recipe: Recipe, train: Images, valid: Images, config: TrainConfig | None = None,
        run_dir: str | os.PathLike | None = None) -> Run:
    """Train a network; if ``run_dir`` holds this run already, go on where it stopped.

    Two runs with the same arguments on the same machine are equal to the byte, however often either was stopped.
    Ctrl-C, or "interrupt kernel", ends after the step at hand; what was learned is kept and returned.

    Args:
        recipe: what to train.
        train: the images to learn from.
        valid: images that training never sees, to measure on after each epoch.
        config: how to train.
        run_dir: where to keep the run; by default a directory under ``runs/`` that is named after the content of all
            other arguments, so that the same call finds its own run again.

    Raises:
        RunError: if ``run_dir`` holds another run, or more epochs than asked for.
        ValueError: if the images do not have the recipe's size.
    """
    config = config or TrainConfig()
    for name, images in [("train", train), ("valid", valid)]:
        if not len(images):
            raise ValueError(f"{name} holds no images")
        if images.size != recipe.size:
            raise ValueError(f"the recipe is for {recipe.size} px, but {name} has {images.size} px images")
    identity = _identity(recipe, train, valid, config)
    path = Path(run_dir) if run_dir is not None else _named_by_content(recipe, identity, config)
    with _threads(config.threads):
        return _train(recipe, train, valid, config, RunDir(path, identity))


def _train(recipe: Recipe, train: Images, valid: Images, config: TrainConfig, run_dir: RunDir) -> Run:
    trainer = Trainer(recipe, config, run_dir)
    steps = train.steps(config.batch_size)
    total, batch_size = config.num_epochs * steps, min(config.batch_size, len(train))
    if trainer.step > total:
        raise RunError(f"{run_dir.path} holds {trainer.step // steps} epochs, more than the {config.num_epochs} asked "
                       "for: ask for as many, or give a new run directory")
    print(trainer.summary(train, valid))
    shown, done = total * batch_size, trainer.step == total
    with tqdm(total=shown, initial=trainer.step * batch_size, unit=" images", disable=done) as bar, \
            deferred_interrupt() as interrupt:
        while trainer.step < total and not interrupt.requested:
            epoch, start = divmod(trainer.step, steps)
            for rgb in train.batches(config.batch_size, config.seed, epoch, start):
                trainer.learn(rgb)
                bar.update(batch_size)
                if trainer.step % config.log_every == 0 or trainer.step % steps == 0:
                    bar.set_description(f"epoch {epoch + 1}/{config.num_epochs}, loss {trainer.log(epoch):.4f}")
                if trainer.step % steps == 0:
                    trainer.end_epoch(valid)
                trainer.save_now_and_then()
                if interrupt.requested:
                    break
    if trainer.step < total:
        trainer.save()
        print(f"stopped after step {trainer.step:,} of {total:,}: it is all kept, and the same call goes on from there")
    history = read_history(run_dir.path / "history.csv")
    return Run(trainer.model.eval(), trainer.objective, recipe, history, run_dir.path)


class Trainer:
    """The network in training, and its state: all that is saved, and nothing else that could change a result."""

    def __init__(self, recipe: Recipe, config: TrainConfig, run_dir: RunDir):
        self.recipe, self.config, self.run_dir = recipe, config, run_dir
        # Precision is left to autocast below: Accelerate fixes its own once for a whole process, a notebook must not.
        self.accelerator = Accelerator(mixed_precision="no")
        self.device = self.accelerator.device
        self.precision = _resolve_precision(config.precision, self.device)
        self.objective = recipe.build_objective()
        model = recipe.build_model(config.seed)
        if self.device.type in ("cpu", "cuda"):
            model = model.to(memory_format=torch.channels_last)     # the layout that their convolutions are fast in
        optimizer = OPTIMIZERS[config.optimizer](model.parameters(), lr=config.lr)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.step, self.history, self.best_loss = 0, [], float("inf")
        self.loss_sum, self.loss_count = torch.zeros((), device=self.device), 0
        self.saved_at = time.monotonic()
        if state := run_dir.restore():
            self.restore(state)

    def autocast(self) -> torch.autocast:
        """The context in which a network computes in the precision of this run."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def learn(self, rgb: torch.Tensor) -> None:
        """One step on a batch: rgb (B,3,H,W) uint8."""
        rgb = rgb.to(self.device)
        gray = color.to_gray(rgb)                                    # (B,3,H,W) -> (B,1,H,W)
        with self.autocast():
            output = self.model(gray)                                # (B,1,H,W) -> (B,C,H,W)
        loss = self.objective.loss(output, rgb)
        self.accelerator.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss_sum += loss.detach()                               # stays on the device: reading it would wait
        self.loss_count += 1
        self.step += 1

    def log(self, epoch: int) -> float:
        """Add a row to the history: the mean loss since the last one, which is also returned."""
        loss = self.loss_sum.item() / self.loss_count
        self.history.append({"step": self.step, "epoch": epoch + 1, "loss": loss})
        self.loss_sum.zero_()
        self.loss_count = 0
        return loss

    def end_epoch(self, valid: Images) -> None:
        """Validate, keep the weights if they are the best so far, and save."""
        with self.autocast():
            measured = validate(self.model, self.objective, valid)
        self.history[-1] |= {f"valid_{name}": value for name, value in measured.items()}
        if measured["loss"] < self.best_loss:
            self.best_loss = measured["loss"]
            save_weights(self.run_dir.best, self.model, self.recipe)
        self.save()

    def save_now_and_then(self) -> None:
        """Save, if the last time is ``save_seconds`` ago."""
        if time.monotonic() - self.saved_at > self.config.save_seconds:
            self.save()

    def save(self) -> None:
        """Keep the state."""
        self.run_dir.save({
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "step": self.step, "history": self.history, "best_loss": self.best_loss,
            "loss_sum": self.loss_sum, "loss_count": self.loss_count,
        })
        self.saved_at = time.monotonic()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history, self.best_loss = state["step"], state["history"], state["best_loss"]
        self.loss_sum, self.loss_count = state["loss_sum"].to(self.device), state["loss_count"]

    def summary(self, train: Images, valid: Images) -> str:
        """One line: what is trained, on what, and how."""
        weights = sum(p.numel() for p in self.model.parameters())
        where = f"{torch.get_num_threads()} threads" if self.device.type == "cpu" else str(self.device)
        return (f"{self.recipe.model} {self.recipe.objective}, {weights:,} weights; {len(train):,} images of "
                f"{train.name}, {len(valid):,} to validate; {self.precision}, {where}; in {self.run_dir.path.name}")


def _identity(recipe: Recipe, train: Images, valid: Images, config: TrainConfig) -> dict[str, Any]:
    """What makes a run this run. Longer is not another run, nor is faster."""
    settings = {k: v for k, v in asdict(config).items() if k not in ("num_epochs", "threads", "save_seconds")}
    data = {"train": train.digest, "valid": valid.digest}
    return {"recipe": recipe.as_dict(), "config": settings, "data": data}


def _named_by_content(recipe: Recipe, identity: dict[str, Any], config: TrainConfig) -> Path:
    content = json.dumps([identity, config.num_epochs], sort_keys=True).encode()
    digest = hashlib.blake2b(content, digest_size=4).hexdigest()
    return paths.runs_dir() / f"{recipe.model}-{recipe.objective}-{recipe.size}px-{digest}"


def _resolve_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into "bfloat16" on processors that compute in it, and "float32" on those that would imitate it."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        capabilities = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
        native = capabilities.get("amx_bf16", False) or capabilities.get("avx512_bf16", False)
    return "bfloat16" if native else "float32"


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
