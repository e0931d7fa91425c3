"""Peak speed of matrix products and convolutions on this machine, in float32 and bfloat16."""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from colorlib.models.recipe import Recipe

REPEATS = 20


def gemm(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a product of 2048 x 2048 matrices."""
    a = torch.randn(2048, 2048, device=device).to(dtype)
    return 2 * 2048**3 / _fastest(lambda: a @ a, device)


def conv(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a 3 x 3 convolution, 256 channels to 256, of 16 maps of 32 x 32."""
    maps = torch.randn(16, 256, 32, 32, device=device).to(dtype, memory_format=torch.channels_last)
    weights = torch.randn(256, 256, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
    return 2 * 9 * 256 * maps.numel() / _fastest(lambda: F.conv2d(maps, weights, padding=1), device)


def operations(recipe: Recipe) -> float:
    """Operations of the convolutions in one training step, forward and backward, for each image."""
    with FlopCounterMode(display=False) as counter:
        recipe.build_model()(torch.rand(2, 1, recipe.size, recipe.size)).sum().backward()
    return counter.get_total_flops() / 2


@torch.no_grad()
def _fastest(function: Callable[[], object], device: torch.device) -> float:
    function()                                                  # the first call chooses kernels
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
