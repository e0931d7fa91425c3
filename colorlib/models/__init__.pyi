__all__ = [
    "ABClassification",
    "ABRegression",
    "CourseNet",
    "Objective",
    "Perceptual",
    "RGBRegression",
    "Recipe",
    "UNet",
    "colorize",
    "load_weights",
    "network_output",
    "save_weights",
    "shipped",
]

from .networks import CourseNet, UNet
from .objectives import ABClassification, ABRegression, Objective, Perceptual, RGBRegression
from .predict import colorize, network_output
from .recipe import Recipe
from .weights import load_weights, save_weights, shipped
