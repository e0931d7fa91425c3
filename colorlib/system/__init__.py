"""Paths, errors, atomic files, memory and processor limits, processes: what the machine allows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
