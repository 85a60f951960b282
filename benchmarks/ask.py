"""How long a gallery takes to answer one query, in one table.

Random unit vectors, three candidate modalities of 128 numbers. An answer holds ten hits taken apart and the true
item's rank; a comparison is two answers, by volume and by cosine, and the rank of each one's hits in the other.
Medians of nine queries after the galleries are made ready; a joint query prepares the gallery with its second part.
On a machine that is busy with other things, `--clock cpu` counts the seconds of the processor instead of the wall's.

    python benchmarks/ask.py [--items 2000 100000] [--clock wall]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.embedding_set import EmbeddingSet
from gram.retrieval import JointQuery, Query, Retriever, compare

NAMES = ("text", "image", "speech", "tones")
QUERIES = 9
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[2_000, 100_000], help="default: %(default)s")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: %(default)s")
    arguments = parser.parse_args()
    now = CLOCKS[arguments.clock]
    print(f"seconds of the {arguments.clock} clock, {torch.get_num_threads()} threads")
    print("|   items | ready (s) | ask, volume (s) | ask, cosine (s) | two columns (s) | joint, volume (s) |")
    print("|--------:|----------:|----------------:|----------------:|----------------:|------------------:|")
    for n in arguments.items:
        cells = zip(measured(n, now), (9, 15, 15, 15, 17))
        print(f"| {n:7,} | " + " | ".join(f"{seconds:{width}.3f}" for seconds, width in cells) + " |")
    return 0


def measured(n: int, now: Callable[[], float]) -> tuple[float, ...]:
    gallery = random_set(n)
    started = now()
    left, right = (Retriever(gallery, measure=measure, device="cpu") for measure in ("volume", "cosine"))
    ready = now() - started
    joint = Retriever(gallery, candidates=NAMES[2:], measure="volume", device="cpu")
    return (
        ready,
        median(lambda item: left.ask(Query("text", id=item)), n, now),
        median(lambda item: right.ask(Query("text", id=item)), n, now),
        median(lambda item: compare(Query("text", id=item), left, right), n, now),
        median(lambda item: joint.ask(JointQuery((Query("text", id=item), Query("image", id=item)))), n, now),
    )


def random_set(n: int, d: int = 128) -> EmbeddingSet:
    generator = torch.Generator().manual_seed(0)
    vectors = {name: torch.nn.functional.normalize(torch.randn(n, d, generator=generator), dim=1) for name in NAMES}
    return EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": [str(row) for row in range(n)]}))


def median(ask: Callable[[str], object], n: int, now: Callable[[], float]) -> float:
    seconds = []
    for query in range(QUERIES + 1):
        started = now()
        ask(str(query * (n // (QUERIES + 1))))
        seconds.append(now() - started)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    sys.exit(main())
