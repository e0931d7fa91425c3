"""What the study claims, from one run each, and the trainings that put it to the test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colorlib.models.recipe import Recipe
from colorlib.study.claims import Claim
from colorlib.study.study import Trial
from colorlib.system.budget import scaled
from colorlib.training.config import TrainConfig

# Differences that matter, fixed before anything was trained: in Lab units, dB, shares of the truth. FAR is what "far
# better" and "drastically" should mean.
AB, FAR, PSNR, SHARE = 0.1, 0.5, 0.2, 0.05

CYCLE = {"optimizer": "adamw", "lr": 0.003, "weight_decay": 0.01, "schedule": "one-cycle"}


@dataclass(frozen=True)
class Question:
    """One of the study's claims, or of ours."""

    said: str                                # what the report says, or "" for a question of ours
    variants: Mapping[str, Trial]
    claims: tuple[Claim, ...]                # how to judge it; several, if it has several parts


def base() -> Trial:
    """The study's network and settings, at half the width, since everything is trained with several seeds."""
    width = scaled(smoke=8, course=32, full=32)
    config = TrainConfig(scaled(smoke=3, course=3, full=5), 64, 0.001)
    return Trial(Recipe("course", "rgb-l2", 32, {"width": width}), config,
                 num_images=scaled(smoke=96, course=3_000, full=10_000),
                 num_valid=scaled(smoke=40, course=500, full=1_000))


def all_questions() -> dict[int, Question]:
    """All of them, by number: 1 to 13 are the study's, the others go beyond it."""
    return dict(sorted((_of_training(base()) | _of_data(base()) | _of_color(base()) | _of_ours(base())).items()))


def _of_training(b: Trial) -> dict[int, Question]:
    """How to train, and what."""
    width, epochs = b.recipe.options["width"], b.config.num_epochs
    eight = b.but({"options": {"width": width, "depth": 8}})
    return {
        1: Question("batch normalization helps the network of 8 layers",
                    {"8 layers": eight, "8 layers, no batch norm": eight.but(
                        {"options": eight.recipe.options | {"batch_norm": False}})},
                    (Claim("batch norm lowers the error", "ab_mae", "8 layers", "8 layers, no batch norm", AB),)),
        2: Question("a bias helps",
                    {"study": b, "no bias": b.but({"options": {"width": width, "bias": False}})},
                    (Claim("a bias lowers the error", "ab_mae", "study", "no bias", AB),)),
        3: Question("L1 and L2 give similar results",
                    {"study": b, "L1": b.but({"objective": "rgb-l1"})},
                    (Claim("the error is similar", "ab_mae", "L1", "study", AB, kind="similar"),
                     Claim("the colorfulness is similar", "colorfulness", "L1", "study", SHARE, kind="similar"))),
        4: Question("Adam is far better than SGD",
                    {"study": b, "SGD": b.but(config={"optimizer": "sgd"}),
                     "SGD, lr 0.1": b.but(config={"optimizer": "sgd", "lr": 0.1}),
                     "SGD, momentum, lr 0.1": b.but(config={"optimizer": "momentum", "lr": 0.1})},
                    (Claim("than SGD at the same lr", "ab_mae", "study", "SGD", FAR),
                     Claim("than SGD at an lr of its own", "ab_mae", "study", "SGD, lr 0.1", FAR),
                     Claim("than SGD with momentum and an lr of its own", "ab_mae", "study", "SGD, momentum, lr 0.1",
                           FAR))),
        5: Question("learning rates of 0.01 and 0.001 differ little, and the lower one oscillates more",
                    {"study": b, "lr 0.01": b.but(config={"lr": 0.01})},
                    (Claim("the loss is similar", "loss", "study", "lr 0.01", 0.001, kind="similar"),
                     Claim("the error is similar", "ab_mae", "study", "lr 0.01", AB, kind="similar"),
                     Claim("0.001 oscillates more", "oscillation", "lr 0.01", "study", 0.01))),
        6: Question("the batch size matters little",
                    {"study": b, "batch 16": b.but(config={"batch_size": 16}), "batch 256": b.but(
                        config={"batch_size": 256}),
                     "batch 256, as many steps": b.but(config={"batch_size": 256, "num_epochs": 4 * epochs})},
                    (Claim("16 and 64", "ab_mae", "batch 16", "study", AB, kind="similar"),
                     Claim("256 and 64, as many epochs", "ab_mae", "batch 256", "study", AB, kind="similar"),
                     Claim("256 and 64, as many steps", "ab_mae", "batch 256, as many steps", "study", AB, "similar"))),
        10: Question("the network had 8 layers first, then 11", {"study": b, "8 layers": eight},
                     (Claim("11 have less error", "ab_mae", "study", "8 layers", AB),
                      Claim("11 draw the picture better", "psnr", "study", "8 layers", PSNR))),
    }


