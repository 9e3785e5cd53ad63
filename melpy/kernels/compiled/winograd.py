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

from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.copying import copy
from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.squares import ALL, Matrix, Square, transform
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import (
    AT_ONCE,
    LINEAR,
    ROWS,
    VECTOR_BYTES,
    Act,
    Ends,
    Lines,
    Panels,
    Terms,
    lines_of,
    multiply,
)
from melpy.kernels.program import fixed
from melpy.kernels.spec.windows import Pads
from melpy.kernels.threads import Region

Shape = tuple[int, ...]

B_T: Matrix = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
G: Matrix = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
A_T: Matrix = ((1, 1, 1, 0), (0, 1, -1, -1))


class Tiles(NamedTuple):
    """Which tiles an image is cut into."""

    top: int  # the image's pads
    left: int
    down: int
    across: int
    block: int  # tiles that are transformed, then multiplied


BLOCK_BYTES = 1 << 19  # a block of tiles, in and out, stays in the second-level cache
CENTRE = 5  # the entry (1, 1): a number added there is added to each of a tile's outputs


def fits(w_shape: Shape, itemsize: int) -> bool:
    """Return whether a kernel is 3x3 and its channels are whole vectors."""
    lanes = vector_size(itemsize)
    return w_shape[:2] == (3, 3) and w_shape[2] % lanes == 0 and w_shape[3] % lanes == 0


def vector_size(itemsize: int) -> int:
    """Return how many channels make a whole vector."""
    return VECTOR_BYTES // itemsize


def conv2d(x: np.ndarray, w: np.ndarray, pads: Pads, y: np.ndarray) -> np.ndarray:
    """Fill y (N,oH,oW,D) with x * w, stride 1; x (N,H,W,C), w (3,3,C,D)."""
    threads.run(convolution(x, fixed(transformed, w), pads, y))
    return y


