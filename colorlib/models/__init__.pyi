__all__ = [
    "ABClassification",
    "ABRegression",
    "Adversarial",
    "CourseNet",
    "EncoderUNet",
    "Objective",
    "PatchCritic",
    "Perceptual",
    "RGBRegression",
    "Recipe",
    "UNet",
    "colorize",
    "load_weights",
    "network_output",
    "pretrained",
    "save_weights",
    "shipped",
]

from .adversarial import Adversarial, PatchCritic
from .encoder_unet import EncoderUNet
from .encoder_weights import pretrained
from .networks import CourseNet, UNet
from .objectives import ABClassification, ABRegression, Objective, Perceptual, RGBRegression
from .predict import colorize, network_output
from .recipe import Recipe
from .weights import load_weights, save_weights, shipped
