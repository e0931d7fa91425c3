__all__ = [
    "ColorlibError",
    "DataError",
    "PictureError",
    "RunError",
    "UsageError",
    "WriteError",
    "paths",
    "scaled",
]

from . import paths
from .budget import scaled
from .errors import ColorlibError, DataError, PictureError, RunError, UsageError, WriteError
