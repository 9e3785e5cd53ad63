"""A block of convolution, bias, max pooling and activation, compiled: an image at a time.

What a convolution makes of one image stays in the second-level cache until it is pooled; only
what is left is written to memory. Backwards, the gradient of one image before pooling and
activation is made there, and both gradients of the convolution and the bias's read it at once.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled import conv, conv_plans, winograd
from melpy.kernels.compiled.activation import (
    CODES,
    FIRST_GATE,
    activate_to,
    activating,
    activation_d_x,
    slide,
)
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.bias_activation import sum_rows
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE, LINEAR, VECTOR_BYTES, multiply
from melpy.kernels.compiled.winners import (
    choosing,
    chosen_of,
    pooling,
    scattered,
    scattered_of,
    winners_of,
)
from melpy.kernels.program import fixed
from melpy.kernels.spec import conv_block as spec
from melpy.kernels.spec.activation import GATES
from melpy.kernels.spec.conv_block import Act, Block, Geometry
from melpy.kernels.spec.windows import Pair, output_size
from melpy.kernels.threads import Region

WHOLE: Pair = (1, 1)


def conv2d_block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: Act, pool: Pair
) -> Block:
    """Return y, known, where and the size of z; see the specification."""
    arrays = contiguous(x, w, b)
    if arrays is None or act[0] not in CODES:
        return spec.conv2d_block(x, w, b, geometry, act, pool)
    x, w, b = arrays
    block, regions = _block(x, w, b, geometry, act, pool)
    threads.run(regions)
    return block


def _block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: Act, pool: Pair
) -> tuple[Block, list[Region]]:
    """Return the block's arrays, and what fills them."""
    strides, pads, dilation, groups = geometry
    size = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    way, D = conv.path(w.shape, strides, dilation, groups, x.itemsize), w.shape[3]
    if pool != WHOLE and way == "direct":
        return _pooled(x, w, b, geometry, size, act, pool)
    code = IN_TILE.get(act[0], LINEAR)
    z = memory.empty((len(x), *size, D), x.dtype)
    if way == "winograd":
        regions = winograd.convolution(x, fixed(winograd.transformed, w), pads, z, b, code, act[1])
    else:
        plan = conv_plans.forward(
            conv.frame_size(x, pads), w.shape, strides, dilation, groups, size
        )
        regions = conv.convolution(x, pads, w, D // groups, plan, z, strides, b, code, act[1])
    is_gate = act[0] in GATES
    y = memory.empty(z.shape, z.dtype) if is_gate else z
    if act[0] not in IN_TILE:
        regions.append(activating(z.reshape(-1), y.reshape(-1), CODES[act[0]], act[1]))
    if pool == WHOLE:
        return (y, z, None, size), regions
    y, where, region = pooling(y, pool)
    regions.append(region)
    known = y
    if is_gate:
        known, region = choosing(z, where, pool)
        regions.append(region)
    return (y, known, where, size), regions


def conv2d_block_back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    known: np.ndarray,
    where: np.ndarray | None,
    geometry: Geometry,
    act: Act,
    pool: Pair,
    z_size: Pair,
    wanted: tuple[bool, bool, bool],
) -> list[np.ndarray | None]:
    """Return d_x, d_w and d_b; see `melpy.kernels.spec.conv_block.conv2d_block_back`."""
    arrays = contiguous(g, x, w, known)
    if arrays is None or 0 in g.shape or 0 in w.shape or not all(z_size):
        return spec.conv2d_block_back(g, x, w, known, where, geometry, act, pool, z_size, wanted)
    g, x, w, known = arrays
    strides, _, dilation, groups = geometry
    direct = conv.path(w.shape, strides, dilation, groups, x.itemsize) == "direct"
    is_one_sweep = direct and w.size < conv.BIG_KERNEL and wanted[1]
    if is_one_sweep and act[0] in IN_TILE:
        return _back(g, x, w, known, where, geometry, act, pool, z_size, wanted)
    d_u = activation_d_x(g, known, known, *act) if act[0] != "linear" else g
    if is_one_sweep:
        return _back(d_u, x, w, known, where, geometry, ("linear", 0.0), pool, z_size, wanted)
    d_z = d_u if where is None else scattered(d_u, where, pool, z_size)
    return [
        conv.conv2d_d_x(d_z, w, x.shape, *geometry) if wanted[0] else None,
        conv.conv2d_d_w(d_z, x, w.shape, *geometry) if wanted[1] else None,
        sum_rows(d_z) if wanted[2] else None,
    ]


