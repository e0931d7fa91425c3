"""Communication between the processes of a distributed training, through Accelerate."""

import os

import torch
from accelerate import PartialState
from accelerate.utils import gather, parse_flag_from_env, reduce
from torch import Tensor


def process_state() -> PartialState:
    """Device, rank and number of processes, as ``torchrun``, ``accelerate launch`` or ``notebook_launcher`` set them.

    PartialState rather than Accelerator, which fixes one precision for the whole life of a process.
    """
    # Without a GPU, Accelerate looks for other processes only if cpu is True.
    launched = int(os.environ.get("WORLD_SIZE", 1)) > 1
    gpu = torch.cuda.is_available() or torch.xpu.is_available() or torch.backends.mps.is_available()
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or (launched and not gpu)
    if launched and PartialState(cpu=cpu).num_processes == 1:
        PartialState._reset_state()            # inherited from the notebook that launched this process
    return PartialState(cpu=cpu)


# Every process must call each of the following, or the others wait for it.

def sum_over_processes(values: Tensor) -> Tensor:
    """Sum of a tensor over all processes."""
    return reduce(values, "sum")


def min_over_processes(number: int) -> int:
    """Minimum of ``number`` over all processes."""
    return int(gather(torch.tensor([number], device=PartialState().device)).min())


def rank_slice(rows: int) -> slice:
    """Rows, of ``rows`` in a batch or data set, that this process computes; needs no other process."""
    rank, processes = PartialState().process_index, PartialState().num_processes
    return slice(rows * rank // processes, rows * (rank + 1) // processes)
