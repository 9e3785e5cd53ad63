"""Pixels in other places: windows as columns and laid back, blocks moved into channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.creation import ndim, shape
from melpy.ops.registry import composed, op
from melpy.ops.samples import normal
from melpy.ops.shaping import reshape, transpose
from melpy.ops.spatial import span, whole

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]

KERAS_ROOM = "nn"

Pair = tuple[int, int]


def _pair(value: int | Sequence[int], name: str, who: str, least: int = 1) -> Pair:
    first, second = whole(value, 2, name, who, least)
    return first, second


def _counts(size: Sequence[int], window: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Pair:
    """Return how many windows fit along both axes."""
    reach = span(window, dilation)
    places = [(size[n] + 2 * padding[n] - reach[n]) // stride[n] + 1 for n in range(2)]
    if min(places) < 1:
        raise ShapeError(
            "unfold",
            f"a window of {reach} does not fit into the image",
            expected="an image at least as large, with its padding",
            received={"size": tuple(size), "padding": padding},
        )
    return places[0], places[1]


def _cut(x: np.ndarray, window: Pair, dilation: Pair, padding: Pair, stride: Pair) -> np.ndarray:
    """Return the windows of images: (N,C,H,W) -> (N, C kH kW, L)."""
    oH, oW = _counts(x.shape[2:], window, dilation, padding, stride)
    x = np.pad(x, ((0, 0), (0, 0), *((size, size) for size in padding)))
    y = np.empty((*x.shape[:2], *window, oH, oW), x.dtype)
    for i, j in np.ndindex(window):
        y[:, :, i, j] = x[(..., *_seen(i, j, dilation, stride, (oH, oW)))]
    return y.reshape(len(x), -1, oH * oW)


def _lay(
    x: np.ndarray, size: Pair, window: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> np.ndarray:
    """Return images of which each pixel is the sum of what windows say of it: `_cut` transposed."""
    oH, oW = _counts(size, window, dilation, padding, stride)
    x = x.reshape(len(x), -1, *window, oH, oW)
    (H, W), (pH, pW) = size, padding
    y = np.zeros((*x.shape[:2], H + 2 * pH, W + 2 * pW), x.dtype)
    for i, j in np.ndindex(window):
        y[(..., *_seen(i, j, dilation, stride, (oH, oW)))] += x[:, :, i, j]
    return y[:, :, pH : pH + H, pW : pW + W]


def _seen(i: int, j: int, dilation: Pair, stride: Pair, counts: Pair) -> tuple[slice, slice]:
    """Return where all windows have their pixel (i, j)."""
    first = i * dilation[0], j * dilation[1]
    rows, columns = (
        slice(first[n], first[n] + (counts[n] - 1) * stride[n] + 1, stride[n]) for n in range(2)
    )
    return rows, columns


def _geometry(
    who: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Pair, Pair, Pair, Pair]:
    return (
        _pair(kernel_size, "kernel_size", who),
        _pair(dilation, "dilation", who),
        _pair(padding, "padding", who, least=0),
        _pair(stride, "stride", who),
    )


@op(
    sample=[
        normal((2, 3, 4, 5), kernel_size=2),
        normal((1, 2, 6, 7), kernel_size=(2, 3), dilation=(2, 1), padding=(1, 0), stride=2),
    ],
    like="torch.nn.functional.unfold",
)
def unfold(x, *, kernel_size, dilation=1, padding=0, stride=1):
    """Cut windows out, each a column: y[n, (c,i,j), l] = x[n, c, p s + i d, q s + j d].

    Parameters
    ----------
    x : array, (N, C, H, W)
    kernel_size : int or pair of ints > 0, the windows' height and width
    dilation : int or pair of ints > 0, the distance d of a window's pixels
    padding : int or pair of ints >= 0, rows and columns of zeros around the image
    stride : int or pair of ints > 0, the distance s of windows

    Returns
    -------
    array, (N, C kH kW, L), L = oH oW windows l = (p, q) row by row, the type of x

    Gradient
    --------
    `fold` of g

    Raises
    ------
    ShapeError : x is of another rank, or no window fits into it

    Source
    ------
    K. Chellapilla, S. Puri, P. Simard 2006, section 2: im2col.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.unfold(np.arange(6.0).reshape(1, 1, 2, 3), 2)[0]
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    if x.ndim != 4:
        raise ShapeError(
            "unfold",
            f"images have {x.ndim} axes",
            expected="shape (N, C, H, W)",
            received={"shape": x.shape},
        )
    geometry = _geometry("unfold", kernel_size, dilation, padding, stride)
    size = x.shape[2:]
    return _cut(x, *geometry), (lambda g: _lay(g, size, *geometry),)


