"""Sets in which one fault is planted by hand, and the numbers of a case in plain float64 numpy."""

import numpy as np
import pandas as pd
import scipy.stats

from gram import EmbeddingSet

from .. import oracle

NAMES = ("text", "image", "speech")


def as_set(arrays, **columns):
    n = len(next(iter(arrays.values())))
    items = pd.DataFrame({"id": [f"i{row}" for row in range(n)], "label": [f"item {row}" for row in range(n)]})
    return EmbeddingSet(modalities=arrays, items=items.assign(**columns))


def sound(n=40, d=16, noise=0.35, seed=0, names=NAMES, dtype=np.float32):
    """Return unit vectors of items whose modalities share a meaning, up to noise."""
    rng = np.random.default_rng(seed)
    meaning = unit(rng.normal(size=(n, d)))
    return {name: unit(meaning + noise * unit(rng.normal(size=(n, d)))).astype(dtype) for name in names}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def matrix(measure, arrays, query="text", names=None):
    names = [name for name in arrays if name != query] if names is None else names
    return oracle.scores(measure, arrays[query], *(arrays[name] for name in names))


def ranks(scores):
    return np.array([scipy.stats.rankdata(-np.round(row, 11), method="average")[i] for i, row in enumerate(scores)])


def winners(scores):
    """Return the best other candidate of each query, the first of those that tie."""
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, np.round(scores, 11))
    return others.argmax(axis=1)
