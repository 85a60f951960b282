"""Time, memory and accuracy of `gram.pairwise_volume` against the plain way, in one table.

There are two plain ways, and both end in sqrt(abs(det)) of float32 Gram matrices:

- "stack vectors": every pair's k vectors stacked to (q, n, k, d), their Gram matrices (q, n, k, k), det. At the default
  size the stack alone is 8 GB, so it is made for a few anchors at a time: its memory here is that of one part.
- "stack entries": what published code does: the entries from k - 1 matrix products, stacked to (q, n, k, k), det.

Each way runs in a process of its own, so that its peak memory is its own: the most the process ever held during the
first full call, less what it held before, result included. The aim is held against the stacked vectors.

On a machine that is busy with other things, `--clock cpu` counts the seconds of the processor instead of the wall's.

    python benchmarks/pairwise_volume.py [--queries 1000] [--candidates 1000] [--k 4] [--d 512] [--repeats 7]
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram import pairwise_volume

AIM_TIME, AIM_MEMORY = 10, 20
NOISE = 1e-4
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
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


WAYS: dict[str, Callable[..., Tensor]] = {
    "pairwise_volume": pairwise_volume,
    "stack vectors": stack_vectors,
    "stack entries": stack_entries,
}


def spread(options: argparse.Namespace) -> list[Tensor]:
    """Random unit vectors, far from dependent: both ways should be right here."""
    generator = torch.Generator().manual_seed(0)
    sizes = [options.queries] + [options.candidates] * (options.k - 1)
    return [normalize(torch.randn(size, options.d, generator=generator), dim=-1) for size in sizes]


def nearly_equal(options: argparse.Namespace) -> list[Tensor]:
    """Items whose k unit vectors differ by noise of length 1e-4 alone."""
    generator = torch.Generator().manual_seed(1)
    centre = normalize(torch.randn(200, options.d, generator=generator), dim=-1)
    noise = normalize(torch.randn(options.k, 200, options.d, generator=generator), dim=-1)
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


def peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


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
    forget_peak()
    before = peak_bytes()
    call(*vectors)
    memory = peak_bytes() - before
    clock, times = CLOCKS[options.clock], []
    while len(times) < options.repeats and sum(times) < PATIENCE:
        start = clock()
        call(*vectors)
        times.append(clock() - start)
    return {"seconds": statistics.median(times), "bytes": memory}


def measure_apart(way: str, gradient: bool) -> dict[str, float]:
    command = [sys.executable, __file__, *sys.argv[1:], "--way", way, *(["--gradient"] if gradient else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report(options: argparse.Namespace) -> None:
    print(
        f"q = {options.queries}, n = {options.candidates}, k = {options.k}, d = {options.d}, float32, "
        f"{torch.get_num_threads()} thread(s), {options.clock} time, median of up to {options.repeats}\n"
    )
    print(f"{'':28}" + "".join(f"{way:>18}" for way in WAYS) + f"{'ratios':>20}{'aim':>8}")
    for title, gradient in (("forward", False), ("forward + backward", True)):
        ways = [way for way in WAYS if not (gradient and way == "stack vectors")]
        found = {way: measure_apart(way, gradient) for way in ways}
        for key, unit, size, aim in (("seconds", "ms", 1e-3, AIM_TIME), ("bytes", "MiB", 2**20, AIM_MEMORY)):
            values = {way: figures[key] / size for way, figures in found.items()}
            ratios = [f"{values[way] / max(values['pairwise_volume'], 1e-9):.1f}x" for way in ways[1:]]
            cells = "".join(f"{f'{values[way]:.1f} {unit}' if way in values else '-':>18}" for way in WAYS)
            print(f"{f'{title}, {key}':28}{cells}{', '.join(ratios):>20}{'' if gradient else f'{aim}x':>8}")
    print("\nlargest relative deviation from float64, of the volumes of items with themselves")
    for title, vectors in (("random", spread(options)), (f"differing by {NOISE:g}", nearly_equal(options))):
        print(f"{title:28}" + "".join(f"{deviation(way, vectors):>18.1e}" for way in WAYS.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("queries", 1000), ("candidates", 1000), ("k", 4), ("d", 512), ("repeats", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="which seconds to count")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--gradient", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options)))
    else:
        report(options)


if __name__ == "__main__":
    main()
