"""UMAP of an embedding set by `gram.projection` beside bare umap-learn on the same matrix, in turns; and once kept.

Both get the same unit vectors, cosine, 15 neighbours, a least distance of 0.1 and a seed, which makes umap-learn use
one thread. What Gram does besides: it finds neighbours exactly, and checks how far the picture can be trusted. "as the
page asks" fits 20,000 points and places the others; "all fitted" fits as many as umap-learn does. Both are given a
small set first, large enough that umap-learn searches it as it does the large one, so that no compiling is timed.

    python benchmarks/projection.py [--items 10000] [--modalities 4] [--d 128] [--repeats 3]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from _rows import FLAG, Row, tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram import EmbeddingSet
from gram.projection import project

AIM, AIM_KEPT = 1.1, 0.1  # times umap-learn; seconds
NAMES = ("text", "image", "speech", "tones", "fifth", "sixth")
WAYS = {"as the page asks": 20_000, "all fitted": sys.maxsize}


def made(items: int, modalities: int, d: int) -> EmbeddingSet:
    """Return items in clusters of fifty: what an item's modalities share, and as much again of their own."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(max(1, items // 50), d))
    shared = centres[rng.integers(len(centres), size=items)] + 0.5 * rng.normal(size=(items, d))
    rows = {name: (shared + rng.normal(size=(items, d))).astype(np.float32) for name in NAMES[:modalities]}
    return EmbeddingSet(rows, pd.DataFrame({"id": np.arange(items).astype(str)}), {"anchor": NAMES[0]})


def matrix(embedding_set: EmbeddingSet) -> np.ndarray:
    """Return all vectors, of length one, below each other."""
    rows = np.concatenate([each.numpy() for each in embedding_set.modalities.values()])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def bare(rows: np.ndarray) -> None:
    import umap

    umap.UMAP(n_neighbors=15, min_dist=0.1, metric="cosine", random_state=0, n_jobs=1).fit_transform(rows)


def clocked(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rows(options: argparse.Namespace) -> Iterator[Row]:
    given = made(options.items, options.modalities, options.d)
    stacked = matrix(given)
    what = f"UMAP of {options.items:,} x {options.modalities}"
    small = made(1200, options.modalities, options.d)
    project(small)
    bare(matrix(small))
    times: dict[str, list[float]] = {way: [] for way in (*WAYS, "umap-learn", "kept")}
    for _ in range(options.repeats):
        for way, fitted in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                os.environ["GRAM_CACHE"] = folder
                times[way].append(clocked(lambda fitted=fitted: project(given, fitted=fitted)))
                times["kept"].append(clocked(lambda fitted=fitted: project(given, fitted=fitted)))
        times["umap-learn"].append(clocked(lambda: bare(stacked)))
    medians = {way: statistics.median(found) for way, found in times.items()}
    print(f"{what}, d = {options.d}, medians of {options.repeats}")
    for way, seconds in medians.items():
        print(f"{way:<18} {seconds:8.3f} s {seconds / medians['umap-learn']:6.2f} x umap-learn")
    for way in WAYS:
        ratio = medians[way] / medians["umap-learn"]
        measured = f"{medians[way]:.1f} s, {ratio:.2f} x umap-learn"
        yield Row(f"{what}, {way}", measured, f"{AIM} x umap-learn", ratio <= AIM)
    kept = f"{medians['kept'] * 1e3:.0f} ms"
    yield Row(f"{what}, kept", kept, f"{AIM_KEPT * 1e3:.0f} ms", medians["kept"] <= AIM_KEPT)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    for name, default in (("items", 10_000), ("modalities", 4), ("d", 128), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    tell(lambda: rows(options), options.json)


if __name__ == "__main__":
    main()
