"""Byte-quantised candidate spans, and score bounds from them that leave few candidates to be scored exactly.

The rows e_i of a candidate's orthonormal basis E are stored as s c_i, of whole numbers c_i up to 127, with the
spectral norm r of all that rounding leaves out, E - s C. A query t of length 1 is rounded to u likewise, with
|t - u| = r_t. Then

    |E t - s C u|  <=  r + r_t (1 + r),        V = base sqrt(1 - |E t|^2),

which bounds each volume from both sides, and other measures too (`bounds`). What bounds leave open is scored in
float64. Bytes are half of what float16 has to read, and their products are whole numbers, so exact.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.geometry.orthonormal import tolerance
from gram.measures import Measure
from gram.measures.span_bounds import Bounds, SpanCoordinates, query_basis
from gram.retrieval.scoring import Candidates

if TYPE_CHECKING:
    from gram.retrieval.compressed.bound_scan import Asked, Compressed, Found

LARGEST_K = 1000  # beyond, the scan has more to do with its heaps than with candidates
_LARGEST_D = 1 << 15  # sums of products stay within 32 bits
_ROOM = 1 << 14  # candidates that a thread keeps of a query; with more than half of them left, bounds are no help
_QUERIES = 256  # in one scan
_PACKED = 1 << 10  # candidates compressed at a time
_CHUNK = 1 << 8  # blocks of 16 candidates that a thread takes at a time
_SURE = 1e-5  # volumes from here on, of a usual one, that differ beyond rounding in float32 do not tie
_REMEMBERED = 2  # queries whose products with all candidates are kept

_READ = (torch.float16, torch.float32, torch.float64)

Result = TypeVar("Result")
Items = Int[np.ndarray, " b"]


def supports(measure: Measure, candidates: Candidates) -> bool:
    """Return whether a measure has bounds, the vectors are in memory, and the processor multiplies bytes.

    That needs numba and x86 with AVX-512 VNNI or AVX2.
    """
    if not measure.can_bound or candidates.device.type != "cpu" or candidates.vectors[0].shape[1] > _LARGEST_D:
        return False
    try:
        from gram.retrieval.compressed import byte_products
    except ImportError:
        return False
    return byte_products.available()


class SpanCodes:
    """The spans of n candidates of m modalities, in m d bytes each and 4 m^2 + 20 more; made on first use.

    Measures and queries share them.
    """

    def __init__(self, candidates: Candidates) -> None:
        """Hold the candidates; nothing is read yet."""
        self.candidates = candidates
        self._lock = Lock()
        self._packed = False
        self._recent: dict[bytes, SpanCoordinates] = {}

    def pack(self, progress: Progress = no_progress) -> None:
        """Read and compress all candidates, block by block, unless that was done."""
        with self._lock:
            if not self._packed:
                self._pack(progress)
                self._packed = True

    def _pack(self, progress: Progress) -> None:
        from gram.retrieval.compressed import bound_scan, byte_products, compiled

        self._scan, self._compiled = bound_scan, compiled
        self._asked, self._offset = byte_products.QUERY_DTYPE, byte_products.OFFSET
        lanes, per_step = byte_products.LANES, byte_products.PER_STEP
        n, m, d = len(self.candidates), len(self.candidates.vectors), self.candidates.vectors[0].shape[1]
        blocks, limit = -(-n // lanes), tolerance(m, torch.float64)
        self._codes = _aligned((blocks, m, -(-d // per_step), lanes, per_step), np.uint8)
        self._codes.fill(byte_products.OFFSET)
        self._scale, self._rest = _aligned((2, blocks * lanes), np.float32)
        self._scale.fill(0)
        self._rest.fill(0)
        self._base, self._present = np.empty(n), np.empty((n, m), dtype=bool)
        self._directions = np.empty((n, m, m), dtype=np.float32)

        def pack(start: int) -> None:
            block = slice(start, min(start + _PACKED, n))
            vectors = torch.stack(self.candidates.take(block), dim=1).numpy()
            compiled.pack(
                vectors, limit, self.candidates.normalize, self._codes[start // lanes :], self._scale[block],
                self._rest[block], self._base[block], self._directions[block], self._present[block],
            )  # fmt: skip

        _in_threads(pack, range(0, n, _PACKED), progress)
        self._total, self._count = self._directions.sum(axis=1), self._present.sum(axis=1)

    def bounds(self, measure: Measure, query: Float[Tensor, "p d"]) -> Bounds:
        """Return no more and no less than the score of each candidate, for a query's vectors, the anchor first."""
        key = query.numpy().tobytes()
        with self._lock:
            if key not in self._recent:
                found = self._coordinates(query)
                while len(self._recent) >= _REMEMBERED:
                    self._recent.pop(next(iter(self._recent)))
                self._recent[key] = found
            at = self._recent[key]
        return _widened(*measure.score_bounds(at), 1e-6)

    def refine(self, measure: Measure, query: Float[Tensor, "p d"], positions: Items) -> Bounds:
        """Return narrow bounds on the scores of some candidates, from their vectors, as `bounds` does for all."""
        stored = [self._compiled.as_stored(each.numpy()) for each in self.candidates.vectors if each.dtype in _READ]
        if len(stored) < len(self.candidates.vectors) or any(each is None for each in stored):
            none = np.full(len(positions), np.inf)
            return -none, none
        basis, units = query_basis(query)
        rows = positions if self.candidates.rows is None else self.candidates.rows.numpy()[positions]
        products = np.empty((len(rows), len(stored), len(query)))

        def read(start: int) -> None:
            part = slice(start, start + _PACKED)
            self._compiled.stored_cosines(tuple(stored), rows[part], basis.basis.numpy(), products[part])

        _in_threads(read, range(0, len(rows), _PACKED))
        directions = self._directions[positions]
        volume = np.ones(len(rows))
        for row in range(len(stored)):  # from cosines C = L S to S, row by row
            own, before = directions[:, row, row], directions[:, row, :row, None].astype(np.float64)
            products[:, row] -= (before * products[:, :row]).sum(axis=1)
            products[:, row] = np.where(own[:, None] > 0, products[:, row] / np.where(own > 0, own, 1)[:, None], 0)
            volume *= np.where(own > 0, own, 1)
        reach = 1e-6 * math.sqrt(len(stored)) ** (len(stored) - 1) / volume  # of rounding in L, over its least value
        at = SpanCoordinates(
            products, reach, directions, self._base[positions], self._present[positions], self._total[positions],
            self._count[positions], basis, units,
        )  # fmt: skip
        return _widened(*measure.score_bounds(at), 1e-9)

    def _coordinates(self, query: Float[Tensor, "p d"]) -> SpanCoordinates:
        """Return the query in the candidates' bases: of its bytes, and of the bytes of what these leave out."""
        basis, units = query_basis(query)
        vectors = basis.basis.numpy()
        coarse = self._as_bytes(vectors)
        left = vectors - self._from_bytes(coarse)
        fine = self._as_bytes(left)
        rest = np.linalg.norm(left - self._from_bytes(fine)) * (1 + 1e-6)
        asked, first, scale, _ = (np.stack(pair, axis=1) for pair in zip(coarse, fine))
        n, m = self._present.shape
        products = np.empty((n, m, len(query)), dtype=np.float32)
        asked, first, scale = _copied(asked.reshape(-1, asked.shape[2])), first.reshape(-1), scale.reshape(-1)

        def project(start: int) -> None:
            stop = min(start + _CHUNK, len(self._codes))
            sums = _aligned((2, self._codes.shape[3]), np.float32)
            self._compiled.project(self._codes, n, start, stop, self._scale, asked, first, scale, sums, products)

        _in_threads(project, range(0, len(self._codes), _CHUNK))
        reach = self._rest[:n] + np.float32(rest) * (1 + self._rest[:n]) + np.float32(4e-6)
        return SpanCoordinates(
            products, reach, self._directions, self._base, self._present, self._total, self._count, basis, units
        )

    def likely_best(
        self, queries: Float[Tensor, "q d"], k: int, *, by_base: bool, scale: float
    ) -> list[tuple[Items, Float[np.ndarray, " b"]] | None]:
        """Return, for each query, the candidates that may be among the k of least volume, the likeliest first.

        They come with lower bounds of their volumes (heights unless `by_base`); None where bounds do not help or ties
        may go beyond them. k is up to `LARGEST_K` and n, `scale` that of `score_scale`.
        """
        found: list[tuple[Items, Float[np.ndarray, " b"]] | None] = []
        for part in queries.split(_QUERIES):
            found += self._scanned(part, k, by_base, scale)
        return found

    def power(self, measure: Measure) -> float | None:
        """Return e where all scores are minus a volume or height to the power e; None where they differ."""
        powers = {measure.span_power(1 + count) for count in self._counts} if measure.span_size else set()
        return powers.pop() if len(powers) == 1 and self.finite else None

    @cached_property
    def _counts(self) -> list[int]:
        return np.unique(self._count).tolist()

    @property
    def finite(self) -> bool:
        """Whether no volume is beyond float64, so that bounds hold."""
        return math.isfinite(self._largest)

    @cached_property
    def _largest(self) -> float:
        return float(self._base.max()) or 1.0

    @cached_property
    def _by_base(self) -> "Compressed":
        with np.errstate(under="ignore", invalid="ignore"):
            squares = np.square(self._base / self._largest)
        return self._gallery(np.where(self._base > 0, squares.clip(float(self._scan.SMALLEST)), 0))

    @cached_property
    def _by_height(self) -> "Compressed":
        return self._gallery(np.ones(len(self._base)))

    def _gallery(self, squares: Float[np.ndarray, " n"]) -> "Compressed":
        square = _aligned(self._scale.shape, np.float32)
        square[: len(squares)], square[len(squares) :] = squares, 0
        return self._scan.Compressed(self._codes, self._scale, self._rest, square)

    def _as_bytes(self, rows: Float[np.ndarray, "q d"], filled: int = 0) -> "Asked":
        """Return rows as bytes, filled up to so many."""
        scale = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
        wide = scale[:, None].astype(np.float64)
        codes = np.rint(rows / np.where(wide > 0, wide, 1)).clip(-127, 127)
        rest = np.linalg.norm(rows - codes * wide, axis=1) * (1 + 1e-6)
        whole = _aligned((max(filled, len(rows)), math.prod(self._codes.shape[2::2])), self._asked)
        whole.fill(0)
        whole[: len(rows), : rows.shape[1]] = codes
        first = -self._offset * whole.sum(axis=1, dtype=np.int32)
        return self._scan.Asked(whole, first, scale, rest.astype(np.float32))

    def _from_bytes(self, asked: "Asked") -> Float[np.ndarray, "q d"]:
        d = self.candidates.vectors[0].shape[1]
        return asked.codes[:, :d].astype(np.float64) * asked.scale[:, None].astype(np.float64)

    def _scanned(
        self, queries: Float[Tensor, "q d"], k: int, by_base: bool, scale: float
    ) -> list[tuple[Items, Float[np.ndarray, " b"]] | None]:
        lengths = torch.linalg.vector_norm(queries, dim=1).numpy()
        width = 1 if len(queries) == 1 else self._scan.GROUP
        units = queries.numpy() / np.where(lengths > 0, lengths, 1)[:, None]
        asked = self._as_bytes(units, -(-len(units) // width) * width)
        found = self._pass(self._by_base if by_base else self._by_height, asked, len(units), width, k)
        certain = (np.stack([each.counts for each in found]) >= 0).all(axis=0) & (lengths > 0)
        sizes = lengths * (self._largest if by_base else 1.0)
        likely: list[tuple[Items, Float[np.ndarray, " b"]] | None] = []
        for query, size in enumerate(sizes):
            items, lower, last = _left(found, query, k)
            sure = certain[query] and math.sqrt(last) * size > _SURE * scale
            likely.append((items, np.sqrt(lower.astype(np.float64)) * size) if sure else None)
        return likely

    def _pass(self, gallery: "Compressed", asked: "Asked", count: int, width: int, k: int) -> list["Found"]:
        """Return what each thread finds. Each takes the next blocks that none has: so it meets them in order."""
        blocks, m = self._codes.shape[:2]
        chunks = iter(range(0, blocks, _CHUNK))

        def work(_: int) -> "Found":
            found = self._scan.Found(
                np.full((count, k), np.inf, dtype=np.float32),
                np.empty((count, _ROOM), dtype=np.int32),
                *np.empty((2, count, _ROOM), dtype=np.float32),
                np.zeros(count, dtype=np.int64),
            )
            sums = _aligned((m, width, self._codes.shape[3]), np.float32)
            for start in chunks:
                stop = min(start + _CHUNK, blocks)
                self._scan.scan(gallery, len(self._base), start, stop, asked, found, sums)
            return found

        return _in_threads(work, range(max(1, min(torch.get_num_threads(), blocks // _CHUNK))))


def _in_threads(work: Callable[[int], Result], parts: Sequence[int], progress: Progress = no_progress) -> list[Result]:
    threads, done = min(torch.get_num_threads(), len(parts)), []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        try:
            for result in pool.map(work, parts) if threads > 1 else map(work, parts):
                done.append(result)
                progress(len(done) / len(parts))
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _widened(low: np.ndarray, high: np.ndarray, slack: float) -> Bounds:
    low, high = low.astype(np.float64), high.astype(np.float64)
    return low - slack * np.abs(low), high + slack * np.abs(high)


def _left(found: Sequence["Found"], query: int, k: int) -> tuple[Items, Float[np.ndarray, " b"], float]:
    """Return the candidates that bounds leave for a query with their lower bounds, the least first, and the limit."""
    items, lower = (
        np.concatenate([getattr(each, name)[query, : max(0, each.counts[query])] for each in found])
        for name in ("items", "lower")
    )
    last = np.partition(np.concatenate([each.least[query] for each in found]), k - 1)[k - 1]
    kept = lower <= last
    order = np.argsort(lower[kept], kind="stable")
    return items[kept][order], lower[kept][order], float(last)


def _aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return an empty array that begins at a multiple of 64 bytes, as whole registers are loaded and stored."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def _copied(values: np.ndarray) -> np.ndarray:
    copy = _aligned(values.shape, values.dtype.type)
    copy[:] = values
    return copy
