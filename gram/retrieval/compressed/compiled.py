"""Spans and volumes of candidates, one after the other in float64, compiled by numba.

They are those of `gram.geometry.orthonormal`, rounding aside: Gram-Schmidt, twice; a distance of no more than a few eps
of float32 of its row counts as 0; a missing row takes no direction and has no part in the volume. One candidate has its
score alone, whatever is worked out beside it, so equal candidates have equal scores to the last digit. Importing this
module takes a second or more: import it where it is used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from gram.retrieval.compressed.byte_products import LANES, OFFSET, PER_STEP

_GROW = np.float32(1 + 2e-6)
_SUMS_IN_ANY_ORDER = {"reassoc", "contract"}


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile so that threads run at once, and keep the code on disk where numba finds a place."""

    def compile_one(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:
            return njit(nogil=True, **options)(function)

    return compile_one


@compiled(fastmath=_SUMS_IN_ANY_ORDER)
def _product(first: np.ndarray, second: np.ndarray) -> float:
    total = 0.0
    for at in range(len(first)):
        total += first[at] * second[at]
    return total


@compiled()
def _leave(row: np.ndarray, basis: np.ndarray, limit: float) -> float:
    """Take what is in the span of a basis out of a row; return the length of the rest, 0 below the limit."""
    whole = np.sqrt(_product(row, row))
    if len(basis):
        for _ in range(2):
            for direction in range(len(basis)):
                along = _product(row, basis[direction])
                for at in range(len(row)):
                    row[at] -= along * basis[direction, at]
    length = np.sqrt(_product(row, row))
    return 0.0 if length <= limit * whole else length


@compiled()
def _span(vectors: np.ndarray, limit: float, basis: np.ndarray) -> tuple[float, int]:
    """Write an orthonormal basis of vectors (m, d), zeros for one that adds none; return their volume and number."""
    volume, there = 1.0, 0
    for row in range(len(vectors)):
        basis[row] = vectors[row]
        if np.isnan(basis[row]).all():
            basis[row] = 0.0
            continue
        there += 1
        length = _leave(basis[row], basis[:row], limit)
        volume *= length
        basis[row] *= 1 / length if length > 0 else 0.0
    return volume, there


@compiled()
def pack(
    vectors: np.ndarray, limit: float, codes: np.ndarray, scale: np.ndarray, rest: np.ndarray, base: np.ndarray,
    there: np.ndarray,
) -> None:  # fmt: skip
    """Compress the spans of vectors (n, m, d), the first of which begins a block: see `bound_scan.Compressed`.

    base takes the volumes of the candidates' own vectors, and there how many of these are not missing.
    """
    n, m, d = vectors.shape
    basis = np.empty((m, d))
    for item in range(n):
        block, lane = item // LANES, item % LANES
        base[item], there[item] = _span(vectors[item], limit, basis)
        scale[item] = np.float32(np.abs(basis).max() / 127)
        step = np.float64(scale[item])
        inverse = 1 / step if step > 0 else 0.0
        lost = 0.0
        for row in range(m):
            for at in range(d):
                code = min(max(np.rint(basis[row, at] * inverse), -127.0), 127.0)
                left = basis[row, at] - code * step
                lost += left * left
                codes[block, row, at // PER_STEP, lane, at % PER_STEP] = np.uint8(np.int64(code) + OFFSET)
        rest[item] = np.float32(np.sqrt(lost)) * _GROW


@compiled()
def volumes(
    anchors: np.ndarray, vectors: np.ndarray, limits: tuple[float, float], by_base: bool, out: np.ndarray
) -> None:
    """Write the volume of each anchor (p, d), in float64, with its candidate (p, m, d); the height if not by base.

    limits are those of a candidate's own vectors and of the anchor.
    """
    basis = np.empty(vectors.shape[1:])
    for pair in range(len(anchors)):
        base, _ = _span(vectors[pair], limits[0], basis)
        row = anchors[pair].copy()
        out[pair] = _leave(row, basis, limits[1]) * (base if by_base else 1.0)
