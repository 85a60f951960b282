"""Time, memory and accuracy of `gram.pairwise_volume` against the plain way, in one table.

There are two plain ways, and both end in sqrt(abs(det)) of float32 Gram matrices:

- "stack vectors": every pair's k vectors stacked to (q, n, k, d), their Gram matrices (q, n, k, k), det. At the default
  size the stack alone is 8 GB, so it is made for a few anchors at a time: its memory here is that of one part.
- "stack entries": what published code does: the entries from k - 1 matrix products, stacked to (q, n, k, k), det.

Each way runs in a process of its own, so that its peak memory is its own: the most the process ever held during the
first full call, less what it held before, result included. The aims: forward in a 15th of the time of the stacked
vectors, forward and backward in a 5th of that of the stacked entries (stacked vectors with their gradients are not
timed), and forward in no more than 1.5 times the memory of the k - 1 products (q, n) that any way needs.

On a machine that is busy with other things, `--clock cpu` counts the seconds of the processor instead of the wall's.

    python benchmarks/pairwise_volume.py [--queries 1000] [--candidates 1000] [--k 3 4 5] [--d 512] [--repeats 7]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from _measure import CLOCKS, extra_bytes, median_seconds
from _rows import FLAG, Row, tell
from torch import Tensor
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram import pairwise_volume

AIM_FORWARD, AIM_BOTH, AIM_MEMORY = 15, 5, 1.5
NOISE = 1e-4
PATIENCE = 30  # seconds after which a slow way is not repeated
PART = 50  # anchors at a time, where all would not fit


def stack_vectors(anchor: Tensor, *others: Tensor) -> Tensor:
    shape = (PART, len(others[0]), anchor.shape[1])
    parts = []
    for part in anchor.split(PART):
        each = [part[:, None].expand(len(part), *shape[1:]), *(other.expand(len(part), *shape[1:]) for other in others)]
        stacked = torch.stack(each, dim=2)
        parts.append((stacked @ stacked.mT).det().abs().sqrt())
    return torch.cat(parts)


def stack_entries(anchor: Tensor, *others: Tensor) -> Tensor:
    shape = (len(anchor), len(others[0]))
    own = (anchor * anchor).sum(-1, keepdim=True).expand(shape)
    across = [anchor @ other.mT for other in others]
    rows = [torch.stack([own, *across], -1)]
    for other, product in zip(others, across):
        entries = [(other * third).sum(-1).expand(shape) for third in others]
        rows.append(torch.stack([product, *entries], -1))
    return torch.stack(rows, -2).det().abs().sqrt()


def products(anchor: Tensor, *others: Tensor) -> Tensor:
    """What any way needs, and no volumes yet; the last of them, with those before still held."""
    held = [anchor @ other.mT for other in others]
    if torch.is_grad_enabled() and anchor.requires_grad:
        return torch.stack([each.sum() for each in held])
    return held[-1]


WAYS: dict[str, Callable[..., Tensor]] = {
    "pairwise_volume": pairwise_volume,
    "stack vectors": stack_vectors,
    "stack entries": stack_entries,
    "k - 1 products": products,
}


def spread(options: argparse.Namespace) -> list[Tensor]:
    """Random unit vectors, far from dependent: both ways should be right here."""
    generator = torch.Generator().manual_seed(0)
    sizes = [options.queries] + [options.candidates] * (options.k[0] - 1)
    return [normalize(torch.randn(size, options.d, generator=generator), dim=-1) for size in sizes]


def nearly_equal(options: argparse.Namespace) -> list[Tensor]:
    """Items whose k unit vectors differ by noise of length 1e-4 alone."""
    generator = torch.Generator().manual_seed(1)
    centre = normalize(torch.randn(200, options.d, generator=generator), dim=-1)
    noise = normalize(torch.randn(options.k[0], 200, options.d, generator=generator), dim=-1)
    return list((centre + NOISE * noise).unbind())


def exact(vectors: list[Tensor]) -> np.ndarray:
    """Volumes of item i with itself, by LAPACK's QR in float64."""
    count = min(map(len, vectors))
    rows = np.stack([vector[:count].double().numpy() for vector in vectors], axis=1)
    factor = np.linalg.qr(rows.transpose(0, 2, 1), mode="r")
    return np.abs(np.diagonal(factor, axis1=1, axis2=2)).prod(axis=1)


