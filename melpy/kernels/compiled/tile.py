"""The micro-kernel: a register tile of a matrix product, emitted as LLVM vectors.

Every heavy kernel is this one product of A and B, whose rows and columns need not lie side by side:

    C[r, v] = act( start[v] + sum_o sum_k A[a_at[r] + k_at[o] + k a_k] B[o run + k, v] )

C's tile (ROWS rows by one or two vectors of columns) stays in registers over the whole sum, while
the loop loads one row of B, broadcasts one element of A per row, and fuses multiply and add.
Tables of offsets say where a row begins: of a pixel's window, of a weight, of a line of a matrix.
So a convolution of any stride and dilation is a matrix product without im2col, and its gradients
are the same product with other tables. Columns that are no whole vector are read and written
through a mask.

The product is compiled once a float type, as a function of C's calling convention that kernels
call by its symbol: compiled into each of them, it was most of what a first training waits for.

The vector's width comes from the CPU that Numba compiles for; NUMBA_CPU_NAME and
NUMBA_CPU_FEATURES force another one.
Source: the register blocking of Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication (2008), section 5; the table of Dukhan, The Indirect Convolution Algorithm (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels.compiled.emission import (
    LEAKY_RELU,
    LINEAR,
    RELU,
    activated,
    fields,
    place_of,
    splat,
)
from melpy.kernels.compiled.jit import before_first_use, compiled, compiled_for_c


def _features() -> dict[str, bool]:
    """Return what the CPU that Numba compiles for can do: the host's, or the one forced."""
    forced = numba.config.CPU_FEATURES
    if forced is None and numba.config.CPU_NAME is None:
        return dict(llvmlite.binding.get_host_cpu_features())
    return {part[1:]: part[0] == "+" for part in (forced or "").split(",") if part}


