"""How much of the exact ten best a search in Milvus finds, by how many candidates it is given, in one table.

Made-up unit vectors in three modalities of 64 numbers: a query and two candidate modalities that agree with it, and
five hubs, whose own vectors are nearly collinear, which takes half of the ten best by volume. For each measure: the
share of the exact ten best that are among the ten found, over all queries, and how many queries are answered a second,
asked one by one.

With no address the items are in Milvus Lite, in a folder that is removed: it stands in for a cluster, whose recall
differs with its index and whose speed is another. The token is that of the environment variable MILVUS_TOKEN.

    python benchmarks/milvus_recall.py [--items 100000] [--queries 20] [--fetch 16 64 256 1024] [--uri URI]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.embedding_set import EmbeddingSet
from gram.index import Index
from gram.milvus_index import MilvusIndex

MEASURES = ("volume", "height", "cosine")
CANDIDATES = ("image", "speech")
D, K = 64, 10
NOISE = 1.2  # of each modality, beside what an item's modalities share
HUBS = 5  # items
COLLECTION = "gram_recall"


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--queries", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--fetch", type=int, nargs="+", default=[16, 64, 256, 1024], help="default: %(default)s")
    parser.add_argument("--uri", help="address of a cluster; default: Milvus Lite in a folder that is removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured(arguments, arguments.uri or str(Path(folder) / "recall.db"))
    return 0


def measured(arguments: argparse.Namespace, uri: str) -> None:
    gallery = made_up(arguments.items)
    rows = np.linspace(0, arguments.items - 1, arguments.queries).astype(int)
    queries = gallery.modalities["text"][rows].numpy()
    token = os.environ.get("MILVUS_TOKEN")
    with MilvusIndex(uri, collection=COLLECTION, token=token, candidates=CANDIDATES, timeout=600) as index:
        started = time.perf_counter()
        pushed = index.push(gallery)
        print(
            f"{pushed.sent:,} items sent in {time.perf_counter() - started:.0f} s, {pushed.kept:,} there already",
            flush=True,
        )
        exact = {name: Index(gallery, CANDIDATES, name).search(queries, K).indices for name in MEASURES}
        print("|  fetch | " + " | ".join(f"{name}: recall@{K} | queries a second" for name in MEASURES) + " |")
        print("|-------:|" + "---:|" * (2 * len(MEASURES)))
        for fetch in arguments.fetch:
            cells = []
            for name in MEASURES:
                index.measure = name
                recall, speed = searched(index, queries, exact[name], fetch)
                cells.append(f"{recall:8.3f} | {speed:6.2f}")
            print(f"| {fetch:6,} | " + " | ".join(cells) + " |", flush=True)


def searched(index: MilvusIndex, queries: np.ndarray, exact: np.ndarray, fetch: int) -> tuple[float, float]:
    """Return the share of the exact hits that are found, and the queries a second after the first."""
    index.search(queries[:1], K, fetch=fetch)
    started = time.perf_counter()
    found = [{int(item) for item in index.search(query, K, fetch=fetch).ids[0]} for query in queries]
    seconds = time.perf_counter() - started
    shares = [len(ids & set(best.tolist())) / K for ids, best in zip(found, exact)]
    return float(np.mean(shares)), len(queries) / seconds


def made_up(n: int) -> EmbeddingSet:
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n, D)).astype(np.float32)
    vectors = {name: meaning + NOISE * rng.normal(size=(n, D)).astype(np.float32) for name in ("text", *CANDIDATES)}
    hubs = np.linspace(0, n - 1, HUBS + 2).astype(int)[1:-1]
    vectors["speech"][hubs] = vectors["image"][hubs] + 0.1 * rng.normal(size=(HUBS, D)).astype(np.float32)
    unit = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    return EmbeddingSet(modalities=unit, items=pd.DataFrame({"id": [str(row) for row in range(n)]}))


if __name__ == "__main__":
    sys.exit(main())
