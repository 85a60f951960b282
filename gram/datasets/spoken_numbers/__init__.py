"""The built-in data: four-digit numbers, each written in words, handwritten, spoken and dialled.

Public names are listed in `__init__.pyi` and loaded on first use.
"""

import lazy_loader

MODALITIES = ("text", "image", "speech", "tones")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["MODALITIES"]
