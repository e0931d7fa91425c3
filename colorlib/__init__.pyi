from . import color, colorize, data, metrics, models, plots, study, system, training
from .colorize.colorizer import Colorizer
from .data.loading import load
from .metrics.evaluation import evaluate
from .models.recipe import Recipe
from .models.weights import load_weights, save_weights
from .training.config import TrainConfig
from .training.loop import fit
from .training.runs import Run

__version__: str

__all__ = [
    "Colorizer",
    "Recipe",
    "Run",
    "TrainConfig",
    "color",
    "colorize",
    "data",
    "evaluate",
    "fit",
    "load",
    "load_weights",
    "metrics",
    "models",
    "plots",
    "save_weights",
    "study",
    "system",
    "training",
]
