"""Training: one loop, which can be stopped at any step and resumed there."""

import copy
import os
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from threading import Event

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from colorlib.data.images import Images
from colorlib.models.recipe import MODELS, Recipe
from colorlib.system.distributed import process_state, rank_slice
from colorlib.system.errors import RunError, UsageError
from colorlib.system.heap import keep_freed_memory
from colorlib.system.interrupt import deferred_interrupt
from colorlib.system.processor import core_threads, deterministic_torch, usable_threads
from colorlib.system.progress import progress_bar
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import Plan, plan_memory
from colorlib.training.identity import default_run_dir, identity
from colorlib.training.pace import images_in, shortened
from colorlib.training.runs import Run, RunDir
from colorlib.training.trainer import Trainer


def fit(recipe: Recipe, train: Images, valid: Images, config: TrainConfig | None = None,
        run_dir: str | os.PathLike | None = None, start: nn.Module | None = None) -> Run:
    """Train a network, or resume its training if ``run_dir`` holds this run.

    Two runs with the same arguments on the same machine are equal to the byte, however often either was stopped (with
    batch norm, if memory allows the same micro-batch; without ``config.minutes``, which measures the machine). Ctrl-C, or "interrupt kernel", ends after the current step, and the
    result so far is saved and returned. A loss that is not finite ends training with an error, and the last checkpoint
    stays. If a batch does not fit into memory, it is computed in parts. Under ``torchrun`` or ``notebook_launcher``, every
    process calls this function with the same arguments and computes its share of each batch.

    Args:
        recipe: network, objective and image size.
        train: images to learn from. Larger images than the recipe's size are cropped at random. Each epoch leaves out the
            images that do not fill a batch.
        valid: images to measure on after each epoch, which training never sees.
        config: settings.
        run_dir: where to keep the run; by default a directory under ``runs/`` that is named after the content of all
            other arguments, so that the same call finds its own run again.
        start: a network to start from, as ``load_weights`` returns it, in place of a new one; it is not changed.

    Raises:
        RunError: if ``run_dir`` holds another run, damaged checkpoints, or more epochs than ``config.num_epochs``; if
            another process trains in it; if not even one image of each part fits into memory, or batch norm would see one value per
            channel; if a loss or a weight is not finite.
        WriteError: if ``run_dir`` is not writable.
        DataError: if the objective needs a feature network that is not available.
        UsageError: if there are fewer images, or a smaller batch, than processes; for images of another size than the
            recipe's; for hints to a network that takes none.
        ValueError: if ``start`` is not the recipe's network.
    """
    config, processes = config or TrainConfig(), process_state()
    _expect_images(recipe, train, valid, config, processes.num_processes)
    run_identity = identity(recipe, train, valid, config, start)
    directory = RunDir(Path(run_dir) if run_dir is not None else default_run_dir(recipe, run_identity, config.num_epochs),
                       run_identity)
    locked = directory if processes.is_main_process else nullcontext()
    with deterministic_torch(config.threads), keep_freed_memory(), locked, deferred_interrupt() as interrupt:
        processes.wait_for_everyone()
        gpu_pixels = _on_gpu(train, processes.device)          # before the plan looks at the free memory
        objective = recipe.build_objective().fitted_to(train)
        network = _on_device(copy.deepcopy(start) if start else recipe.build_model(config.seed), processes.device)
        checkpoint = directory.load()
        saved_plan = Plan(**checkpoint["plan"]) if checkpoint and "plan" in checkpoint else None
        plan = plan_memory(network, objective, recipe, config, min(config.batch_size, len(train)), saved_plan)
        threads = usable_threads()
        with core_threads(plan.at_once) if processes.device.type == "cpu" else nullcontext(map) as mapper:
            if config.minutes and not plan.num_images:
                plan = _limited(plan, Trainer(copy.deepcopy(network), objective, recipe, config, plan, train, directory, mapper),
                                train, gpu_pixels)
            if config.minutes:
                train, config = train[:plan.num_images], replace(config, num_epochs=plan.num_epochs)
            trainer = Trainer(network, objective, recipe, config, plan, train, directory, mapper)
            trainer.resume(checkpoint)
            del checkpoint                                     # releases the memory-mapped file before the next save replaces it
            _expect_not_longer(trainer)
            processes.print(_summary(trainer, train, valid, threads))
            _train(trainer, train, valid, gpu_pixels, interrupt)
        if trainer.epoch < config.num_epochs:
            processes.print(f"stopped after step {trainer.step:,} of {trainer.total_steps:,}: the same call resumes there")
        elif processes.is_main_process:
            directory.delete_previous()
        run = trainer.as_run()
        processes.wait_for_everyone()
    return run


