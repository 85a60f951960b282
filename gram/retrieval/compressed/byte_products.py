"""Products of vectors of bytes, and the bounds they give, 16 candidates at a time: the innermost loops, as LLVM's code.

`vpdpbusd` (AVX-512 VNNI) multiplies 64 unsigned bytes by 64 signed ones and adds them up in fours, in 32-bit integers
and so exactly. Where there is AVX2 alone, bytes are widened to 16 bits and `vpmaddwd` multiplies 16 of them and adds
them up in twos, in 32 bits too; `vpmaddubsw`, for bytes, has sums of 16 bits, which saturate. No compiler makes either
of a loop over this layout, so they are asked for by name; nor did numba use whole registers for the bounds, which then
took twice the time of the products. This module imports numba, which takes a second: import it where it is used.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

LANES = 16  # candidates side by side, a 32-bit sum each
PER_STEP = 4  # coordinates of each that are taken at once
OFFSET = 128  # bytes of candidates are stored with this added, so that they are unsigned
_ALIGNED = 64

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_SUMS, _FLOATS = ir.VectorType(_I32, LANES), ir.VectorType(ir.FloatType(), LANES)
_ROOT = ir.FunctionType(_FLOATS, [_FLOATS])


class _Instruction(NamedTuple):
    """One that multiplies and adds up: each of `parts` registers has its part of the 64 bytes of a step."""

    name: str  # LLVM's
    accumulates: bool  # whether it adds to sums itself
    parts: int
    numbers: ir.VectorType  # what it takes of candidates and of queries
    sums: ir.VectorType
    together: int  # queries whose sums fit into the registers, beside a step of the candidates
    asked: type  # how queries are stored


_VNNI = _Instruction(
    "llvm.x86.avx512.vpdpbusd.512", True, 1, ir.VectorType(_I8, 64), ir.VectorType(_I32, 16), 16, np.int8
)
_AVX2 = _Instruction("llvm.x86.avx2.pmadd.wd", False, 4, ir.VectorType(_I16, 16), ir.VectorType(_I32, 8), 2, np.int16)


def features() -> set[str]:
    """Return what the processor that numba compiles for can do, as in "+avx2"; numba's settings may limit it."""
    set_by_user: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]  # numba makes its settings as it goes
    return set((get_host_cpu_features() if set_by_user is None else set_by_user).split(","))


def _chosen() -> _Instruction | None:
    """Return the instruction for the processor that numba compiles for; None for none."""
    there = features()
    if {"+avx512vnni", "+avx512f"} <= there:
        return _VNNI
    return _AVX2 if "+avx2" in there else None


_INSTRUCTION = _chosen()
QUERY_DTYPE: type = (_INSTRUCTION or _VNNI).asked


def available() -> bool:
    """Return whether this processor has such an instruction."""
    return _INSTRUCTION is not None


