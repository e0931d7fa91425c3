__all__ = [
    "Run",
    "TrainConfig",
    "estimate_footprint",
    "finetune",
    "fit",
]

from .config import TrainConfig
from .finetuning import finetune
from .footprint import estimate_footprint
from .loop import fit
from .runs import Run
