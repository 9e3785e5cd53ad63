"""The micro-kernel: a register tile of a matrix product, C += A B, emitted as LLVM vectors.

Every heavy kernel is this one product. C's tile (a few rows by one or two vectors of columns)
stays in registers while the loop over k loads one row of B, broadcasts one element of A per row,
and fuses multiply and add. A and C are addressed by strides, so a convolution needs no im2col:
the k-wide patch of an image in NHWC is already a contiguous row of A.

    C[c0 + r*c_row + v] += sum_k A[a0 + r*a_row + k*a_k] * B[b0 + k*b_row + v]

The vector's width comes from the CPU; LLVM splits or scalarizes what a CPU does not have, so the
same code is right everywhere.
Source: the register blocking of Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication (2008), section 5, and Georganas et al., Anatomy of High-Performance Deep Learning
Convolutions on SIMD Architectures (2018), section II.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels.compiled.jit import compiled


def _vector_bytes() -> int:
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") else 16


VECTOR_BYTES = _vector_bytes()
ROWS = 4 if VECTOR_BYTES == 32 else 8  # AVX2 has 16 registers, AVX-512 and NEON have 32
HALF = ROWS // 2


def _tile(rows: int, vectors: int) -> Callable[..., Any]:
    """Make the tile of ``rows`` rows by ``vectors`` vectors; 0 vectors is one scalar column."""

    @intrinsic
    def tile(typingctx, c, c0, c_row, a, a0, a_row, a_k, b, b0, b_row, count):
        size = types.intp
        signature = types.void(c, size, size, a, size, size, size, b, size, size, size)

        def emit(context, builder, signature, args):
            c, c0, c_row, a, a0, a_row, a_k, b, b0, b_row, count = args
            number = context.get_data_type(signature.args[0].dtype)
            bytes_ = 4 if isinstance(number, ir.FloatType) else 8
            lanes = VECTOR_BYTES // bytes_ if vectors else 1
            vector = ir.VectorType(number, lanes)
            fma = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(vector, [vector] * 3),
                f"llvm.fma.v{lanes}f{bytes_ * 8}",
            )
            index, zero = ir.IntType(64), ir.IntType(32)(0)
            undefined = ir.Constant(vector, ir.Undefined)
            same_lane = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

            def data(position: int, array: ir.Value) -> ir.Value:
                return context.make_array(signature.args[position])(context, builder, array).data

            def at(pointer: ir.Value, offset: ir.Value) -> ir.Value:
                return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

            def plus(start: ir.Value, step: ir.Value, times: ir.Value) -> ir.Value:
                return builder.add(start, builder.mul(step, times))

            c, a, b = data(0, c), data(3, a), data(7, b)
            cells = [
                at(c, builder.add(plus(c0, c_row, index(r)), index(v * lanes)))
                for r in range(rows)
                for v in range(max(1, vectors))
            ]
            before = [builder.load(cell, align=bytes_) for cell in cells]

            entry = builder.block
            loop = builder.append_basic_block("k")
            end = builder.append_basic_block("end")
            builder.cbranch(builder.icmp_signed(">", count, index(0)), loop, end)

            builder.position_at_end(loop)
            k = builder.phi(index)
            sums = [builder.phi(vector) for _ in cells]
            b_start, a_start = plus(b0, b_row, k), plus(a0, a_k, k)
            b_vectors = [
                builder.load(at(b, builder.add(b_start, index(v * lanes))), align=bytes_)
                for v in range(max(1, vectors))
            ]
            after: list[ir.Value] = []
            for r in range(rows):
                element = builder.load(builder.gep(a, [plus(a_start, a_row, index(r))]))
                lane0 = builder.insert_element(undefined, element, zero)
                everywhere = builder.shuffle_vector(lane0, undefined, same_lane)
                for b_vector in b_vectors:
                    after.append(builder.call(fma, [everywhere, b_vector, sums[len(after)]]))
            next_k = builder.add(k, index(1))
            k.add_incoming(index(0), entry)
            k.add_incoming(next_k, loop)
            for total, first, later in zip(sums, before, after, strict=True):
                total.add_incoming(first, entry)
                total.add_incoming(later, loop)
            builder.cbranch(builder.icmp_signed("<", next_k, count), loop, end)

            builder.position_at_end(end)
            results = [builder.phi(vector) for _ in cells]
            for result, first, later in zip(results, before, after, strict=True):
                result.add_incoming(first, entry)
                result.add_incoming(later, loop)
            for result, cell in zip(results, cells, strict=True):
                builder.store(result, cell, align=bytes_)
            return context.get_dummy_value()

        return signature, emit

    return tile


_rows_by_2, _half_by_2, _row_by_2 = _tile(ROWS, 2), _tile(HALF, 2), _tile(1, 2)
_rows_by_1, _half_by_1, _row_by_1 = _tile(ROWS, 1), _tile(HALF, 1), _tile(1, 1)
_rows_by_scalar, _row_by_scalar = _tile(ROWS, 0), _tile(1, 0)


@compiled
def multiply_add(c, c0, c_row, rows, columns, a, a0, a_row, a_k, b, b0, b_row, count):
    """C += A B for any number of rows and columns, cut into the largest tiles that fit."""
    lanes = VECTOR_BYTES // c.itemsize
    v = 0
    while v + 2 * lanes <= columns:
        ci, ai, bi, r = c0 + v, a0, b0 + v, 0
        while r + ROWS <= rows:
            _rows_by_2(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + ROWS * c_row, ai + ROWS * a_row, r + ROWS
        while r + HALF <= rows:
            _half_by_2(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + HALF * c_row, ai + HALF * a_row, r + HALF
        while r + 1 <= rows:
            _row_by_2(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + c_row, ai + a_row, r + 1
        v += 2 * lanes
    while v + lanes <= columns:
        ci, ai, bi, r = c0 + v, a0, b0 + v, 0
        while r + ROWS <= rows:
            _rows_by_1(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + ROWS * c_row, ai + ROWS * a_row, r + ROWS
        while r + HALF <= rows:
            _half_by_1(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + HALF * c_row, ai + HALF * a_row, r + HALF
        while r + 1 <= rows:
            _row_by_1(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + c_row, ai + a_row, r + 1
        v += lanes
    while v < columns:
        ci, ai, bi, r = c0 + v, a0, b0 + v, 0
        while r + ROWS <= rows:
            _rows_by_scalar(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + ROWS * c_row, ai + ROWS * a_row, r + ROWS
        while r + 1 <= rows:
            _row_by_scalar(c, ci, c_row, a, ai, a_row, a_k, b, bi, b_row, count)
            ci, ai, r = ci + c_row, ai + a_row, r + 1
        v += 1