def _limited(plan: Plan, trainer: Trainer, train: Images, gpu_pixels: Tensor | None) -> Plan:
    """The plan with as many images and epochs as the minutes of the settings allow; ``trainer`` is used up."""
    config, own_rows, size = trainer.config, rank_slice(trainer.batch_size), trainer.recipe.size
    batches = chain.from_iterable(train.batches(config.batch_size, config.seed, epoch, 0, own_rows, gpu_pixels, size)
                                  for epoch in count())
    seen = images_in(config.minutes, trainer, batches)
    num_images, num_epochs = shortened(seen, len(train), config.num_epochs, trainer.batch_size)
    all_of_it = (num_images, num_epochs) == (len(train), config.num_epochs)
    trainer.processes.print(f"in {config.minutes:g} minutes there is time for {seen:,} images here: "
                            + ("enough" if all_of_it else f"{_counted(num_epochs, 'epoch')} of {num_images:,}"))
    return replace(plan, num_images=num_images, num_epochs=num_epochs)


def _train(trainer: Trainer, train: Images, valid: Images, gpu_pixels: Tensor | None, interrupt: Event) -> None:
    """Train to the last epoch, or until ``interrupt`` is set."""
    config, own_rows, size = trainer.config, rank_slice(trainer.batch_size), trainer.recipe.size
    stopped = False
    with _progress(trainer) as bar:
        for epoch in range(trainer.epoch, config.num_epochs):
            first_step = trainer.step - epoch * trainer.steps_per_epoch
            for rgb in train.batches(config.batch_size, config.seed, epoch, first_step, own_rows, gpu_pixels, size):
                trainer.train_step(rgb)
                stopped = trainer.save_or_fetch(interrupt.is_set())
                _advance(bar, trainer)
                if stopped:
                    break
            if trainer.step % trainer.steps_per_epoch == 0:
                trainer.end_epoch(valid)
            if stopped:
                break


def _expect_images(recipe: Recipe, train: Images, valid: Images, config: TrainConfig, processes: int) -> None:
    if config.hinted and not getattr(MODELS[recipe.model], "takes_hints", False):
        raise UsageError(f"the model {recipe.model!r} takes no hints: set hinted to 0, or take 'encoder-unet'")
    if config.encoder_lr != 1 and recipe.model != "encoder-unet":
        raise UsageError(f"the model {recipe.model!r} has no encoder with a learning rate of its own: set encoder_lr to 1")
    if config.batch_size < processes:
        raise UsageError(f"a batch of {config.batch_size} cannot be shared by {processes} processes")
    for name, images in [("train", train), ("valid", valid)]:
        if len(images) < processes:
            raise UsageError(f"{name} holds {len(images) or 'no'} images, for {_counted(processes, 'process')}")
        if images.size != recipe.size and not (name == "train" and images.size > recipe.size):
            raise UsageError(f"the recipe is for {recipe.size} px, but {name} has {images.size} px images: load them with size={recipe.size}")


def _expect_not_longer(trainer: Trainer) -> None:
    if trainer.step > trainer.total_steps:
        raise RunError(f"{trainer.run_dir.path} holds {trainer.step:,} steps, more than the {trainer.total_steps:,} of "
                       f"num_epochs={trainer.config.num_epochs}: raise num_epochs, or give a new run directory")


def _on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Make a network ready for training: on its device, in the memory layout in which convolutions are fast there."""
    network = network.train().requires_grad_(True).to(device)          # the EMA of another run needs no gradients
    return network.to(memory_format=torch.channels_last) if device.type in ("cpu", "cuda") else network


def _on_gpu(images: Images, device: torch.device) -> Tensor | None:
    """Copy all pixels to the GPU, if there is one and they take less than half of its free memory."""
    if device.type != "cuda" or 2 * images.rgb.nbytes > torch.cuda.mem_get_info(device)[0]:
        return None
    return torch.from_numpy(np.array(images.rgb)).to(device)


def _progress(trainer: Trainer) -> tqdm:
    hidden = trainer.epoch == trainer.config.num_epochs or not trainer.processes.is_main_process
    return progress_bar(total=trainer.total_steps * trainer.batch_size, initial=trainer.step * trainer.batch_size,
                        unit=" images", disable=hidden or None)


def _advance(bar: tqdm, trainer: Trainer) -> None:
    bar.update(trainer.batch_size)
    if trainer.history:
        latest = trainer.history[-1]
        bar.set_description(f"epoch {latest['epoch']}/{trainer.config.num_epochs}, loss {latest['loss']:.4f}", False)


def _summary(trainer: Trainer, train: Images, valid: Images, threads: int) -> str:
    """One line: what is trained, on what, and how."""
    weights = sum(p.numel() for p in trainer.network.parameters())
    device = trainer.processes.device
    where = _counted(threads, "thread") if device.type == "cpu" else f"{device}"
    return (f"{trainer.recipe.model} {trainer.recipe.objective}, {weights:,} weights; {len(train):,} images of "
            f"{train.name}, {len(valid):,} to validate; {trainer.plan.precision}, {where}, "
            f"{_counted(trainer.processes.num_processes, 'process')}, batches of {trainer.batch_size} in micro-batches of "
            f"{trainer.plan.micro_batch}; in {trainer.run_dir.path.name}")


def _counted(number: int, thing: str) -> str:
    plural = "" if number == 1 else "es" if thing.endswith("s") else "s"
    return f"{number} {thing}{plural}"
