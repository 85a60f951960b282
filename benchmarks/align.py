"""How long heads take to train with the default settings, and what their held-out items give, a row a loss.

python benchmarks/align.py [--items 10000] [--size 512]
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from _rows import FLAG, Row, tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.data.embedding_set import FeatureSet
from gram.training.align import align
from gram.training.align_config import AlignConfig

NAMES = ("text", "image", "audio")


def features(n: int, size: int, *, hidden: int = 32, seed: int = 0) -> FeatureSet:
    """Return views that are random linear mixtures of the same hidden numbers, with as much noise as signal."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, hidden))
    views = {}
    for name in NAMES:
        signal = shared @ rng.normal(size=(hidden, size)) / np.sqrt(hidden)
        views[name] = (signal + rng.normal(size=(n, size))).astype(np.float32)
    return FeatureSet(views, pd.DataFrame({"id": np.arange(n).astype(str)}), {"anchor": "text"})


def main() -> None:
    """Train heads by each loss, and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    args = parser.parse_args()
    tell(lambda: rows(args), args.json)


def rows(args: argparse.Namespace) -> Iterator[Row]:
    given = features(args.items, args.size)
    print(f"{args.items:,} items, {len(NAMES)} modalities of {args.size} features")
    print(f"{'loss':<8} {'steps':>6} {'seconds':>8} {'R@1 by volume':>14} {'R@1 by cosine':>14}  of the held-out items")
    for loss in ("gram", "cosine"):
        begun = time.perf_counter()
        made = align(given, AlignConfig(loss=loss), device="cpu")
        seconds = time.perf_counter() - begun
        last = made.history.iloc[-1]
        print(
            f"{loss:<8} {made.steps:>6,} {seconds:>8.1f} {last['recall_volume']:>13.1%} {last['recall_cosine']:>13.1%}"
        )
        best = max(last["recall_volume"], last["recall_cosine"])
        yield Row(f"{args.items:,} items, {loss}: heads trained, R@1", f"{seconds:.1f} s, {best:.1%}")


if __name__ == "__main__":
    main()
