__all__ = [
    "DATASETS",
    "Images",
    "Photos",
    "difference_hash",
    "find",
    "get",
    "load",
    "load_to_train",
]

from .catalog import DATASETS, find
from .duplicates import difference_hash
from .images import Images
from .loading import get, load, load_to_train
from .readers import Photos
