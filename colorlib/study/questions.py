"""The claims of the study's report, each from one run there, and the trainings that test them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colorlib.models.recipe import Recipe
from colorlib.study.claims import Claim
from colorlib.study.study import Trial
from colorlib.system.budget import scaled
from colorlib.system.errors import UsageError
from colorlib.training.config import TrainConfig

# The smallest differences that matter, chosen before any training: in Lab units, in dB, and of the true colorfulness.
# AB_FAR is what "far better" and "drastically" should mean.
AB, AB_FAR, PSNR, COLORFULNESS = 0.1, 0.5, 0.2, 0.05

ONE_CYCLE = {"optimizer": "adamw", "lr": 0.003, "weight_decay": 0.01, "schedule": "one-cycle"}


@dataclass(frozen=True)
class Question:
    """A claim of the study's report, or a question beyond it, and how to test it."""

    report_text: str                         # what the report says; "" for a question beyond it
    claims: tuple[Claim, ...]                # one for each part of it
    variants: Mapping[str, Trial]            # all that is to be trained


def base_trial() -> Trial:
    """The study's network and settings, at half the width, since every variant is trained with several seeds."""
    width = scaled(smoke=8, course=32, full=32)
    config = TrainConfig(scaled(smoke=3, course=3, full=5), 64, 0.001)
    return Trial(Recipe("study", "rgb-l2", 32, {"width": width}), config,
                 num_images=scaled(smoke=96, course=1_500, full=10_000),
                 num_valid=scaled(smoke=40, course=500, full=1_000))


