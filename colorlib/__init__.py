"""colorlib: teach a network to color gray photos, on a small machine."""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

from colorlib.system.heap import trim_after_cells
from colorlib.system.openmp import sleep_soon

try:
    __version__ = version("colorlib")
except PackageNotFoundError as error:
    raise ImportError("colorlib is not installed here: make course, or pip install --editable .") from error

sleep_soon()
trim_after_cells()

# Declared in __init__.pyi and imported when first used, so that ``import colorlib`` is quick.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
