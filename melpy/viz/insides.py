"""What a convolution is made of: its filters, and the matrix of columns that im2col makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import heatmap
from melpy.errors import ArgumentError, ShapeError
from melpy.kernels.spec.conv_im2col import get_indices, im2col
from melpy.viz.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["columns", "filters"]

MOST = 16  # filters, and channels of each
MOST_CELLS = 600  # with their numbers written into them
WIDE_IN, HIGH_IN = 0.5, 0.42  # of such a cell, in inches


def filters(layer: Any) -> Figure:
    """Draw a convolution's kernels: a row a channel that comes in, a column a filter.

    Orange is below zero, purple above, as in the Lab; one scale for all.

    Parameters
    ----------
    layer : layer with a kernel (kH, kW, C, filters), or such an array

    Raises
    ------
    ShapeError : it has none
    """
    found = layer if isinstance(layer, np.ndarray) else getattr(layer, "kernel", None)
    kernel = None if found is None else np.asarray(found)
    if kernel is None or kernel.ndim != 4:
        raise ShapeError(
            "viz.filters", "this has no kernel of a 2D convolution",
            expected="a built Conv2D, or an array (kH, kW, C, filters)",
            received={"shape": None if kernel is None else kernel.shape},
        )  # fmt: skip
    *_, C, D = kernel.shape
    shown, most = kernel[:, :, :MOST, :MOST], float(np.abs(kernel).max(initial=0.0)) or 1.0
    rows, count = shown.shape[2:]
    figure = new_figure(0.6 * count + 0.8, 0.6 * rows + 0.7)
    part = "" if (rows, count) == (C, D) else f", the first {rows} of {C} channels, {count} of {D}"
    figure.suptitle(f"Filters{part}\n(−{most:.3g} orange, {most:.3g} purple)", fontsize=9)
    grid = figure.subplots(rows, count, squeeze=False)
    for c, line in enumerate(grid):
        for d, axes in enumerate(line):
            axes.imshow(heatmap.colors(shown[:, :, c, d], most, "weights"))
            axes.set(xticks=[], yticks=[])
            if c == 0:
                axes.set_title(str(d + 1), fontsize=7)
    return figure


def columns(image: Any, window_shape: Any = 3, stride: Any = 1, dilation: Any = 1) -> Figure:
    """Draw an image, and its matrix of columns with the pixel that each cell comes from.

    Parameters
    ----------
    image : array (H, W) or (H, W, C), already padded
    window_shape, stride, dilation : int or pair, as in `melpy.im2col`

    Raises
    ------
    ArgumentError : the matrix is too large to be read
    """
    pixels = np.asarray(image, np.float64)
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3:
        raise ShapeError(
            "viz.columns", "this is no image", expected="shape (H, W) or (H, W, C)",
            received={"image.shape": pixels.shape},
        )  # fmt: skip
    H, W, C = pixels.shape
    one = pixels.transpose(2, 0, 1)[np.newaxis]  # (1,C,H,W)
    k, i, j = np.broadcast_arrays(*get_indices(one.shape, window_shape, stride, dilation))
    matrix = im2col(one, window_shape, stride, dilation)
    if matrix.size > MOST_CELLS:
        raise ArgumentError(
            "viz.columns", "the matrix of columns is too large to be read",
            expected=f"at most {MOST_CELLS} cells", received={"cells": matrix.size},
            mend="Draw a part of the image, or take a larger stride.",
        )  # fmt: skip
    most = float(np.abs(pixels).max(initial=0.0)) or 1.0
    rows, count = matrix.shape
    figure = new_figure(WIDE_IN * (W * C + count) + 1.5, HIGH_IN * max(H, rows) + 0.9)
    left, right = figure.subplots(1, 2, width_ratios=(W * C, count))
    flat = np.concatenate(list(one[0]), axis=1)  # channels side by side
    _numbered(left, flat, most, [[f"{r},{c % W}" for c in range(W * C)] for r in range(H)])
    _numbered(right, matrix, most, _sources(k, i, j, C))
    left.set_title("image" if C == 1 else f"image, {C} channels", fontsize=9)
    right.set_title("columns: a window each, with its pixels' row and column", fontsize=9)
    return figure


def _sources(k: np.ndarray, i: np.ndarray, j: np.ndarray, C: int) -> list[list[str]]:
    """Return the names of the pixels that each cell of the matrix comes from."""
    return [
        [f"{r},{c}" if C == 1 else f"{r},{c};{n}" for r, c, n in zip(*lines, strict=True)]
        for lines in zip(i.tolist(), j.tolist(), k.tolist(), strict=True)
    ]


def _numbered(axes: Any, values: np.ndarray, most: float, names: list[list[str]]) -> None:
    """Draw cells with their numbers, and below them their names."""
    paints = heatmap.colors(values, most)
    axes.imshow(paints, aspect=HIGH_IN / WIDE_IN)
    for (row, column), value in np.ndenumerate(values):
        ink = heatmap.ink(*paints[row, column].tolist())
        axes.text(column, row - 0.12, heatmap.digits(value), ha="center", va="center", fontsize=6.5,
                  color=ink)  # fmt: skip
        axes.text(column, row + 0.26, names[row][column], ha="center", va="center", fontsize=5,
                  color=ink, alpha=0.8)  # fmt: skip
    axes.set(xticks=[], yticks=[])
