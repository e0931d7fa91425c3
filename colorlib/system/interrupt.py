"""Deferred Ctrl-C: the current step finishes first, so that no state is left half updated."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Within the block, the first Ctrl-C or kernel interrupt only sets the event; the second interrupts at once."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested                       # Python handles signals in the main thread only
        return

    def request(number, frame):
        signal.signal(signal.SIGINT, before)  # first: a signal within set() would wait for its lock for ever
        requested.set()

    before = signal.signal(signal.SIGINT, request)
    try:
        yield requested
    finally:
        signal.signal(signal.SIGINT, before)
