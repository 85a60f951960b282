"""Real handwritten digits, 8 x 8 pixels of 0 to 16, from scikit-learn's `load_digits`, split by sample.

Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository,
CC BY 4.0.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from jaxtyping import Float, Int

SIDE = 8
INK = 16.0
_SPLIT_SEED = 1998
_SHARES = {"train": 0.6, "validation": 0.1, "test": 0.3}


@cache
def samples() -> tuple[Float[np.ndarray, "samples 8 8"], Int[np.ndarray, " samples"]]:
    """Return every handwritten digit and its value."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images.astype(np.float32), digits.target


@cache
def samples_of(split: str) -> Mapping[int, Int[np.ndarray, " samples"]]:
    """Return, for each digit, the rows of `samples()` that belong to a split; no sample is in two splits.

    Raises:
        ValueError: if `split` is not train, validation or test.
    """
    if split not in _SHARES:
        raise ValueError(f"split must be one of {', '.join(_SHARES)}; got {split!r}")
    _, values = samples()
    rng = np.random.default_rng(_SPLIT_SEED)
    edges = np.cumsum([0.0, *_SHARES.values()])
    first, last = edges[list(_SHARES).index(split) :][:2]
    rows = {}
    for value in range(10):
        shuffled = rng.permutation(np.flatnonzero(values == value))
        rows[value] = shuffled[round(first * len(shuffled)) : round(last * len(shuffled))]
    return rows
