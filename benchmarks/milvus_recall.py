"""How much of the exact ten best a search in Milvus finds, by how many candidates it is given, in one table.

Made-up unit vectors in three modalities of 64 numbers: a query and two candidate modalities that agree with it, and
five hubs, whose own vectors are nearly collinear, which takes half of the ten best by volume. What an item's modalities
share lies in a random direction, or, with `--clusters`, about one of so many centres. For each measure: the share of
the exact ten best that are among the ten found, over all queries; the same share if each field gave its very nearest,
by brute force, so that the difference is the field index's doing; and the queries a second, asked one by one.

The items are pushed in three goes: stopped at half, gone on with, and given again; `--fetch` with no numbers ends
there.

With no address the items are in Milvus Lite, in a folder that is removed: it stands in for a cluster, whose recall
differs with its index and whose speed is another. The token is that of the environment variable MILVUS_TOKEN.

    python benchmarks/milvus_recall.py [--items 100000] [--clusters 0] [--queries 20] [--fetch 16 64 256] [--uri URI]
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

from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.milvus import MilvusSearcher
from gram.retrieval.search import Index

MEASURES = ("volume", "height", "cosine")
CANDIDATES = ("image", "speech")
D, K = 64, 10
NOISE = 1.2  # of each modality, beside what an item's modalities share
SPREAD = 0.7  # of items about their centre, whose own numbers spread by 1
HUBS = 5  # items
COLLECTION = "gram_recall"


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--clusters", type=int, default=0, help="centres that items lie about (default: none)")
    parser.add_argument("--queries", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--fetch", type=int, nargs="*", default=[16, 64, 256, 1024], help="default: %(default)s")
    parser.add_argument("--uri", help="address of a cluster; default: Milvus Lite in a folder that is removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured(arguments, arguments.uri or str(Path(folder) / "recall.db"))
    return 0


def measured(arguments: argparse.Namespace, uri: str) -> None:
    gallery = made_up(arguments.items, arguments.clusters)
    place = {"collection": COLLECTION, "token": os.environ.get("MILVUS_TOKEN"), "candidates": CANDIDATES}
    with MilvusSearcher(uri, timeout=600, **place) as index:
        pushed(index, gallery)
    settle(uri)
    if not arguments.fetch:
        return
    rows = np.linspace(0, arguments.items - 1, arguments.queries).astype(int)
    queries = gallery.modalities["text"][rows].numpy()
    exact = {name: Index(gallery, CANDIDATES, name).search(queries, K).indices for name in MEASURES}
    order = fields_in_order(gallery, queries, max(arguments.fetch))
    with MilvusSearcher(uri, timeout=600, **place) as index:
        started = time.perf_counter()
        print(f"{len(index):,} items, opened in {time.perf_counter() - started:.0f} s\n", flush=True)
        cells = [f"{name}: recall@{K} | of exact fields | queries a second" for name in MEASURES]
        print("|  fetch | " + " | ".join(cells) + " |")
        print("|-------:|" + "---:|" * (3 * len(MEASURES)))
        for fetch in arguments.fetch:
            cells = []
            for name in MEASURES:
                index.measure = name
                recall, speed = searched(index, queries, exact[name], fetch)
                cells.append(f"{recall:.3f} | {reached(order, exact[name], fetch, name):.3f} | {speed:.2f}")
            print(f"| {fetch:6,} | " + " | ".join(cells) + " |", flush=True)


def pushed(index: MilvusSearcher, gallery: EmbeddingSet) -> None:
    """Push to half, go on, and push again, and say how long each took."""

    def stop(share: float, stage: str = "", /) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    started = time.perf_counter()
    try:
        index.push(gallery, progress=stop)
    except KeyboardInterrupt:
        print(f"stopped at half: {len(index):,} items after {time.perf_counter() - started:.0f} s", flush=True)
    for told in ("gone on with", "given again"):
        started = time.perf_counter()
        did = index.push(gallery)
        seconds = time.perf_counter() - started
        print(f"{told}: {did.sent:,} sent, {did.kept:,} there already, {seconds:.0f} s", flush=True)


def settle(uri: str) -> None:
    """Have Milvus Lite build the fields' indexes, which it does behind: until then it reads a field whole."""
    if "://" in uri:
        return
    from milvus_lite.server_manager import server_manager_instance

    started = time.perf_counter()
    server_manager_instance.release_server(uri)
    print(f"indexes built after {time.perf_counter() - started:.0f} s more", flush=True)


def searched(index: MilvusSearcher, queries: np.ndarray, exact: np.ndarray, fetch: int) -> tuple[float, float]:
    """Return the share of the exact hits that are found, and the queries a second after the first."""
    index.search(queries[:1], K, fetch=fetch)
    started = time.perf_counter()
    found = [{int(item) for item in index.search(query, K, fetch=fetch).ids[0]} for query in queries]
    seconds = time.perf_counter() - started
    shares = [len(ids & set(best.tolist())) / K for ids, best in zip(found, exact)]
    return float(np.mean(shares)), len(queries) / seconds


def fields_in_order(gallery: EmbeddingSet, queries: np.ndarray, most: int) -> dict[str, list[np.ndarray]]:
    """Return the nearest items of each field, and of its opposite, for each query; and those of the smallest bases."""
    fields = [gallery.modalities[name].numpy() for name in CANDIDATES]
    near = [[np.argsort(-(rows @ query))[:most] for query in queries] for rows in fields]
    far = [[np.argsort(rows @ query)[:most] for query in queries] for rows in fields]
    cosines = np.einsum("nd,nd->n", *[rows.astype(np.float64) for rows in fields])
    hubs = np.argsort(1 - cosines**2)[:most]  # the base of two unit vectors, squared
    return {"near": near, "far": far, "hubs": [hubs]}


def reached(order: dict[str, list], exact: np.ndarray, fetch: int, measure: str) -> float:
    """Return the share of the exact hits that are candidates where each field gives its very nearest."""
    lists = order["near"] if measure == "cosine" else [*order["near"], *order["far"]]
    hubs = order["hubs"][0][:fetch]
    shares = [
        np.isin(best, np.concatenate([hubs, *(each[number][:fetch] for each in lists)])).mean()
        for number, best in enumerate(exact)
    ]
    return float(np.mean(shares))


def made_up(n: int, clusters: int = 0) -> EmbeddingSet:
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n, D)).astype(np.float32)
    if clusters:
        meaning = rng.normal(size=(clusters, D)).astype(np.float32)[rng.integers(clusters, size=n)] + SPREAD * meaning
    vectors = {name: meaning + NOISE * rng.normal(size=(n, D)).astype(np.float32) for name in ("text", *CANDIDATES)}
    hubs = np.linspace(0, n - 1, HUBS + 2).astype(int)[1:-1]
    vectors["speech"][hubs] = vectors["image"][hubs] + 0.1 * rng.normal(size=(HUBS, D)).astype(np.float32)
    unit = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    return EmbeddingSet(modalities=unit, items=pd.DataFrame({"id": [str(row) for row in range(n)]}))


if __name__ == "__main__":
    sys.exit(main())
