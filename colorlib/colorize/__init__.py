"""How a photo gets its color: at full size, one photo or whole folders."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
