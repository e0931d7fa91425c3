"""How the weights move: optimizers, the course of the learning rate, and the average of the weights."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}


def constant(progress: float) -> float:
    """The same learning rate from beginning to end."""
    return 1.0


def one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """Up along a line for the first fifth, then down along half a cosine to zero.

    After Smith and Topin 2018, "Super-Convergence", with one falling phase in place of their two.

    Args:
        progress: from 0, the first step, to 1, the end.

    Returns:
        What to multiply the learning rate with, in [0, 1].
    """
    if progress < warm_up:
        return progress / warm_up
    return (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


SCHEDULES: Mapping[str, Callable[[float], float]] = {"constant": constant, "one-cycle": one_cycle}


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the weights of ``average`` toward those of ``model``: an exponential moving average.

    The decay rises with the steps taken so far, min(decay, (1 + step) / (10 + step)) as in TensorFlow's
    ExponentialMovingAverage, so that the first, random weights are soon forgotten. Batch norm's statistics, averages
    already, are copied.
    """
    for ours, theirs in zip(average.parameters(), model.parameters(), strict=True):
        ours.lerp_(theirs, 1 - min(decay, (1 + step) / (10 + step)))
    for ours, theirs in zip(average.buffers(), model.buffers(), strict=True):
        ours.copy_(theirs)
