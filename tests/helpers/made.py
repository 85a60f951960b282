"""Small sets for the tests of diagnostics, made here and not by the library's own generator."""

import numpy as np
import pandas as pd

from gram import EmbeddingSet

NAMES = ("text", "image", "speech", "tones")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def aligned(n=120, k=3, d=32, noise=0.3, seed=0):
    """Return arrays of k modalities that see the same n directions through noise."""
    rng = np.random.default_rng(seed)
    meaning = unit(rng.normal(size=(n, d)))
    return {name: unit(meaning + noise * unit(rng.normal(size=(n, d)))) for name in NAMES[:k]}


def as_set(arrays, **info):
    n = len(next(iter(arrays.values())))
    ids = pd.DataFrame({"id": [f"item {row}" for row in range(n)]})
    return EmbeddingSet({name: rows.astype(np.float32) for name, rows in arrays.items()}, ids, {"name": "made", **info})
