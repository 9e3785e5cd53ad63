"""Convolution, compiled: products with the register tile, over NHWC images, without im2col.

    y    = X W        X: a row per pixel of y, a column per (tap, channel) of its window
    d_x  = G W^T      G: a row per pixel of x, a column per (tap, channel of g) that reaches it
    d_w  = X^T g

None of X and G is ever written down: tables say where their parts are (`conv_plans`). What the
shapes decide, such as which images are summed together, knows nothing of the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy import config
from melpy.errors import ArgumentError
from melpy.kernels import memory, threads, tracing
from melpy.kernels.compiled import conv_plans, winograd
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.conv_plans import Plan
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import (
    LINEAR,
    ROWS,
    VECTOR_BYTES,
    Act,
    Ends,
    Lines,
    Panels,
    Terms,
    multiply,
)
from melpy.kernels.compiled.transpose import transposed
from melpy.kernels.spec import conv_windows as spec
from melpy.kernels.spec.windows import Pads, Pair, output_size
from melpy.kernels.threads import Region

Shape = tuple[int, ...]


class Framed(NamedTuple):
    """Images x (N,H,W,C), and the frame of zeros that each has where it is read."""

    x: np.ndarray
    height: int  # of an image and its frame
    width: int
    top: int  # the image begins there, in its frame
    left: int
    is_framed: int


class Weights(NamedTuple):
    """A kernel as products read it: rows of so many numbers, of which some columns at a time."""

    numbers: np.ndarray
    row: int
    columns: int


class Pieces(NamedTuple):
    """Into how many pieces an image's rows are cut, and how many rows are made in one go."""

    number: int
    rows: int


class Sweep(NamedTuple):
    """How the kernel's gradient is summed."""

    zeros: np.ndarray
    columns: int
    step: int  # of x, from a pixel of g to the next
    together: int  # images that one product adds up


NONE: Pads = ((0, 0), (0, 0))
BLOCK_BYTES = 1 << 17  # what a block of pixels reads of an image stays in the second-level cache
SUM_PIXELS = 512  # pixels that one sweep of a kernel's gradient adds up
WORTH_WINOGRAD = 16 * 16  # input times output channels, by measurement
BIG_KERNEL = 1 << 17  # from this size on, blocks share the kernel's gradient, not the images


def path(w_shape: Shape, strides: Pair, dilation: Pair, groups: int, itemsize: int) -> str:
    """Return which way a convolution and its gradients take, by its kernel: direct or Winograd's.

    Winograd's needs 36/16 times fewer multiplications, but transforms what goes in and out, which
    costs as much as it saves below some channels.
    """
    eligible = strides == dilation == (1, 1) and groups == 1 and winograd.fits(w_shape, itemsize)
    forced = config.conv_path()
    if forced is None:
        return "winograd" if eligible and w_shape[2] * w_shape[3] >= WORTH_WINOGRAD else "direct"
    if forced == "winograd" and not eligible:
        raise ArgumentError(
            "conv",
            "config.conv_path is 'winograd', but it does not fit this convolution",
            expected="a 3x3 kernel, strides and dilation of 1, one group, and input and output "
            f"channels that are multiples of {winograd.vector_size(itemsize)}",
            received={"kernel.shape": w_shape, "strides": strides, "dilation_rate": dilation},
            mend="Call melpy.config.set_conv_path(None), which lets each shape take its way.",
        )
    return forced


def conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Convolve; see `melpy.kernels.spec.conv_windows.conv2d`."""
    arrays = contiguous(x, w)
    if arrays is None:
        return spec.conv2d(x, w, strides, pads, dilation, groups)
    x, w = arrays
    out = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    if path(w.shape, strides, dilation, groups, x.itemsize) == "winograd":
        return winograd.conv2d(x, w, pads, memory.empty((len(x), *out, w.shape[3]), x.dtype))
    plan = conv_plans.forward(frame_size(x, pads), w.shape, strides, dilation, groups, out)
    y = memory.empty((len(x), *out, w.shape[3]), x.dtype)
    return convolve(x, pads, w, w.shape[3] // groups, plan, y, strides)


def conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: Shape,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Gradient of the input; see `melpy.kernels.spec.conv_windows.conv2d_d_x`."""
    arrays = contiguous(g, w)
    if arrays is None:
        return spec.conv2d_d_x(g, w, x_shape, strides, pads, dilation, groups)
    g, w = arrays
    C, D = w.shape[2:]
    if path(w.shape, strides, dilation, groups, g.itemsize) == "winograd":
        turned = transposed(w.reshape(9, C, D), range(9)[::-1]).reshape(3, 3, D, C)
        (top, _), (left, _) = pads
        return winograd.conv2d(
            g, turned, ((2 - top, 0), (2 - left, 0)), memory.empty(x_shape, g.dtype)
        )
    around, plan, w = backward_plan(g.shape[1:3], w, x_shape, (strides, pads, dilation, groups))
    d_x = memory.empty(x_shape, g.dtype)
    return convolve(g, around, w, C, plan, d_x, (1, 1))