def all_variants() -> dict[str, Trial]:
    """All trials of the study, by name."""
    base = base_trial()
    change, images, epochs, width = base.with_changes, base.num_images, base.config.num_epochs, base.recipe.options["width"]
    unet = change({"model": "unet", "objective": "ab-l2", "options": {"width": width, "depth": 3, "patch": 2}}, ONE_CYCLE)

    def perceptual(**settings: Any) -> Trial:
        return unet.with_changes({"objective": "perceptual", "settings": {"features": "classifier", **settings}})

    def bins(rebalance: float, temperature: float = 0.38) -> Trial:
        options = unet.recipe.options | {"full_size": False}            # one distribution per 2 x 2 pixels
        settings = {"rebalance": rebalance, "temperature": temperature}
        return unet.with_changes({"objective": "bins", "options": options, "settings": settings})

    return {
        "study": base,
        "8 layers": change({"options": {"width": width, "depth": 8}}),
        "8 layers, no batch norm": change({"options": {"width": width, "depth": 8, "batch_norm": False}}),
        "no bias": change({"options": {"width": width, "bias": False}}),
        "L1": change({"objective": "rgb-l1"}),
        "SGD": change(config={"optimizer": "sgd"}),
        "SGD, lr 0.1": change(config={"optimizer": "sgd", "lr": 0.1}),
        "SGD, momentum, lr 0.03": change(config={"optimizer": "momentum", "lr": 0.03}),
        "lr 0.01": change(config={"lr": 0.01}),
        "batch 16": change(config={"batch_size": 16}),
        "batch 256": change(config={"batch_size": 256}),
        "batch 256, as many steps": change(config={"batch_size": 256, "num_epochs": 4 * epochs}),
        "a tenth of the images": change(num_images=max(1, images // 10)),
        "a tenth, as many steps": change(config={"num_epochs": 10 * epochs}, num_images=max(1, images // 10)),
        "twice the images": change(num_images=2 * images),
        "all images": change(num_images=scaled(smoke=3 * images, course=4 * images, full=1_000_000)),
        "1 epoch": change(config={"num_epochs": 1}),
        "2 epochs": change(config={"num_epochs": 2}),
        "4 times the epochs": change(config={"num_epochs": 4 * epochs}),
        **{f"{size} px": change({"size": size}, data="animals10", num_images=scaled(smoke=32, course=400, full=2_000),
                                measured_at=_sizes()[0]) for size in _sizes()},
        "UNet": unet,
        "UNet, perceptual + L2": perceptual(weight=0.02),
        "UNet, perceptual alone": perceptual(weight=1.0, base_weight=0.0),
        "bins": bins(rebalance=1.0),
        "bins, rebalanced": bins(rebalance=0.5),
        "bins, rebalanced, T = 1": bins(rebalance=0.5, temperature=1.0),
        "ab target": change({"objective": "ab-l2"}),
        "ab target, trained like the UNet": change({"objective": "ab-l2"}, ONE_CYCLE),
        "UNet, EMA": unet.with_changes(config={"ema": 0.99}),
        "UNet, constant lr 0.003": unet.with_changes(config={"schedule": "constant"}),
        "UNet, constant lr 0.001": unet.with_changes(config={"schedule": "constant", "lr": 0.001}),
        "bfloat16": change(config={"precision": "bfloat16"}),
        "float32": change(config={"precision": "float32"}),
    }


def all_questions() -> dict[int, Question]:
    """All questions by number: 1 to 13 are claims of the report, the others go beyond it."""
    variants, epochs = all_variants(), base_trial().config.num_epochs
    sizes = [f"{size} px" for size in _sizes()]

    def question(report_text: str, *claims: Claim, others: list[str] | None = None) -> Question:
        names = [side for claim in claims for side in (claim.variant, claim.reference) if side in variants]
        return Question(report_text, claims, {name: variants[name] for name in (others or []) + names})

    return {
        1: question("batch normalization helps the network of 8 layers",
                    Claim("batch norm lowers the error", "ab_mae", "8 layers", "8 layers, no batch norm", AB)),
        2: question("a bias helps", Claim("a bias lowers the error", "ab_mae", "study", "no bias", AB)),
        3: question("L1 and L2 give similar results",
                    Claim("L1 has less error", "ab_mae", "L1", "study", AB),
                    Claim("L1 is more colorful", "colorfulness", "L1", "study", COLORFULNESS, "more")),
        4: question("Adam is far better than SGD",
                    Claim("Adam has less error than SGD at the same lr", "ab_mae", "study", "SGD", AB_FAR),
                    Claim("Adam has less error than SGD at its own lr", "ab_mae", "study", "SGD, lr 0.1", AB_FAR),
                    Claim("Adam has less error than momentum at its own lr", "ab_mae", "study", "SGD, momentum, lr 0.03",
                          AB_FAR)),
        5: question("learning rates of 0.01 and 0.001 differ little, and the lower one oscillates more",
                    Claim("0.001 ends with less loss than 0.01", "loss", "study", "lr 0.01", 0.001),
                    Claim("0.001 has less error than 0.01", "ab_mae", "study", "lr 0.01", AB),
                    Claim("0.001 oscillates more than 0.01", "oscillation", "study", "lr 0.01", 0.01, "more")),
        6: question("the batch size matters little",
                    Claim("16 has less error than 64", "ab_mae", "batch 16", "study", AB),
                    Claim("256 has less error than 64, as many epochs", "ab_mae", "batch 256", "study", AB),
                    Claim("256 has less error than 64, as many steps", "ab_mae", "batch 256, as many steps", "study", AB)),
        7: question("more images are better",
                    Claim("10 times the images give less error", "ab_mae", "study", "a tenth of the images", AB),
                    Claim("10 times the images give less error at equal steps", "ab_mae", "study", "a tenth, as many steps", AB),
                    Claim("twice the images give less error", "ab_mae", "twice the images", "study", AB),
                    Claim("all images give less error than twice as many", "ab_mae", "all images", "twice the images", AB)),
        8: question("more epochs are drastically better",
                    Claim("2 epochs have less error than 1", "ab_mae", "2 epochs", "1 epoch", AB_FAR),
                    Claim(f"{epochs} epochs have less error than 1", "ab_mae", "study", "1 epoch", AB_FAR),
                    Claim(f"{4 * epochs} epochs have less error than {epochs}", "ab_mae", "4 times the epochs", "study", AB_FAR)),
        9: question("larger images give better results",
                    Claim(f"{sizes[-1]} gives less error than {sizes[0]}, both at {sizes[0]}", "ab_mae", sizes[-1],
                          sizes[0], AB), others=sizes),
        10: question("the network had 8 layers first, then 11",
                     Claim("11 layers have less error than 8", "ab_mae", "study", "8 layers", AB),
                     Claim("11 layers draw the picture better than 8", "psnr", "study", "8 layers", PSNR)),
        11: question("the colors are duller, and darker, than the truth",
                     Claim("duller than the truth", "colorfulness", 1.0, "study", COLORFULNESS, "more"),
                     Claim("darker than the truth", "lightness", 0.0, "study", 1.0, "more")),
        12: question("a perceptual loss would help, alone and with L2",
                     Claim("perceptual + L2 has less error than L2", "ab_mae", "UNet, perceptual + L2", "UNet", AB),
                     Claim("perceptual + L2 has truer colorfulness than L2", "colorfulness", "UNet, perceptual + L2", "UNet", COLORFULNESS),
                     Claim("perceptual alone has less error than L2", "ab_mae", "UNet, perceptual alone", "UNet", AB)),
        13: question("rebalancing and the annealed mean cure dullness",
                     Claim("rebalanced bins have truer colorfulness than L2", "colorfulness", "bins, rebalanced", "UNet", COLORFULNESS),
                     Claim("rebalancing makes colorfulness truer", "colorfulness", "bins, rebalanced", "bins", COLORFULNESS),
                     Claim("annealing makes colorfulness truer", "colorfulness", "bins, rebalanced", "bins, rebalanced, T = 1", COLORFULNESS),
                     Claim("rebalanced bins have less error than L2", "ab_mae", "bins, rebalanced", "UNet", AB)),
        14: question("", Claim("predicting ab has less error than RGB", "ab_mae", "ab target", "study", AB),
                     Claim("ab, with the true L, is closer than RGB", "psnr", "ab target", "study", PSNR)),
        15: question("", Claim("a UNet has less error than the study's network", "ab_mae", "UNet",
                               "ab target, trained like the UNet", AB)),
        16: question("", Claim("averaged weights have less error", "ab_mae", "UNet, EMA", "UNet", AB)),
        17: question("", Claim("a cycle has less error than a constant 0.003", "ab_mae", "UNet", "UNet, constant lr 0.003", AB),
                     Claim("a cycle has less error than a constant 0.001", "ab_mae", "UNet", "UNet, constant lr 0.001", AB)),
        18: question("", Claim("bfloat16 has less error than float32", "ab_mae", "bfloat16", "float32", AB),
                     Claim("bfloat16 is faster", "seconds", "bfloat16", "float32", 1.0)),
    }


def choose_questions(numbers: Sequence[int] | None, questions: Mapping[int, Question]) -> dict[int, Question]:
    """Some questions by their numbers, or all; raises a UsageError for a number that none has."""
    if unknown := [number for number in numbers or () if number not in questions]:
        raise UsageError(f"there is no question {unknown[0]}: they go from 1 to {max(questions)}")
    return {number: questions[number] for number in (questions if numbers is None else numbers)}


def _sizes() -> tuple[int, ...]:
    return scaled(smoke=(16, 24), course=(50, 64), full=(50, 64, 90, 128))