@op(
    sample=[
        normal((2, 12, 6), output_size=(3, 4), kernel_size=2),
        normal((1, 6, 6), output_size=(4, 5), kernel_size=(3, 2), padding=1, stride=2),
    ],
    like="torch.nn.functional.fold",
)
def fold(x, *, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Lay windows back and add where they overlap: the transpose of `unfold`.

    Parameters
    ----------
    x : array, (N, C kH kW, L), L the number of windows
    output_size : int or pair of ints > 0, the image's height and width
    kernel_size : int or pair of ints > 0, the windows' height and width
    dilation : int or pair of ints > 0, the distance of a window's pixels
    padding : int or pair of ints >= 0, rows and columns around the image, which are cut off
    stride : int or pair of ints > 0, the distance of windows

    Returns
    -------
    array, (N, C, H, W), the type of x

    Gradient
    --------
    `unfold` of g

    Raises
    ------
    ShapeError : x has not the windows of such an image

    Source
    ------
    K. Chellapilla, S. Puri, P. Simard 2006, section 2: im2col.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.fold(np.ones((1, 4, 2)), (2, 3), 2)[0, 0]
    array([[1., 2., 1.],
           [1., 2., 1.]])
    """
    geometry = _geometry("fold", kernel_size, dilation, padding, stride)
    size = _pair(output_size, "output_size", "fold")
    window, counts = geometry[0], _counts(size, *geometry)
    if x.ndim != 3 or x.shape[1] % np.prod(window) or x.shape[2] != np.prod(counts):
        raise ShapeError(
            "fold",
            "these are not the windows of such an image",
            expected=f"shape (N, C * {window[0]} * {window[1]}, {counts[0] * counts[1]})",
            received={"shape": x.shape},
        )
    return _lay(x, size, *geometry), (lambda g: _cut(g, *geometry),)


def _of_blocks(who: str, x: Any, block_size: int, data_format: str) -> tuple[int, bool]:
    """Return the block's size and whether the channels are last, or refuse them."""
    lookup("data format", data_format, config.DATA_FORMATS, who)
    if not isinstance(block_size, int | np.integer) or block_size < 2:
        raise ArgumentError(
            who,
            "the block has no such size",
            expected="block_size, a whole number >= 2",
            received={"block_size": block_size},
        )
    if ndim(x) != 4:
        raise ShapeError(
            who,
            f"images have {ndim(x)} axes",
            expected="shape (N, H, W, C), or (N, C, H, W) with the channels first",
            received={"shape": shape(x)},
        )
    return int(block_size), data_format == "channels_last"


def _divided(who: str, size: int, by: int, what: str) -> int:
    if size % by:
        raise ShapeError(
            who,
            f"the {what} cannot be divided",
            expected=f"a multiple of {by}",
            received={what: size},
        )
    return size // by


@composed
def depth_to_space(x: Any, *, block_size: int, data_format: str = "channels_last") -> Any:
    """Lay channels out as blocks of pixels: y[n, h b + i, w b + j, c] = x[n, h, w, (i, j, c)].

    With the channels first it is y[n, c, h b + i, w b + j] = x[n, (c, i, j), h, w].

    Parameters
    ----------
    x : array or tensor, (N, H, W, b b C), or (N, C b b, H, W)
    block_size : int >= 2, b
    data_format : "channels_last" or "channels_first"

    Returns
    -------
    array or tensor, (N, H b, W b, C), or (N, C, H b, W b)

    Source
    ------
    W. Shi et al. 2016, Real-time single image and video super-resolution, equation 4.

    Examples
    --------
    >>> depth_to_space(np.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
    array([[0., 1.],
           [2., 3.]])
    """
    who = "depth_to_space"
    b, last = _of_blocks(who, x, block_size, data_format)
    N, H, W, D = shape(x) if last else (shape(x)[n] for n in (0, 2, 3, 1))
    C = _divided(who, D, b * b, "number of channels")
    if last:
        parts = transpose(reshape(x, (N, H, W, b, b, C)), (0, 1, 3, 2, 4, 5))
        return reshape(parts, (N, H * b, W * b, C))
    parts = transpose(reshape(x, (N, C, b, b, H, W)), (0, 1, 4, 2, 5, 3))
    return reshape(parts, (N, C, H * b, W * b))


@composed
def space_to_depth(x: Any, *, block_size: int, data_format: str = "channels_last") -> Any:
    """Stack blocks of pixels as channels: the reverse of `depth_to_space`.

    Parameters
    ----------
    x : array or tensor, (N, H b, W b, C), or (N, C, H b, W b)
    block_size : int >= 2, b
    data_format : "channels_last" or "channels_first"

    Returns
    -------
    array or tensor, (N, H, W, b b C), or (N, C b b, H, W)

    Examples
    --------
    >>> space_to_depth(np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel()
    array([0., 1., 2., 3.])
    """
    who = "space_to_depth"
    b, last = _of_blocks(who, x, block_size, data_format)
    N, high, wide, C = shape(x) if last else (shape(x)[n] for n in (0, 2, 3, 1))
    H, W = _divided(who, high, b, "height"), _divided(who, wide, b, "width")
    if last:
        parts = transpose(reshape(x, (N, H, b, W, b, C)), (0, 1, 3, 2, 4, 5))
        return reshape(parts, (N, H, W, b * b * C))
    parts = transpose(reshape(x, (N, C, H, b, W, b)), (0, 1, 3, 5, 2, 4))
    return reshape(parts, (N, C * b * b, H, W))
