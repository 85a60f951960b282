"""Inner products of rows as they are stored with a few vectors in float64, one row after the other, compiled by numba.

A row of float16 or float32 is widened in the registers: written out in float64 it would take four times the memory
it has, and most of the time. Importing this module takes a second or more: import it where it is used.
"""

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gram.retrieval.compressed.byte_products import features
from gram.retrieval.compressed.compiled import compiled

_SUMS_IN_ANY_ORDER = {"reassoc", "contract"}
_ARM = ("aarch64", "arm64")


def reads(dtype: np.dtype[Any]) -> bool:
    """Return whether rows of this dtype can be read: float16 where the processor widens it by itself."""
    if dtype == np.float16:
        return platform.machine() in _ARM or "+f16c" in features()
    return dtype in (np.float32, np.float64)


def as_stored(rows: np.ndarray) -> np.ndarray:
    """Return rows as the functions here take them: float16 as its bits, for which numba has a type."""
    return rows.view(np.uint16) if rows.dtype == np.float16 else rows


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
def _product(first: np.ndarray, second: np.ndarray) -> float:
    total = 0.0
    for at in range(len(first)):
        total += _wide(first[at]) * _wide(second[at])  # type: ignore[call-arg]  # numba hands over the first argument
    return total


@compiled()
def with_vectors(rows: np.ndarray, vectors: np.ndarray, out: np.ndarray) -> None:
    """Write the products of rows (n, d) with vectors (p, d) in float64 to out (n, p)."""
    for item in range(len(rows)):
        for part in range(len(vectors)):
            out[item, part] = _product(rows[item], vectors[part])


@compiled()
def with_each_other(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Write the product of each row of `first` (n, d) with its row of `second` to out (n,)."""
    for item in range(len(first)):
        out[item] = _product(first[item], second[item])
