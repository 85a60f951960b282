"""One pass over compressed candidates that keeps every one which may be among a query's best; compiled by numba.

Lengths here are those of unit queries, and bases at most 1. The length of a query's projection P t on a candidate's
span is known from bytes as p, with p - e <= |P t| <= p + e; so V^2 = base^2 (1 - |P t|^2) lies between two bounds.
Importing this module takes a second or more: import it where it is used.
"""

from typing import NamedTuple

import numpy as np

from gram.retrieval.compressed.byte_products import LANES, PER_STEP, products_with, promising
from gram.retrieval.compressed.compiled import compiled

GIVEN_UP = -1
GROUP = 16  # queries at a time: their sums fill half of the registers
SMALLEST = np.float32(1e-30)  # squared bases are 0, or no less than this
_SLACK = np.float32(2e-6)  # more than rounding in float32 can change a length of at most 1
_SHRINK, _GROW = np.float32(1 - 2e-6), np.float32(1 + 2e-6)  # and a product of such
_ZERO, _ONE = np.float32(0), np.float32(1)

_group_products = products_with(GROUP)
_single_products = products_with(1)


# numba's caches on disk name these classes, and fail to load once one is renamed.
class Compressed(NamedTuple):
    """Candidates, in blocks of 16."""

    codes: np.ndarray  # (blocks, m, steps, 16, 4) bytes: round(e / scale) + 128
    scale: np.ndarray  # (16 blocks,) float32
    rest: np.ndarray  # (16 blocks,) the spectral norm of what the bytes leave out, or more
    square: np.ndarray  # (16 blocks,) squared base, the largest being 1


class Asked(NamedTuple):
    """Unit queries."""

    codes: np.ndarray  # (q, 4 steps) bytes, or numbers of 16 bits (`QUERY_DTYPE`), q filled up to whole groups
    first: np.ndarray  # (q,) int32: what makes up for the 128 in the candidates
    scale: np.ndarray  # (q,) float32
    rest: np.ndarray  # (q,) as of candidates


class Found(NamedTuple):
    """The candidates that may be among the best of each query, so far."""

    least: np.ndarray  # (q, k) a heap of the k least upper bounds, the largest of them first
    items: np.ndarray  # (q, room) candidates with a lower bound below that
    lower: np.ndarray  # (q, room) their lower bounds
    upper: np.ndarray  # (q, room) and upper bounds
    counts: np.ndarray  # (q,) how many of them; -1 once there was no room


@compiled()
def _reach(rest: np.float32, asked: np.float32) -> np.float32:
    """Return e: r + r_t (1 + r), and what rounding may add."""
    return rest + asked * (_ONE + rest) + _SLACK


@compiled()
def _lower(length: np.float32, reach: np.float32, square: np.float32) -> np.float32:
    far = min(length + reach, _ONE)
    return max(square * ((_ONE - far) * (_ONE + far)) * _SHRINK - SMALLEST, _ZERO)


@compiled()
def _upper(length: np.float32, reach: np.float32, square: np.float32) -> np.float32:
    near = min(max(length - reach, _ZERO), _ONE)
    upper = square * ((_ONE - near) * (_ONE + near)) * _GROW
    return upper + SMALLEST if square > _ZERO else _ZERO


@compiled()
def scan(gallery: Compressed, n: int, start: int, stop: int, asked: Asked, found: Found, sums: np.ndarray) -> None:
    """Scan from block `start` up to `stop` of n candidates; sums (m, 1 or 16, 16) is workspace."""
    m, steps = gallery.codes.shape[1], gallery.codes.shape[2]
    width, count = sums.shape[1], len(found.counts)
    row_bytes, sum_bytes = steps * LANES * PER_STEP, width * LANES * 4
    query_bytes = steps * PER_STEP * asked.codes.itemsize
    scale, rest, square = gallery.scale.ctypes.data, gallery.rest.ctypes.data, gallery.square.ctypes.data
    numbers = np.stack((asked.scale, asked.rest), axis=1)
    limits = np.array([_SLACK, _SHRINK, SMALLEST, _ZERO], dtype=np.float32)
    for block in range(start, stop):
        at = block * LANES
        for group in range(0, count, width):
            questions, first = asked.codes.ctypes.data + group * query_bytes, asked.first.ctypes.data + group * 4
            for row in range(m):
                candidates = gallery.codes.ctypes.data + (block * m + row) * row_bytes
                out = sums.ctypes.data + row * sum_bytes
                if width == 1:
                    _single_products(candidates, questions, first, steps, out)
                else:
                    _group_products(candidates, questions, first, steps, out)
            for query in range(group, min(group + width, count)):
                limits[3] = found.least[query, 0]
                if promising(
                    sums.ctypes.data + (query - group) * LANES * 4, m, width, scale + at * 4, rest + at * 4,
                    square + at * 4, numbers.ctypes.data + query * 8, limits.ctypes.data,
                ):  # fmt: skip
                    _note(gallery, at, min(LANES, n - at), sums[:, query - group], asked, found, query)


@compiled()
def _note(gallery: Compressed, at: int, count: int, sums: np.ndarray, asked: Asked, found: Found, query: int) -> None:
    """Note those of 16 candidates that may be among the best of a query, and what the k-th best is at most."""
    least, room = found.least[query], found.items.shape[1]
    for lane in range(count):
        total = _ZERO
        for row in range(len(sums)):
            total += sums[row, lane] * sums[row, lane]
        length = np.sqrt(total) * gallery.scale[at + lane] * asked.scale[query]
        reach = _reach(gallery.rest[at + lane], asked.rest[query])
        lower = _lower(length, reach, gallery.square[at + lane])
        if not lower < least[0]:
            continue
        if found.counts[query] == room:
            kept = _thin_out(found.items[query], found.lower[query], found.upper[query], least[0])
            found.counts[query] = kept
            if 2 * kept > room:
                found.counts[query] = GIVEN_UP
                least[:] = _ZERO  # no lower bound is below that
                return
        place = found.counts[query]
        found.items[query, place] = at + lane
        found.lower[query, place] = lower
        found.upper[query, place] = _upper(length, reach, gallery.square[at + lane])
        found.counts[query] += 1
        if found.upper[query, place] < least[0]:
            _sift(least, found.upper[query, place])


@compiled()
def _thin_out(items: np.ndarray, lower: np.ndarray, upper: np.ndarray, best: np.float32) -> int:
    """Drop what is above `best` by now; return how many are left."""
    kept = 0
    for at in range(len(items)):
        if lower[at] <= best:
            items[kept], lower[kept], upper[kept] = items[at], lower[at], upper[at]
            kept += 1
    return kept


@compiled()
def _sift(heap: np.ndarray, value: np.float32) -> None:
    """Put a value in the place of the largest of a heap."""
    place = 0
    while 2 * place + 1 < len(heap):
        child = 2 * place + 1
        if child + 1 < len(heap) and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
