"""How time and memory grow with the number of items, dimensions, modalities and queries, in one table.

Four pieces of work on random unit vectors: exact search by volume that scores every item, and that reads compressed
ones; `gram.pairwise_volume`, forward; a step of `GramLoss`, forward and backward. Each is measured along one axis at a
time, the others held. Items n, dimensions d and queries q go over three decades. Modalities k go from 2 to 8 only: each
is another kind of sensor, data with more than a handful do not exist, and a volume of more than a few near orthogonal
vectors says little; work is held against the k - 1 of a candidate, whose products with the queries are what it does.

Exponents are slopes of straight lines through the logarithms, by least squares over the last four points of an axis,
where fixed costs no longer tell (over all for modalities), with 95 % intervals from the scatter about the line (by t of
n - 2 degrees of freedom). Beside them is what an analysis of the work says at most: the aim is missed where the whole
interval is above it. Times are medians, in one process. Memory is the most that one call held beyond what was there
before, its result included, vectors and compressed items left out; below 1 MiB the pages of the system tell more than
the work, and no exponent is given.

    python benchmarks/growth.py [--work search compressed volumes loss] [--repeats 5] [--threads 2] [--points] [--json]
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _measure import extra_bytes, median_seconds
from _rows import FLAG, Row, tell
from scipy import stats
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import gram

UPPER = 4  # points that an exponent is fitted to
LEAST_BYTES = 2**20
PATIENCE = 2.5  # seconds after which a point is not repeated
DECADES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
ITEMS = [1000 * each for each in DECADES]
WIDTHS = [2**power for power in range(2, 13)]
CANDIDATES = list(range(1, 8))
TITLES = {
    "search": "search, every item",
    "compressed": "search, compressed",
    "volumes": "pairwise_volume",
    "loss": "GramLoss step",
}


@dataclass(frozen=True)
class Axis:
    """One axis of one piece of work: its points, what is held, and the exponents that theory gives at most."""

    work: str
    name: str
    points: list[int]
    held: dict[str, int]
    time: float
    memory: float


AXES = [
    Axis("search", "n", ITEMS, {"q": 16, "d": 64, "m": 2}, 1, 0),
    Axis("search", "d", WIDTHS, {"n": 20_000, "q": 16, "m": 2}, 1, 1),
    Axis("search", "q", DECADES, {"n": 50_000, "d": 128, "m": 2}, 1, 1),
    Axis("search", "m", CANDIDATES, {"n": 20_000, "q": 16, "d": 128}, 2, 1),
    Axis("compressed", "n", ITEMS, {"q": 1, "d": 256, "m": 2}, 1, 0),
    Axis("compressed", "d", WIDTHS, {"n": 20_000, "q": 16, "m": 2}, 1, 1),
    Axis("compressed", "q", DECADES, {"n": 50_000, "d": 128, "m": 2}, 1, 1),
    Axis("compressed", "m", CANDIDATES, {"n": 50_000, "q": 16, "d": 128}, 1, 1),
    Axis("volumes", "n", ITEMS, {"q": 16, "d": 64, "m": 2}, 1, 1),
    Axis("volumes", "d", WIDTHS, {"n": 500, "q": 500, "m": 2}, 1, 1),
    Axis("volumes", "q", DECADES, {"n": 20_000, "d": 128, "m": 2}, 1, 1),
    Axis("volumes", "m", CANDIDATES, {"n": 500, "q": 500, "d": 128}, 2, 1),
    Axis("loss", "n", WIDTHS, {"d": 64, "m": 2}, 2, 2),
    Axis("loss", "d", WIDTHS, {"n": 256, "m": 2}, 1, 1),
    Axis("loss", "m", CANDIDATES, {"n": 512, "d": 128}, 2, 1),
]


@dataclass(frozen=True)
class Fit:
    """The slope of a line through logarithms, with its 95 % interval."""

    slope: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.slope:.2f} ({self.low:.2f} to {self.high:.2f})"


def fitted(points: list[int], values: list[float]) -> Fit:
    line = stats.linregress(np.log(points), np.log(values))
    reach = float(stats.t.ppf(0.975, len(points) - 2)) * line.stderr
    return Fit(line.slope, line.slope - reach, line.slope + reach)


def units(count: int, d: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def work_of(axis: Axis) -> Iterator[Callable[[], object]]:
    """Yield the work of each point; vectors of fewer items or queries are the first of those of the most."""
    most = {name: max([axis.held.get(name, 1), *(axis.points if axis.name == name else [])]) for name in "nqdm"}
    grows = axis.name in "nqm"
    vectors = [units(most["n"], most["d"], seed) for seed in range(most["m"])] if grows else []
    asked = units(most["q"], most["d"], 99)
    for point in axis.points:
        n, q, d, m = (point if axis.name == name else axis.held.get(name, 0) for name in "nqdm")
        others = [each[:n] for each in vectors[:m]] if grows else [units(n, d, seed) for seed in range(m)]
        yield made(axis.work, asked[:q] if grows else units(q or 1, d, 99), others)


def made(work: str, asked: torch.Tensor, others: list[torch.Tensor]) -> Callable[[], object]:
    if work == "volumes":
        return lambda: gram.pairwise_volume(asked, *others)
    if work == "loss":
        anchor = units(len(others[0]), others[0].shape[1], 98)
        return step_of([each.clone().requires_grad_() for each in (anchor, *others)])
    names = [f"m{number}" for number in range(len(others))]
    gallery = gram.EmbeddingSet(
        modalities=dict(zip(names, others)), items=pd.DataFrame({"id": np.arange(len(others[0]))})
    )
    index = gram.Index(gallery, names, compressed=work == "compressed")
    return lambda: index.search(asked, k=10)


def step_of(vectors: list[torch.Tensor]) -> Callable[[], object]:
    loss = gram.GramLoss()
    return lambda: torch.autograd.grad(loss(*vectors), [*vectors, *loss.parameters()])


def measured(axis: Axis, repeats: int) -> tuple[list[float], list[float]]:
    """Return seconds and bytes at each point."""
    seconds, sizes = [], []
    for work in work_of(axis):
        work()  # compiles, compresses, fills caches
        sizes.append(float(extra_bytes(work)))
        seconds.append(median_seconds(work, repeats, PATIENCE))
    return seconds, sizes


def size(count: float) -> str:
    return f"{count / 2**20:.1f}" if count >= LEAST_BYTES else "< 1"


def report(axis: Axis, repeats: int, *, points: bool) -> Iterator[Row]:
    seconds, sizes = measured(axis, repeats)
    upper = slice(0 if axis.name == "m" else -UPPER, None)
    time = fitted(axis.points[upper], seconds[upper])
    memory = fitted(axis.points[upper], sizes[upper]) if min(sizes[upper]) >= LEAST_BYTES else None
    name = "k - 1" if axis.name == "m" else axis.name
    held = ", ".join(f"{'k' if key == 'm' else key} {value + (key == 'm'):,}" for key, value in axis.held.items())
    span = f"{axis.points[0]:,} to {axis.points[-1]:,}"
    times = f"{seconds[0] * 1e3:.3g} to {seconds[-1] * 1e3:.4g}"
    print(
        f"| {TITLES[axis.work]} | {name} | {span} | {held} | {times} | {time} | {axis.time:g} | "
        f"{size(sizes[0])} to {size(sizes[-1])} | {memory or '-'} | {axis.memory:g} |",
        flush=True,
    )
    if points:
        for point, each, held_bytes in zip(axis.points, seconds, sizes):
            print(f"    {point:>9,} {each * 1e3:10.3f} ms {held_bytes / 2**20:9.2f} MiB")
    yield row(f"{TITLES[axis.work]}: time against {name}", time, axis.time)
    if memory:
        yield row(f"{TITLES[axis.work]}: memory against {name}", memory, axis.memory)


def row(what: str, fit: Fit, theory: float) -> Row:
    return Row(what, f"exponent {fit}", f"{theory:g} or less in the interval", bool(fit.low <= theory))


def rows(options: argparse.Namespace) -> Iterator[Row]:
    print(f"random unit vectors, float32, {options.threads} thread(s), medians of up to {options.repeats}")
    print("| work | axis | from, to | held | ms | exponent of time | at most | MiB | exponent of memory | at most |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for axis in AXES:
        if axis.work in options.work:
            yield from report(axis, options.repeats, points=options.points)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--work", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--points", action="store_true", help="print every point")
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tell(lambda: rows(options), options.json)


if __name__ == "__main__":
    main()
