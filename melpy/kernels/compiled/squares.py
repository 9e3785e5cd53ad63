"""Small squares of vectors, transformed in registers: Winograd's M x M^T, and the transpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels.compiled.emission import activated, fields, place_of
from melpy.kernels.compiled.tile import VECTOR_BYTES

Matrix = tuple[tuple[float, ...], ...]

ALL = 0xFFFF  # cells of a square


class Square(NamedTuple):
    """Where a square of numbers, or of vectors, lies: what leads to the next row and column."""

    numbers: np.ndarray
    begin: int
    row: int
    column: int


def transform(
    matrix: Matrix, name: str, reads_all: bool = True, writes_all: bool = True,
    is_last: bool = False,
) -> Callable[..., Any]:  # fmt: skip
    """Make y = M x M^T of one vector of channels of a square x, as the code for one matrix M.

    The bits of ``cells`` say which cells of the image's square, row by row, are there: the others
    count as 0 unless ``reads_all``, and are not written unless ``writes_all``. The last transform
    activates what it makes.
    """

    @intrinsic
    def transform(typingctx, y, x, cells, act):
        return types.void(y, x, types.intp, act), emit

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0].types[0].dtype
        number = context.get_data_type(kind)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        vector, index = ir.VectorType(number, VECTOR_BYTES // bytes_), ir.IntType(64)
        code, slope = fields(context, builder, signature.args[3], args[3], types.intp, kind)
        squares = [place_of(context, builder, signature.args[n], args[n]) for n in (0, 1)]

        def at(square: Any, i: int, j: int) -> Any:
            data, start, (row, column) = square
            down, right = builder.mul(row, index(i)), builder.mul(column, index(j))
            place = builder.add(start, builder.add(down, right))
            return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

        def constant(value: float) -> Any:
            return ir.Constant(vector, [value] * vector.count)

        def combined(weights: tuple[float, ...], terms: list[Any]) -> Any:
            total = None
            pairs = zip(weights, terms, strict=True)
            for weight, term in sorted(pairs, key=lambda pair: pair[0] < 0):  # begin with a plus
                if weight == 0:
                    continue
                if abs(weight) != 1:
                    term = builder.fmul(term, constant(abs(weight)))
                if total is None:
                    total = term if weight > 0 else builder.fsub(constant(0), term)
                else:
                    total = (builder.fadd if weight > 0 else builder.fsub)(total, term)
            return total

        def is_there(n: int) -> Any:
            return builder.trunc(builder.lshr(args[2], index(n)), ir.IntType(1))

        def cell(n: int, place: Any) -> Any:
            if not reads_all:
                zeros = cgutils.global_constant(builder, "zeros", constant(0))
                place = builder.select(is_there(n), place, builder.bitcast(zeros, place.type))
            return builder.load(place, align=bytes_)

        sides = range(len(matrix[0]))
        cells = [[cell(len(sides) * i + j, at(squares[1], i, j)) for j in sides] for i in sides]
        half = [[combined(line, [cells[i][j] for i in sides]) for j in sides] for line in matrix]
        for i, row in enumerate(half):
            for j, line in enumerate(matrix):
                total = combined(line, row)
                if is_last:
                    total = activated(builder, total, code, slope)
                place = at(squares[0], i, j)
                if writes_all:
                    builder.store(total, place, align=bytes_)
                else:
                    with builder.if_then(is_there(len(matrix) * i + j)):
                        builder.store(total, place, align=bytes_)
        return context.get_dummy_value()

    transform.__name__ = name
    return transform


@intrinsic
def transpose(typingctx, y, x):
    """y = x^T for a square of one vector by as many rows; the squares' columns are numbers.

    Halves, then quarters, and so on, trade places across the diagonal: log2(lanes) rounds.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.get_data_type(signature.args[0].types[0].dtype)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        lanes = VECTOR_BYTES // bytes_
        vector, index = ir.VectorType(number, lanes), ir.IntType(64)

        def rows(position: int) -> list[Any]:
            record = signature.args[position], args[position]
            data, start, (step, _) = place_of(context, builder, *record)
            places = [builder.add(start, builder.mul(step, index(n))) for n in range(lanes)]
            return [builder.bitcast(builder.gep(data, [p]), vector.as_pointer()) for p in places]

        def chosen(a: Any, b: Any, lanes_of: list[int]) -> Any:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), lanes_of)
            return builder.shuffle_vector(a, b, mask)

        lines = [builder.load(place, align=bytes_) for place in rows(1)]
        half = lanes // 2
        while half:
            kept = [n if not n & half else lanes + n - half for n in range(lanes)]
            moved = [n + half if not n & half else lanes + n for n in range(lanes)]
            for n in range(lanes):
                if not n & half:
                    a, b = lines[n], lines[n + half]
                    lines[n], lines[n + half] = chosen(a, b, kept), chosen(a, b, moved)
            half //= 2
        for line, place in zip(lines, rows(0), strict=True):
            builder.store(line, place, align=bytes_)
        return context.get_dummy_value()

    return types.void(y, x), emit
