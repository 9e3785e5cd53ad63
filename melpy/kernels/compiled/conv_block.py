"""A block of convolution, bias, max pooling and activation, compiled: an image at a time.

What a convolution makes of one image stays in the second-level cache until it is pooled; only
what is left is written to memory. Backwards, the gradient of one image before pooling and
activation is made there, and both gradients of the convolution and the bias's read it at once.
"""

from __future__ import annotations

from typing import NamedTuple

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
from melpy.kernels.compiled.conv import Framed, Sweep, Weights
from melpy.kernels.compiled.conv_plans import Plan
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE, LINEAR, Act
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
from melpy.kernels.spec.conv_block import Act as NamedAct
from melpy.kernels.spec.conv_block import Block, Geometry
from melpy.kernels.spec.windows import Pair, output_size
from melpy.kernels.threads import Region

WHOLE: Pair = (1, 1)
WIDE = 64  # numbers that a loop over channels should have


class Window(NamedTuple):
    """The size of an image before pooling, and of what is pooled."""

    height: int
    width: int
    pool_h: int
    pool_w: int


class Arrived(NamedTuple):
    """What comes back to a block, and what its way forward left."""

    g: np.ndarray  # (N,oH,oW,D)
    y: np.ndarray
    where: np.ndarray  # which cell won, if it was pooled
    is_pooled: bool


class Totals(NamedTuple):
    """Where a part's sums go: the kernel's and the bias's gradients."""

    w: np.ndarray
    b: np.ndarray


class Inverse(NamedTuple):
    """Where the input's gradient goes, unless it has size 0, and what it is made with."""

    d_x: np.ndarray
    height: int  # of a d_z and its frame
    width: int
    top: int
    left: int
    weights: np.ndarray
    channels: int


def conv2d_block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: NamedAct, pool: Pair
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
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: NamedAct, pool: Pair
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
    act: NamedAct,
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
    act: NamedAct,
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
        *conv.framed_by(x, pads), *Weights(w.reshape(-1), D, D // groups), b,
        *Act(CODES[act[0]], act[1]), y, where, *Window(*size, *pool), *plan, *chosen,
    )  # fmt: skip
    return (y, known, where, size), [region]


