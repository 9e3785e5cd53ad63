"""A block of convolution, bias, max pooling and activation, compiled: an image at a time.

What a convolution makes of one image stays in the second-level cache until it is pooled; only
what is left is written to memory. Backwards, the gradient of one image before pooling and
activation is made there, and both gradients of the convolution and the bias's read it at once.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled import conv, conv_plans, winograd
from melpy.kernels.compiled.activation import activating, slide
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.bias_activation import (
    CODES,
    bias_activation_d_x,
    sum_rows,
)
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE, LINEAR, VECTOR_BYTES, multiply
from melpy.kernels.compiled.winners import pooling, scattered, scattered_of, winners_of
from melpy.kernels.program import fixed
from melpy.kernels.spec import conv_block as spec
from melpy.kernels.spec.conv_block import Act, Geometry
from melpy.kernels.spec.windows import Pair, output_size
from melpy.kernels.threads import Region

WHOLE: Pair = (1, 1)


def conv2d_block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: Act, pool: Pair
) -> tuple[np.ndarray, np.ndarray | None, Pair]:
    """Return y, where it comes from and the size before pooling; see the specification."""
    arrays = contiguous(x, w, b)
    if arrays is None:
        return spec.conv2d_block(x, w, b, geometry, act, pool)
    x, w, b = arrays
    y, where, size, regions = _block(x, w, b, geometry, act, pool)
    threads.run(regions)
    return y, where, size


def _block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: Act, pool: Pair
) -> tuple[np.ndarray, np.ndarray | None, Pair, list[Region]]:
    """Return y, where it comes from, the size before pooling, and what makes them."""
    strides, pads, dilation, groups = geometry
    size = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    code, D = (IN_TILE.get(act[0], LINEAR) if pool == WHOLE else LINEAR), w.shape[3]
    way = conv.path(w.shape, strides, dilation, groups, x.itemsize)
    where = None
    if pool != WHOLE and way == "direct":
        y, where, regions = _pooled(x, w, b, geometry, size, pool)
    else:
        y = memory.empty((len(x), *size, D), x.dtype)
        if way == "winograd":
            regions = winograd.convolution(
                x, fixed(winograd.transformed, w), pads, y, b, code, act[1]
            )
        else:
            plan = conv_plans.forward(
                conv.frame_size(x, pads), w.shape, strides, dilation, groups, size
            )
            regions = conv.convolution(x, pads, w, D // groups, plan, y, strides, b, code, act[1])
        if pool != WHOLE:
            y, where, region = pooling(y, pool)
            regions.append(region)
    if act[0] != "linear" and (pool != WHOLE or code == LINEAR):
        flat = y.reshape(-1)
        regions.append(activating(flat, flat, CODES[act[0]], act[1]))
    return y, where, size, regions


def conv2d_block_back(
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
    """Return d_x, d_w and d_b; see `melpy.kernels.spec.conv_block.conv2d_block_back`."""
    arrays = contiguous(g, x, w, y)
    if arrays is None or 0 in g.shape or 0 in w.shape or not all(z_size):
        return spec.conv2d_block_back(g, x, w, y, where, geometry, act, pool, z_size, wanted)
    g, x, w, y = arrays
    strides, _, dilation, groups = geometry
    direct = conv.path(w.shape, strides, dilation, groups, x.itemsize) == "direct"
    if direct and w.size < conv.BIG_KERNEL and wanted[1] and act[0] in IN_TILE:
        return _back(g, x, w, y, where, geometry, act, pool, z_size, wanted)
    d_u = bias_activation_d_x(g, y, *act) if act[0] != "linear" else g
    d_z = d_u if where is None else scattered(d_u, where, pool, z_size)
    return [
        conv.conv2d_d_x(d_z, w, x.shape, *geometry) if wanted[0] else None,
        conv.conv2d_d_w(d_z, x, w.shape, *geometry) if wanted[1] else None,
        sum_rows(d_u) if wanted[2] else None,
    ]


def _pooled(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, size: Pair, pool: Pair
) -> tuple[np.ndarray, np.ndarray, list[Region]]:
    """Return x * w + b, pooled, and where, and what makes them: image by image."""
    strides, pads, dilation, groups = geometry
    D = w.shape[3]
    plan = conv_plans.forward(conv.frame_size(x, pads), w.shape, strides, dilation, groups, size)
    shape = (len(x), size[0] // pool[0], size[1] // pool[1], D)
    u, where = memory.empty(shape, x.dtype), memory.empty(shape, np.dtype(np.uint8))
    region = (
        _images_pooled, len(x), len(x) * size[0] * size[1] * w.size // groups // 16,
        x, *conv.placing(x, pads), w.reshape(-1), D, b, u, where, *size, *pool, *plan, D // groups,
    )  # fmt: skip
    return u, where, [region]


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
    x, H, W, top, left, is_framed, b, b_row, start, u, where, oH, oW, pool_h, pool_w,
    a_at, c_at, k_at, lines, columns, part, first, last,
):  # fmt: skip
    C, panel, zero = x.shape[3], 2 * VECTOR_BYTES // x.itemsize, x.dtype.type(0)
    z = np.empty(oH * oW * u.shape[3], x.dtype)
    frames = np.zeros((is_framed, H, W, C), x.dtype)
    for n in range(first, last):
        a, at = conv.images_at(x, n, 1, frames, top, left)
        for m in range(lines.shape[0]):
            line = lines[m]
            multiply(
                z, c_at, line[8], a, a_at, at + line[5], line[0], line[1],
                k_at, line[2], line[3], line[4], 1, b, line[6] * b_row + line[7], b_row, panel,
                columns, start, line[7], 0, LINEAR, zero,
            )  # fmt: skip
        winners_of(z, 0, oW, u, where, n, pool_h, pool_w)


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
            at = (n + m) * shrunk
            if is_pooled:
                slide(flat_g[at : at + shrunk], flat_y[at : at + shrunk], d_u, code, slope)
                _add_rows(d_u, d_b)
                scattered_of(d_u, 0, where, n + m, d_z, m * image, zH, zW, pool_h, pool_w)
            else:
                whole = d_z[m * image : (m + 1) * image]
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
