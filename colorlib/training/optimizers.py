"""Optimizers, learning rate schedules and the exponential moving average of the weights."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}


WARM_UP = 0.2        # fraction of training in which one_cycle rises


def constant(progress: float) -> float:
    """Constant learning rate."""
    return 1.0


def one_cycle(progress: float) -> float:
    """Rise linearly for the first fifth, then fall to zero along half a cosine.

    After Smith and Topin 2018, "Super-Convergence", with one falling phase in place of their two.

    Args:
        progress: from 0, the first step, to 1, the end.

    Returns:
        Factor of the learning rate, in [0, 1].
    """
    if progress < WARM_UP:
        return progress / WARM_UP
    return (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


def parameter_groups(network: nn.Module, encoder_lr: float = 1.0, critic: nn.Module | None = None, critic_lr: float = 1.0
                     ) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer, each with the ``factor`` of its learning rate.

    A pretrained encoder is near a good place already, which large steps would leave (Howard and Ruder 2018, "Universal Language
    Model Fine-tuning", section 3.2).

    Args:
        network: with an attribute ``encoder``, if ``encoder_lr`` is not 1.
        encoder_lr: factor of the learning rate for the weights of the encoder.
        critic: trained along with the network, with a learning rate of its own. Adam computes each weight's step from that weight's
            gradients alone, so two groups are the same as two optimizers.
        critic_lr: factor of the learning rate for the weights of the critic.
    """
    of_critic = [{"params": list(critic.parameters()), "factor": critic_lr}] if critic else []
    if encoder_lr == 1:
        return [{"params": list(network.parameters()), "factor": 1.0}, *of_critic]
    encoder = list(network.encoder.parameters())
    known = set(map(id, encoder))
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    return [{"params": rest, "factor": 1.0}, {"params": encoder, "factor": encoder_lr}, *of_critic]


SCHEDULES: Mapping[str, Callable[[float], float]] = {"constant": constant, "one-cycle": one_cycle}


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Update ``average``, an exponential moving average (EMA) of the weights of ``model``.

    The decay is min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage, so that the random
    initial weights fade quickly. The statistics of batch norm are averages already, and are copied.
    """
    for mean, new in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(new, 1 - min(decay, (1 + step) / (10 + step)))
    for mean, new in zip(average.buffers(), model.buffers(), strict=True):
        mean.copy_(new)
