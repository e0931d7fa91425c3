__all__ = [
    "ColorizeOptions",
    "Colorizer",
    "fullsize",
    "gray_copy",
]

from . import fullsize
from .batch import ColorizeOptions
from .colorizer import Colorizer, gray_copy
