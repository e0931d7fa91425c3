"""Progress bars that write nothing into log files."""

from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm


def progress_bar(items: Iterable[Any] | None = None, description: str | None = None, **options: Any) -> tqdm:
    """Progress bar in a notebook or a terminal; nothing if the output is a file or a pipe.

    Args:
        items: what to iterate over; without it, call ``update`` on the bar.
        options: passed to ``tqdm``, such as total, initial, unit, leave and disable.
    """
    # disable=None is tqdm's "only in a terminal"; its notebook version treats it as False.
    return tqdm(items, description, **{"disable": None} | options)