def _pooled(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    geometry: Geometry,
    size: Pair,
    act: Act,
    pool: Pair,
) -> tuple[Block, list[Region]]:
    """Return the arrays of a block that is pooled image by image, and what fills them."""
    strides, pads, dilation, groups = geometry
    D = w.shape[3]
    plan = conv_plans.forward(conv.frame_size(x, pads), w.shape, strides, dilation, groups, size)
    shape = (len(x), size[0] // pool[0], size[1] // pool[1], D)
    y, where = memory.empty(shape, x.dtype), memory.empty(shape, np.dtype(np.uint8))
    known = memory.empty(shape, x.dtype) if act[0] in GATES else y
    sweep, chosen = (_images_pooled, ()) if act[0] in IN_TILE else (_images_activated, (known,))
    region = (
        sweep, len(x), len(x) * size[0] * size[1] * w.size // groups // 16,
        x, *conv.placing(x, pads), w.reshape(-1), D, b, y, where, *size, *pool, *plan, D // groups,
        CODES[act[0]], act[1], *chosen,
    )  # fmt: skip
    return (y, known, where, size), [region]


def _back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    where: np.ndarray | None,
    geometry: Geometry,
    act: Act,
    pool: Pair,
    z_size: Pair,
    wanted: tuple[bool, bool, bool],
) -> list[np.ndarray | None]:
    """Return all gradients from one sweep over the images."""
    strides, pads, dilation, groups = geometry
    C, D = w.shape[2:]
    N = len(x)
    together = max(1, min(N, conv.SUM_PIXELS // (z_size[0] * z_size[1])))
    kernel = conv_plans.kernel(
        conv.frame_size(x, pads), w.shape, strides, dilation, groups, z_size, together
    )
    if wanted[0]:
        around, back, w_t = conv.backward_plan(z_size, w, x.shape, geometry)
        frame = (z_size[0] + sum(around[0]), z_size[1] + sum(around[1]))
        d_x = memory.empty(x.shape, x.dtype)
    else:
        around, back, w_t, frame, d_x = (
            conv.NONE,
            kernel,
            w,
            z_size,
            np.empty((0, 0, 0, 0), x.dtype),
        )
    work = 2 * N * z_size[0] * z_size[1] * w.size // groups // 16
    parts = threads.parts(N, work)
    d_w = memory.empty((parts, w.size), x.dtype)
    d_b = memory.empty((parts, D), x.dtype)
    zeros = np.zeros(max(D, C * groups), x.dtype)
    cells = np.empty((0, 0, 0, 0), np.uint8) if where is None else where
    threads.share(
        _images_back, N, work,
        x, *conv.placing(x, pads), g, y, cells, where is not None, *pool, *z_size, CODES[act[0]],
        act[1], d_w, d_b, *kernel, D // groups, strides[1] * x.shape[3], together,
        d_x, wanted[0], *frame, around[0][0], around[1][0], w_t.reshape(-1), C, *back, C, zeros,
    )  # fmt: skip
    d_w = total(d_w).reshape(w.shape)
    return [d_x if wanted[0] else None, d_w, total(d_b) if wanted[2] else None]


@for_team
def _images_pooled(
    x, H, W, top, left, is_framed, b, b_row, start, y, where, oH, oW, pool_h, pool_w,
    a_at, c_at, k_at, lines, columns, code, slope, part, first, last,
):  # fmt: skip
    a = np.empty(oH * oW * y.shape[3], x.dtype)
    frames = np.zeros((is_framed, H, W, x.shape[3]), x.dtype)
    for n in range(first, last):
        _image(
            a,
            x,
            n,
            frames,
            top,
            left,
            b,
            b_row,
            start,
            a_at,
            c_at,
            k_at,
            lines,
            columns,
            code,
            slope,
        )
        winners_of(a, 0, oW, y, where, n, pool_h, pool_w)


@for_team
def _images_activated(
    x, H, W, top, left, is_framed, b, b_row, start, y, where, oH, oW, pool_h, pool_w,
    a_at, c_at, k_at, lines, columns, code, slope, known, part, first, last,
):  # fmt: skip
    """As `_images_pooled`, for activations that are compiled apart from the tile's."""
    z = np.empty(oH * oW * y.shape[3], x.dtype)
    a = np.empty_like(z)
    frames = np.zeros((is_framed, H, W, x.shape[3]), x.dtype)
    for n in range(first, last):
        _image(
            z,
            x,
            n,
            frames,
            top,
            left,
            b,
            b_row,
            start,
            a_at,
            c_at,
            k_at,
            lines,
            columns,
            LINEAR,
            slope,
        )
        activate_to(z, a, code, slope)
        winners_of(a, 0, oW, y, where, n, pool_h, pool_w)
        if code >= FIRST_GATE:
            chosen_of(z, 0, oW, where, n, known, pool_h, pool_w)


@compiled
def _image(
    z, x, n, frames, top, left, b, b_row, start, a_at, c_at, k_at, lines, columns, code, slope
):  # fmt: skip
    """z = act(x_n * w + start), flat."""
    panel, s = 2 * VECTOR_BYTES // x.itemsize, x.dtype.type(slope)
    a, at = conv.images_at(x, n, 1, frames, top, left)
    for m in range(lines.shape[0]):
        line = lines[m]
        multiply(
            z, c_at, line[8], a, a_at, at + line[5], line[0], line[1],
            k_at, line[2], line[3], line[4], 1, b, line[6] * b_row + line[7], b_row, panel,
            columns, start, line[7], 0, code, s,
        )  # fmt: skip


@for_team
def _images_back(
    x, H, W, top, left, is_framed, g, y, where, is_pooled, pool_h, pool_w, zH, zW, code, slope,
    totals_w, totals_b, a_at, c_at, k_at, lines, columns, a_k, together,
    d_x, wants_x, fH, fW, f_top, f_left, w_t, w_row, xa_at, xc_at, xk_at, x_lines, x_columns,
    zeros, part, first, last,
):  # fmt: skip
    C, D, panel, zero = x.shape[3], g.shape[3], 2 * VECTOR_BYTES // x.itemsize, x.dtype.type(0)
    image, shrunk, runs = zH * zW * D, g.shape[1] * g.shape[2] * D, k_at.size // together
    size = x.shape[1] * x.shape[2] * C
    flat_g, flat_y, flat_d_x = g.reshape(-1), y.reshape(-1), d_x.reshape(-1)
    d_w, d_b = totals_w[part], totals_b[part]
    d_b[:] = 0
    d_u = np.empty(shrunk, x.dtype)
    d_z = np.empty(together * image, x.dtype)
    frames = np.zeros((together * is_framed, H, W, C), x.dtype)
    if wants_x:
        frame = np.zeros((fH, fW, D), x.dtype)
    for n in range(first, last, together):
        count = min(together, last - n)
        for m in range(count):
            at, whole = (n + m) * shrunk, d_z[m * image : (m + 1) * image]
            if is_pooled:
                slide(flat_g[at : at + shrunk], flat_y[at : at + shrunk], d_u, code, slope)
                scattered_of(d_u, 0, where, n + m, d_z, m * image, zH, zW, pool_h, pool_w)
            else:
                slide(flat_g[at : at + shrunk], flat_y[at : at + shrunk], whole, code, slope)
            _add_rows(whole, d_b)
        a, at = conv.images_at(x, n, count, frames, top, left)
        for m in range(lines.shape[0]):
            line = lines[m]
            multiply(
                d_w, c_at, line[8], a, a_at, at + line[5], line[0], line[1],
                k_at, 0, count * runs, line[4], a_k, d_z, line[7], D, panel, columns,
                zeros, 0, int(n > first), LINEAR, zero,
            )  # fmt: skip
        if not wants_x:
            continue
        for m in range(count):
            conv.place(d_z[m * image : (m + 1) * image].reshape((zH, zW, D)), frame, f_top, f_left)
            for k in range(x_lines.shape[0]):
                line = x_lines[k]
                multiply(
                    flat_d_x, xc_at, (n + m) * size + line[8], frame.reshape(-1), xa_at, line[5],
                    line[0], line[1], xk_at, line[2], line[3], line[4], 1,
                    w_t, line[6] * w_row, w_row, panel, x_columns, zeros, 0, 0, LINEAR, zero,
                )  # fmt: skip


@compiled
def _add_rows(x, sums):
    D = sums.size
    by_four = x.size // (4 * D) * 4 * D
    for n in range(0, by_four, 4 * D):  # each sum is written and read again: seldom
        one, two, three, four = x[n:], x[n + D :], x[n + 2 * D :], x[n + 3 * D :]
        for d in range(D):
            sums[d] += (one[d] + two[d]) + (three[d] + four[d])
    for n in range(by_four, x.size, D):
        row = x[n:]
        for d in range(D):
            sums[d] += row[d]
