"""The processes that train together: found, and spoken to, through Accelerate."""

import os

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env, reduce
from torch import Tensor


def team() -> PartialState:
    """The place of this process among those that ``torchrun``, ``accelerate launch`` or ``notebook_launcher`` started.

    Its device, number and count; a process that nobody launched is a team of one. PartialState and not Accelerator,
    which fixes one precision for the whole life of a process.
    """
    # Accelerate does not look for other processes on a machine without a GPU unless it is told that it is one.
    launched = int(os.environ.get("WORLD_SIZE", 1)) > 1
    gpu = torch.cuda.is_available() or torch.xpu.is_available() or torch.backends.mps.is_available()
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or (launched and not gpu))


def add_up(numbers: Tensor) -> Tensor:
    """The sum of a tensor over all processes, which must all call this."""
    return reduce(numbers, "sum") if PartialState().num_processes > 1 else numbers
