"""Matrices transposed, in squares of vectors that never leave the registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import VECTOR_BYTES


def transposed(x: np.ndarray, order: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """Return the transposes of matrices x (M,P,Q), contiguous: (M,Q,P), in another order."""
    (x,) = contiguous(x) or (x,)
    M, P, Q = x.shape
    y = memory.empty((M, Q, P), x.dtype)
    at = np.arange(M) if order is None else np.asarray(order, np.int64)
    across = -(-Q // (VECTOR_BYTES // x.itemsize))
    threads.share(_transpose, M * across, x.size, x, y, at, across)
    return y


@intrinsic
def _square(typingctx, y, y0, y_row, x, x0, x_row):
    """y = x^T for a square of one vector by as many rows.

    Halves, then quarters, and so on, trade places across the diagonal: log2(lanes) rounds.
    """
    size = types.intp

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        y, y0, y_row, x, x0, x_row = args
        number = context.get_data_type(signature.args[0].dtype)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        lanes = VECTOR_BYTES // bytes_
        vector, index = ir.VectorType(number, lanes), ir.IntType(64)

        def rows(position: int, array: Any, start: Any, step: Any) -> list[Any]:
            data = context.make_array(signature.args[position])(context, builder, array).data
            places = [builder.add(start, builder.mul(step, index(n))) for n in range(lanes)]
            return [builder.bitcast(builder.gep(data, [p]), vector.as_pointer()) for p in places]

        def chosen(a: Any, b: Any, lanes_of: list[int]) -> Any:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), lanes_of)
            return builder.shuffle_vector(a, b, mask)

        lines = [builder.load(place, align=bytes_) for place in rows(3, x, x0, x_row)]
        half = lanes // 2
        while half:
            kept = [n if not n & half else lanes + n - half for n in range(lanes)]
            moved = [n + half if not n & half else lanes + n for n in range(lanes)]
            for n in range(lanes):
                if not n & half:
                    a, b = lines[n], lines[n + half]
                    lines[n], lines[n + half] = chosen(a, b, kept), chosen(a, b, moved)
            half //= 2
        for line, place in zip(lines, rows(0, y, y0, y_row), strict=True):
            builder.store(line, place, align=bytes_)
        return context.get_dummy_value()

    return types.void(y, size, size, x, size, size), emit


@for_team
def _transpose(x, y, order, across, part, first, last):
    (_, P, Q), lanes = x.shape, VECTOR_BYTES // x.itemsize
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    for block in range(first, last):
        m, q = block // across, block % across * lanes
        at_x, at_y = order[m] * P * Q, m * P * Q
        whole = P - P % lanes if q + lanes <= Q else 0
        for p in range(0, whole, lanes):
            _square(flat_y, at_y + q * P + p, P, flat_x, at_x + p * Q + q, Q)
        for i in range(q, min(q + lanes, Q)):
            for p in range(whole, P):
                flat_y[at_y + i * P + p] = flat_x[at_x + p * Q + i]
