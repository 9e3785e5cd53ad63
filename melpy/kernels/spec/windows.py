"""Where the windows of an image lie: the geometry that convolution and pooling share.

A window of (kH, kW) cells slides over a padded image. ``strides`` is how far it moves between two
stops, ``dilation`` is how far apart its own cells are. Along one axis, cell ``i`` of the window at
stop ``p`` sits on the padded image's row

    row = p * stride + i * dilation                                                          (1)

Everything here is that line, for two axes at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["Pads", "Pair", "crop", "inside", "output_size", "pad", "taps", "windows"]

Pair = tuple[int, int]  # (h, w)
Pads = tuple[Pair, Pair]  # ((top, bottom), (left, right))


def output_size(size: Pair, window: Pair, strides: Pair, pads: Pads, dilation: Pair) -> Pair:
    """Return how many stops the window makes on each axis: (oH, oW).

    o = floor((size + before + after - (window - 1) * dilation - 1) / stride) + 1, at least 0:
    the largest p of (1) for which the window's last cell is still on the padded image.

    Examples
    --------
    >>> output_size((4, 4), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1))
    (3, 3)
    """
    h, w = (
        max(0, (size[a] + sum(pads[a]) - (window[a] - 1) * dilation[a] - 1) // strides[a] + 1)
        for a in (0, 1)
    )
    return h, w


def pad(x: np.ndarray, pads: Pads, value: float = 0.0) -> np.ndarray:
    """Return x with cells of ``value`` around axes 1 and 2, the rows and the columns."""
    if not any(pads[0] + pads[1]):
        return x
    around = [(0, 0), *pads] + [(0, 0)] * (x.ndim - 3)
    return np.pad(x, around, constant_values=value)  # (N,H,W,C) -> (N,pH,pW,C)


def crop(x: np.ndarray, pads: Pads) -> np.ndarray:
    """Return x without its padding: the inverse of `pad`."""
    (top, bottom), (left, right) = pads
    rows = slice(top, x.shape[1] - bottom)
    columns = slice(left, x.shape[2] - right)
    return np.ascontiguousarray(x[:, rows, columns])  # (N,pH,pW,C) -> (N,H,W,C)


def inside(size: Pair, pads: Pads) -> np.ndarray:
    """Return a mask of the padded image: True on the image's own cells, False on the padding."""
    return pad(np.ones((1, *size, 1), dtype=bool), pads, False)  # (1,pH,pW,1)


def windows(x: np.ndarray, window: Pair, strides: Pair, dilation: Pair = (1, 1)) -> np.ndarray:
    """View every window of x at once: result[n, p, q, i, j] = x[n, p*sH + i*dH, q*sW + j*dW].

    Nothing is copied. An array is a block of memory and, for each axis, the number of bytes from
    one entry to the next. By (1), a stop further is ``stride`` rows further in memory, a cell
    further is ``dilation`` rows further: two axes over the same memory, at two paces.

    Parameters
    ----------
    x : ndarray (N,pH,pW,...), already padded; what follows the third axis is carried along
    window, strides, dilation : pairs (h, w)

    Returns
    -------
    ndarray (N,oH,oW,kH,kW,...), a read-only view of x

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> windows(image, (2, 2), (1, 1))[0, 0, 0]
    array([[0., 1.],
           [3., 4.]])
    """
    N, H, W = x.shape[:3]
    oH, oW = output_size((H, W), window, strides, ((0, 0), (0, 0)), dilation)
    image, row, column = x.strides[:3]  # bytes from one to the next
    return np.lib.stride_tricks.as_strided(
        x,
        shape=(N, oH, oW, *window, *x.shape[3:]),  # (N,pH,pW,C) -> (N,oH,oW,kH,kW,C)
        strides=(
            image,
            row * strides[0],
            column * strides[1],
            row * dilation[0],
            column * dilation[1],
            *x.strides[3:],
        ),
        writeable=False,
    )


def taps(
    window: Pair, out: Pair, strides: Pair, dilation: Pair = (1, 1)
) -> Iterator[tuple[int, int, tuple[slice, slice, slice]]]:
    """Yield (i, j, cells) row by row: x[cells] (N,oH,oW,C) is what all windows hold at (i, j).

    It reads (1) the other way round: for one cell (i, j) of the window, the rows of all stops are
    a slice. No row occurs twice in it, so ``d_x[cells] += ...`` adds each contribution once;
    where windows overlap, the overlap is met again at another (i, j).
    """
    for i in range(window[0]):
        for j in range(window[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + out[0] * strides[0], strides[0])
            columns = slice(left, left + out[1] * strides[1], strides[1])
            yield i, j, (slice(None), rows, columns)
