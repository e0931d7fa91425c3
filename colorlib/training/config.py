"""Training settings."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

from colorlib.system.errors import UsageError
from colorlib.training.optimizers import OPTIMIZERS, SCHEDULES

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """Training settings. Batch size, learning rate and optimizer are those of the study.

    Raises:
        UsageError: for a value that is not allowed.
    """

    num_epochs: int = 3
    batch_size: int = 64
    lr: float = 0.001
    optimizer: str = "adam"          # or "adamw", "sgd", "momentum": SGD with a momentum of 0.9
    encoder_lr: float = 1.0          # factor of lr for the encoder of an EncoderUNet: small ones keep what it has learned before
    weight_decay: float = 0.0        # adamw: each step shrinks the weights by lr x this; others: added to the gradient
    schedule: str = "constant"       # or "one-cycle": the learning rate rises, then falls to zero by the last epoch
    ema: float = 0.0                 # above 0: decay of a running average of the weights, which is validated and kept
    aged: float = 0.0                # share of the images whose L is made to look old: grain, blur, fading, dust, borders
    hinted: float = 0.0              # share of the images of which some colors are known, for networks that take hints
    seed: int = 0                    # decides the first weights, the order of the images, flips, crops and all other changes
    precision: str = "auto"          # bfloat16 on processors that are fast in it, else float32
    threads: int | None = None       # CPU threads, at most one per available core; None: torch's setting
    micro_batch: int | None = None   # images of each part of a batch. None: half of a batch on a CPU, all on a GPU, or as many as fit
    log_every: int = 10              # steps; each row of the history is their mean loss
    save_seconds: float = 30         # between checkpoints: what a killed run can lose
    minutes: float | None = None     # of training, without validation: epochs or images are left out. None: all are trained on

    def __post_init__(self):
        self._convert(("num_epochs", "batch_size", "log_every", "seed"), Integral, int, "a whole number")
        self._convert([name for name in ("threads", "micro_batch") if getattr(self, name) is not None], Integral, int,
                      "a whole number")
        self._convert(("lr", "encoder_lr", "weight_decay", "ema", "aged", "hinted", "save_seconds"), Real, float, "a number")
        self._convert(("minutes",) if self.minutes is not None else (), Real, float, "a number")
        for name in ("num_epochs", "batch_size", "lr", "encoder_lr", "log_every", "minutes"):
            if getattr(self, name) is not None and not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("threads", "micro_batch"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("seed", "weight_decay", "save_seconds"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise UsageError(f"ema must be from 0 to below 1, got {self.ema}")
        for name in ("aged", "hinted"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        for name, names in [("optimizer", OPTIMIZERS), ("precision", PRECISIONS), ("schedule", SCHEDULES)]:
            if getattr(self, name) not in names:
                raise UsageError(f"{name} must be one of {', '.join(names)}, got {getattr(self, name)!r}")

    def _convert(self, names: Iterable[str], kind: type, to: type, what: str) -> None:
        """Convert NumPy numbers, such as those of a range of learning rates, to Python's, which JSON can hold."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise UsageError(f"{name} must be {what}, got {value!r}")
            object.__setattr__(self, name, to(value))

    def identity(self) -> dict[str, Any]:
        """Settings that decide what a run computes: not its speed, nor its length if that can be changed later."""
        longer_is_another = self.schedule != "constant" or self.minutes
        irrelevant = {"threads", "save_seconds"} | (set() if longer_is_another else {"num_epochs"})
        later = {"encoder_lr": 1.0, "aged": 0.0, "hinted": 0.0}          # at these values, older runs keep their identity
        irrelevant |= {name for name, value in later.items() if getattr(self, name) == value}
        return {name: value for name, value in asdict(self).items() if name not in irrelevant}
