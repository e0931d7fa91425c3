"""Training: one loop, which can be stopped at any step and goes on from there."""

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.system import processor
from colorlib.system.distributed import share, team
from colorlib.system.errors import RunError
from colorlib.system.interrupt import Interrupt, deferred_interrupt
from colorlib.system.memory import keep_freed_memory
from colorlib.training.config import TrainConfig
from colorlib.training.identity import default_run_dir, identity
from colorlib.training.runs import Run, RunDir, as_csv, parse_history
from colorlib.training.trainer import Diverged, Trainer


def fit(recipe: Recipe, train: Images, valid: Images, config: TrainConfig | None = None,
        run_dir: str | os.PathLike | None = None, start: nn.Module | None = None) -> Run:
    """Train a network; if ``run_dir`` holds this run already, go on where it stopped.

    Two runs with the same arguments on the same machine are equal to the byte, however often either was stopped.
    Ctrl-C, or "interrupt kernel", ends after the step at hand; what was learned is kept and returned. A loss that is
    no number any more, or explodes, sends training back to the last whole epoch with half the learning rate. If the
    kernel has too little memory for a batch, it is computed in parts. Under ``torchrun`` or ``notebook_launcher`` every
    process calls this with the same arguments, and learns from its share of each batch.

    Args:
        recipe: what to train.
        train: the images to learn from; of larger ones than the recipe's, another part is cut out each time.
        valid: images that training never sees, to measure on after each epoch.
        config: how to train.
        run_dir: where to keep the run; by default a directory under ``runs/`` that is named after the content of all
            other arguments, so that the same call finds its own run again.
        start: a network to begin with, as ``load_weights`` returns it, in place of a fresh one; it is not changed.

    Raises:
        RunError: if ``run_dir`` holds another run, or more epochs than asked for; if another process trains in it; if
            not even one image fits into memory, or batch norm is to see one alone; if the loss explodes again and
            again.
        WriteError: if nothing can be written in ``run_dir``.
        DataError: if the objective needs a feature network, and it cannot be had.
        ValueError: if there are no images, or fewer than processes; if they do not have the recipe's size; if ``start``
            is not the recipe's network.
    """
    config = config or TrainConfig()
    _expect_work_for_all(recipe, train, valid, config, team().num_processes)
    same = identity(recipe, train, valid, config, start)
    path = Path(run_dir) if run_dir is not None else default_run_dir(recipe, same, config.num_epochs)
    directory = RunDir(path, same)
    opened = directory if team().is_main_process else nullcontext()
    with processor.computing(config.threads), keep_freed_memory(), opened, deferred_interrupt() as interrupt:
        team().wait_for_everyone()
        pixels = _on_gpu(train, team().device)           # before the trainer looks how much memory is left
        run = _train(Trainer(recipe, train, config, directory, start), train, valid, pixels, interrupt)
        team().wait_for_everyone()
    return run


def _expect_work_for_all(recipe: Recipe, train: Images, valid: Images, config: TrainConfig, processes: int) -> None:
    if config.batch_size < processes:
        raise ValueError(f"a batch of {config.batch_size} cannot be shared by {processes} processes")
    for name, images in [("train", train), ("valid", valid)]:
        if len(images) < processes:
            raise ValueError(f"{name} holds {len(images) or 'no'} images, and there are {processes} processes to learn")
        if images.size != recipe.size and not (name == "train" and images.size > recipe.size):
            raise ValueError(f"the recipe is for {recipe.size} px, but {name} has {images.size} px images")


def _train(trainer: Trainer, train: Images, valid: Images, pixels: torch.Tensor | None, interrupt: Interrupt) -> Run:
    config, steps, path = trainer.config, trainer.steps, trainer.run_dir.path
    if trainer.step > trainer.total:
        raise RunError(f"{path} holds {trainer.step // steps} epochs, more than the {config.num_epochs} asked for: ask "
                       "for as many, or give a new run directory")
    trainer.team.print(_summary(trainer, train, valid))
    hidden = trainer.step == trainer.total or not trainer.team.is_main_process
    with tqdm(total=trainer.total * trainer.batch_size, unit=" images", disable=hidden) as bar:
        stopped = False
        while (trainer.step < trainer.total or trainer.epoch_is_open) and not stopped:
            epoch, start = divmod(trainer.step, steps)
            _show(bar, trainer)
            try:
                if trainer.epoch_is_open:
                    trainer.end_epoch(valid)
                    continue
                rows = share(trainer.batch_size)
                for rgb in train.batches(config.batch_size, config.seed, epoch, start, rows, pixels,
                                         trainer.recipe.size):
                    trainer.learn(rgb)
                    if trainer.step % steps == 0:
                        trainer.end_epoch(valid)
                    stopped = trainer.pause(interrupt.requested)
                    _show(bar, trainer)
                    if stopped:
                        break
            except Diverged as why:
                said = trainer.roll_back(why)
                if trainer.team.is_main_process:
                    tqdm.write(said)
    if stopped and trainer.step < trainer.total:
        trainer.team.print(f"stopped after step {trainer.step:,} of {trainer.total:,}: the same call goes on there")
    history = parse_history(as_csv(trainer.history))
    return Run(trainer.result.eval(), trainer.objective, trainer.recipe, history, path, trainer.saved)


def _show(bar: tqdm, trainer: Trainer) -> None:
    bar.update(trainer.step * trainer.batch_size - bar.n)
    if trainer.history:
        latest = trainer.history[-1]
        bar.set_description(f"epoch {latest['epoch']}/{trainer.config.num_epochs}, loss {latest['loss']:.4f}", False)


def _on_gpu(images: Images, device: torch.device) -> torch.Tensor | None:
    """All pixels on the GPU, if there is one and they take less than half of what it has left."""
    if device.type != "cuda" or 2 * images.rgb.nbytes > torch.cuda.mem_get_info(device)[0]:
        return None
    return torch.from_numpy(np.array(images.rgb)).to(device)


def _summary(trainer: Trainer, train: Images, valid: Images) -> str:
    """One line: what is trained, on what, and how."""
    weights = sum(p.numel() for p in trainer.network.parameters())
    cpu = trainer.device.type == "cpu"
    where = _counted(torch.get_num_threads(), "thread") if cpu else f"{trainer.device}"
    processes = _counted(trainer.team.num_processes, "process")
    return (f"{trainer.recipe.model} {trainer.recipe.objective}, {weights:,} weights; {len(train):,} images of "
            f"{train.name}, {len(valid):,} to validate; {trainer.precision}, {where}, {processes}, batches of "
            f"{trainer.batch_size} in micro-batches of {trainer.micro_batch}; in {trainer.run_dir.path.name}")


def _counted(number: int, thing: str) -> str:
    plural = "" if number == 1 else "es" if thing.endswith("s") else "s"
    return f"{number} {thing}{plural}"
