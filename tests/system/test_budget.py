"""``scaled`` returns the value for the budget."""

import pytest

from colorlib.system.budget import scaled
from colorlib.system.errors import UsageError


@pytest.mark.parametrize(("name", "expected"), [("smoke", 1), ("course", 2), ("full", 3)])
def test_the_budget_is_read_from_the_environment(name, expected, monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", name)
    assert scaled(smoke=1, course=2, full=3) == expected


def test_the_default_budget_is_course(monkeypatch):
    monkeypatch.delenv("COLORLIB_BUDGET")
    assert scaled(1, 2, 3) == 2


def test_an_unknown_budget_is_a_usage_error(monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", "huge")
    with pytest.raises(UsageError, match="smoke, course, full, got 'huge'"):
        scaled(1, 2, 3)
