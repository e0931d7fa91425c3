"""The size of a notebook's experiments: ``COLORLIB_BUDGET`` is smoke (tests), course (minutes) or full (the stored outputs)."""

import os
from typing import TypeVar

from colorlib.system.errors import UsageError

T = TypeVar("T")


def scaled(smoke: T, course: T, full: T) -> T:
    """Return the value for the current budget: ``COLORLIB_BUDGET``, or "course" if it is not set.

    Raises:
        UsageError: if ``COLORLIB_BUDGET`` is not smoke, course or full.
    """
    values = {"smoke": smoke, "course": course, "full": full}
    name = os.environ.get("COLORLIB_BUDGET") or "course"
    if name not in values:
        raise UsageError(f"COLORLIB_BUDGET must be {', '.join(values)}, got {name!r}")
    return values[name]
