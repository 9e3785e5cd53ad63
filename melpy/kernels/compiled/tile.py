"""The micro-kernel: a register tile of a matrix product, emitted as LLVM vectors.

Every heavy kernel is this one product of A and B, whose rows and columns need not lie side by side:

    C[r, v] = act( start[v] + sum_o sum_k A[a_at[r] + k_at[o] + k a_k] B[o run + k, v] )

C's tile (ROWS rows by one or two vectors of columns) stays in registers over the whole sum, while
the loop loads one row of B, broadcasts one element of A per row, and fuses multiply and add.
Tables of offsets say where a row begins: of a pixel's window, of a weight, of a line of a matrix.
So a convolution of any stride and dilation is a matrix product without im2col, and its gradients
are the same product with other tables.

The vector's width comes from the CPU that Numba compiles for; NUMBA_CPU_NAME and
NUMBA_CPU_FEATURES force another one.
Source: the register blocking of Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication (2008), section 5; the table of Dukhan, The Indirect Convolution Algorithm (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels.compiled.jit import compiled


def _features() -> dict[str, bool]:
    """Return what the CPU that Numba compiles for can do: the host's, or the one forced."""
    forced = numba.config.CPU_FEATURES
    if forced is None and numba.config.CPU_NAME is None:
        return dict(llvmlite.binding.get_host_cpu_features())
    return {part[1:]: part[0] == "+" for part in (forced or "").split(",") if part}


FEATURES = _features()
VECTOR_BYTES = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx2") else 16
ROWS = 4 if VECTOR_BYTES == 32 else 8  # AVX2 has 16 registers, AVX-512 and NEON have 32
X86 = llvmlite.binding.get_default_triple().startswith(("x86", "i686"))
FUSED = bool(FEATURES.get("fma") or FEATURES.get("avx512f") or not X86)

LINEAR, RELU, LEAKY_RELU = 0, 1, 2  # the activations of a tile; cheap, monotone


def activated(builder: Any, x: ir.Value, code: ir.Value, slope: ir.Value) -> ir.Value:
    """Emit act(x) of a vector, for the activation that ``code`` names when the loop runs."""
    zeros, undefined = ir.Constant(x.type, None), ir.Constant(x.type, ir.Undefined)
    same_lane = ir.Constant(ir.VectorType(ir.IntType(32), x.type.count), None)
    lane0 = builder.insert_element(undefined, slope, ir.IntType(32)(0))
    less = builder.fmul(x, builder.shuffle_vector(lane0, undefined, same_lane))
    relu = builder.select(builder.fcmp_ordered("<=", x, zeros), zeros, x)  # a NaN stays one
    leaky = builder.select(builder.fcmp_ordered(">", x, zeros), x, less)
    is_relu = builder.icmp_signed("==", code, ir.IntType(64)(RELU))
    is_leaky = builder.icmp_signed("==", code, ir.IntType(64)(LEAKY_RELU))
    return builder.select(is_relu, relu, builder.select(is_leaky, leaky, x))


