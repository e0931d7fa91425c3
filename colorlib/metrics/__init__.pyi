__all__ = [
    "EVERY",
    "LPIPS",
    "MEASURES",
    "Estimate",
    "Scores",
    "ab_auc",
    "ab_distance",
    "ab_mae",
    "ab_mse",
    "accuracy",
    "available_probes",
    "baselines",
    "by_class",
    "evaluate",
    "frechet",
    "load_lpips",
    "psnr",
    "rgb_mae",
    "table",
    "validate",
]

from .evaluation import EVERY, MEASURES, Estimate, Scores, evaluate
from .perceptual import LPIPS, frechet, load_lpips
from .pixels import ab_auc, ab_distance, ab_mae, ab_mse, accuracy, baselines, by_class, psnr, rgb_mae, validate
from .probes import available_probes
from .report import table
