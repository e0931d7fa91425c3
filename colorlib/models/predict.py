"""A network applied to pictures: its output, the colored pictures, the loss of a batch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from colorlib import color
from colorlib.data.images import images_per_batch
from colorlib.models.objectives import Objective


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Eval mode without gradients within this block, then the previous mode."""
    was_training = model.training
    try:
        with torch.no_grad():
            yield model.eval()
    finally:
        model.train(was_training)


def device_of(model: nn.Module) -> torch.device:
    """The device of a network's weights; the CPU for one without weights, such as a baseline."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def network_output(model: nn.Module, rgb: Tensor) -> Tensor:
    """Output of the network for the lightness of some pictures.

    Args:
        rgb: (B, 3, H, W), uint8 or float in [0, 1], on any device. Only its L is used.

    Returns:
        (B, C, h, w) float, on the CPU, wherever the network is.
    """
    device = device_of(model)
    with eval_mode(model):
        return torch.cat([model(color.to_gray(part.to(device))).cpu() for part in rgb.split(images_per_batch(*rgb.shape[-2:]))])


def colorize(model: nn.Module, objective: Objective, rgb: Tensor) -> Tensor:
    """Color pictures from their lightness.

    Args:
        rgb: (B, 3, H, W), uint8 or float in [0, 1], on any device. Only its L is used.

    Returns:
        rgb (B, 3, H, W) float in [0, 1], on the CPU, wherever the network is.
    """
    device = device_of(model)
    colored = []
    with eval_mode(model):
        for part in rgb.split(images_per_batch(*rgb.shape[-2:])):
            gray = color.to_gray(part.to(device))                      # (B,3,H,W) -> (B,1,H,W)
            colored.append(objective.decode(model(gray), 100 * gray).cpu())
    return torch.cat(colored)


def batch_loss(model: nn.Module, rgb: Tensor, objective: Objective, precision: str = "float32") -> Tensor:
    """Loss of a network on a batch, rgb (B, 3, H, W) on the network's device: a scalar that can be differentiated.

    Args:
        precision: of the network, as in ``output_in_precision``; the loss is computed in float32.
    """
    return objective.loss(output_in_precision(model, precision, color.to_gray(rgb)), rgb)


def output_in_precision(model: nn.Module, precision: str, *inputs: Tensor) -> Tensor:
    """Output (B, C, h, w) in "float32", or in "bfloat16" where torch's autocast computes so.

    Args:
        inputs: gray (B, 1, H, W), and hints (B, 3, H, W) for a network that takes them.
    """
    with torch.autocast(inputs[0].device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        return model(*inputs)