def _tile(vectors: int) -> Callable[..., Any]:
    """Make the tile of ROWS rows by ``vectors`` vectors of columns."""

    @intrinsic
    def tile(
        typingctx, c, c_at, c0, a, a_at, a0, r, k_at, k0, outers, run, a_k, b, b0, b_row,
        start, s0, accumulate, code, slope,
    ):  # fmt: skip
        size, number = types.intp, c.dtype
        signature = types.void(
            c, c_at, size, a, a_at, size, size, k_at, size, size, size, size, b, size, size,
            start, size, size, size, number,
        )  # fmt: skip
        return signature, _emit

    def _emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (
            c, c_at, c0, a, a_at, a0, r, k_at, k0, outers, run, a_k, b, b0, b_row,
            start, s0, accumulate, code, slope,
        ) = args  # fmt: skip
        number = context.get_data_type(signature.args[0].dtype)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        lanes = VECTOR_BYTES // bytes_
        vector = ir.VectorType(number, lanes)
        index = ir.IntType(64)
        undefined = ir.Constant(vector, ir.Undefined)
        same_lane = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{bytes_ * 8}"
        )

        def data(array: ir.Value) -> ir.Value:
            position = args.index(array)
            return context.make_array(signature.args[position])(context, builder, array).data

        def at(pointer: ir.Value, offset: ir.Value) -> ir.Value:
            return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

        def everywhere(x: ir.Value) -> ir.Value:
            lane0 = builder.insert_element(undefined, x, ir.IntType(32)(0))
            return builder.shuffle_vector(lane0, undefined, same_lane)

        def multiply_add(x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
            return builder.call(fma, [x, y, z]) if FUSED else builder.fadd(builder.fmul(x, y), z)

        def entry(table: ir.Value, n: ir.Value) -> ir.Value:
            return builder.load(builder.gep(data(table), [n]))

        lines = [builder.add(r, index(n)) for n in range(ROWS)]
        rows = [entry(a_at, line) for line in lines]
        outs = [builder.add(c0, entry(c_at, line)) for line in lines]
        cells = [
            at(data(c), builder.add(o, index(v * lanes))) for o in outs for v in range(vectors)
        ]
        sums = [cgutils.alloca_once(builder, vector) for _ in cells]  # LLVM keeps them in registers
        with builder.if_else(builder.icmp_signed("!=", accumulate, index(0))) as (on, afresh):
            with on:
                for total, cell in zip(sums, cells, strict=True):
                    builder.store(builder.load(cell, align=bytes_), total)
            with afresh:
                begin = [
                    builder.load(at(data(start), builder.add(s0, index(v * lanes))), align=bytes_)
                    for v in range(vectors)
                ]
                for n, total in enumerate(sums):
                    builder.store(begin[n % vectors], total)

        a, b, k_at = (builder.gep(data(x), [first]) for x, first in ((a, a0), (b, b0), (k_at, k0)))
        with (
            cgutils.for_range(builder, outers) as outer,
            cgutils.for_range(builder, run) as inner,
        ):
            a_line = builder.gep(a, [builder.load(builder.gep(k_at, [outer.index]))])
            a_cell = builder.gep(a_line, [builder.mul(inner.index, a_k)])
            k = builder.add(builder.mul(outer.index, run), inner.index)
            b_line = builder.gep(b, [builder.mul(k, b_row)])
            b_vectors = [
                builder.load(at(b_line, index(v * lanes)), align=bytes_) for v in range(vectors)
            ]
            totals = iter(sums)
            for row in rows:
                element = everywhere(builder.load(builder.gep(a_cell, [row])))
                for b_vector in b_vectors:
                    total = next(totals)
                    builder.store(multiply_add(element, b_vector, builder.load(total)), total)

        with builder.if_then(builder.icmp_signed("!=", code, index(LINEAR))):
            for total in sums:
                builder.store(activated(builder, builder.load(total), code, slope), total)
        for total, cell in zip(sums, cells, strict=True):
            builder.store(builder.load(total), cell, align=bytes_)
        return context.get_dummy_value()

    return tile


_by_1, _by_2 = _tile(1), _tile(2)


@compiled
def multiply(
    c, c_at, c0, a, a_at, a0, first, last, k_at, k0, outers, run, a_k, b, b0, b_row, b_panel,
    columns, start, s0, accumulate, code, slope,
):  # fmt: skip
    """Make rows ``first`` to ``last`` (whole tiles of a table that `table` made) of a product.

    ``b_panel`` leads from B's first two vectors of columns to the next two. Where the columns are
    no whole number of vectors, ``b``'s rows and ``start`` must be filled up to one.
    """
    lanes = VECTOR_BYTES // c.itemsize
    whole = columns - columns % lanes
    for v in range(0, whole, 2 * lanes):
        for r in range(first, last, ROWS):
            if v + 2 * lanes <= whole:
                _by_2(
                    c, c_at, c0 + v, a, a_at, a0, r, k_at, k0, outers, run, a_k,
                    b, b0 + v // (2 * lanes) * b_panel, b_row, start, s0 + v,
                    accumulate, code, slope,
                )  # fmt: skip
            else:
                _by_1(
                    c, c_at, c0 + v, a, a_at, a0, r, k_at, k0, outers, run, a_k,
                    b, b0 + v // (2 * lanes) * b_panel, b_row, start, s0 + v,
                    accumulate, code, slope,
                )  # fmt: skip
    if whole == columns:
        return
    # The last columns, fewer than a vector: made aside, since a tile stores whole vectors.
    aside, aside_at = np.empty(ROWS * lanes, c.dtype), np.empty(ROWS, np.int64)
    for i in range(ROWS):
        aside_at[i] = i * lanes
    b0 += whole // (2 * lanes) * b_panel + whole % (2 * lanes)
    for r in range(first, last, ROWS):
        if accumulate:
            for i in range(ROWS):
                for v in range(columns - whole):
                    aside[i * lanes + v] = c[c0 + c_at[r + i] + whole + v]
        _by_1(
            aside, aside_at, 0, a, a_at[r : r + ROWS], a0, 0, k_at, k0, outers, run, a_k,
            b, b0, b_row, start, s0 + whole, accumulate, code, slope,
        )  # fmt: skip
        for i in range(ROWS):
            for v in range(columns - whole):
                c[c0 + c_at[r + i] + whole + v] = aside[i * lanes + v]


def table(offsets: np.ndarray) -> np.ndarray:
    """Return a table of rows filled up to whole tiles by its last row, which is made twice then."""
    flat = np.ascontiguousarray(offsets, np.int64).reshape(-1)
    return np.pad(flat, (0, -len(flat) % ROWS), mode="edge") if len(flat) else flat


@lru_cache(maxsize=256)
def lines(count: int, step: int) -> np.ndarray:
    """Return the table of rows that are evenly spaced."""
    return table(np.arange(count) * step)


@compiled
def multiply_add(c, c0, c_row, rows, columns, a, a0, a_row, a_k, b, b0, b_row, count):
    """C += A B for matrices whose rows are evenly spaced; of any size, without tables.

    The last rows of a tile that is not full are made again and again, to the same place.
    """
    lanes = VECTOR_BYTES // c.itemsize
    tiles = -(-rows // ROWS) * ROWS
    a_at, c_at, k_at = np.empty(tiles, np.int64), np.empty(tiles, np.int64), np.zeros(1, np.int64)
    for r in range(tiles):
        a_at[r], c_at[r] = min(r, rows - 1) * a_row, min(r, rows - 1) * c_row
    whole = columns - columns % lanes
    zero, panel = c.dtype.type(0), 2 * lanes
    a_flat, b_flat, c_flat = a.reshape(-1), b.reshape(-1), c.reshape(-1)
    if whole:
        multiply(
            c_flat, c_at, c0, a_flat, a_at, a0, 0, tiles, k_at, 0, 1, count, a_k,
            b_flat, b0, b_row, panel, whole, b_flat, 0, 1, LINEAR, zero,
        )  # fmt: skip
    if whole < columns:
        aside = np.zeros(count * lanes, c.dtype)
        for k in range(count):
            for v in range(columns - whole):
                aside[k * lanes + v] = b_flat[b0 + k * b_row + whole + v]
        multiply(
            c_flat, c_at, c0 + whole, a_flat, a_at, a0, 0, tiles, k_at, 0, 1, count, a_k,
            aside, 0, lanes, panel, columns - whole, aside, 0, 1, LINEAR, zero,
        )  # fmt: skip
