"""OpenMP settings: threads that wait go to sleep soon."""

import os
import sys

BRIEFLY = "10000"        # turns of a loop, some ten microseconds, which is the time between most operations


def sleep_soon() -> None:
    """Let threads that wait spin only briefly and then sleep, so that other processes can use their cores.

    By default they spin for milliseconds, which beside one busy process takes half of the speed. The libraries read the
    variables when torch is imported: this must come first. What the user has set stays.
    """
    if "torch" not in sys.modules and not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": BRIEFLY}      # the second for GNU's library
