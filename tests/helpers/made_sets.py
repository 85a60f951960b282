"""Small sets to plant a fault in, and the numbers of their cases in plain float64 numpy."""

import numpy as np
import pandas as pd
import scipy.stats

from gram import EmbeddingSet
from tests.helpers import oracle

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


def with_a_rival(noise=0.15, names=("text", "image", "speech")):
    """Return a set in which item 8 is like item 5, but less so than item 5's own vectors."""
    arrays = sound(noise=noise, names=names)
    for name in names[1:]:
        arrays[name][8] = unit(0.8 * arrays[name][5] + 0.6 * arrays[name][8])
    return arrays


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def direction(seed, d=16):
    return unit(np.random.default_rng(seed).normal(size=d)).astype(np.float32)


def pair_score(measure, anchor, candidate):
    """Return the score of an anchor (d,) with a candidate (c, d); -inf where it has no vector."""
    there = candidate[~np.isnan(candidate).any(axis=1)]
    if not len(there):
        return -np.inf
    if measure == "pairwise-mean":
        rows = unit(np.vstack([anchor[None], there]))
        return (rows @ rows.T)[np.triu_indices(len(rows), 1)].mean()
    return oracle.pair_score(measure, anchor, there)


def matrix(measure, arrays, query="text", names=None):
    """Return the scores of all pairs, of vectors as the set stores them."""
    names = [name for name in arrays if name != query] if names is None else names
    wide = {name: np.asarray(arrays[name], dtype=np.float64) for name in (query, *names)}
    candidates = np.stack([wide[name] for name in names], axis=1)
    return np.array([[pair_score(measure, anchor, candidate) for candidate in candidates] for anchor in wide[query]])


def ranks(scores):
    """Return the place of each true item; NaN where it has no score."""
    found = np.array([scipy.stats.rankdata(-np.round(row, 11), method="average")[i] for i, row in enumerate(scores)])
    return np.where(np.isinf(np.diag(scores)), np.nan, found)


def winners(scores):
    """Return the best other candidate of each query, the first of those that tie."""
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, np.round(scores, 11))
    return others.argmax(axis=1)
