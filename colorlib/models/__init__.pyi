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
    "save_weights",
    "shipped",
]

from .networks import CourseNet, UNet
from .objectives import ABClassification, ABRegression, Objective, Perceptual, RGBRegression
from .recipe import Recipe, colorize
from .weights import load_weights, save_weights, shipped
