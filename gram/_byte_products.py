"""Products of vectors of bytes, and the bounds they give, 16 candidates at a time: the innermost loops, as LLVM's code.

`vpdpbusd` (AVX-512 VNNI) multiplies 64 unsigned bytes by 64 signed ones and adds them up in fours, in 32-bit integers
and so exactly. No compiler makes it of a loop over this layout, so it is asked for by name; nor did numba use whole
registers for the bounds, which then took twice the time of the products. This module imports numba, which takes a
second: import it where it is used.
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
_ROOT = ir.FunctionType(_FLOATS, [_FLOATS])


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
    dot, added = _function(b.module, "llvm.x86.avx512.vpdpbusd.512", _DOT), []
    for place, total in zip(places, sums):
        four = b.load(b.gep(asked, [b.add(b.mul(steps, place), step)]))
        query = b.bitcast(_everywhere(b, four), _BYTES)
        added.append(b.call(dot, [total, candidates, query]))
    following = b.add(step, ir.Constant(_I64, 1))
    step.add_incoming(following, loop)
    for total, start, new in zip(sums, starts, added):
        total.add_incoming(start, before)
        total.add_incoming(new, loop)
    b.cbranch(b.icmp_signed("<", following, steps), loop, after)
    b.position_at_end(after)
    for place, new in zip(places, added):
        b.store(b.sitofp(new, _FLOATS), b.gep(out, [place])).align = _ALIGNED


def _promising(
    typing: Any, sums: Any, rows: Any, stride: Any, scale: Any, rest: Any, square: Any, asked: Any, limits: Any
) -> Any:
    """Return which of 16 candidates, a bit each, have a lower bound below a limit; for numba code.

    It takes the address of sums (rows, stride, 16), then rows, stride, the addresses of the candidates' scale, rest
    and square, of the query's scale and rest, and of four numbers: the slack of a length, the factor and the
    subtrahend of a bound, and the limit. All in float32, for the formula see `gram._bound_scan`.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return _write_promising(builder, *arguments)

    return types.int64(*[types.uintp, types.intp, types.intp, *[types.uintp] * 5]), generate


promising: Any = intrinsic(_promising)


def _write_promising(
    b: ir.IRBuilder,
    sums: ir.Value,
    rows: ir.Value,
    stride: ir.Value,
    scale: ir.Value,
    rest: ir.Value,
    square: ir.Value,
    asked: ir.Value,
    limits: ir.Value,
) -> ir.Value:
    one, zero = (ir.Constant(_FLOATS, [number] * LANES) for number in (1.0, 0.0))
    asked_scale, asked_rest = (_numbers(b, asked, place) for place in range(2))
    slack, factor, less, limit = (_numbers(b, limits, place) for place in range(4))
    scales, rests, squares = (_load(b, address) for address in (scale, rest, square))
    length = b.fmul(b.call(_function(b.module, "llvm.sqrt.v16f32", _ROOT), [_squares(b, sums, rows, stride)]), scales)
    reach = b.fadd(b.fadd(rests, b.fmul(asked_rest, b.fadd(one, rests))), slack)
    far = b.fadd(b.fmul(length, asked_scale), reach)
    far = b.select(b.fcmp_ordered("<", far, one), far, one)
    lower = b.fmul(squares, b.fmul(b.fsub(one, far), b.fadd(one, far)))
    lower = b.fsub(b.fmul(lower, factor), less)
    lower = b.select(b.fcmp_ordered(">", lower, zero), lower, zero)
    mask = b.bitcast(b.fcmp_ordered("<", lower, limit), ir.IntType(LANES))
    return b.zext(mask, _I64)


def _squares(b: ir.IRBuilder, sums: ir.Value, rows: ir.Value, stride: ir.Value) -> ir.Value:
    """Write the loop that adds up the squares of the sums of all rows."""
    before, loop, after = b.block, b.append_basic_block("rows"), b.append_basic_block("added")
    b.branch(loop)
    b.position_at_end(loop)
    row, total = b.phi(_I64), b.phi(_FLOATS)
    product = _load(b, sums, b.mul(row, stride))
    added = b.fadd(total, b.fmul(product, product))
    following = b.add(row, ir.Constant(_I64, 1))
    for phi, start, new in ((row, ir.Constant(_I64, 0), following), (total, ir.Constant(_FLOATS, [0.0] * 16), added)):
        phi.add_incoming(start, before)
        phi.add_incoming(new, loop)
    b.cbranch(b.icmp_signed("<", following, rows), loop, after)
    b.position_at_end(after)
    return added


def _load(b: ir.IRBuilder, address: ir.Value, place: ir.Value | None = None) -> ir.Value:
    loaded = b.load(b.gep(b.inttoptr(address, _FLOATS.as_pointer()), [place or ir.Constant(_I64, 0)]))
    loaded.align = _ALIGNED
    return loaded


def _numbers(b: ir.IRBuilder, address: ir.Value, place: int) -> ir.Value:
    """Return one float32, 16 times."""
    number = b.load(b.gep(b.inttoptr(address, _I32.as_pointer()), [ir.Constant(_I64, place)]))
    return b.bitcast(_everywhere(b, number), _FLOATS)


def _everywhere(b: ir.IRBuilder, number: ir.Value) -> ir.Value:
    """Return a vector of one number, 16 times."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    alone = b.insert_element(nothing, number, ir.Constant(_I32, 0))
    return b.shuffle_vector(alone, nothing, ir.Constant(_SUMS, [0] * LANES))


def _function(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, kind, name)
