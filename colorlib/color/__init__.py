"""sRGB and CIE Lab, the gamut, colorfulness, and the bins of the ab plane."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
