"""How good the colors are: pixel measures, perceptual measures, and their comparison."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
