"""How to show it: figures, sliders, and the page on which photos are colored."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
