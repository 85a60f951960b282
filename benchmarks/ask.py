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
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import torch
from _measure import CLOCKS
from _rows import FLAG, Row, tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.comparison import compare
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.search import Searcher

NAMES = ("text", "image", "speech", "tones")
QUERIES = 9
TITLES = ("made ready", "ask, volume", "ask, cosine", "two columns", "joint, volume")


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[2_000, 100_000], help="default: %(default)s")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: %(default)s")
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    tell(lambda: rows(arguments), arguments.json)
    return 0


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    now = CLOCKS[arguments.clock]
    print(f"seconds of the {arguments.clock} clock, {torch.get_num_threads()} threads")
    print("|   items | ready (s) | ask, volume (s) | ask, cosine (s) | two columns (s) | joint, volume (s) |")
    print("|--------:|----------:|----------------:|----------------:|----------------:|------------------:|")
    for n in arguments.items:
        took = measured(n, now)
        cells = zip(took, (9, 15, 15, 15, 17))
        print(f"| {n:7,} | " + " | ".join(f"{seconds:{width}.3f}" for seconds, width in cells) + " |")
        for title, seconds in zip(TITLES, took):
            yield Row(f"{n:,} items, {title}", f"{seconds:.3f} s")


def measured(n: int, now: Callable[[], float]) -> tuple[float, ...]:
    gallery = random_set(n)
    started = now()
    left, right = (Searcher(gallery, measure=measure, device="cpu") for measure in ("volume", "cosine"))
    left.prepare()
    right.prepare()
    ready = now() - started
    joint = Searcher(gallery, candidates=NAMES[2:], measure="volume", device="cpu")
    return (
        ready,
        median(lambda item: left.search(Query("text", id=item)), n, now),
        median(lambda item: right.search(Query("text", id=item)), n, now),
        median(lambda item: compare(Query("text", id=item), left, right), n, now),
        median(lambda item: joint.search(JointQuery((Query("text", id=item), Query("image", id=item)))), n, now),
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
