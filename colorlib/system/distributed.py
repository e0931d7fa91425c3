"""The processes that train together: found, and spoken to, through Accelerate."""

import os
from collections.abc import Iterable

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, gather, parse_flag_from_env, reduce
from torch import Tensor


def team() -> PartialState:
    """The place of this process among those that ``torchrun``, ``accelerate launch`` or ``notebook_launcher`` started.

    Its device, number and count; a process that nobody launched is a team of one. PartialState and not Accelerator,
    which fixes one precision for the whole life of a process.
    """
    # Accelerate does not look for other processes on a machine without a GPU unless it is told that it is one.
    launched = int(os.environ.get("WORLD_SIZE", 1)) > 1
    gpu = torch.cuda.is_available() or torch.xpu.is_available() or torch.backends.mps.is_available()
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or (launched and not gpu)
    if launched and PartialState(cpu=cpu).num_processes == 1:
        PartialState._reset_state()            # a notebook's, from before it launched this process
    return PartialState(cpu=cpu)


def sum_over_processes(numbers: Tensor) -> Tensor:
    """The sum of a tensor over all processes, which must all call this."""
    return reduce(numbers, "sum") if PartialState().num_processes > 1 else numbers


def least(number: int) -> int:
    """The least of the numbers that all processes call this with."""
    state = PartialState()
    return int(gather(torch.tensor([number], device=state.device)).min()) if state.num_processes > 1 else number


def broadcast_from_main(tensors: Iterable[Tensor]) -> None:
    """Give all processes, which must all call this, the main process's values."""
    if PartialState().num_processes > 1:
        for tensor in tensors:
            broadcast(tensor)


def share(rows: int) -> slice:
    """Which of so many rows, of a batch or of a data set, are this process's."""
    number, processes = PartialState().process_index, PartialState().num_processes
    return slice(rows * number // processes, rows * (number + 1) // processes)
