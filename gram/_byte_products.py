"""Products of vectors of bytes, 16 candidates at a time: one instruction of the processor for 64 multiplications.

`vpdpbusd` (AVX-512 VNNI) multiplies 64 unsigned bytes by 64 signed ones and adds them up in fours, in 32-bit integers
and so exactly. No compiler makes it of a loop over this layout, so it is asked for by name. This module imports numba,
which takes a second: import it where it is used.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16  # candidates side by side, a 32-bit sum each
PER_STEP = 4  # coordinates of each that one instruction takes
OFFSET = 128  # bytes of candidates are stored with this added, so that they are unsigned
_ALIGNED = 64

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_SUMS, _BYTES, _FLOATS = ir.VectorType(_I32, LANES), ir.VectorType(_I8, 64), ir.VectorType(ir.FloatType(), LANES)
_DOT = ir.FunctionType(_SUMS, [_SUMS, _BYTES, _BYTES])


def available() -> bool:
    """Return whether this processor has the instruction."""
    features = llvmlite.binding.get_host_cpu_features()
    return bool(features.get("avx512vnni")) and bool(features.get("avx512f"))


def products_with(count: int) -> Callable[..., None]:
    """Return a function for numba code: products of 16 candidates with `count` queries at once.

    It takes the addresses of the candidates' bytes (steps, 16, 4), at a multiple of 64, of the queries' bytes
    (count, steps, 4) and of their first sums (count,) in int32, then steps, then the address of what it writes:
    (count, 16) in float32, at a multiple of 64, each first sum + sum of products. Sums of 2^24 and more are rounded.
    """

    @intrinsic
    def products(typing: Any, codes: Any, asked: Any, first: Any, steps: Any, out: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            _write(builder, count, *arguments)
            return context.get_dummy_value()

        return types.void(types.uintp, types.uintp, types.uintp, types.intp, types.uintp), generate

    return products


def _write(
    b: ir.IRBuilder, count: int, codes: ir.Value, asked: ir.Value, first: ir.Value, steps: ir.Value, out: ir.Value
) -> None:
    """Write the loop over steps: sums stay in registers, a step loads the candidates once and each query's four."""
    codes, out = b.inttoptr(codes, _BYTES.as_pointer()), b.inttoptr(out, _FLOATS.as_pointer())
    asked, first = b.inttoptr(asked, _I32.as_pointer()), b.inttoptr(first, _I32.as_pointer())
    places = [ir.Constant(_I64, place) for place in range(count)]
    starts = [_everywhere(b, b.load(b.gep(first, [place]))) for place in places]
    before, loop, after = b.block, b.append_basic_block("steps"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    step = b.phi(_I64)
    step.add_incoming(ir.Constant(_I64, 0), before)
    sums = [b.phi(_SUMS) for _ in places]
    candidates = b.load(b.gep(codes, [step]))
    candidates.align = _ALIGNED
    added = []
    for place, total in zip(places, sums):
        four = b.load(b.gep(asked, [b.add(b.mul(steps, place), step)]))
        query = b.bitcast(_everywhere(b, four), _BYTES)
        added.append(b.call(_instruction(b.module), [total, candidates, query]))
    following = b.add(step, ir.Constant(_I64, 1))
    step.add_incoming(following, loop)
    for total, start, new in zip(sums, starts, added):
        total.add_incoming(start, before)
        total.add_incoming(new, loop)
    b.cbranch(b.icmp_signed("<", following, steps), loop, after)
    b.position_at_end(after)
    for place, new in zip(places, added):
        b.store(b.sitofp(new, _FLOATS), b.gep(out, [place])).align = _ALIGNED


def _everywhere(b: ir.IRBuilder, number: ir.Value) -> ir.Value:
    """Return a vector of one number, 16 times."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    alone = b.insert_element(nothing, number, ir.Constant(_I32, 0))
    return b.shuffle_vector(alone, nothing, ir.Constant(_SUMS, [0] * LANES))


def _instruction(module: ir.Module) -> ir.Function:
    name = "llvm.x86.avx512.vpdpbusd.512"
    return module.globals.get(name) or ir.Function(module, _DOT, name)
