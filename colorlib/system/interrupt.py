"""Ctrl-C, politely: the step at hand is finished first, so that nothing is left half changed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """Whether somebody has asked to stop."""

    requested = False


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Within this block the first Ctrl-C, or interrupted kernel, only sets ``requested``; the second stops at once."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt                       # only the main thread hears signals: elsewhere there is none to defer
        return

    def request(number, frame):
        interrupt.requested = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, request)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
