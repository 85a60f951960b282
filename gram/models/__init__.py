"""Encoders of the built-in modalities, projection heads, frozen encoders of Hugging Face, and models on disk.

Public names are listed in `__init__.pyi` and loaded on first use, so that heads are used without the built-in data.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