def _of_data(b: Trial) -> dict[int, Question]:
    """How much of what."""
    epochs, images = b.config.num_epochs, b.num_images
    few, every = max(1, images // 10), scaled(smoke=3 * images, course=4 * images, full=1_000_000)
    pixels = scaled(smoke=(16, 24), course=(50, 64), full=(50, 64, 90, 128))
    sizes = {f"{size} px": b.but({"size": size}, data="animals10", measured_at=pixels[0],
                                 num_images=scaled(smoke=32, course=400, full=2_000)) for size in pixels}
    first, *_, last = sizes
    return {
        7: Question("more images are better",
                    {"study": b, "a tenth of the images": b.but(num_images=few),
                     "a tenth, as many steps": b.but(config={"num_epochs": 10 * epochs}, num_images=few),
                     "twice the images": b.but(num_images=2 * images), "all images": b.but(num_images=every)},
                    (Claim("ten times as many", "ab_mae", "study", "a tenth of the images", AB),
                     Claim("ten times as many, as many steps", "ab_mae", "study", "a tenth, as many steps", AB),
                     Claim("twice as many", "ab_mae", "twice the images", "study", AB),
                     Claim("all there are, against twice as many", "ab_mae", "all images", "twice the images", AB))),
        8: Question("more epochs are drastically better",
                    {"1 epoch": b.but(config={"num_epochs": 1}), "2 epochs": b.but(config={"num_epochs": 2}),
                     "study": b, "4 times the epochs": b.but(config={"num_epochs": 4 * epochs})},
                    (Claim("two, than one", "ab_mae", "2 epochs", "1 epoch", FAR),
                     Claim(f"{epochs}, than one", "ab_mae", "study", "1 epoch", FAR),
                     Claim(f"{4 * epochs}, than {epochs}", "ab_mae", "4 times the epochs", "study", FAR))),
        9: Question("larger images give better results", sizes,
                    (Claim("the largest has less error than the smallest, both shrunk to that", "ab_mae", last, first,
                           AB),)),
    }


def _of_color(b: Trial) -> dict[int, Question]:
    """Dull, and what would cure it."""
    unet = _unet(b)
    return {
        11: Question("the colors are duller, and darker, than the truth", {"study": b},
                     (Claim("duller", "colorfulness", 1.0, "study", SHARE, direction="more"),
                      Claim("darker", "lightness", 0.0, "study", 1.0, direction="more"))),
        12: Question("a perceptual loss would help, alone and with L2",
                     {"UNet": unet, "UNet, perceptual + L2": _perceptual(b, weight=0.02),
                      "UNet, perceptual alone": _perceptual(b, weight=1.0, base_weight=0.0)},
                     (Claim("with L2, less error", "ab_mae", "UNet, perceptual + L2", "UNet", AB),
                      Claim("with L2, livelier", "colorfulness", "UNet, perceptual + L2", "UNet", SHARE),
                      Claim("alone, less error", "ab_mae", "UNet, perceptual alone", "UNet", AB))),
        13: Question("rebalancing and the annealed mean cure dullness",
                     {"UNet": unet, "bins": _bins(b, 1.0), "bins, rebalanced": _bins(b, 0.5),
                      "bins, rebalanced, T = 1": _bins(b, 0.5, 1.0)},
                     (Claim("both, against L2", "colorfulness", "bins, rebalanced", "UNet", SHARE),
                      Claim("rebalancing", "colorfulness", "bins, rebalanced", "bins", SHARE),
                      Claim("annealing", "colorfulness", "bins, rebalanced", "bins, rebalanced, T = 1", SHARE),
                      Claim("without more error", "ab_mae", "bins, rebalanced", "UNet", AB, kind="no worse"))),
    }


def _of_ours(b: Trial) -> dict[int, Question]:
    """What the study did not ask."""
    ab, unet = b.but({"objective": "ab-l2"}), _unet(b)
    return {
        14: Question("", {"study": b, "ab target": ab},
                     (Claim("to predict ab is better than RGB: less error", "ab_mae", "ab target", "study", AB),
                      Claim("closer, with the true L", "psnr", "ab target", "study", PSNR))),
        15: Question("", {"ab target, trained like the UNet": b.but({"objective": "ab-l2"}, CYCLE), "UNet": unet},
                     (Claim("a UNet is better than the study's network", "ab_mae", "UNet",
                            "ab target, trained like the UNet", AB),)),
        16: Question("", {"UNet": unet, "UNet, EMA": _unet(b, {"ema": 0.99})},
                     (Claim("an average of the weights helps", "ab_mae", "UNet, EMA", "UNet", AB),)),
        17: Question("", {"UNet": unet, "UNet, constant lr 0.003": _unet(b, {"schedule": "constant"}),
                          "UNet, constant lr 0.001": _unet(b, {"schedule": "constant", "lr": 0.001})},
                     (Claim("a cycle up to 0.003, against 0.003", "ab_mae", "UNet", "UNet, constant lr 0.003", AB),
                      Claim("against 0.001", "ab_mae", "UNet", "UNet, constant lr 0.001", AB))),
        18: Question("", {"bfloat16": b.but(config={"precision": "bfloat16"}), "float32": b.but(
                         config={"precision": "float32"})},
                     (Claim("bfloat16 is as good as float32", "ab_mae", "bfloat16", "float32", AB, kind="no worse"),
                      Claim("bfloat16 is faster", "seconds", "bfloat16", "float32", 1.0))),
    }


def _unet(b: Trial, config: Mapping[str, Any] | None = None, **recipe: Any) -> Trial:
    """A small UNet that predicts ab, trained as it likes it best; with changes to its config and recipe."""
    options = {"width": scaled(smoke=8, course=32, full=32), "depth": 3, "patch": 2}
    return b.but({"model": "unet", "objective": "ab-l2", "options": options, **recipe}, CYCLE | (config or {}))


def _bins(b: Trial, rebalance: float, temperature: float = 0.38) -> Trial:
    """The same network, which classifies, one distribution for each square of 2 x 2 pixels."""
    options = _unet(b).recipe.options | {"full_size": False}
    settings = {"rebalance": rebalance, "temperature": temperature}
    return _unet(b, objective="bins", options=options, settings=settings)


def _perceptual(b: Trial, **settings: Any) -> Trial:
    """The same network, with what our own classifier sees in its loss."""
    return _unet(b, objective="perceptual", settings={"features": "classifier", **settings})