FEATURES = _features()
VECTOR_BYTES = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx2") else 16
X86 = llvmlite.binding.get_default_triple().startswith(("x86", "i686"))
REGISTERS = 16 if X86 and VECTOR_BYTES < 64 else 32
# A tile's sums, two vectors of B and one element of A are in registers. More than 8 rows fill no
# tile of the small matrices that there are many of.
ROWS = min(8, (REGISTERS - 3) // 2)
FUSED = bool(FEATURES.get("fma") or FEATURES.get("avx512f") or not X86)

IN_TILE = {"linear": LINEAR, "relu": RELU, "leaky_relu": LEAKY_RELU}  # numbered from 0


class Lines(NamedTuple):
    """Rows of a matrix that lie anywhere: row r begins at ``at[r] + begin``; see `table`."""

    numbers: np.ndarray
    at: np.ndarray
    begin: int


class Terms(NamedTuple):
    """What a sum goes over: runs of ``run`` numbers of A's rows, ``step`` apart.

    Run number o begins at ``at[begin + o]``, counted from where a row begins.
    """

    at: np.ndarray
    begin: int
    runs: int
    run: int
    step: int


class Panels(NamedTuple):
    """B: a row for each term, ``row`` apart; the next two vectors of columns, ``panel`` apart."""

    numbers: np.ndarray
    begin: int
    row: int
    panel: int


class Ends(NamedTuple):
    """What sums begin with, a number a column from ``begin`` on, or C as it is; and act."""

    start: np.ndarray
    begin: int
    goes_on: int
    code: int
    slope: float


class Act(NamedTuple):
    """An activation of the tile's, and the slope of one that has any."""

    code: int
    slope: float


def _tile(height: int, vectors: int, is_masked: bool = False) -> Callable[..., Any]:
    """Make the tile of ``height`` rows by ``vectors`` vectors of columns, masked or whole."""

    @intrinsic
    def tile(typingctx, c, a, r, terms, b, ends, rest):
        """Make the tile that begins with row r; ``rest`` columns are left. Numbers are pointers."""
        return types.void(c, a, types.intp, terms, b, ends, types.intp), _emit

    def _emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        c, c_at, c0, a, a_at, _, k_at, _, outers, run, a_k, b, b0, b_row, _ = (
            part for n in (0, 1, 3, 4) for part in cgutils.unpack_tuple(builder, args[n])
        )
        start, s0, accumulate, code, slope = cgutils.unpack_tuple(builder, args[5])
        r, rest = args[2], args[6]
        number = context.get_data_type(signature.args[0].types[0].dtype)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        lanes = VECTOR_BYTES // bytes_
        vector, index = ir.VectorType(number, lanes), ir.IntType(64)
        width = f"v{lanes}f{bytes_ * 8}"

        def function(name: str, returned: Any, *arguments: Any) -> Any:
            kind = ir.FunctionType(returned, arguments)
            return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")

        fma = function(f"fma.{width}", vector, vector, vector, vector)
        if is_masked:
            flags, align = ir.VectorType(ir.IntType(1), lanes), ir.IntType(32)
            place = vector.as_pointer()
            masked = f"{width}.p0{width}"
            loaded = function(f"masked.load.{masked}", vector, place, align, flags, vector)
            stored = function(f"masked.store.{masked}", ir.VoidType(), vector, place, align, flags)
            counts = ir.VectorType(index, lanes)
            order = ir.Constant(counts, list(range(lanes)))
            mask = builder.icmp_signed("<", order, splat(builder, rest, counts))

        def at(pointer: ir.Value, offset: ir.Value) -> ir.Value:
            return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

        def load(pointer: ir.Value) -> ir.Value:
            if not is_masked:
                return builder.load(pointer, align=bytes_)
            return builder.call(loaded, [pointer, align(bytes_), mask, ir.Constant(vector, None)])

        def store(value: ir.Value, pointer: ir.Value) -> None:
            if is_masked:
                builder.call(stored, [value, pointer, align(bytes_), mask])
            else:
                builder.store(value, pointer, align=bytes_)

        def multiply_add(x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
            return builder.call(fma, [x, y, z]) if FUSED else builder.fadd(builder.fmul(x, y), z)

        def entry(table: ir.Value, n: ir.Value) -> ir.Value:
            return builder.load(builder.gep(table, [n]))

        lines = [builder.add(r, index(n)) for n in range(height)]
        rows = [entry(a_at, line) for line in lines]
        outs = [builder.add(c0, entry(c_at, line)) for line in lines]
        cells = [at(c, builder.add(o, index(v * lanes))) for o in outs for v in range(vectors)]
        sums = [cgutils.alloca_once(builder, vector) for _ in cells]  # LLVM keeps them in registers
        with builder.if_else(builder.icmp_signed("!=", accumulate, index(0))) as (on, afresh):
            with on:
                for total, cell in zip(sums, cells, strict=True):
                    builder.store(load(cell), total)
            with afresh:
                begin = [load(at(start, builder.add(s0, index(v * lanes)))) for v in range(vectors)]
                for n, total in enumerate(sums):
                    builder.store(begin[n % vectors], total)

        b = builder.gep(b, [b0])
        with (
            cgutils.for_range(builder, outers) as outer,
            cgutils.for_range(builder, run) as inner,
        ):
            a_line = builder.gep(a, [entry(k_at, outer.index)])
            a_cell = builder.gep(a_line, [builder.mul(inner.index, a_k)])
            k = builder.add(builder.mul(outer.index, run), inner.index)
            b_line = builder.gep(b, [builder.mul(k, b_row)])
            b_vectors = [load(at(b_line, index(v * lanes))) for v in range(vectors)]
            totals = iter(sums)
            for row in rows:
                element = splat(builder, builder.load(builder.gep(a_cell, [row])), vector)
                for b_vector in b_vectors:
                    total = next(totals)
                    builder.store(multiply_add(element, b_vector, builder.load(total)), total)

        with builder.if_then(builder.icmp_signed("!=", code, index(LINEAR))):
            for total in sums:
                builder.store(activated(builder, builder.load(total), code, slope), total)
        for total, cell in zip(sums, cells, strict=True):
            store(builder.load(total), cell)
        return context.get_dummy_value()

    return tile


HALF = ROWS // 2
AT_ONCE = np.zeros(1, np.int64)  # the table of a sum that is one run
_by_2, _by_1, _by_part = _tile(ROWS, 2), _tile(ROWS, 1), _tile(ROWS, 1, is_masked=True)
_half_by_2, _half_by_1 = _tile(HALF, 2), _tile(HALF, 1)


def _product(
    c, c_at, a, a_at, first, last, k_at, outers, run, a_k, b, b_row, b_panel, columns, start,
    accumulate, code, slope, lanes,
):  # fmt: skip
    """Make rows ``first`` to ``last`` of a product; see `multiply`.

    Its arguments are pointers and numbers, as C knows them.
    """
    rows, terms = Lines(a, a_at, 0), Terms(k_at, 0, outers, run, a_k)
    for v in range(0, columns, 2 * lanes):
        b0, rest = v // (2 * lanes) * b_panel, columns - v
        to, panel = Lines(c, c_at, v), Panels(b, b0, b_row, b_panel)
        ends = Ends(start, v, accumulate, code, slope)
        for r in range(first, last, ROWS):
            is_half = c_at[r + HALF - 1] == c_at[r + ROWS - 1]  # the table's end, filled up
            if is_half and rest >= 2 * lanes:
                _half_by_2(to, rows, r, terms, panel, ends, rest)
                continue
            if is_half and rest >= lanes and rest % lanes == 0:
                _half_by_1(to, rows, r, terms, panel, ends, rest)
                continue
            if rest >= 2 * lanes:
                _by_2(to, rows, r, terms, panel, ends, rest)
                continue
            if rest >= lanes:
                _by_1(to, rows, r, terms, panel, ends, rest)
            whole = rest // lanes * lanes
            if rest > whole:
                _by_part(
                    Lines(c, c_at, v + whole), rows, r, terms,
                    Panels(b, b0 + whole, b_row, b_panel),
                    Ends(start, v + whole, accumulate, code, slope), rest - whole,
                )  # fmt: skip


def _arguments(number: Any) -> list[Any]:
    """Return the types of `_product`'s arguments; numbers stand as pointers to their first."""
    size, table, numbers = types.intp, types.CPointer(types.int64), types.CPointer(number)
    return [
        numbers, table, numbers, table, size, size, table, size, size, size, numbers, size, size,
        size, numbers, size, size, number, size,
    ]  # fmt: skip


def _symbol(number: Any) -> str:
    return f"melpy_product_{number}"


_products: dict[Any, Any] = {}


def _compile_product(number: Any) -> None:
    """Compile the product of a float type, which the kernels that are called next look up."""
    product = compiled_for_c(_product, types.void(*_arguments(number)))
    llvmlite.binding.add_symbol(_symbol(number), product.address)
    _products[number] = product  # its code lives as long as it does


before_first_use(np.float32, lambda: _compile_product(types.float32))
before_first_use(np.float64, lambda: _compile_product(types.float64))


@intrinsic
def multiply(typingctx, c, a, rows, terms, b, columns, ends):
    """C = act(start + A B), or act(C + A B), for some rows: whole tiles of a table.

    Parameters
    ----------
    c, a : Lines
    rows : (first, last)
    terms : Terms
    b : Panels
    columns : int
    ends : Ends
    """
    number = c.types[0].dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def record(position: int, *wanted: Any) -> list[Any]:
            return fields(context, builder, signature.args[position], args[position], *wanted)

        size = types.intp
        c, c_at, c0 = record(0, None, None, size)
        a, a_at, a0 = record(1, None, None, size)
        first, last = record(2, size, size)
        k_at, k0, runs, run, step = record(3, None, size, size, size, size)
        b, b0, (b_row, b_panel) = place_of(context, builder, signature.args[4], args[4])
        start, s0, goes_on, code, slope = record(6, None, size, size, size, number)
        kinds = [context.get_value_type(kind) for kind in _arguments(number)]
        product = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), kinds), _symbol(number)
        )
        lanes = ir.IntType(64)(VECTOR_BYTES // (number.bitwidth // 8))
        builder.call(
            product,
            [
                builder.gep(c, [c0]), c_at, builder.gep(a, [a0]), a_at, first, last,
                builder.gep(k_at, [k0]), runs, run, step, builder.gep(b, [b0]), b_row, b_panel,
                args[5], builder.gep(start, [s0]), goes_on, code, slope, lanes,
            ],
        )  # fmt: skip
        return context.get_dummy_value()

    return types.void(c, a, rows, terms, b, types.intp, ends), emit


def table(offsets: np.ndarray) -> np.ndarray:
    """Return a table of rows filled up to whole tiles by its last row, which is made twice then."""
    flat = np.ascontiguousarray(offsets, np.int64).reshape(-1)
    return np.pad(flat, (0, -len(flat) % ROWS), mode="edge") if len(flat) else flat


@lru_cache(maxsize=256)
def lines(count: int, step: int) -> np.ndarray:
    """Return the table of rows that are evenly spaced."""
    return table(np.arange(count) * step)


@compiled
def lines_of(count, step):
    """Make the table of rows that are evenly spaced, as `lines` does."""
    at = np.empty(-(-count // ROWS) * ROWS, np.int64)
    for r in range(at.size):
        at[r] = min(r, count - 1) * step
    return at
