"""The network in training and its state: all that is saved, and nothing else that could change a result."""

import copy
import math
import time
import warnings
from contextlib import nullcontext
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from colorlib import color
from colorlib.data.images import Images
from colorlib.metrics.pixels import validate
from colorlib.models.recipe import Recipe
from colorlib.models.weights import pack_weights
from colorlib.system.distributed import broadcast_from_main, least, share, sum_over_processes, team
from colorlib.system.errors import RunError, WriteError
from colorlib.system.memory import Limit, tightest_limit
from colorlib.system.processor import resolve_precision
from colorlib.training.config import TrainConfig
from colorlib.training.footprint import estimate_footprint, expect_trainable, weight_bytes
from colorlib.training.optimizers import OPTIMIZERS, SCHEDULES, update_ema
from colorlib.training.runs import RunDir

EXPLODED = 10        # a loss this many times that of the first step has nothing left to learn from
COPIES = 8           # of the weights: they, their gradients, Adam's moments, the average, a checkpoint being packed
ROLLBACKS = 3        # times to go back and try again with half the learning rate


class Diverged(Exception):  # noqa: N818 (it is news, not an error: training goes on from where all was well)
    """The loss is no number any more, or has exploded."""


class Trainer:
    """Learns batch by batch, alone or as one of several processes, each with its share of every batch."""

    def __init__(self, recipe: Recipe, train: Images, config: TrainConfig, run_dir: RunDir, start: nn.Module | None):
        self.recipe, self.config, self.run_dir = recipe, config, run_dir
        self.team, self.device = team(), team().device
        self.steps, self.batch_size = train.steps(config.batch_size), min(config.batch_size, len(train))
        self.total = config.num_epochs * self.steps
        self.precision = resolve_precision(config.precision, self.device)
        self.objective = recipe.build_objective().fitted_to(train)
        self.network = (copy.deepcopy(start).train() if start else recipe.build_model(config.seed)).to(self.device)
        if self.device.type in ("cpu", "cuda"):
            self.network.to(memory_format=torch.channels_last)      # the layout that their convolutions are fast in
        estimate_footprint(self.network, self.loss, recipe.size, COPIES)     # to count takes memory of its own, the first time
        limit = tightest_limit(self.device, self.team)       # before a checkpoint is read: a run that goes on finds as much
        state = run_dir.restore() or {}
        self.precision = resolve_precision(config.precision, self.device, state.get("precision"))
        self.micro_batch = self._micro_batch(limit, state.get("micro_batch"))
        self.average = copy.deepcopy(self.network).requires_grad_(False) if config.ema else None
        self.model = DistributedDataParallel(self.network) if self.team.num_processes > 1 else self.network
        self.optimizer = OPTIMIZERS[config.optimizer](
            self.network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        self.step, self.history, self.best_loss, self.halvings = 0, [], math.inf, 0
        self.untrained = math.nan              # the loss of the first step
        self.losses: list[Tensor] = []         # of the last steps, on the device: to look at them is to wait for it
        self.row: list[float] = []             # those that were looked at, and will be the next row of the history
        self.best: bytes | None = None         # the weights with the lowest validation loss, as their file holds them
        self.saved = True
        self.looked_at = self.saved_at = time.monotonic()
        if state:
            self._restore(state)
        elif self.team.is_main_process:        # a disk that is full, or cannot be written on, is better known now
            run_dir.expect_room(weight_bytes(self.network) * (4 if config.ema else 3))
            run_dir.save(self._state())

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.config.lr * SCHEDULES[self.config.schedule]((self.step + 0.5) / self.total) / 2**self.halvings

    @property
    def result(self) -> nn.Module:
        """The network that is validated and given back: the average, if there is one."""
        return self.network if self.average is None else self.average

    def loss(self, model: nn.Module, rgb: Tensor) -> Tensor:
        """The loss of a network on rgb (B,3,H,W) uint8, computed in the precision of this run."""
        gray = color.to_gray(rgb)                                    # (B,3,H,W) -> (B,1,H,W)
        with self.autocast():
            output = model(gray)                                     # (B,1,H,W) -> (B,C,H,W)
        return self.objective.loss(output, rgb)

    def autocast(self) -> torch.autocast:
        """The context in which a network computes in the precision of this run."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def learn(self, rgb: Tensor) -> None:
        """One step on this process's share of a batch: rgb (b,3,H,W) uint8.

        Gradients add up over micro-batches, so that the step is that of the whole batch. Only batch norm, where a
        network has it, sees each micro-batch, and each process's share, by itself.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr
        rgb = rgb.to(self.device, non_blocking=True)
        parts = rgb.tensor_split(-(-len(rgb) // self.micro_batch))   # equal parts: batch norm cannot do with one image
        losses = []
        for number, part in enumerate(parts, 1):
            alone = self.team.num_processes == 1 or number == len(parts)
            with nullcontext() if alone else self.model.no_sync():
                loss = self.loss(self.model, part) * (len(part) / self.batch_size)
                (loss * self.team.num_processes).backward()          # over processes the mean is taken, not the sum
            losses.append(loss.detach())
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            update_ema(self.average, self.network, self.config.ema, self.step)
        self.losses.append(torch.stack(losses).sum())
        self.step += 1

    def pause(self, stop: bool) -> bool:
        """Between two steps, now and then: look at the losses, save. Returns whether to stop; all processes agree."""
        now = time.monotonic()
        save = now - self.saved_at > self.config.save_seconds
        if self.team.num_processes > 1:
            if self.step % self.config.log_every:
                return False
            asked = sum_over_processes(torch.tensor([float(stop), float(save)], device=self.device))
            stop, save = (asked > 0).tolist()
        if stop or save:
            self.save()
        elif self.team.num_processes > 1 or now - self.looked_at > 1:
            self.look()
        return stop

    def look(self) -> None:
        """Fetch the losses of the last steps, the only moment that waits for the device, and add rows to the history.

        Raises:
            Diverged: if a loss is not finite, or the mean of a row is ten times that of the first step.
        """
        losses = sum_over_processes(torch.stack(self.losses)).tolist() if self.losses else []
        first, self.losses, self.looked_at = self.step - len(losses) + 1, [], time.monotonic()
        for step, loss in enumerate(losses, first):
            self.row.append(loss)
            self.untrained = loss if step == 1 else self.untrained
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} at step {step:,}")
            if step % self.config.log_every and step % self.steps:
                continue
            mean = fmean(self.row)
            self.history.append({"step": step, "epoch": -(-step // self.steps), "loss": mean})
            self.row = []
            if mean > EXPLODED * self.untrained:
                raise Diverged(f"the loss has exploded to {mean:.3g} at step {step:,}")

    def end_epoch(self, valid: Images) -> None:
        """Validate, keep the weights if they are the best so far, and save.

        Raises:
            Diverged: if the losses, or the validation, say so.
        """
        self.look()
        if time.monotonic() - self.saved_at > self.config.save_seconds / 2:
            self.save()                        # killed while it validates, it loses the validation alone
        broadcast_from_main(self.result.buffers())  # each process has seen other images, and batch norm remembers them
        with self.autocast():
            measured = validate(self.result, self.objective, valid[share(len(valid))], self.micro_batch, sum_over_processes)
        if not measured["loss"] <= EXPLODED * self.untrained:
            raise Diverged(f"the validation loss is {measured['loss']:.3g} at step {self.step:,}")
        self.history[-1] |= {f"valid_{name}": value for name, value in measured.items()}
        if measured["loss"] < self.best_loss:
            self.best_loss = measured["loss"]
            self.best = pack_weights(self.result, self.recipe)
        self.save()

    @property
    def epoch_is_open(self) -> bool:
        """Whether all steps of an epoch are done, and its validation is not."""
        return self.step > 0 and self.step % self.steps == 0 and "valid_loss" not in self.history[-1]

    def save(self) -> None:
        """Keep the state. If that fails, warn and go on: what is learned is in memory, the next time may succeed."""
        self.look()
        if self.team.is_main_process:
            try:
                self.run_dir.save(self._state(), self.best)
                self.saved = True
            except WriteError as error:
                self.saved = False
                warnings.warn(f"NOT SAVED at step {self.step:,}: {error}", stacklevel=2)
        self.saved_at = time.monotonic()

    def roll_back(self, why: Diverged) -> str:
        """Return to the end of the last whole epoch, with half the learning rate; says so.

        Raises:
            RunError: at the fourth time.
        """
        if self.halvings == ROLLBACKS:
            raise RunError(f"{why}, after {ROLLBACKS} times with half the learning rate: {self.run_dir.path} keeps the "
                           f"last good state; give a new run directory and a lower lr than {self.config.lr:g}") from why
        halvings, start = self.halvings + 1, (self.step - 1) // self.steps * self.steps
        if not (state := self.run_dir.restore(start)):
            raise RunError(f"{why}, and {self.run_dir.path} does not hold step {start:,} to go back to") from why
        self._restore(state)
        self.halvings = halvings
        return f"{why}: back to step {self.step:,}, with half the learning rate"

    def _state(self) -> dict[str, Any]:
        here = {"torch": str(torch.__version__), "device": self.device.type, "processes": self.team.num_processes,
                "threads": torch.get_num_threads()}
        return {
            "model": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "step": self.step, "history": self.history, "row": self.row, "best_loss": self.best_loss,
            "untrained": self.untrained, "halvings": self.halvings, "optimizer_name": self.config.optimizer,
            "ends_epoch": self.step % self.steps == 0 and not self.epoch_is_open,
            "precision": self.precision, "micro_batch": self.micro_batch, "here": here,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            if state["optimizer_name"] != self.config.optimizer:
                raise ValueError(state["optimizer_name"])
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            for group in self.optimizer.param_groups:
                group["weight_decay"] = self.config.weight_decay
            if self.average:
                self.average.load_state_dict(state["average"])
        except (RuntimeError, ValueError) as error:
            raise RunError(f"the checkpoint in {self.run_dir.path} is of another network or optimizer: give another "
                           "run directory, or delete this one") from error
        for name in ("step", "history", "row", "best_loss", "untrained", "halvings"):
            setattr(self, name, state[name])
        self.losses = []
        here = self._state()["here"]
        if changed := [f"{name} was {then}, is now {here[name]}" for name, then in state["here"].items()
                       if then != here[name]]:
            self.team.print(f"notice: {', '.join(changed)}: the last bits of what is computed from here on may differ")

    def _micro_batch(self, limit: Limit, before: int | None) -> int:
        """The images to compute at once: as set, as before, or all of this process's; fewer if memory is short."""
        whole = -(-self.batch_size // self.team.num_processes)
        wanted = min(self.config.micro_batch or before or whole, whole)
        need = estimate_footprint(self.network, self.loss, self.recipe.size, COPIES)
        found = least(need.micro_batch(wanted, limit, goes_on=wanted == before))
        if found < wanted:
            self.team.print(f"notice: {wanted} images at once do not fit, {limit}: {found} at once, with the same "
                            "gradients added up; batch norm sees them by themselves")
        expect_trainable(self.network, self.loss, self.recipe.size, whole // -(-whole // found))
        return found
