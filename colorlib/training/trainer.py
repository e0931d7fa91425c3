"""The network in training and everything else that a checkpoint holds."""

import copy
import math
import time
import warnings
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from colorlib import color
from colorlib.data.images import Images, images_per_batch
from colorlib.metrics.evaluation import measures_from_means
from colorlib.metrics.probes import Batch, quick_probe
from colorlib.models.objectives import Objective
from colorlib.models.predict import batch_loss, eval_mode, output_in_precision
from colorlib.models.recipe import Recipe
from colorlib.models.weights import pack_weights
from colorlib.system.distributed import process_state, rank_slice, sum_over_processes
from colorlib.system.errors import RunError, WriteError
from colorlib.system.processor import Mapper
from colorlib.training.augmentation import augmented
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import Plan, weight_bytes
from colorlib.training.gradients import BatchGradients
from colorlib.training.optimizers import OPTIMIZERS, SCHEDULES, parameter_groups, update_ema
from colorlib.training.runs import Run, RunDir, as_csv, parse_history

CHANGES = 0xC4A6     # first word of the seeds of changes to photos, as ORDER and AUGMENTATION in data/images.py


class Learners(nn.Module):
    """The networks that learn: the one that colors, and its critic, if the objective has one."""

    def __init__(self, network: nn.Module, critic: nn.Module | None):
        super().__init__()
        self.network, self.critic = network, critic