def backward_plan(
    size: Pair, w: np.ndarray, x_shape: Shape, geometry: tuple[Pair, Pads, Pair, int]
) -> tuple[Pads, Plan, np.ndarray]:
    """Return g's frame, the products of d_x, and the kernel as they take it: (G,taps,D,C)."""
    strides, pads, dilation, groups = geometry
    kH, kW, C, D = w.shape
    around = _reach(size, w.shape, x_shape[1:3], strides, pads, dilation)
    frame = (size[0] + sum(around[0]), size[1] + sum(around[1]))
    plan, taps = conv_plans.backward(
        frame, (around[0][0], around[1][0]), w.shape, strides,
        (pads[0][0], pads[1][0]), dilation, groups, x_shape[1:3],
    )  # fmt: skip
    if groups == 1:
        return around, plan, transposed(w.reshape(kH * kW, C, D), taps)

    def laid(w: np.ndarray) -> np.ndarray:
        apart = w.reshape(kH * kW, C, groups, D // groups)
        return np.take(apart, list(taps), axis=0).transpose(2, 0, 3, 1).copy()

    return around, plan, tracing.computed(laid, w)


def conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: Shape,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Gradient of the kernel; see `melpy.kernels.spec.conv_windows.conv2d_d_w`."""
    arrays = contiguous(g, x)
    if arrays is None:
        return spec.conv2d_d_w(g, x, w_shape, strides, pads, dilation, groups)
    g, x = arrays
    if 0 in w_shape or 0 in g.shape:
        return np.zeros(w_shape, x.dtype)
    if path(w_shape, strides, dilation, groups, x.itemsize) == "winograd":
        return winograd.conv2d_d_w(g, x, pads)
    kH, kW, C, D = w_shape
    (N, oH, oW, _), size, columns = g.shape, kH * kW * C * D, D // groups
    is_big = size >= BIG_KERNEL
    if is_big:  # no copies of the kernel to add up, but x gets its frame for all blocks at once
        x, pads = framed(x, pads), NONE
    frame, together = frame_size(x, pads), max(1, min(N, SUM_PIXELS // (oH * oW)))
    plan = conv_plans.kernel(frame, w_shape, strides, dilation, groups, (oH, oW), together)
    images = threads.groups(N, 1 if is_big else threads.GROUPS)
    tiles = threads.groups(len(plan.a_at) // ROWS, threads.GROUPS if is_big else 1)
    parts = memory.empty((len(images), *w_shape), x.dtype)
    threads.share(
        _images_d_w, len(images) * len(tiles), g.size * (size // D) // 16,
        *framed_by(x, pads), g, parts.reshape(len(images), -1), *plan,
        *Sweep(np.zeros(D, x.dtype), columns, strides[1] * x.shape[3], together),
        np.array(images), np.array(tiles) * ROWS,
    )  # fmt: skip
    return total(parts)


def framed(x: np.ndarray, pads: Pads) -> np.ndarray:
    """Return images with a frame of zeros; a negative pad cuts pixels away."""
    y, regions = framing(x, pads)
    threads.run(regions)
    return y


def framing(x: np.ndarray, pads: Pads) -> tuple[np.ndarray, list[Region]]:
    """Return where images have a frame of zeros, and what puts them there."""
    if not any(map(any, pads)):
        return x, []
    y = memory.empty((len(x), *frame_size(x, pads), x.shape[3]), x.dtype)
    return y, [(_framed, len(x), y.size, x, y, pads[0][0], pads[1][0])]


def frame_size(x: np.ndarray, pads: Pads) -> Pair:
    h, w = (max(0, size + sum(pad)) for size, pad in zip(x.shape[1:3], pads, strict=True))
    return h, w


def framed_by(x: np.ndarray, pads: Pads) -> Framed:
    """Return images with the frame that is put around them where they are read."""
    return Framed(x, *frame_size(x, pads), pads[0][0], pads[1][0], int(any(map(any, pads))))


def _reach(
    size: Shape, w_shape: Shape, x_size: Shape, strides: Pair, pads: Pads, dilation: Pair
) -> Pads:
    """Return the frame around g that the windows of all pixels of d_x reach into."""
    around = []
    for axis in range(2):
        (top, _), stride = pads[axis], strides[axis]
        span = (w_shape[axis] - 1) * dilation[axis]
        before = max(0, -((top - span) // stride))
        after = max(0, (x_size[axis] - 1 + top) // stride - (size[axis] - 1))
        around.append((before, after))
    return around[0], around[1]


def work(y: np.ndarray, w: np.ndarray) -> int:
    """Return how many vectors are multiplied, roughly: a kernel's taps for each number."""
    return y.size * (w.size // w.shape[-1]) // 16


def convolve(
    x: np.ndarray, pads: Pads, w: np.ndarray, columns: int, plan: Plan, y: np.ndarray, strides: Pair
) -> np.ndarray:
    """Make every image of y by the products of a plan: x * w."""
    threads.run(convolution(x, pads, w, columns, plan, y, strides))
    return y


def convolution(
    x: np.ndarray, pads: Pads, w: np.ndarray, columns: int, plan: Plan, y: np.ndarray,
    strides: Pair, b: np.ndarray | None = None, code: int = LINEAR, slope: float = 0.0,
) -> list[Region]:  # fmt: skip
    """Return what makes every image of y: act(x * w + b)."""
    if 0 in y.shape:
        return []
    start = np.zeros(y.shape[3], x.dtype) if b is None else b
    rows = int((plan.products["last_row"] - plan.products["first_row"]).max())
    pixel_bytes = x.shape[3] * x.itemsize * strides[0] * strides[1]
    block = max(ROWS, BLOCK_BYTES // max(1, pixel_bytes) // ROWS * ROWS)
    regions: list[Region] = []
    pieces = 1  # of an image: with few images, blocks share their rows
    if len(x) < threads.GROUPS:
        x, regions = framing(x, pads)
        pads = NONE
        pieces = max(1, min(threads.GROUPS, rows // (4 * ROWS)))
    region = (
        _images, len(x) * pieces, work(y, w),
        *framed_by(x, pads), *Weights(w.reshape(-1), w.shape[-1], columns), start,
        *Act(code, slope), y.reshape(-1), *plan, *Pieces(pieces, block),
    )  # fmt: skip
    return [*regions, region]


@for_team
def _images(
    images: Framed, w: Weights, start, act: Act, y, plan: Plan, cut: Pieces, part, first, last
):  # fmt: skip
    """Make pieces ``first`` to ``last`` of the images' pieces, a block of pixels at a time."""
    size, slope = y.size // images.x.shape[0], images.x.dtype.type(act.slope)
    frames = frames_of(images, 1)
    for piece in range(first, last):
        n, part = piece // cut.number, piece % cut.number
        factors = images_at(images, n, 1, frames)
        for product in plan.products:
            tiles = (product.last_row - product.first_row) // ROWS
            begin = product.first_row + tiles * part // cut.number * ROWS
            end = product.first_row + tiles * (part + 1) // cut.number * ROWS
            for r in range(begin, end, cut.rows):
                rows = (r, min(end, r + cut.rows))
                multiply_weights(
                    plan, product, rows, (y, n * size), factors, w, (start, act.code, slope)
                )


@for_team
def _images_d_w(
    images: Framed, g, parts, plan: Plan, sweep: Sweep, groups, tiles, part, first_unit, last_unit
):  # fmt: skip
    """Sum the kernel's gradient over groups of images, some at a time."""
    pixels = g.shape[1] * g.shape[2] * g.shape[3]
    flat_g = g.reshape(-1)
    frames = frames_of(images, sweep.together)
    for unit in range(first_unit, last_unit):
        group, block = unit // len(tiles), unit % len(tiles)
        first, last = groups[group, 0], groups[group, 1]
        for n in range(first, last, sweep.together):
            count = min(sweep.together, last - n)
            factors = images_at(images, n, count, frames)
            for product in plan.products:
                multiply_pixels(
                    plan, product, (tiles[block, 0], tiles[block, 1]), parts[group], factors,
                    (flat_g, n * pixels, g.shape[3], count), sweep, int(n > first),
                )  # fmt: skip


@compiled
def multiply_weights(plan, product, rows, to, factors, w, ends):
    """Make some rows of one product of a plan, by weights: y or d_x of an image.

    ``to`` and ``factors`` are numbers and where the image's begin, ``ends`` (start, code, slope).
    """
    (y, y0), (a, a0), (start, code, slope) = to, factors, ends
    multiply(
        Lines(y, plan.c_at, y0 + product.c0), Lines(a, plan.a_at, a0 + product.a0), rows,
        Terms(plan.k_at, product.first_run, product.runs, product.run, 1),
        Panels(
            w.numbers, product.b_row * w.row + product.b_column, w.row,
            2 * VECTOR_BYTES // y.itemsize,
        ),
        w.columns, Ends(start, product.b_column, 0, code, slope),
    )  # fmt: skip


@compiled
def multiply_pixels(plan, product, rows, d_w, factors, g, sweep, goes_on):
    """Add up the kernel's gradient over the pixels of some images, for one product of a plan.

    ``g`` is (numbers, where the images' begin, channels, how many images).
    """
    (a, a0), (numbers, g0, D, count) = factors, g
    runs = plan.k_at.size // sweep.together * count
    multiply(
        Lines(d_w, plan.c_at, product.c0), Lines(a, plan.a_at, a0 + product.a0), rows,
        Terms(plan.k_at, 0, runs, product.run, sweep.step),
        Panels(numbers, g0 + product.b_column, D, 2 * VECTOR_BYTES // d_w.itemsize),
        sweep.columns, Ends(sweep.zeros, 0, goes_on, LINEAR, d_w.dtype.type(0)),
    )  # fmt: skip


@compiled
def frames_of(images, count):
    """Return where ``count`` images get their frames; nothing, if they have none."""
    x = images.x
    shape = (count * images.is_framed, images.height, images.width, x.shape[3])
    return np.zeros(shape, x.dtype)


@compiled
def images_at(images, n, count, frames):
    """Return where ``count`` images lie from number n on: in x, or in frames, if there are any."""
    x = images.x
    if len(frames) == 0:
        return x.reshape(-1), n * x[0].size
    for m in range(count):
        place(x[n + m], frames[m], images.top, images.left)
    return frames.reshape(-1), 0


@for_team
def _framed(x, y, top, left, part, first, last):
    for n in range(first, last):
        y[n] = 0
        place(x[n], y[n], top, left)


@compiled
def place(x, y, top, left):
    """Put an image into its frame; what is beyond it is cut away."""
    (H, W, C), (rows, columns, _) = x.shape, y.shape
    start, stop = max(0, -left), min(W, columns - left)
    count = max(0, stop - start) * C  # numbers of a line; a loop, not a slice, whose check of
    for i in range(max(0, -top), min(H, rows - top)):  # shapes takes Numba seconds to compile
        line, placed = x[i].reshape(-1)[start * C :], y[i + top].reshape(-1)[(start + left) * C :]
        for k in range(count):
            placed[k] = line[k]
