"""Features that agree in a few hidden numbers, for heads to find."""

import numpy as np
import pandas as pd

from gram.data.embedding_set import FeatureSet
from gram.training.align_config import AlignConfig

QUICK = AlignConfig(d=16, steps=150, batch_size=128, evaluations=3)


def planted(n: int = 500, sizes: dict[str, int] | None = None, *, noise: float = 0.05, seed: int = 0) -> FeatureSet:
    """Return linear views of the same 6 hidden numbers, in scales from 1e-3 to 1e4, each with a constant column."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 6))
    views = {}
    for (name, size), scale in zip((sizes or {"text": 6, "image": 240, "audio": 30}).items(), (1e-3, 1e4, 1.0)):
        view = hidden @ rng.normal(size=(6, size)) / np.sqrt(6) + noise * rng.normal(size=(n, size))
        views[name] = np.hstack([scale * view, np.full((n, 1), 7.0)]).astype(np.float32)
    return FeatureSet(views, pd.DataFrame({"id": [f"i{row}" for row in range(n)]}), {"anchor": "text"})