class Trainer:
    """Train a network batch by batch, alone or as one of several processes that share every batch.

    Args:
        network: on the device that trains it; it is changed.
        objective: fitted to the training images.
        plan: from ``plan_memory``.
        train: images to train on.
        run_dir: where ``resume`` and ``save`` write.
        mapper: computes the parts of a batch: ``map``, or that of a pool of threads.
    """

    def __init__(self, network: nn.Module, objective: Objective, recipe: Recipe, config: TrainConfig, plan: Plan,
                 train: Images, run_dir: RunDir, mapper: Mapper = map):
        self.network, self.objective, self.recipe, self.config, self.plan = network, objective, recipe, config, plan
        self.run_dir, self.processes = run_dir, process_state()
        self.batch_size = min(config.batch_size, len(train))
        self.num_images, self.steps_per_epoch = len(train), train.steps(config.batch_size)
        self.total_steps = config.num_epochs * self.steps_per_epoch
        self.mapper = mapper
        self.critic = objective.build_critic(config.seed)
        if self.critic:
            self.critic = self.critic.to(self.processes.device)
        self.learners = Learners(network, self.critic)
        self.gradients = BatchGradients(self.learners, self._loss, plan.micro_batch, mapper)
        self.ema_network = copy.deepcopy(network).requires_grad_(False) if config.ema else None
        groups = parameter_groups(network, config.encoder_lr, self.critic, objective.critic_lr)
        self.lr_factors = [group.pop("factor") for group in groups]
        self.optimizer = OPTIMIZERS[config.optimizer](groups, lr=config.lr, weight_decay=config.weight_decay)
        self.step, self.history, self.best_loss = 0, [], math.inf
        self.unfetched_losses: list[Tensor] = []     # of the last steps, on the device: fetching them synchronizes it
        self.pending_row: list[float] = []     # fetched losses that belong to the next row of the history
        self.best_file: bytes | None = None    # content of best.safetensors, once there is a best epoch
        self.saved = True
        self.fetched_at = self.saved_at = time.monotonic()

    def resume(self, state: dict[str, Any] | None) -> None:
        """Continue from a saved state, or save the state of a new run.

        Raises:
            RunError: for the state of another network or optimizer, or a network with weights that are not finite.
            WriteError: if the disk has no space for the run.
        """
        if state:
            self._load_state(state)
            self.best_file = self.run_dir.read_best()
        elif not self._weights_are_finite():
            raise RunError("the network to start from has weights that are not finite: take another")
        elif self.processes.is_main_process:   # check the disk before training, not after hours of it
            self.run_dir.expect_space(weight_bytes(self.network) * (4 if self.config.ema else 3))
            self.run_dir.save(self._state())

    @property
    def lr(self) -> float:
        """Learning rate of the next step."""
        return self.config.lr * SCHEDULES[self.config.schedule]((self.step + 0.5) / self.total_steps)

    @property
    def epoch(self) -> int:
        """Epochs that are trained and validated."""
        trained, rest = divmod(self.step, self.steps_per_epoch)
        return trained - (trained > 0 and rest == 0 and "valid_loss" not in self.history[-1])

    @property
    def evaluated_network(self) -> nn.Module:
        """Network that is validated and returned: the EMA, if there is one."""
        return self.network if self.ema_network is None else self.ema_network

    def train_step(self, rgb: Tensor) -> None:
        """Take one step on this process's share of a batch, rgb (b,3,H,W) uint8."""
        for group, factor in zip(self.optimizer.param_groups, self.lr_factors, strict=True):
            group["lr"] = factor * self.lr
        keys = [self._keys()] if self.config.aged or self.config.hinted else []
        loss = self.gradients(rgb.to(self.processes.device, non_blocking=True), self.batch_size, *keys)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema_network:
            update_ema(self.ema_network, self.network, self.config.ema, self.step)
        self.unfetched_losses.append(loss)
        self.step += 1

    def _keys(self) -> Tensor:
        """(b,) int64: what happens to each of this process's photos of the step, as a pure function of seed and step."""
        generator = np.random.default_rng([CHANGES, self.config.seed, self.step])
        return torch.from_numpy(generator.integers(2**63, size=self.batch_size)[rank_slice(self.batch_size)])

    def _loss(self, learners: Learners, rgb: Tensor, keys: Tensor | None = None) -> Tensor:
        """Loss of a part of a batch."""
        objective = self.objective.against(learners.critic)
        if keys is None:
            return batch_loss(learners.network, rgb, objective, self.plan.precision)
        rgb, *inputs = augmented(rgb, keys, self.config.aged, self.config.hinted)
        return objective.loss(output_in_precision(learners.network, self.plan.precision, *inputs), rgb)

    def save_or_fetch(self, stop: bool) -> bool:
        """Between two steps: fetch losses or save, if it is time. Returns whether to stop; all processes agree.

        Raises:
            RunError: if a loss or a weight is not finite.
        """
        now = time.monotonic()
        save = now - self.saved_at > self.config.save_seconds
        if self.processes.num_processes > 1:
            if self.step % self.config.log_every:
                return False
            requests = sum_over_processes(torch.tensor([float(stop), float(save)], device=self.processes.device))
            stop, save = (requests > 0).tolist()
        if stop or save:
            self.save()
        elif self.processes.num_processes > 1 or now - self.fetched_at > 1:
            self._fetch_losses()
        return stop

    def end_epoch(self, valid: Images) -> None:
        """Validate, keep the weights if they are the best so far, and save.

        Raises:
            RunError: if a loss, of training or validation, or a weight is not finite.
        """
        self._fetch_losses()
        if time.monotonic() - self.saved_at > self.config.save_seconds / 2:
            self.save()                                  # a kill during the validation then loses the validation alone
        measured = self._validate(valid)
        if not math.isfinite(measured["loss"]):
            raise self._not_finite(f"the validation loss is {measured['loss']}", self.step)
        self.history[-1] |= {f"valid_{name}": value for name, value in measured.items()}
        if measured["loss"] < self.best_loss:
            self.best_loss = measured["loss"]
            self.best_file = pack_weights(self.evaluated_network, self.recipe)
        self.save()

    def save(self) -> None:
        """Write a checkpoint. If the disk is full, warn and go on training: the next save may succeed."""
        self._fetch_losses()
        if not self._weights_are_finite():
            raise self._not_finite("a weight is not finite", self.step)
        if self.processes.is_main_process:
            try:
                self.run_dir.save(self._state(), self.best_file)
                self.saved = True
            except WriteError as error:
                self.saved = False
                warnings.warn(f"NOT SAVED at step {self.step:,}: {error}", stacklevel=2)
        self.saved_at = time.monotonic()

    def as_run(self) -> Run:
        """The run as ``fit`` returns it."""
        history = parse_history(as_csv(self.history))
        return Run(self.evaluated_network.eval(), self.objective, self.recipe, history, self.run_dir.path,
                   self.num_images, self.config.num_epochs, self.saved)

    def _validate(self, valid: Images) -> dict[str, float]:
        """Loss, and measures from the means of ``quick_probe``'s columns, over the images of all processes."""
        images = valid[rank_slice(len(valid))]
        with eval_mode(self.evaluated_network):
            columns = list(self.mapper(self._measure, images.in_order(self._measured_at_once(images.size))))
        names = sorted(columns[0])
        sums = torch.stack([torch.stack([batch[name].sum() for batch in columns]).sum() for name in names])
        totals = sum_over_processes(sums).tolist()
        means = {name: total / len(valid) for name, total in zip(names, totals, strict=True)}
        return {"loss": means.pop("loss")} | measures_from_means(means)

    def _measured_at_once(self, size: int) -> int:
        """Images to measure at a time: on a CPU few, whose colors take less memory than a training step."""
        part = self.plan.micro_batch
        return min(part, max(images_per_batch(size, size), part // 4)) if self.processes.device.type == "cpu" else part

    @torch.no_grad()
    def _measure(self, rgb: Tensor) -> dict[str, Tensor]:
        """Columns of ``quick_probe`` and the loss for some images."""
        rgb = rgb.to(self.processes.device)
        gray = color.to_gray(rgb)
        output = output_in_precision(self.evaluated_network, self.plan.precision, gray)
        loss = self.objective.validation_loss(output, rgb).expand(len(rgb))
        return quick_probe(Batch(self.objective.decode(output, 100 * gray), rgb)) | {"loss": loss}

    def _fetch_losses(self) -> None:
        """Fetch the losses of the last steps and add rows to the history."""
        losses = torch.stack(self.unfetched_losses).tolist() if self.unfetched_losses else []
        first, self.unfetched_losses, self.fetched_at = self.step - len(losses) + 1, [], time.monotonic()
        for step, loss in enumerate(losses, first):
            if not math.isfinite(loss):
                raise self._not_finite(f"the loss is {loss}", step)
            self.pending_row.append(loss)
            if step % self.config.log_every == 0 or step % self.steps_per_epoch == 0:
                self.history.append({"step": step, "epoch": -(-step // self.steps_per_epoch), "loss": fmean(self.pending_row)})
                self.pending_row = []

    def _weights_are_finite(self) -> bool:
        return math.isfinite(sum(p.detach().abs().sum() for p in self.learners.parameters()).item())

    def _not_finite(self, what: str, step: int) -> RunError:
        return RunError(f"{what} at step {step:,}: {self.run_dir.path} keeps the checkpoint from before. Give a new run "
                        f"directory and a lower lr than {self.config.lr:g}")

    def _state(self) -> dict[str, Any]:
        environment = {"torch": str(torch.__version__), "device": self.processes.device.type,
                       "processes": self.processes.num_processes}
        if self.processes.device.type == "cpu":
            environment["threads per part"] = torch.get_num_threads()
        return {
            "model": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "ema": self.ema_network.state_dict() if self.ema_network else {},
            "critic": self.critic.state_dict() if self.critic else {},
            "step": self.step, "history": self.history, "pending_row": self.pending_row, "best_loss": self.best_loss,
            "optimizer_name": self.config.optimizer, "plan": asdict(self.plan), "environment": environment,
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        try:
            if state["optimizer_name"] != self.config.optimizer:
                raise ValueError(state["optimizer_name"])
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))    # it would keep tensors of the memory-mapped file
            for group in self.optimizer.param_groups:
                group["weight_decay"] = self.config.weight_decay
            if self.ema_network:
                self.ema_network.load_state_dict(state["ema"])
            if self.critic:
                self.critic.load_state_dict(state["critic"])
            for name in ("step", "history", "pending_row", "best_loss"):
                setattr(self, name, state[name])
            before, now = state["environment"], self._state()["environment"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunError(f"the checkpoint in {self.run_dir.path} is of another network or optimizer: give another "
                           "run directory, or delete this one") from error
        if changed := [f"{name} was {before.get(name)}, is now {now[name]}" for name in now if before.get(name) != now[name]]:
            self.processes.print(f"notice: {', '.join(changed)}: from here on, the last bits of results may differ")
