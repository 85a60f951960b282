"""Training: one loop (`trainer`), the built-in model (`spoken_numbers`), and heads on frozen features (`align`).

Public names are listed in `__init__.pyi` and loaded on first use, so that heads are trained without the built-in data.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
