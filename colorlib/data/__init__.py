"""Where photos come from: data sets by name, folders and zips, decoded and prepared."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