def _back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    where: np.ndarray | None,
    geometry: Geometry,
    act: NamedAct,
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
    work = 2 * N * z_size[0] * z_size[1] * w.size // groups // 16
    parts = threads.parts(N, work)
    d_w = memory.empty((parts, w.size), x.dtype)
    d_b = memory.empty((parts, D), x.dtype)
    zeros = np.zeros(max(D, C * groups), x.dtype)
    if wanted[0]:
        d_x = memory.empty(x.shape, x.dtype)
        around, back, w_t = conv.backward_plan(z_size, w, x.shape, geometry)
        height, width = (z + sum(more) for z, more in zip(z_size, around, strict=True))
        inverse = Inverse(d_x, height, width, around[0][0], around[1][0], w_t.reshape(-1), C)
    else:
        back = kernel  # of the right type; never looked at
        inverse = Inverse(np.empty((0, 0, 0, 0), x.dtype), 0, 0, 0, 0, w.reshape(-1), C)
    cells = np.empty((0, 0, 0, 0), np.uint8) if where is None else where
    threads.share(
        _images_back, N, work,
        *conv.framed_by(x, pads), *Arrived(g, y, cells, where is not None),
        *Window(*z_size, *pool), *Act(CODES[act[0]], act[1]), *Totals(d_w, d_b), *kernel,
        *Sweep(zeros, D // groups, strides[1] * x.shape[3], together), *back, *inverse,
    )  # fmt: skip
    d_w = total(d_w).reshape(w.shape)
    return [inverse.d_x if wanted[0] else None, d_w, total(d_b) if wanted[2] else None]


@for_team
def _images_pooled(
    images: Framed, w: Weights, start, act: Act, y, where, window: Window, plan: Plan,
    part, first, last,
):  # fmt: skip
    """Convolve and pool an image at a time: what the convolution makes stays in the cache."""
    a = np.empty(window.height * window.width * y.shape[3], y.dtype)
    frames = conv.frames_of(images, 1)
    for n in range(first, last):
        _image(a, images, n, frames, plan, w, (start, act.code, y.dtype.type(act.slope)))
        winners_of(a, 0, window.width, y, where, n, (window.pool_h, window.pool_w))


@for_team
def _images_activated(
    images: Framed, w: Weights, start, act: Act, y, where, window: Window, plan: Plan, known,
    part, first, last,
):  # fmt: skip
    """As `_images_pooled`, for activations that are compiled apart from the tile's."""
    z = np.empty(window.height * window.width * y.shape[3], y.dtype)
    a, pool = np.empty_like(z), (window.pool_h, window.pool_w)
    frames = conv.frames_of(images, 1)
    for n in range(first, last):
        _image(z, images, n, frames, plan, w, (start, LINEAR, y.dtype.type(0)))
        activate_to(z, a, act.code, act.slope)
        winners_of(a, 0, window.width, y, where, n, pool)
        if act.code >= FIRST_GATE:
            chosen_of(z, 0, window.width, where, n, known, pool)


@compiled
def _image(z, images, n, frames, plan, w, ends):
    """z = act(x_n * w + start), flat; ``ends`` are (start, code, slope)."""
    factors = conv.images_at(images, n, 1, frames)
    for product in plan.products:
        rows = (product.first_row, product.last_row)
        conv.multiply_weights(plan, product, rows, (z, 0), factors, w, ends)


@for_team
def _images_back(
    images: Framed, arrived: Arrived, window: Window, act: Act, totals: Totals, plan: Plan,
    sweep: Sweep, back: Plan, inverse: Inverse, part, first, last,
):  # fmt: skip
    """Make all gradients of some images, as many at a time as one sum goes over.

    The gradient before pooling and activation, d_z, is made once and read by both products.
    """
    zH, zW, D = window.height, window.width, arrived.g.shape[3]
    d_w, d_b, image = totals.w[part], totals.b[part], zH * zW * D
    d_b[:] = 0
    wide = np.empty(max(1, WIDE // D) * D, d_w.dtype)
    d_u = np.empty(arrived.g[0].size, d_w.dtype)
    d_z = np.empty(sweep.together * image, d_w.dtype)
    frames = conv.frames_of(images, sweep.together)
    frame = np.zeros((inverse.height, inverse.width, D), d_w.dtype)
    for n in range(first, last, sweep.together):
        count = min(sweep.together, last - n)
        for m in range(count):
            whole = d_z[m * image : (m + 1) * image]
            _before_pooling(arrived, window, act, n + m, d_u, whole)
            _add_rows(whole, d_b, wide)
        factors = conv.images_at(images, n, count, frames)
        for product in plan.products:
            rows, g = (product.first_row, product.last_row), (d_z, 0, D, count)
            conv.multiply_pixels(plan, product, rows, d_w, factors, g, sweep, int(n > first))
        if inverse.d_x.size > 0:
            for m in range(count):
                one = d_z[m * image : (m + 1) * image].reshape((zH, zW, D))
                _image_d_x(one, frame, back, inverse, n + m, sweep.zeros)


@compiled
def _before_pooling(arrived, window, act, n, d_u, d_z):
    """Fill image n's d_z; d_u is room for what comes between."""
    size = d_u.size
    g, y = arrived.g.reshape(-1), arrived.y.reshape(-1)
    g, y = g[n * size : (n + 1) * size], y[n * size : (n + 1) * size]
    if arrived.is_pooled:
        slide(g, y, d_u, act.code, act.slope)
        sizes, pool = (window.height, window.width), (window.pool_h, window.pool_w)
        scattered_of(d_u, 0, arrived.where, n, d_z, 0, sizes, pool)
    else:
        slide(g, y, d_z, act.code, act.slope)


@compiled
def _image_d_x(d_z, frame, back, inverse, n, zeros):
    """Make image n of d_x from its d_z, put into a frame first."""
    d_x = inverse.d_x
    conv.place(d_z, frame, inverse.top, inverse.left)
    weights = Weights(inverse.weights, inverse.channels, inverse.channels)
    for product in back.products:
        rows = (product.first_row, product.last_row)
        conv.multiply_weights(
            back, product, rows, (d_x.reshape(-1), n * d_x[0].size), (frame.reshape(-1), 0),
            weights, (zeros, LINEAR, d_x.dtype.type(0)),
        )  # fmt: skip


@compiled
def _add_rows(x, sums, wide):
    """sums += the rows of a flat x; several side by side make a row of ``wide``, a longer loop."""
    D, C = sums.size, wide.size
    wide[:] = 0
    by_four = x.size // (4 * C) * 4 * C
    for n in range(0, by_four, 4 * C):  # each sum is written and read again: seldom
        one, two, three, four = x[n:], x[n + C :], x[n + 2 * C :], x[n + 3 * C :]
        for c in range(C):
            wide[c] += (one[c] + two[c]) + (three[c] + four[c])
    for n in range(0, C, D):
        row = wide[n:]
        for d in range(D):
            sums[d] += row[d]
    for n in range(by_four, x.size, D):
        row = x[n:]
        for d in range(D):
            sums[d] += row[d]