def deviation(way: Callable[..., Tensor], vectors: list[Tensor]) -> float:
    expected = exact(vectors)
    return float(np.max(np.abs(way(*vectors).diagonal().numpy() - expected) / expected))


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Memory of the first full call after a small one, then the median time of the others."""
    way, vectors = WAYS[options.way], spread(options)
    if options.gradient:
        vectors = [vector.requires_grad_() for vector in vectors]

    def call(*vectors: Tensor) -> None:
        volumes = way(*vectors)
        if options.gradient:
            torch.autograd.grad(volumes.sum(), vectors)

    call(*(vector[:64] for vector in vectors))
    memory = extra_bytes(lambda: call(*vectors))
    seconds = median_seconds(lambda: call(*vectors), options.repeats, PATIENCE, options.clock)
    return {"seconds": seconds, "bytes": memory}


def measure_apart(way: str, k: int, gradient: bool) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        *sys.argv[1:],
        "--k",
        str(k),
        "--way",
        way,
        *(["--gradient"] if gradient else []),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def line(title: str, values: dict[str, str], outcome: str) -> None:
    print(f"{title:28}" + "".join(f"{values.get(way, '-'):>18}" for way in WAYS) + f"  {outcome}")


def report(options: argparse.Namespace, k: int) -> Iterator[Row]:
    print(
        f"\nq = {options.queries}, n = {options.candidates}, k = {k}, d = {options.d}, float32, "
        f"{torch.get_num_threads()} thread(s), {options.clock} time, median of up to {options.repeats}"
    )
    line("", {way: way for way in WAYS}, "outcome (aim)")
    for title, gradient, rival, aim in (
        ("forward", False, "stack vectors", AIM_FORWARD),
        ("forward + backward", True, "stack entries", AIM_BOTH),
    ):
        ways = [way for way in WAYS if not (gradient and way == "stack vectors")]
        found = {way: measure_apart(way, k, gradient) for way in ways}
        ratio = found[rival]["seconds"] / found["pairwise_volume"]["seconds"]
        times = {way: f"{figures['seconds'] * 1e3:.1f} ms" for way, figures in found.items()}
        ours, bare = found["pairwise_volume"], found["k - 1 products"]
        size = 4 * (k - 1) * options.queries * options.candidates
        outcome = f"{ours['bytes'] / size:.2f}x the k - 1 products"
        against = f"{ours['seconds'] / bare['seconds']:.1f}x the k - 1 products"
        line(f"{title}, time", times, f"{ratio:.1f}x less than {rival} ({aim}x), {against}")
        memory = {way: f"{figures['bytes'] / 2**20:.1f} MiB" for way, figures in found.items()}
        line(f"{title}, peak memory", memory, outcome + ("" if gradient else f" ({AIM_MEMORY}x)"))
        yield Row(f"k = {k}, {title}: times faster than {rival}", f"{ratio:.1f}", f"at least {aim}", ratio >= aim)
        if not gradient:
            share = ours["bytes"] / size
            yield Row(
                f"k = {k}, {title}: memory beside the products",
                f"{share:.2f}",
                f"at most {AIM_MEMORY}",
                share <= AIM_MEMORY,
            )
    print("largest relative deviation from float64, of the volumes of items with themselves")
    options.k = [k]
    for title, vectors in (("random", spread(options)), (f"differing by {NOISE:g}", nearly_equal(options))):
        line(title, {name: f"{deviation(way, vectors):.1e}" for name, way in WAYS.items() if way is not products}, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("queries", 1000), ("candidates", 1000), ("d", 512), ("repeats", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--k", type=int, nargs="+", default=[3, 4, 5])
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="which seconds to count")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--gradient", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options)))
    else:
        tell(lambda: (row for k in options.k for row in report(options, k)), options.json)


if __name__ == "__main__":
    main()