def convolution(
    x: np.ndarray, u: np.ndarray, pads: Pads, y: np.ndarray, b: np.ndarray | None = None,
    code: int = LINEAR, slope: float = 0.0,
) -> list[Region]:  # fmt: skip
    """Return what fills y with act(x * w + b); u is w, `transformed`."""
    C, D = x.shape[3], y.shape[3]
    tiles = -(-y.shape[1] // 2), -(-y.shape[2] // 2)
    count = len(y) * tiles[0] * tiles[1]
    block = _block(C + D, x.itemsize)
    start = np.zeros(2 * D, x.dtype)  # of the entries; of the one in the centre
    if b is not None:
        copy(b, start[D:])
    region = (
        _forward, -(-count // ROWS), y.size * C // 4,
        x, u, start, y, *Tiles(pads[0][0], pads[1][0], *tiles, block),
        *Act(code, slope),
    )  # fmt: skip
    return [region]


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
    parts = memory.empty((len(groups), 3, 3, C, D), x.dtype)

    threads.share(
        _back, len(groups) * len(shares), g.size * C // 4,
        x, g, parts, *Tiles(pads[0][0], pads[1][0], *tiles, block),
        np.array(shares) * lanes, np.array(groups) * ROWS,
    )  # fmt: skip
    return total(parts)


def _block(channels: int, itemsize: int) -> int:
    """Return how many tiles are transformed before they are multiplied."""
    return max(8 * ROWS, min(128, BLOCK_BYTES // (16 * channels * itemsize)) // ROWS * ROWS)


def transformed(w: np.ndarray) -> np.ndarray:
    """Return G w G^T: (3,3,C,D) -> (16,panels,C,two vectors of D), as products read it.

    Laid out as w is, lines of D whose size is a power of two would share few lines of the cache.
    """
    C, D = w.shape[2:]
    lanes = VECTOR_BYTES // w.itemsize
    u, size = memory.empty((16, -(-D // (2 * lanes)), C, 2 * lanes), w.dtype), C * D
    threads.share(_kernel_transform, size // lanes, 9 * size, w, u)
    return u


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


_x_entries, _x_entries_at_the_edge = (
    transform(B_T, "x_entries", reads_all=whole) for whole in (True, False)
)
_y_of_entries, _y_of_entries_at_the_edge = (
    transform(A_T, "y_of_entries", writes_all=whole, is_last=True) for whole in (True, False)
)
_g_entries, _g_entries_at_the_edge = (
    transform(_transposed(A_T), "g_entries", reads_all=whole) for whole in (True, False)
)
_w_entries, _d_w_of_entries = transform(G, "w_entries"), transform(_transposed(G), "d_w")


@for_team
def _kernel_transform(w, u, part, first, last):
    size, lanes, zero = w.shape[2] * w.shape[3], VECTOR_BYTES // w.itemsize, w.dtype.type(0)
    (C, D), entry = w.shape[2:], u.size // 16
    flat, entries = w.reshape(-1), u.reshape(-1)
    for v in range(first * lanes, last * lanes, lanes):
        c, d = v // D, v % D
        at = (d // (2 * lanes) * C + c) * 2 * lanes + d % (2 * lanes)
        to, here = Square(entries, at, 4 * entry, entry), Square(flat, v, 3 * size, size)
        _w_entries(to, here, ALL, Act(0, zero))


@compiled
def _cells(row, column, side, H, W):
    """Return which cells of a square that begins at (row, column) lie in an image of H by W."""
    if row >= 0 and column >= 0 and row + side <= H and column + side <= W:
        return ALL
    cells = 0
    for i in range(side):
        for j in range(side):
            if 0 <= row + i < H and 0 <= column + j < W:
                cells |= 1 << (side * i + j)
    return cells


@compiled
def _patches(v, v_step, x, tiles, t0, count, channels):
    """Write the 16 entries of ``count`` tiles, from number t0 of all images' tiles on."""
    (_, H, W, C), (first_c, last_c) = x.shape, channels
    lanes, wide, none = VECTOR_BYTES // x.itemsize, last_c - first_c, Act(0, x.dtype.type(0))
    flat = x.reshape(-1)
    n, p, q = _tile(t0, tiles)
    for t in range(count):
        row, column = 2 * p - tiles.top, 2 * q - tiles.left
        at = ((n * H + row) * W + column) * C + first_c
        cells = _cells(row, column, 4, H, W)
        if cells == ALL:
            for c in range(0, wide, lanes):
                to = Square(v, t * wide + c, 4 * v_step, v_step)
                _x_entries(to, Square(flat, at + c, W * C, C), ALL, none)
        else:
            for c in range(0, wide, lanes):
                to = Square(v, t * wide + c, 4 * v_step, v_step)
                _x_entries_at_the_edge(to, Square(flat, at + c, W * C, C), cells, none)
        n, p, q = _next(n, p, q, tiles)


@compiled
def _tile(t, tiles):
    """Return image, row and column of tile number t of all images' tiles."""
    down, across = tiles.down, tiles.across
    return t // (down * across), t // across % down, t % across


@compiled
def _next(n, p, q, tiles):
    """Return image, row and column of the next tile."""
    q += 1
    if q == tiles.across:
        q, p = 0, p + 1
        if p == tiles.down:
            n, p = n + 1, 0
    return n, p, q


@for_team
def _forward(x, u, start, y, tiles: Tiles, act: Act, part, first, last):
    """Make the outputs of tiles ``first`` to ``last`` of all images' tiles."""
    C, (_, oH, oW, D), block = x.shape[3], y.shape, tiles.block
    lanes, panel, number = VECTOR_BYTES // x.itemsize, 2 * VECTOR_BYTES // x.itemsize, x.dtype.type
    v_step, m_step = block * C + lanes, block * D + lanes  # steps of 4096 bytes would share a
    v, m = np.empty(16 * v_step, x.dtype), np.empty(16 * m_step, x.dtype)  # line of the cache
    flat_u, flat_y = u.reshape(-1), y.reshape(-1)
    a_at, c_at, entry = lines_of(block, C), lines_of(block, D), u.size // 16
    act = Act(act.code, number(act.slope))
    first, last = first * ROWS, min(len(x) * tiles.down * tiles.across, last * ROWS)
    for t0 in range(first, last, block):
        count = min(block, last - t0)
        _patches(v, v_step, x, tiles, t0, count, (0, C))
        rows = -(-count // ROWS) * ROWS
        for e in range(16):
            multiply(
                Lines(m, c_at, e * m_step), Lines(v, a_at, e * v_step), (0, rows),
                Terms(AT_ONCE, 0, 1, C, 1), Panels(flat_u, e * entry, panel, C * panel), D,
                Ends(start, D * int(e == CENTRE), 0, LINEAR, number(0)),
            )  # fmt: skip
        n, p, q = _tile(t0, tiles)
        for t in range(count):
            at = ((n * oH + 2 * p) * oW + 2 * q) * D
            cells = _cells(2 * p, 2 * q, 2, oH, oW)
            if cells == ALL:
                for d in range(0, D, lanes):
                    entries = Square(m, t * D + d, 4 * m_step, m_step)
                    _y_of_entries(Square(flat_y, at + d, oW * D, D), entries, ALL, act)
            else:
                for d in range(0, D, lanes):
                    to = Square(flat_y, at + d, oW * D, D)
                    entries = Square(m, t * D + d, 4 * m_step, m_step)
                    _y_of_entries_at_the_edge(to, entries, cells, act)
            n, p, q = _next(n, p, q, tiles)


@for_team
def _back(x, g, parts, tiles: Tiles, shares, groups, part, first, last):
    """Sum the kernel's gradient, for some input channels, over some of the tiles, for each unit."""
    for unit in range(first, last):
        n, share = unit // len(shares), unit % len(shares)
        end = min(len(x) * tiles.down * tiles.across, groups[n, 1])
        channels = (shares[share, 0], shares[share, 1])
        _sum_tiles(x, g, parts[n], tiles, channels, (groups[n, 0], end))


@compiled
def _sum_tiles(x, g, d_w, tiles, channels, some):
    """Sum the kernel's gradient, for some input channels, over ``some`` of the tiles."""
    (first_c, last_c), (first, last) = channels, some
    C, (_, oH, oW, D), wide, block = x.shape[3], g.shape, last_c - first_c, tiles.block
    lanes, panel, zero = VECTOR_BYTES // x.itemsize, 2 * VECTOR_BYTES // x.itemsize, x.dtype.type(0)
    v_step, m_step = block * wide + lanes, block * D + lanes  # as in `_forward`
    v, m = np.empty(16 * v_step, x.dtype), np.empty(16 * m_step, x.dtype)
    d_u, none = np.zeros(16 * wide * D, x.dtype), Act(0, zero)
    a_at, c_at = lines_of(wide, 1), lines_of(wide, D)
    flat_g, flat_d_w = g.reshape(-1), d_w.reshape(-1)
    for t0 in range(first, last, block):
        count = min(block, last - t0)
        _patches(v, v_step, x, tiles, t0, count, channels)
        n, p, q = _tile(t0, tiles)
        for t in range(count):
            at = ((n * oH + 2 * p) * oW + 2 * q) * D
            cells = _cells(2 * p, 2 * q, 2, oH, oW)
            if cells == ALL:
                for d in range(0, D, lanes):
                    to = Square(m, t * D + d, 4 * m_step, m_step)
                    _g_entries(to, Square(flat_g, at + d, oW * D, D), ALL, none)
            else:
                for d in range(0, D, lanes):
                    to = Square(m, t * D + d, 4 * m_step, m_step)
                    _g_entries_at_the_edge(to, Square(flat_g, at + d, oW * D, D), cells, none)
            n, p, q = _next(n, p, q, tiles)
        for e in range(16):
            multiply(
                Lines(d_u, c_at, e * wide * D), Lines(v, a_at, e * v_step), (0, a_at.size),
                Terms(AT_ONCE, 0, 1, count, wide), Panels(m, e * m_step, D, panel), D,
                Ends(d_u, 0, 1, LINEAR, zero),
            )  # fmt: skip
    for c in range(wide):
        for d in range(0, D, lanes):
            _d_w_of_entries(
                Square(flat_d_w, (first_c + c) * D + d, 3 * C * D, C * D),
                Square(d_u, c * D + d, 4 * wide * D, wide * D), ALL, none,
            )  # fmt: skip
