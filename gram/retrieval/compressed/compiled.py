"""Spans of candidates as bytes, and products with them, compiled by numba.

Spans are those of `gram.geometry.orthonormal`, rounding aside: Gram-Schmidt, twice; a distance within the tolerance of
float64 counts as 0; a missing row takes no direction and has no part in the volume. Importing this module takes a
second or more: import it where it is used.
"""

import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from gram.retrieval.compressed.byte_products import LANES, OFFSET, PER_STEP, features, products_with

_GROW = np.float32(1 + 2e-6)
_SUMS_IN_ANY_ORDER = {"reassoc", "contract"}
_pair_products = products_with(2)


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
def _span(vectors: np.ndarray, limit: float, normalize: bool, basis: np.ndarray, present: np.ndarray) -> float:
    """Write an orthonormal basis of vectors (m, d), zeros for one that adds none, and which are there; return base."""
    volume = 1.0
    for row in range(len(vectors)):
        basis[row] = vectors[row]
        present[row] = not np.isnan(basis[row]).all()
        if not present[row]:
            basis[row] = 0.0
            continue
        whole = np.sqrt(_product(basis[row], basis[row]))
        length = _leave(basis[row], basis[:row], limit)
        volume *= (length / whole if whole > 0 else 0.0) if normalize else length
        basis[row] *= 1 / length if length > 0 else 0.0
    return volume


@compiled()
def _norm_bound(rows: np.ndarray) -> float:
    """Return at least the spectral norm of rows (m, d): by Gershgorin's circles of their Gram matrix."""
    largest = 0.0
    for row in range(len(rows)):
        total = 0.0
        for other in range(len(rows)):
            total += abs(_product(rows[row], rows[other]))
        largest = max(largest, total)
    return np.sqrt(largest)


@compiled()
def pack(
    vectors: np.ndarray, limit: float, normalize: bool, codes: np.ndarray, scale: np.ndarray, rest: np.ndarray,
    base: np.ndarray, inside: np.ndarray, present: np.ndarray,
) -> None:  # fmt: skip
    """Compress the spans of vectors (n, m, d), the first of which begins a block: see `SpanCodes`.

    base takes the volumes of the candidates' own vectors, `inside` (n, m, m) their directions in their basis, and
    `present` (n, m) which of them are there.
    """
    n, m, d = vectors.shape
    basis, left = np.empty((m, d)), np.empty((m, d))
    for item in range(n):
        block, lane = item // LANES, item % LANES
        base[item] = _span(vectors[item], limit, normalize, basis, present[item])
        scale[item] = np.float32(np.abs(basis).max() / 127)
        step = np.float64(scale[item])
        inverse = 1 / step if step > 0 else 0.0
        for row in range(m):
            for at in range(d):
                code = min(max(np.rint(basis[row, at] * inverse), -127.0), 127.0)
                left[row, at] = basis[row, at] - code * step
                codes[block, row, at // PER_STEP, lane, at % PER_STEP] = np.uint8(np.int64(code) + OFFSET)
        rest[item] = np.float32(_norm_bound(left)) * _GROW
        for row in range(m):
            left[row] = vectors[item, row]
            whole = np.sqrt(_product(left[row], left[row]))
            for direction in range(m):
                along = _product(left[row], basis[direction]) / whole if present[item, row] and whole > 0 else 0.0
                inside[item, row, direction] = np.float32(along)


@compiled()
def project(
    codes: np.ndarray, n: int, start: int, stop: int, scale: np.ndarray, asked: np.ndarray, first: np.ndarray,
    asked_scale: np.ndarray, sums: np.ndarray, inside: np.ndarray,
) -> None:  # fmt: skip
    """Write the products of candidates in blocks `start` up to `stop` with p vectors to `inside` (n, m, p).

    asked (2 p, 4 steps), its `first` sums and its scales are those of each vector's bytes, and of the bytes of what
    these leave out; sums (2, 16) is workspace.
    """
    _, m, steps = codes.shape[:3]
    row_bytes, query_bytes = steps * LANES * PER_STEP, steps * PER_STEP * asked.itemsize
    for block in range(start, stop):
        at = block * LANES
        for row in range(m):
            candidates = codes.ctypes.data + (block * m + row) * row_bytes
            for part in range(inside.shape[2]):
                where = asked.ctypes.data + 2 * part * query_bytes
                _pair_products(candidates, where, first.ctypes.data + 8 * part, steps, sums.ctypes.data)
                for lane in range(min(LANES, n - at)):
                    coarse, fine = sums[0, lane] * asked_scale[2 * part], sums[1, lane] * asked_scale[2 * part + 1]
                    inside[at + lane, row, part] = scale[at + lane] * (coarse + fine)


def as_stored(rows: np.ndarray) -> np.ndarray | None:
    """Return rows as `coordinates` takes them: float16 as its bits, if the processor widens it; else None."""
    if rows.dtype == np.float16:
        widens = platform.machine() in ("aarch64", "arm64") or "+f16c" in features()
        return rows.view(np.uint16) if widens else None
    return rows if rows.dtype in (np.float32, np.float64) else None


@intrinsic
def _wide(typing: Any, stored: Any) -> Any:
    """A stored number in float64; 16 bits are those of a float16."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        (number,) = arguments
        if stored == types.uint16:
            number = builder.fpext(builder.bitcast(number, ir.HalfType()), ir.FloatType())
        return number if number.type == ir.DoubleType() else builder.fpext(number, ir.DoubleType())

    return types.float64(stored), generate


@compiled(fastmath=_SUMS_IN_ANY_ORDER)
def _stored_product(stored: np.ndarray, vector: np.ndarray) -> tuple[float, float]:
    """Return the product of a stored row with a vector, and with itself."""
    along, square = 0.0, 0.0
    for at in range(len(stored)):
        number: float = _wide(stored[at])  # type: ignore[call-arg]  # numba hands over the first argument
        along += number * vector[at]
        square += number * number
    return along, square


@compiled()
def stored_cosines(stored: tuple[np.ndarray, ...], rows: np.ndarray, query: np.ndarray, cosines: np.ndarray) -> None:
    """Write the products of rows of stored vectors, scaled to length one, with vectors (p, d) to `cosines` (b, m, p).

    NaN where a vector is missing, 0 where it is zero.
    """
    for item in range(len(rows)):
        for row in range(len(stored)):
            for part in range(len(query)):
                along, square = _stored_product(stored[row][rows[item]], query[part])
                cosines[item, row, part] = along / np.sqrt(square) if square != 0 else 0.0
