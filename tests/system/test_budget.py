"""The budget picks one of three values."""

import pytest

from colorlib.system.budget import scaled


@pytest.mark.parametrize(("name", "expected"), [("smoke", 1), ("course", 2), ("full", 3)])
def test_the_budget_is_read_from_the_environment(name, expected, monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", name)
    assert scaled(smoke=1, course=2, full=3) == expected


def test_a_reader_who_sets_nothing_gets_the_course(monkeypatch):
    monkeypatch.delenv("COLORLIB_BUDGET")
    assert scaled(1, 2, 3) == 2


def test_an_unknown_budget_is_named(monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", "huge")
    with pytest.raises(ValueError, match="smoke, course, full, got 'huge'"):
        scaled(1, 2, 3)
