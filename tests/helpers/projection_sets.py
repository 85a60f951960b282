"""Small sets to project."""

import numpy as np
import pandas as pd

import gram


def make_set(n=60, d=12, seed=0, names=("text", "image", "speech"), missing=()):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n, d))
    modalities = {name: centres + 0.3 * rng.normal(size=(n, d)) for name in names}
    for name, row in missing:
        modalities[name][row] = np.nan
    return gram.EmbeddingSet(
        modalities={name: values.astype(np.float32) for name, values in modalities.items()},
        items=pd.DataFrame({"id": [f"{i:04d}" for i in range(n)]}),
    )
