__all__ = [
    "LPIPS",
    "MEASURES",
    "PROTOCOLS",
    "QUICK",
    "Answer",
    "Batch",
    "Estimate",
    "Preference",
    "Scores",
    "ab_auc",
    "ab_distance",
    "ab_mae",
    "ab_mse",
    "accuracy",
    "available_probes",
    "baselines",
    "bradley_terry",
    "by_class",
    "evaluate",
    "fid_probe",
    "frechet",
    "load_lpips",
    "measures_from_means",
    "protocol_table",
    "psnr",
    "quick_probe",
    "read_answers",
    "rgb_mae",
    "score_table",
]

from .evaluation import MEASURES, QUICK, Estimate, Scores, baselines, by_class, evaluate, measures_from_means
from .inception import fid_probe
from .perceptual import LPIPS, frechet, load_lpips
from .pixels import ab_auc, ab_distance, ab_mae, ab_mse, accuracy, psnr, rgb_mae
from .preference import Answer, Preference, bradley_terry, read_answers
from .probes import Batch, available_probes, quick_probe
from .protocols import PROTOCOLS, protocol_table
from .report import score_table
