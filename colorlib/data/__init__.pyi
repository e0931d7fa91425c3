__all__ = [
    "DATASETS",
    "Images",
    "Photos",
    "find",
    "get",
    "load",
    "load_to_train",
]

from .catalog import DATASETS, find
from .images import Images
from .loading import get, load, load_to_train
from .readers import Photos
