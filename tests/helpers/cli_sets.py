"""A small embedding set as arrays, and the table that a command prints of it."""

import numpy as np


def make_arrays(n=40, d=6):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n, d))
    arrays = {name: meaning + rng.normal(size=(n, d)) for name in ("text", "image", "speech")}
    return {name: array / np.linalg.norm(array, axis=1, keepdims=True) for name, array in arrays.items()}


def columns_of(out):
    """Return the table's rows, each cut where the header's columns start."""
    lines = out.split("\n\n", 1)[1].splitlines()
    return lines[0], lines[1:]
