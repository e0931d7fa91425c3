"""The default folder of data and runs."""

import pytest

from colorlib.system import paths


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that is installed with pip, beside a copy of the course's notebooks."""
    monkeypatch.delenv("COLORLIB_HOME")
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "site-packages" / "colorlib")
    (tmp_path / "course" / "notebooks" / "solutions").mkdir(parents=True)
    return (tmp_path / "course").resolve()


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/solutions"])
def test_notebooks_and_solutions_of_an_installed_package_share_one_home(folder, installed, monkeypatch):
    monkeypatch.chdir(installed / folder)
    assert paths.home() == installed


def test_without_notebooks_the_home_of_an_installed_package_is_the_current_folder(installed, monkeypatch):
    monkeypatch.chdir(installed.parent)
    assert paths.home() == installed.parent


def test_a_checkout_is_its_own_home(installed, monkeypatch):
    monkeypatch.setattr(paths, "PACKAGE", installed / "colorlib")
    (installed / "pyproject.toml").touch()
    monkeypatch.chdir(installed.parent)
    assert paths.home() == installed


def test_colorlib_home_comes_first(installed, monkeypatch):
    monkeypatch.setenv("COLORLIB_HOME", "~/elsewhere")
    assert paths.home() == paths.expand_user("~/elsewhere").resolve()
