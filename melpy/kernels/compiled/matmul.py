"""The product of two matrices, compiled: the register tile of `tile`, run by the team.

Why not BLAS's: its own threads wait spinning for more work, which slows the team's next region,
and how it shares a sum among threads changes the bits of the result with their number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.activation import cut
from melpy.kernels.compiled.jit import FLOATS, laid, prepare
from melpy.kernels.compiled.products import Matrix, add_row_times
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
    lines,
    multiply,
)
from melpy.kernels.compiled.transpose import transposed
from melpy.kernels.spec import matmul as spec
from melpy.kernels.threads import Region


class Rows(NamedTuple):
    """The first matrix: where each of its rows begins, and what leads on in one."""

    numbers: np.ndarray
    at: np.ndarray
    step: int


class Columns(NamedTuple):
    """The second matrix: what leads to its next row, and to its next two vectors of columns."""

    numbers: np.ndarray  # (K,Q)
    row: int
    panel: int


DEPTH = 512  # a panel of b, DEPTH by two vectors, stays nearly in the first-level cache,
BLOCK = 64 * DEPTH  # and this many numbers of a in the second


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply; see `melpy.kernels.spec.matmul.matmul`."""
    if not fits(a, b):
        threads.missed("matmul")
        return spec.matmul(a, b)
    y, regions = multiplication(a, b, np.zeros(b.shape[1], a.dtype))
    threads.run(regions)
    return y


def fits(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether a product is of numbers that a tile multiplies, and of any at all."""
    return a.dtype == b.dtype and a.dtype in FLOATS and 0 not in (*a.shape, b.shape[1])


def multiplication(
    a: np.ndarray, b: np.ndarray, start: np.ndarray, code: int = LINEAR, slope: float = 0.0
) -> tuple[np.ndarray, list[Region]]:
    """Return where act(a b + start) goes, and what puts it there; start (Q,)."""
    prepare(a.dtype)
    (P, K), Q = a.shape, b.shape[1]
    lanes = VECTOR_BYTES // a.itemsize
    b_row, panel = Q, 2 * lanes
    if not b.T.flags.c_contiguous:
        b = laid(b)
    elif Q % panel or P == 1:
        b = transposed(b.T[None])[0]
    else:  # panel by panel, each of which then lies in few pages
        b = transposed(b.T.reshape(Q // panel, panel, K)).reshape(K, Q)
        b_row, panel = panel, K * panel
    y = memory.empty((P, Q), a.dtype)
    work = P * K * Q // 16
    if P == 1:  # a tile would read b no faster, and make the row ROWS times
        a, b = laid(a), laid(b)
        sums = memory.empty((threads.parts(K, b.size), Q), a.dtype)
        row = (_row, K, b.size, a[0], b, sums)
        return y, [row, (_end_of_row, 1, Q, sums, start, y[0], code, slope)]
    if a.T.flags.c_contiguous:  # a transposed view, as in x^T g: walked as it lies
        a, step_of_row, step = laid(a.T), 1, P
    else:
        a, step_of_row, step = laid(a), K, 1
    b = laid(b)
    a_at, c_at = lines(P, step_of_row), lines(P, Q)
    shape = len(a_at) // ROWS, -(-Q // (2 * lanes))
    down, across = _shares(*shape, 2 * lanes / ROWS, threads.parts(shape[0] * shape[1], work))
    region = (
        _blocks, len(down) * len(across), work,
        *Rows(a, a_at, step), *Columns(b, b_row, panel), y, c_at, start, *Act(code, slope), down,
        across,
    )  # fmt: skip
    return y, [region]


@lru_cache(maxsize=256)
def _shares(rows: int, columns: int, width: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a result of tiles into blocks: as near to squares as can be, which read the least."""
    choices = [
        (threads.groups(rows, count // n), threads.groups(columns, n)) for n in (1, 2, 4, 8)
        if n <= count
    ]  # fmt: skip
    most = max(len(down) * len(across) for down, across in choices)
    down, across = min(
        (choice for choice in choices if len(choice[0]) * len(choice[1]) == most),
        key=lambda choice: rows / len(choice[0]) + columns * width / len(choice[1]),
    )
    return np.array(down, np.int64), np.array(across, np.int64)


@for_team
def _blocks(
    a: Rows, b: Columns, y, c_at, start, act: Act, down, across, part, first, last
):  # fmt: skip
    """Make blocks of the result: for each depth of the sum, rows of a that stay in the cache."""
    width, (K, Q) = 2 * VECTOR_BYTES // y.itemsize, b.numbers.shape
    slope = y.dtype.type(act.slope)
    height = max(ROWS, BLOCK // max(1, min(K, DEPTH)) // ROWS * ROWS)
    for unit in range(first, last):
        rows, columns = down[unit // len(across)], across[unit % len(across)]
        left, right = columns[0] * width, min(Q, columns[1] * width)
        for k in range(0, K, DEPTH):
            depth = min(DEPTH, K - k)
            code = act.code if k + depth == K else LINEAR  # once the sum is whole
            for r in range(rows[0] * ROWS, rows[1] * ROWS, height):
                multiply(
                    Lines(y, c_at, left), Lines(a.numbers, a.at, k * a.step),
                    (r, min(rows[1] * ROWS, r + height)), Terms(AT_ONCE, 0, 1, depth, a.step),
                    Panels(b.numbers, k * b.row + columns[0] * b.panel, b.row, b.panel),
                    right - left, Ends(start, left, int(k > 0), code, slope),
                )  # fmt: skip


@for_team
def _row(a, b, sums, part, first, last):
    """Add up some of the rows of b, weighted by a."""
    total = sums[part]
    total[:] = 0
    add_row_times(total, a[first:last], Matrix(b, first * total.size, total.size))


@for_team
def _end_of_row(sums, start, y, code, slope, part, first, last):
    """y = act(sums, added up in order, + start), for the activations of a tile."""
    for q in range(y.size):
        y[q] = start[q]
    for n in range(sums.shape[0]):
        some = sums[n]
        for q in range(y.size):
            y[q] += some[q]
    cut(y, code, slope)
