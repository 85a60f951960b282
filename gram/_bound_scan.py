"""One pass over compressed candidates that keeps every one which may be among a query's best; compiled by numba.

Lengths here are those of unit queries, and bases at most 1. The length of a query's projection P t on a candidate's span
is known from bytes as p, with p - e <= |P t| <= p + e; so V^2 = base^2 (1 - |P t|^2) lies between two bounds.
Importing this module takes a second or more: import it where it is used.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gram._byte_products import LANES, OFFSET, PER_STEP, products_with

GROUP = 16  # queries at a time: their sums fill half of the registers
SMALLEST = np.float32(1e-30)  # squared bases are 0, or no less than this
_SLACK = np.float32(2e-6)  # more than rounding in float32 can change a length of at most 1
_SHRINK, _GROW = np.float32(1 - 2e-6), np.float32(1 + 2e-6)  # and a product of such
_ZERO, _ONE = np.float32(0), np.float32(1)

_group_products = products_with(GROUP)
_single_products = products_with(1)


class Compressed(NamedTuple):
    """Candidates, in blocks of 16."""

    codes: np.ndarray  # (blocks, m, steps, 16, 4) bytes: round(e / scale) + 128
    scale: np.ndarray  # (16 blocks,) float32
    rest: np.ndarray  # (16 blocks,) the norm of what the bytes leave out, or more
    square: np.ndarray  # (16 blocks,) squared base, the largest being 1


class Asked(NamedTuple):
    """Unit queries."""

    codes: np.ndarray  # (q, 4 steps) bytes, q filled up to whole groups
    first: np.ndarray  # (q,) int32: what makes up for the 128 in the candidates
    scale: np.ndarray  # (q,) float32
    rest: np.ndarray  # (q,) as of candidates


class Found(NamedTuple):
    """What is known of queries so far."""

    least: np.ndarray  # (q, k) a heap of the k least upper bounds, the largest of them first
    items: np.ndarray  # (q, room) candidates with a lower bound below that
    lower: np.ndarray  # (q, room) their lower bounds
    upper: np.ndarray  # (q, room) and upper bounds
    counts: np.ndarray  # (q,) how many of them; -1 once there was no room


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile so that threads run at once, and keep the code on disk where numba finds a place."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


@_compiled
def pack(basis: np.ndarray, codes: np.ndarray, scale: np.ndarray, rest: np.ndarray) -> None:
    """Write the bases (n, m, d) of candidates, float64, the first of which begins a block."""
    n, m, d = basis.shape
    for item in range(n):
        block, lane = item // LANES, item % LANES
        largest = 0.0
        for row in range(m):
            for at in range(d):
                largest = max(largest, abs(basis[item, row, at]))
        scale[item] = np.float32(largest / 127)
        step = np.float64(scale[item])
        inverse = 1 / step if step > 0 else 0.0
        lost = 0.0
        for row in range(m):
            for at in range(d):
                code = min(max(np.rint(basis[item, row, at] * inverse), -127.0), 127.0)
                left = basis[item, row, at] - code * step
                lost += left * left
                codes[block, row, at // PER_STEP, lane, at % PER_STEP] = np.uint8(np.int64(code) + OFFSET)
        rest[item] = np.float32(np.sqrt(lost)) * _GROW


@_compiled
def _reach(rest: np.float32, asked: np.float32) -> np.float32:
    """Return e: r + r_t (1 + r), and what rounding may add."""
    return rest + asked * (_ONE + rest) + _SLACK


@_compiled
def _lower(length: np.float32, reach: np.float32, square: np.float32) -> np.float32:
    far = min(length + reach, _ONE)
    return max(square * ((_ONE - far) * (_ONE + far)) * _SHRINK - SMALLEST, _ZERO)


@_compiled
def _upper(length: np.float32, reach: np.float32, square: np.float32) -> np.float32:
    near = min(max(length - reach, _ZERO), _ONE)
    upper = square * ((_ONE - near) * (_ONE + near)) * _GROW
    return upper + SMALLEST if square > _ZERO else _ZERO


@_compiled
def scan(gallery: Compressed, n: int, start: int, stop: int, asked: Asked, found: Found, sums: np.ndarray) -> None:
    """Go on from block `start` up to `stop` of n candidates; sums (m, 1 or 16, 16) is a place to work in."""
    m, steps = gallery.codes.shape[1], gallery.codes.shape[2]
    width, count = sums.shape[1], len(found.counts)
    lengths = np.empty(LANES, dtype=np.float32)
    row_bytes, sum_bytes = steps * LANES * PER_STEP, width * LANES * 4
    for block in range(start, stop):
        at = block * LANES
        for group in range(0, count, width):
            questions = asked.codes.ctypes.data + group * steps * PER_STEP
            first = asked.first.ctypes.data + group * 4
            for row in range(m):
                candidates = gallery.codes.ctypes.data + (block * m + row) * row_bytes
                out = sums.ctypes.data + row * sum_bytes
                if width == 1:
                    _single_products(candidates, questions, first, steps, out)
                else:
                    _group_products(candidates, questions, first, steps, out)
            for query in range(group, min(group + width, count)):
                if found.counts[query] < 0:
                    continue
                best, scale, rest, promising = found.least[query, 0], asked.scale[query], asked.rest[query], 0
                for lane in range(LANES):
                    total = _ZERO
                    for row in range(m):
                        total += sums[row, query - group, lane] * sums[row, query - group, lane]
                    length = np.sqrt(total) * (gallery.scale[at + lane] * scale)
                    lengths[lane] = length
                    reach = _reach(gallery.rest[at + lane], rest)
                    promising += _lower(length, reach, gallery.square[at + lane]) < best
                if promising:
                    _note(gallery, at, min(LANES, n - at), lengths, rest, found, query)


@_compiled
def _note(
    gallery: Compressed, at: int, there: int, lengths: np.ndarray, rest: np.float32, found: Found, query: int
) -> None:
    """Note those of 16 candidates that may be among the best, and what the best is at most."""
    least, room = found.least[query], found.items.shape[1]
    for lane in range(there):
        reach = _reach(gallery.rest[at + lane], rest)
        lower = _lower(lengths[lane], reach, gallery.square[at + lane])
        if not lower < least[0]:
            continue
        if found.counts[query] == room:
            found.counts[query] = _thin_out(found.items[query], found.lower[query], found.upper[query], least[0])
            if 2 * found.counts[query] > room:
                found.counts[query] = -1
                return
        place = found.counts[query]
        found.items[query, place] = at + lane
        found.lower[query, place] = lower
        found.upper[query, place] = _upper(lengths[lane], reach, gallery.square[at + lane])
        found.counts[query] += 1
        if found.upper[query, place] < least[0]:
            _sift(least, found.upper[query, place])


@_compiled
def _thin_out(items: np.ndarray, lower: np.ndarray, upper: np.ndarray, best: np.float32) -> int:
    """Drop what is no longer below `best`; return how many are left."""
    kept = 0
    for at in range(len(items)):
        if lower[at] < best:
            items[kept], lower[kept], upper[kept] = items[at], lower[at], upper[at]
            kept += 1
    return kept


@_compiled
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
