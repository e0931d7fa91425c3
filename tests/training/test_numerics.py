"""NUMERICS guards stored runs: if the same recipe, settings and data give other numbers, it must be raised."""

from dataclasses import replace

import pytest
from tiny import divide

from colorlib.metrics.evaluation import evaluate
from colorlib.models.recipe import Recipe
from colorlib.system.processor import deterministic_torch
from colorlib.training.config import TrainConfig
from colorlib.training.identity import NUMERICS
from colorlib.training.loop import fit

TOLERANCE = 3e-3        # processors with AVX2 and with AVX-512 differ by less than 1e-3 here
MESSAGE = ("the same recipe, settings and data give other numbers than NUMERICS = {} did: if that is intended, raise NUMERICS "
           "in colorlib/training/identity.py, and store the new numbers here")
PATCHES = {"width": 8, "depth": 2, "patch": 2, "full_size": False}
CYCLE = {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "one-cycle", "ema": 0.9, "micro_batch": 20}

HALVES = {"micro_batch": 16}         # of a batch: as by default on a CPU, and so also on a GPU
# At 0.003 the last bits, which differ by processor, reach the third digit of the validation.
GENTLE = HALVES | {"lr": 0.001}

CROPPED = 0.2923551

# Of NUMERICS = 2: the training loss of the first and the last row, the validation loss and ab MAE at the end.
KNOWN = [
    (Recipe("study", "rgb-l2", 16, {"depth": 8, "width": 8}), GENTLE, [0.4737557, 0.2364108, 0.3202666, 17.29001]),
    (Recipe("unet", "ab-l1", 16, {"width": 8, "depth": 2}), CYCLE, [0.3406909, 0.2223498, 0.1389508, 13.46901]),
    (Recipe("unet", "bins", 16, PATCHES, {"rebalance": 0.5}), CYCLE, [4.457763, 3.872367, 6.282969, 15.31858]),
    (Recipe("unet", "perceptual", 16, {"width": 8, "depth": 2}, {"features": "classifier"}), HALVES,
     [0.2070462, 0.1092990, 0.07974675, 14.05059]),
    (Recipe("encoder-unet", "bins", 16, {"widths": [8] * 5}, {"rebalance": 1.0, "loss_stride": 3}),
     GENTLE | {"aged": 0.5, "hinted": 0.5}, [5.653246, 5.495585, 5.546466, 16.07343]),
]


@pytest.mark.parametrize(("recipe", "settings", "expected"), KNOWN, ids=lambda value: getattr(value, "objective", ""))
def test_training_gives_the_numbers_that_it_gave(recipe, settings, expected, samples, tmp_path):
    config = TrainConfig(2, 32, precision="float32", threads=1, log_every=4, **{"lr": 0.003} | settings)
    run = fit(recipe, *divide(samples), config, tmp_path)
    found = [run.history["loss"][0], run.history["loss"][-1], run.epochs[-1]["valid_loss"], run.epochs[-1]["valid_ab_mae"]]
    assert found == pytest.approx(expected, rel=TOLERANCE), MESSAGE.format(NUMERICS)


def test_crops_are_those_that_were_cut(samples, tmp_path):
    """Images larger than the recipe, as fine-tuning has them."""
    train, valid = divide(samples)
    inner = replace(valid, rgb=valid.rgb[:, :, 2:14, 2:14])
    config = TrainConfig(1, 32, 0.003, precision="float32", threads=1, log_every=4, **HALVES)
    run = fit(Recipe("unet", "ab-l1", 12, {"width": 8, "depth": 2}), train, inner, config, tmp_path)
    assert run.history["loss"][0] == pytest.approx(CROPPED, rel=TOLERANCE), MESSAGE.format(NUMERICS)


def test_measuring_gives_the_numbers_that_it_gave(samples):
    """Of a network that was never trained, on photos shrunk to 16 px: what a study keeps of each training."""
    recipe = Recipe("unet", "ab-l1", 16, {"width": 8, "depth": 2})
    with deterministic_torch(threads=1):
        values = evaluate({"": (recipe.build_model(0), recipe.build_objective())}, samples[:60])[""].values
    known = {"ab_mae": 17.64651, "ab_rmse": 21.46067, "rgb_mae": 26.00167, "psnr": 18.27410, "psnr_pooled": 17.62352,
             "ssim": 0.8059933, "ciede2000": 18.75653, "acc2": 0.05533854, "acc5": 0.2406901, "auc": 0.8226450,
             "auc_rebalanced": 0.8006721, "colorfulness": 0.7423181}
    assert {name: values[name] for name in known} == pytest.approx(known, rel=TOLERANCE), MESSAGE.format(NUMERICS)
