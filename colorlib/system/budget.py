"""How much a notebook computes: ``COLORLIB_BUDGET`` is smoke (tests), course (minutes) or full (the stored outputs)."""

import os
from typing import TypeVar

T = TypeVar("T")


def scaled(smoke: T, course: T, full: T) -> T:
    """The value for the budget that ``COLORLIB_BUDGET`` names; "course" if it is not set.

    Raises:
        ValueError: if it names none.
    """
    values = {"smoke": smoke, "course": course, "full": full}
    name = os.environ.get("COLORLIB_BUDGET") or "course"
    if name not in values:
        raise ValueError(f"COLORLIB_BUDGET must be {', '.join(values)}, got {name!r}")
    return values[name]
