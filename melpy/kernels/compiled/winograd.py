"""Winograd's convolution F(2x2, 3x3), compiled: 16 products where the direct way has 36.

An image is cut into tiles of 2x2 outputs, which depend on patches of 4x4 inputs, two apart. With
the matrices below, a tile's outputs, of one input and one output channel, are

    y = A^T [ (G w G^T) * (B^T x B) ] A                            (* entry by entry)

so that, over all channels and tiles, each of the 16 entries is one matrix product. Backwards, d_x
is the convolution of g with the turned kernel, and since y is linear in w,

    d_w = G^T [ (B^T x B) * (A g A^T) ] G                          summed over the tiles

Source: A. Lavin, S. Gray 2016, Fast algorithms for convolutional neural networks, section 4.1.
The coefficients are 0, 1, -1 and 1/2: the error is no larger than the direct way's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import LINEAR, ROWS, VECTOR_BYTES, activated, lines, multiply
from melpy.kernels.spec.windows import Pads

Matrix = tuple[tuple[float, ...], ...]
Shape = tuple[int, ...]

B_T: Matrix = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
G: Matrix = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
A_T: Matrix = ((1, 1, 1, 0), (0, 1, -1, -1))

BLOCK_BYTES = 1 << 19  # a block of tiles, in and out, stays in the second-level cache
CENTRE = 5  # the entry (1, 1): a number added there is added to each of a tile's outputs


def fits(w_shape: Shape, itemsize: int) -> bool:
    """Return whether a kernel is 3x3 and its channels are whole vectors."""
    lanes = VECTOR_BYTES // itemsize
    return w_shape[:2] == (3, 3) and w_shape[2] % lanes == 0 and w_shape[3] % lanes == 0


def conv2d(
    x: np.ndarray, w: np.ndarray, pads: Pads, y: np.ndarray, b: np.ndarray | None = None,
    code: int = LINEAR, slope: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Fill y (N,oH,oW,D) with act(x * w + b), stride 1; x (N,H,W,C), w (3,3,C,D)."""
    C, D = w.shape[2:]
    u = _transformed(w)
    tiles = -(-y.shape[1] // 2), -(-y.shape[2] // 2)
    count = len(y) * tiles[0] * tiles[1]
    block = _block(C + D, x.itemsize)
    a_at, c_at = lines(block, C), lines(block, D)
    start = np.zeros(2 * D, x.dtype)  # of the entries; of the one in the centre
    if b is not None:
        start[D:] = b
    threads.share(
        _forward, -(-count // ROWS), y.size * C // 4,
        x, pads[0][0], pads[1][0], u, start, y, *tiles, block, a_at, c_at, code, slope,
    )  # fmt: skip
    return y


def conv2d_d_w(g: np.ndarray, x: np.ndarray, pads: Pads) -> np.ndarray:
    """Return the kernel's gradient (3,3,C,D) from g (N,oH,oW,D) and x (N,H,W,C)."""
    C, D = x.shape[3], g.shape[3]
    tiles = -(-g.shape[1] // 2), -(-g.shape[2] // 2)
    count = len(g) * tiles[0] * tiles[1]
    lanes = VECTOR_BYTES // x.itemsize
    channels = max(lanes, BLOCK_BYTES // (16 * D * x.itemsize) // lanes * lanes)
    shares = threads.groups(C // lanes, -(-C // channels))  # of the channels: their sums stay near
    groups = threads.groups(-(-count // ROWS), max(1, threads.GROUPS // len(shares)))
    most = max(last - first for first, last in shares) * lanes
    block = _block(most + D, x.itemsize)
    a_at, c_at = lines(most, 1), lines(most, D)
    parts = memory.empty((len(groups), 3, 3, C, D), x.dtype)

    threads.share(
        _back, len(groups) * len(shares), g.size * C // 4,
        x, pads[0][0], pads[1][0], g, parts, *tiles, block, a_at, c_at,
        np.array(shares) * lanes, np.array(groups) * ROWS,
    )  # fmt: skip
    return parts[0] if len(parts) == 1 else parts.sum(axis=0)


def _block(channels: int, itemsize: int) -> int:
    """Return how many tiles are transformed before they are multiplied."""
    return max(8 * ROWS, min(128, BLOCK_BYTES // (16 * channels * itemsize)) // ROWS * ROWS)


def _transformed(w: np.ndarray) -> np.ndarray:
    """Return G w G^T: (3,3,C,D) -> (4,4,C,D)."""
    u = memory.empty((4, 4, *w.shape[2:]), w.dtype)
    size = w[0, 0].size
    lanes = VECTOR_BYTES // w.itemsize
    threads.share(_kernel_transform, size // lanes, 9 * size, w, u)
    return u


def _transform(matrix: Matrix, name: str) -> Callable[..., Any]:
    """Make y = M x M^T of one vector of channels of a square x, as the code for one matrix M."""

    @intrinsic
    def transform(typingctx, y, y0, y_row, y_column, x, x0, x_row, x_column, code, slope):
        size = types.intp
        return types.void(y, size, size, size, x, size, size, size, size, x.dtype), emit

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _y, y0, y_row, y_column, _x, x0, x_row, x_column, code, slope = args
        number = context.get_data_type(signature.args[0].dtype)
        bytes_ = 4 if isinstance(number, ir.FloatType) else 8
        vector, index = ir.VectorType(number, VECTOR_BYTES // bytes_), ir.IntType(64)

        def at(position: int, start: Any, row: Any, i: int, column: Any, j: int) -> Any:
            array = context.make_array(signature.args[position])(context, builder, args[position])
            down, right = builder.mul(row, index(i)), builder.mul(column, index(j))
            place = builder.add(start, builder.add(down, right))
            return builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer())

        def constant(value: float) -> Any:
            return ir.Constant(vector, [value] * vector.count)

        def combined(weights: tuple[float, ...], terms: list[Any]) -> Any:
            total = None
            for weight, term in zip(weights, terms, strict=True):
                if weight == 0:
                    continue
                if abs(weight) != 1:
                    term = builder.fmul(term, constant(abs(weight)))
                if total is None:
                    total = term if weight > 0 else builder.fsub(constant(0), term)
                else:
                    total = (builder.fadd if weight > 0 else builder.fsub)(total, term)
            return total

        sides = range(len(matrix[0]))
        cells = [
            [builder.load(at(4, x0, x_row, i, x_column, j), align=bytes_) for j in sides]
            for i in sides
        ]
        half = [[combined(line, [cells[i][j] for i in sides]) for j in sides] for line in matrix]
        for i, row in enumerate(half):
            for j, line in enumerate(matrix):
                total = combined(line, row)
                if matrix is A_T:
                    total = activated(builder, total, code, slope)
                builder.store(total, at(0, y0, y_row, i, y_column, j), align=bytes_)
        return context.get_dummy_value()

    transform.__name__ = name
    return transform


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


_x_entries, _w_entries, _y_of_entries = (
    _transform(B_T, "x_entries"), _transform(G, "w_entries"), _transform(A_T, "y_of_entries")
)  # fmt: skip
_g_entries, _d_w_of_entries = (
    _transform(_transposed(A_T), "g_entries"), _transform(_transposed(G), "d_w_of_entries")
)  # fmt: skip


@for_team
def _kernel_transform(w, u, part, first, last):
    size, lanes, zero = w.shape[2] * w.shape[3], VECTOR_BYTES // w.itemsize, w.dtype.type(0)
    flat, entries = w.reshape(-1), u.reshape(-1)
    for v in range(first * lanes, last * lanes, lanes):
        _w_entries(entries, v, 4 * size, size, flat, v, 3 * size, size, 0, zero)


@compiled
def _patch_entries(v, count, t, x, flat, patch, n, row, column, first_c, last_c):
    """Write the 16 entries of one tile, whose patch begins at (row, column) of image n."""
    _, H, W, C = x.shape
    lanes, wide, zero = VECTOR_BYTES // x.itemsize, last_c - first_c, x.dtype.type(0)
    if row >= 0 and column >= 0 and row + 4 <= H and column + 4 <= W:
        at = ((n * H + row) * W + column) * C + first_c
        for c in range(0, wide, lanes):
            _x_entries(
                v, t * wide + c, 4 * count * wide, count * wide, flat, at + c, W * C, C, 0, zero
            )
        return
    for i in range(4):
        for j in range(4):
            cell = patch[(4 * i + j) * wide : (4 * i + j + 1) * wide]
            if 0 <= row + i < H and 0 <= column + j < W:
                pixel = x[n, row + i, column + j, first_c:last_c]
                for c in range(wide):
                    cell[c] = pixel[c]
            else:
                cell[:] = 0
    for c in range(0, wide, lanes):
        _x_entries(
            v, t * wide + c, 4 * count * wide, count * wide, patch, c, 4 * wide, wide, 0, zero
        )


@for_team
def _forward(
    x, top, left, u, start, y, tiles_h, tiles_w, block, a_at, c_at, code, slope,
    part, first, last,
):  # fmt: skip
    """Make the outputs of tiles ``first`` to ``last`` of all images' tiles."""
    (_, _, _, C), (_, oH, oW, D) = x.shape, y.shape
    lanes, panel, number = VECTOR_BYTES // x.itemsize, 2 * VECTOR_BYTES // x.itemsize, x.dtype.type
    v, m = np.empty(16 * block * C, x.dtype), np.empty(16 * block * D, x.dtype)
    patch, aside = np.empty(16 * C, x.dtype), np.empty(4 * lanes, x.dtype)
    flat_x, flat_u, flat_y = x.reshape(-1), u.reshape(-1), y.reshape(-1)
    k_at = np.zeros(1, np.int64)
    first, last = first * ROWS, min(len(x) * tiles_h * tiles_w, last * ROWS)
    for t0 in range(first, last, block):
        count = min(block, last - t0)
        for t in range(count):
            n, place = (t0 + t) // (tiles_h * tiles_w), (t0 + t) % (tiles_h * tiles_w)
            row, column = place // tiles_w * 2 - top, place % tiles_w * 2 - left
            _patch_entries(v, block, t, x, flat_x, patch, n, row, column, 0, C)
        rows = -(-count // ROWS) * ROWS
        for e in range(16):
            multiply(
                m, c_at, e * block * D, v, a_at, e * block * C, 0, rows, k_at, 0, 1, C, 1,
                flat_u, e * C * D, D, panel, D, start, D * int(e == CENTRE), 0, LINEAR, number(0),
            )  # fmt: skip
        for t in range(count):
            n, place = (t0 + t) // (tiles_h * tiles_w), (t0 + t) % (tiles_h * tiles_w)
            p, q = place // tiles_w * 2, place % tiles_w * 2
            at = ((n * oH + p) * oW + q) * D
            whole = p + 2 <= oH and q + 2 <= oW
            for d in range(0, D, lanes):
                if whole:
                    _y_of_entries(
                        flat_y, at + d, oW * D, D, m, t * D + d, 4 * block * D, block * D,
                        code, number(slope),
                    )  # fmt: skip
                    continue
                _y_of_entries(
                    aside, 0, 2 * lanes, lanes, m, t * D + d, 4 * block * D, block * D,
                    code, number(slope),
                )  # fmt: skip
                for i in range(min(2, oH - p)):
                    for j in range(min(2, oW - q)):
                        for k in range(lanes):
                            flat_y[at + (i * oW + j) * D + d + k] = aside[(2 * i + j) * lanes + k]


@for_team
def _back(
    x, top, left, g, parts, tiles_h, tiles_w, block, a_at, c_at, shares, groups, part, first, last
):  # fmt: skip
    """Sum the kernel's gradient, for some input channels, over some of the tiles, for each unit."""
    for unit in range(first, last):
        n, share = unit // len(shares), unit % len(shares)
        _sum_tiles(
            x, top, left, g, parts[n], tiles_h, tiles_w, block, a_at, c_at, shares[share, 0],
            shares[share, 1],
            groups[n, 0], min(len(x) * tiles_h * tiles_w, groups[n, 1]),
        )  # fmt: skip


@compiled
def _sum_tiles(
    x, top, left, g, d_w, tiles_h, tiles_w, block, a_at, c_at, first_c, last_c, first, last
):  # fmt: skip
    """Sum the kernel's gradient, for some input channels, over tiles ``first`` to ``last``."""
    C, (_, oH, oW, D), wide = x.shape[3], g.shape, last_c - first_c
    lanes, panel, zero = VECTOR_BYTES // x.itemsize, 2 * VECTOR_BYTES // x.itemsize, x.dtype.type(0)
    v, m = np.empty(16 * block * wide, x.dtype), np.empty(16 * block * D, x.dtype)
    d_u = np.zeros(16 * wide * D, x.dtype)
    patch, corner = np.empty(16 * wide, x.dtype), np.empty(4 * D, x.dtype)
    flat_x, flat_g, flat_d_w = x.reshape(-1), g.reshape(-1), d_w.reshape(-1)
    k_at = np.zeros(1, np.int64)
    for t0 in range(first, last, block):
        count = min(block, last - t0)
        for t in range(count):
            n, place = (t0 + t) // (tiles_h * tiles_w), (t0 + t) % (tiles_h * tiles_w)
            p, q = place // tiles_w * 2, place % tiles_w * 2
            _patch_entries(v, block, t, x, flat_x, patch, n, p - top, q - left, first_c, last_c)
            if p + 2 <= oH and q + 2 <= oW:
                at = ((n * oH + p) * oW + q) * D
                for d in range(0, D, lanes):
                    _g_entries(
                        m, t * D + d, 4 * block * D, block * D, flat_g, at + d, oW * D, D, 0, zero
                    )
                continue
            corner[:] = 0
            for i in range(min(2, oH - p)):
                for j in range(min(2, oW - q)):
                    pixel = g[n, p + i, q + j]
                    for d in range(D):
                        corner[(2 * i + j) * D + d] = pixel[d]
            for d in range(0, D, lanes):
                _g_entries(m, t * D + d, 4 * block * D, block * D, corner, d, 2 * D, D, 0, zero)
        for e in range(16):
            multiply(
                d_u, c_at, e * wide * D, v, a_at, e * block * wide, 0, wide, k_at, 0, 1, count,
                wide, m, e * block * D, D, panel, D, d_u, 0, 1, LINEAR, zero,
            )  # fmt: skip
    for c in range(wide):
        for d in range(0, D, lanes):
            _d_w_of_entries(
                flat_d_w, (first_c + c) * D + d, 3 * C * D, C * D,
                d_u, c * D + d, 4 * wide * D, wide * D, 0, zero,
            )  # fmt: skip