def products_with(count: int) -> Callable[..., None]:
    """Return a function for numba code: products of 16 candidates with `count` queries at once.

    It takes the addresses of the candidates' bytes (steps, 16, 4), at a multiple of 64, of the queries' numbers
    (count, steps, 4) as `QUERY_DTYPE` and of their first sums (count,) in int32, then steps, then the output's address:
    (count, 16) in float32, at a multiple of 64, each first sum + sum of products. Sums of 2^24 and more are
    rounded.
    """

    @intrinsic
    def products(typing: Any, codes: Any, asked: Any, first: Any, steps: Any, out: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            by = _INSTRUCTION or _VNNI
            for start in range(0, count, by.together):
                _write(builder, by, range(start, min(start + by.together, count)), *arguments)
            return context.get_dummy_value()

        return types.void(types.uintp, types.uintp, types.uintp, types.intp, types.uintp), generate

    return products


def _write(
    b: ir.IRBuilder,
    by: _Instruction,
    queries: range,
    codes: ir.Value,
    asked: ir.Value,
    first: ir.Value,
    steps: ir.Value,
    out: ir.Value,
) -> None:
    """Write the loop over steps: sums stay in registers, a step loads the candidates once and each query's four."""
    bytes_ = ir.VectorType(_I8, LANES * PER_STEP // by.parts)
    codes, out = b.inttoptr(codes, bytes_.as_pointer()), b.inttoptr(out, _FLOATS.as_pointer())
    four = ir.IntType(PER_STEP * np.dtype(by.asked).itemsize * 8)
    asked, first = b.inttoptr(asked, four.as_pointer()), b.inttoptr(first, _I32.as_pointer())
    places = [ir.Constant(_I64, query) for query in queries]
    before, loop, after = b.block, b.append_basic_block("steps"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    step = b.phi(_I64)
    step.add_incoming(ir.Constant(_I64, 0), before)
    sums = [[b.phi(by.sums) for _ in range(by.parts)] for _ in places]
    begin = b.mul(step, ir.Constant(_I64, by.parts))
    candidates = []
    for part in range(by.parts):
        loaded = b.load(b.gep(codes, [b.add(begin, ir.Constant(_I64, part))]))
        loaded.align = _ALIGNED // by.parts
        candidates.append(loaded if by.numbers == bytes_ else b.zext(loaded, by.numbers))
    added = []
    for place, totals in zip(places, sums):
        taken = b.load(b.gep(asked, [b.add(b.mul(steps, place), step)]))
        query = b.bitcast(_everywhere(b, taken, by.numbers), by.numbers)
        added.append([_dot(b, by, total, part, query) for total, part in zip(totals, candidates)])
    following = b.add(step, ir.Constant(_I64, 1))
    step.add_incoming(following, loop)
    for totals, news in zip(sums, added):
        for total, new in zip(totals, news):
            total.add_incoming(ir.Constant(by.sums, [0] * by.sums.count), before)
            total.add_incoming(new, loop)
    b.cbranch(b.icmp_signed("<", following, steps), loop, after)
    b.position_at_end(after)
    for place, news in zip(places, added):
        start = _everywhere(b, b.load(b.gep(first, [place])), _SUMS)
        b.store(b.sitofp(b.add(_of_lanes(b, news), start), _FLOATS), b.gep(out, [place])).align = _ALIGNED


def _dot(b: ir.IRBuilder, by: _Instruction, total: ir.Value, candidates: ir.Value, query: ir.Value) -> ir.Value:
    if by.accumulates:
        kind = ir.FunctionType(by.sums, [by.sums, by.numbers, by.numbers])
        return b.call(_function(b.module, by.name, kind), [total, candidates, query])
    kind = ir.FunctionType(by.sums, [by.numbers, by.numbers])
    return b.add(total, b.call(_function(b.module, by.name, kind), [candidates, query]))


def _of_lanes(b: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    """Return one sum a candidate, of as many registers as there are: each candidate's are side by side."""
    while len(parts) > 1:
        size = 2 * parts[0].type.count
        order = ir.Constant(ir.VectorType(_I32, size), list(range(size)))
        parts = [b.shuffle_vector(low, high, order) for low, high in zip(parts[::2], parts[1::2])]
    (whole,) = parts
    while whole.type.count > LANES:
        nothing = ir.Constant(whole.type, ir.Undefined)
        count = whole.type.count // 2
        orders = (list(range(start, 2 * count, 2)) for start in range(2))
        even, odd = (
            b.shuffle_vector(whole, nothing, ir.Constant(ir.VectorType(_I32, count), order)) for order in orders
        )
        whole = b.add(even, odd)
    return whole


def _promising(
    typing: Any, sums: Any, rows: Any, stride: Any, scale: Any, rest: Any, square: Any, asked: Any, limits: Any
) -> Any:
    """Return which of 16 candidates, a bit each, have a lower bound below a limit; for numba code.

    It takes the address of sums (rows, stride, 16), then rows, stride, the addresses of the candidates' scale, rest
    and square, of the query's scale and rest, and of four numbers: the slack of a length, the factor and the
    subtrahend of a bound, and the limit. All in float32, for the formula see `gram.retrieval.compressed.bound_scan`.
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
    return b.bitcast(_everywhere(b, number, _SUMS), _FLOATS)


def _everywhere(b: ir.IRBuilder, number: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Return a vector as large as `vector` that holds nothing but one whole number, again and again."""
    count = vector.count * vector.element.width // number.type.width
    nothing = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    alone = b.insert_element(nothing, number, ir.Constant(_I32, 0))
    return b.shuffle_vector(alone, nothing, ir.Constant(ir.VectorType(_I32, count), [0] * count))


def _function(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, kind, name)
