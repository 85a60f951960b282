"""Exact search by volume against FAISS's exact search by mean cosine, of the same vectors, in one table.

Items have two modalities m2 and m3; FAISS returns the k items of the largest mean cosine, in three ways:

- "as it comes": one `faiss.IndexFlatIP` of the concatenated vectors, asked with [t, t]. It reads what Gram would have
  to, and takes less time than one index a modality, whose two lists need not hold the best mean.
- "fastest": the same index, many queries multiplied by the OpenBLAS that FAISS ships. Version 1.15 turns to it for far
  more queries than these (`distance_compute_blas_threshold`), and its OpenBLAS takes a processor that it does not know
  for one of 2004; both are set right here. One query is asked as it comes: halves of the index in `faiss.IndexShards`,
  a thread each, took as long. The aim is held to this.
- "mean": as "fastest", of the mean (m2 + m3) / 2 taken beforehand: half of the numbers, for a score that is linear in
  the modalities. Nothing like it is there for volumes.

With --plain, Gram's search that scores every item in float64 is timed too. All take turns in one process, and times are
medians. "same" says whether hits are those of float64 brute force in numpy, items whose squared volumes differ by less
than 1e-12 aside. Threads that wait for each other take many times as long on a machine that has other things to do: an
idle one is needed, and its floors are printed; or count a single thread's work: --threads 1 --clock cpu.

    python benchmarks/search.py [--items 1000000] [--d 256] [--k 10] [--threads 2] [--data random] [--plain]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
    os.environ.setdefault("OPENBLAS_CORETYPE", "SKYLAKEX")  # read when faiss loads its library

import faiss
from _measure import CLOCKS
from _rows import FLAG, Row, tell

import gram

AIMS = {1: 0.15, 64: 0.3}
BLOCK = 20_000
EQUAL = 1e-12
RIVALS = ("as it comes", "fastest", "mean")
BLAS_FROM = faiss.cvar.distance_compute_blas_threshold


def drawn(data: str, n: int, d: int, generator: torch.Generator) -> torch.Tensor:
    """Unit vectors: of random directions, or in clusters of a thousand with a cosine of about 0.8 within them."""
    noise = torch.randn(n, d, generator=generator)
    if data == "clusters":
        centres = normalize(torch.randn(max(1, n // 1000), d, generator=generator), dim=1)
        noise = 2 * centres[torch.arange(n) % len(centres)] + noise.div_(d**0.5)
    return normalize(noise, dim=1)


def make(options: argparse.Namespace) -> tuple[torch.Tensor, list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    vectors = [drawn(options.data, options.items, options.d, generator) for _ in range(2)]
    near = vectors[0][torch.randint(options.items, (max(AIMS),), generator=generator)]
    noise = torch.randn(near.shape, generator=generator) / options.d**0.5
    return normalize(near + noise if options.data == "clusters" else noise, dim=1), vectors


def brute_force(queries: torch.Tensor, vectors: list[torch.Tensor], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared volumes (q, n) as determinants of 3 x 3 Gram matrices written out, and the k least of each query."""
    asked = queries.double().numpy()
    length = (asked**2).sum(1)[:, None]
    squares = np.empty((len(asked), len(vectors[0])))
    for start in range(0, squares.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        one, two = (each[block].double().numpy() for each in vectors)
        a, b, c = asked @ one.T, asked @ two.T, (one * two).sum(1)
        u, v = (one**2).sum(1), (two**2).sum(1)
        squares[:, block] = length * (u * v - c * c) - a * a * v - b * b * u + 2 * a * b * c
    return squares, np.sort(np.partition(squares, k - 1, axis=1)[:, :k], axis=1)


def same(hits: gram.retrieval.Hits, squares: np.ndarray, best: np.ndarray) -> bool:
    found = np.take_along_axis(squares[: len(hits.indices)], np.asarray(hits.indices), axis=1)
    return bool((np.abs(found - best[: len(found)]) <= EQUAL).all())


def seconds(ways: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median time of each, the ways taking turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = clock()
            way()
            if turn:  # the first turn warms up
                times[name].append(clock() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def flat(vectors: torch.Tensor) -> faiss.Index:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors.numpy())
    return index


def search_fast(index: faiss.Index, asked: np.ndarray, k: int) -> None:
    faiss.cvar.distance_compute_blas_threshold = BLAS_FROM if len(asked) == 1 else 1
    index.search(asked, k)
    faiss.cvar.distance_compute_blas_threshold = BLAS_FROM


def open_items(index: gram.Searcher, asked: torch.Tensor, k: int) -> float:
    """How many items the bounds leave open for a query, on average."""
    likely = index._engine.codes.likely_best(asked.double(), k, by_base=True, scale=1.0)
    return statistics.mean(len(found[0]) for found in likely if found is not None)


def floors(vectors: list[torch.Tensor], d: int, clock: Callable[[], float]) -> str:
    """How fast this machine reads, and multiplies matrices."""
    block = vectors[0][:4096]
    many = block.new_ones(64, d)
    ways = {"read": lambda: [each.sum() for each in vectors], "product": lambda: [many @ block.mT for _ in range(50)]}
    took = seconds(ways, 5, clock)
    read = sum(each.numel() * 4 for each in vectors) / took["read"] / 1e9
    return f"read {read:.1f} GB/s, float32 products {50 * 64 * len(block) * d / took['product'] / 1e9:.0f} G/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("items", 1_000_000), ("d", 256), ("k", 10), ("repeats", 9), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--data", choices=["random", "clusters"], default="random")
    parser.add_argument("--plain", action="store_true", help="time the search that scores every item, too")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="which seconds to count")
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    tell(lambda: rows(options), options.json)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    clock = CLOCKS[options.clock]
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    queries, vectors = make(options)
    squares, best = brute_force(queries, vectors, options.k)
    print(
        f"{options.items:,} items x 2 modalities x d = {options.d}, {options.data}, top {options.k}, "
        f"{options.threads} thread(s), {options.clock} time, "
        f"median of {options.repeats}; {floors(vectors, options.d, clock)}"
    )
    items = pd.DataFrame({"id": range(options.items)})
    gallery = gram.EmbeddingSet(modalities={"m2": vectors[0], "m3": vectors[1]}, items=items)
    index = gram.Index(gallery, ["m2", "m3"], compressed=True)
    index.search(queries, k=1)
    plain = gram.Index(gallery, ["m2", "m3"], compressed=False)
    start = time.perf_counter()
    spans = gram.Index(gallery, ["m2", "m3"], compressed=True)
    spans.search(queries[:1], k=options.k)
    print(f"compressing: {time.perf_counter() - start:.1f} s, once; search of one query included")
    joined = torch.cat(vectors, dim=1)
    both, mean = flat(joined), flat((vectors[0] + vectors[1]) / 2)
    print(
        f"\n{'q':>4}{'aim':>6}{'Gram':>10}{'plain':>10}{''.join(f'{name:>16}' for name in RIVALS)}{'scored':>10}  same"
    )
    for q, aim in AIMS.items():
        asked = queries[:q].contiguous()
        twice = torch.cat([asked, asked], dim=1).numpy()
        ways: dict[str, Callable[[], object]] = {
            "gram": lambda asked=asked: index.search(asked, k=options.k),
            "as it comes": lambda twice=twice: both.search(twice, options.k),
            "fastest": lambda twice=twice: search_fast(both, twice, options.k),
            "mean": lambda asked=asked: search_fast(mean, asked.numpy(), options.k),
        }
        if options.plain:
            ways["plain"] = lambda asked=asked: plain.search(asked, k=options.k)
        took = seconds(ways, options.repeats, clock)
        share = f"{open_items(index, asked, options.k) / options.items:.4%}" if index._engine.compressed else "-"
        ms = {name: f"{each * 1e3:.1f} ms" for name, each in took.items()}
        cells = "".join(f"{ms[name]:>11}{took['gram'] / took[name]:>5.2f}" for name in RIVALS)
        right = "yes" if same(index.search(asked, k=options.k), squares, best) else "NO"
        print(f"{q:>4}{aim:>6}{ms['gram']:>10}{ms.get('plain', '-'):>10}{cells}{share:>10}{right:>6}", flush=True)
        ratio, what = took["gram"] / took["fastest"], f"{options.items:,} items, {options.data}, q = {q}"
        measured = f"{ratio:.2f}, {ms['gram']}"
        yield Row(f"{what}: time beside FAISS at its fastest", measured, f"at most {aim}", ratio <= aim)
        yield Row(f"{what}: hits are those of brute force", right, "yes", right == "yes")


if __name__ == "__main__":
    main()
