"""Candidates' spans in a byte a coordinate, with bounds that hold: which few may be the best, for exact scores.

The rows e_i of a candidate's orthonormal basis are stored as s c_i, of whole numbers c_i up to 127, with the norm r of
all that rounding leaves out, ||(e_i - s c_i)_i||. A query t of length 1 is rounded likewise, to u, with |t - u| = r_t.
Then, by Cauchy and Schwarz and since the e_i are orthonormal,

    | |P t| - ||(u . s c_i)_i|| |  <=  r + r_t (1 + r),        V = base sqrt(1 - |P t|^2),

which bounds each volume from both sides. A candidate whose lower bound is above the k-th least upper bound is not among
the k best; the others are scored in float64. Bytes are a quarter of what float32 has to read, and their products are
whole numbers, so exact.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.geometry.orthonormal import tolerance

if TYPE_CHECKING:
    from gram.retrieval.compressed.bound_scan import Asked, Found

MEASURES = ("volume", "height", "normalized-volume")
LARGEST_K = 1000  # beyond, the pass has more to do with its heaps than with candidates
_LARGEST_D = 1 << 15  # sums of products stay within 32 bits
_ROOM = 1 << 14  # candidates that a thread keeps of a query; with more than half of them left, bounds are no help
_QUERIES = 256  # in one pass
_PACKED = 1 << 10  # candidates compressed at a time
_CHUNK = 1 << 8  # blocks of 16 candidates that a thread takes at a time
_SCORED = 64  # pairs scored at a time

Result = TypeVar("Result")
Rows = Callable[[Int[Tensor, " b"]], list[Float[Tensor, "b d"]]]


class Best(NamedTuple):
    """The k best candidates of q queries, best first."""

    items: Int[Tensor, "q k"]
    scores: Float[Tensor, "q k"]
    scored: Int[Tensor, " q"]  # how many candidates the bounds left to be scored
    certain: Bool[Tensor, " q"]  # False where bounds are no help: then the rest of the row says nothing


def supported(measure: str, d: int) -> bool:
    """Return whether there are bounds for a measure, and the processor multiplies bytes.

    The measures of `MEASURES`, for x86 processors with AVX-512 VNNI or AVX2; numba has to be there.
    """
    if measure not in MEASURES or d > _LARGEST_D:
        return False
    try:
        from gram.retrieval.compressed import byte_products as _byte_products
    except ImportError:
        return False
    return _byte_products.available()


class CompressedSpans:
    """Spans and bases of n candidates of m modalities, in m d + 12 bytes each, d rounded up to fours.

    Attributes:
        ranked: whether bounds rank these candidates. Not where `normalized-volume` takes different roots, of candidates
            that lack modalities, and not where a volume is beyond float64.
    """

    def __init__(self, measure: str, n: int, rows: Rows) -> None:
        """Read all candidates once.

        Args:
            measure: one of `MEASURES`.
            n: how many candidates there are.
            rows: gives the vectors of candidates by place, one tensor a modality, NaN where one is missing.
        """
        from gram.retrieval.compressed import bound_scan as _bound_scan
        from gram.retrieval.compressed import byte_products as _byte_products
        from gram.retrieval.compressed import compiled as _compiled_spans

        self._scan, self._spans, self._rows, self._n = _bound_scan, _compiled_spans, rows, n
        self._offset, self._asked = _byte_products.OFFSET, _byte_products.ASKED
        first = rows(torch.arange(1))
        m, self._d, self._by_base = len(first), first[0].shape[1], measure != "height"
        self._limits = (tolerance(m, torch.float32), tolerance(m + 1, torch.float32))
        lanes, per_step = _byte_products.LANES, _byte_products.PER_STEP
        blocks = -(-n // lanes)
        codes = _aligned((blocks, m, -(-self._d // per_step), lanes, per_step), np.uint8)
        codes.fill(self._offset)
        self._gallery = _bound_scan.Compressed(codes, *_aligned((3, blocks * lanes), np.float32))
        for numbers in self._gallery[1:]:
            numbers.fill(0)
        bases, there = self._pack()
        if not self._by_base:
            bases.fill(1)
        roots = 1 + np.unique(there) if measure == "normalized-volume" else np.ones(1)
        self._root, self._largest = float(roots[0]), float(bases.max())
        self.ranked = len(roots) == 1 and math.isfinite(self._largest)
        with np.errstate(under="ignore", invalid="ignore"):
            squares = np.square(bases / (self._largest or 1.0))
        self._gallery.square[:n] = np.where(bases > 0, squares.clip(float(_bound_scan.SMALLEST)), 0)

    def _pack(self) -> tuple[np.ndarray, np.ndarray]:
        """Compress all spans; return the candidates' bases, and how many vectors each has."""
        bases, there = np.empty(self._n), np.empty(self._n, dtype=np.int64)

        def pack(start: int) -> None:
            block = slice(start, min(start + _PACKED, self._n))
            vectors = _stacked(self._rows(torch.arange(block.start, block.stop)))
            codes = self._gallery.codes[start // self._gallery.codes.shape[3] :]
            numbers = (self._gallery.scale[block], self._gallery.rest[block], bases[block], there[block])
            self._spans.pack(vectors, self._limits[0], codes, *numbers)

        _in_threads(pack, range(0, self._n, _PACKED))
        return bases, there

    def best(self, queries: Float[Tensor, "q d"], k: int) -> Best:
        """Return the k best candidates of queries, for k up to n; equal scores by place, the lower first."""
        parts = [self._best(part, k) for part in queries.split(_QUERIES)]
        return Best(*(torch.cat(each) for each in zip(*parts)))

    def bounds(self, query: Float[Tensor, " d"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Return what one pass knows of each candidate's volume (of its height: `height`): no less, and no more."""
        asked, lengths = self._as_bytes(query[None])
        found = self._pass(asked, 1, self._n + 1, room=self._n + 1)
        order = np.argsort(np.concatenate([each.items[0, : each.counts[0]] for each in found]))
        unit = float(lengths[0]) * self._largest
        squares = [
            np.concatenate([getattr(each, side)[0, : each.counts[0]] for each in found]) for side in ("lower", "upper")
        ]
        lower, upper = (torch.from_numpy(each[order]).double().sqrt() * unit for each in squares)
        return lower, upper

    def _as_bytes(self, queries: Float[Tensor, "q d"]) -> tuple["Asked", Float[Tensor, " q"]]:
        """Return the queries of length 1 as bytes, and the lengths that they had."""
        lengths = torch.linalg.vector_norm(queries.double(), dim=1)
        unit = (queries.double() / lengths.masked_fill(lengths == 0, 1)[:, None]).numpy()
        scale = (np.abs(unit).max(axis=1) / 127).astype(np.float32)
        wide = scale[:, None].astype(np.float64)
        codes = np.rint(unit / np.where(wide > 0, wide, 1)).clip(-127, 127)
        rest = np.linalg.norm(unit - codes * wide, axis=1) * (1 + 1e-6)
        filled = -(-len(unit) // self._width(len(unit))) * self._width(len(unit))
        whole = _aligned((filled, math.prod(self._gallery.codes.shape[2::2])), self._asked)
        whole.fill(0)
        whole[: len(unit), : self._d] = codes
        first = -self._offset * whole.sum(axis=1, dtype=np.int32)
        return self._scan.Asked(whole, first, scale, rest.astype(np.float32)), lengths

    def _width(self, count: int) -> int:
        return 1 if count == 1 else self._scan.GROUP

    def _pass(self, asked: "Asked", count: int, k: int, room: int | None = None) -> list["Found"]:
        """Return what each thread finds. Each takes the next blocks that none has: so it meets them in order."""
        blocks, m = self._gallery.codes.shape[:2]
        chunks, room = iter(range(0, blocks, _CHUNK)), room or _ROOM
        width = self._width(count)

        def work(_: int) -> "Found":
            found = self._scan.Found(
                np.full((count, k), np.inf, dtype=np.float32),
                np.empty((count, room), dtype=np.int32),
                *np.empty((2, count, room), dtype=np.float32),
                np.zeros(count, dtype=np.int64),
            )
            sums = _aligned((m, width, self._gallery.codes.shape[3]), np.float32)
            for start in chunks:
                stop = min(start + _CHUNK, blocks)
                self._scan.scan(self._gallery, self._n, start, stop, asked, found, sums)
            return found

        return _in_threads(work, range(max(1, min(torch.get_num_threads(), blocks // _CHUNK))))

    def _best(self, queries: Float[Tensor, "q d"], k: int) -> Best:
        asked, lengths = self._as_bytes(queries)
        found = self._pass(asked, len(queries), k)
        certain = (np.stack([each.counts for each in found]) >= 0).all(axis=0) & (lengths.numpy() > 0)
        certain &= np.isfinite(lengths.numpy() * self._largest)
        which = certain.nonzero()[0].tolist()
        left = [_left(found, query, k) for query in which]
        anchors, units = queries[which], lengths.numpy()[which] * self._largest
        early = [items[: 2 * k] for items, _ in left]
        volumes = self._volumes(anchors, early)
        late = []
        for (items, lower), known, unit in zip(left, volumes, units):
            enough = (np.partition(known, k - 1)[k - 1] / (unit or 1.0)) ** 2
            late.append(items[2 * k :][lower[2 * k :] <= enough])
        both = [np.concatenate(pair) for pair in zip(early, late)]
        volumes = [np.concatenate(pair) for pair in zip(volumes, self._volumes(anchors, late))]
        orders = [np.lexsort(pair)[:k] for pair in zip(both, volumes)]
        items, scores = np.zeros((len(queries), k), dtype=np.int64), np.zeros((len(queries), k))
        scored = np.zeros(len(queries), dtype=np.int64)
        for query, each, known, order in zip(which, both, volumes, orders):
            items[query], scores[query], scored[query] = each[order], 0.0 - known[order] ** (1 / self._root), len(each)
        return Best(*map(torch.from_numpy, (items, scores, scored, certain)))

    def _volumes(self, anchors: Float[Tensor, "q d"], items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the volumes of each query with its own candidates, in float64 from the vectors."""
        counts = [len(each) for each in items]
        which = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.int64))
        places = torch.from_numpy(np.concatenate([np.empty(0, np.int64), *items]).astype(np.int64))
        volumes = np.empty(len(places))

        def work(start: int) -> None:
            pairs = slice(start, start + _SCORED)
            vectors = _stacked(self._rows(places[pairs]))
            asked = anchors[which[pairs]].double().numpy()
            self._spans.volumes(asked, vectors, self._limits, self._by_base, volumes[pairs])

        _in_threads(work, range(0, len(places), _SCORED))
        return np.split(volumes, np.cumsum(counts)[:-1]) if counts else []


def _in_threads(work: Callable[[int], Result], parts: Sequence[int]) -> list[Result]:
    threads = min(torch.get_num_threads(), len(parts))
    if threads <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


def _stacked(rows: list[Float[Tensor, "b d"]]) -> np.ndarray:
    return np.stack([row.numpy() for row in rows], axis=1)


def _left(found: Sequence["Found"], query: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates that the bounds leave for a query with their lower bounds, the least first."""
    items, lower = (
        np.concatenate([getattr(each, name)[query, : each.counts[query]] for each in found])
        for name in ("items", "lower")
    )
    most = np.partition(np.concatenate([each.least[query] for each in found]), k - 1)[k - 1]
    kept = lower <= most
    order = np.argsort(lower[kept], kind="stable")
    return items[kept][order], lower[kept][order]


def _aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return an empty array that begins at a multiple of 64 bytes, as whole registers are loaded and stored."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)
