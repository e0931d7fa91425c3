"""colorlib: teach a network to color gray photos, on a small machine, without losing anything."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

try:
    __version__ = version("colorlib")
except PackageNotFoundError as error:
    raise ImportError("colorlib is not installed here: make course, or pip install --editable .") from error


def __getattr__(name: str) -> ModuleType:
    """``colorlib.data`` and its siblings, imported when first asked for, so that ``import colorlib`` is quick."""
    if name.startswith("_"):                     # to look for colorlib.__main__ would be to run it
        raise AttributeError(f"colorlib has no {name!r}")
    try:
        return import_module(f"colorlib.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"colorlib.{name}":
            raise
        raise AttributeError(f"colorlib has no {name!r}") from None
