"""Convolution with im2col, as the paper builds it: images become columns, then one product.

The layout is the paper's (figures 6 to 8). Images are NCHW. In the matrix of columns

    rows     run over channel, then kernel row, then kernel column     C*kH*kW of them
    columns  run over image, then window, row of windows by row        N*oH*oW of them

so that a column is one window laid flat and ``kernels (D, C*kH*kW) @ columns`` is the
convolution. `im2col` reads x[:, k, i, j] with index arrays k (channel), i (row), j (column);
`col2im` adds at the same indices. The one is the other's transpose, which is why the gradient
needs nothing else:

    Y = W col(x)    =>    d_x = col2im(W^T G),   d_W = G col(x)^T         with G = dL/dY

The paper's backward pass computes col2im(rot180(W)^T G) instead. Turning the kernel belongs to
its eq. 29, where each x gathers from g; but col2im scatters from g, which turns it already. The
kernel is turned twice, so that d_x is right only for kernels that rot180 leaves as they are.
``test_the_papers_flipped_kernel_is_not_the_gradient`` measures the difference.

Sources: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for
document processing", 2006; L. Malard, "Implémentation de CNNs avec NumPy", sections 3.1 and 3.2.
"""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.kernels.spec.windows import Pads, Pair, crop, output_size, pad

__all__ = ["col2im", "conv2d", "conv2d_d_w", "conv2d_d_x", "get_indices", "im2col"]

NO_PADS = ((0, 0), (0, 0))
Shape = tuple[int, ...]


def get_indices(
    image_shape: tuple[int, ...],
    window_shape: int | Pair,
    stride: int | Pair,
    dilation: int | Pair = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (k, i, j): where each entry of the matrix of columns lies in its image.

    With s = stride and K = window_shape (the paper's k), the paper's patterns are

        i at level m  = {0_0, ..., 0_(K-1), 1_0, ..., (K-1)_(K-1)} + (m-1) s     m = 1, 2, ...
        j at slide n  = {0_0, 1_0, ..., (K-1)_0, ..., 0_(K-1), ..., (K-1)_(K-1)} + (n-1) s
        k             = each channel, once for each cell of the window

    i repeats each number K times, j counts through again and again, and both start over for each
    channel. A level is a row of windows, a slide is a step along it.

    Parameters
    ----------
    image_shape : (N,C,H,W)
    window_shape, stride, dilation : int, or pair (h, w); dilation spreads the window's cells

    Returns
    -------
    k : int ndarray (C*kH*kW, 1)
    i, j : int ndarrays (C*kH*kW, oH*oW)

    Examples
    --------
    >>> k, i, j = get_indices((1, 3, 4, 4), 2, 1)
    >>> i[:4, 0], j[:4, 0]
    (array([0, 0, 1, 1]), array([0, 1, 0, 1]))
    """
    _, C, H, W = _four(image_shape)
    kH, kW = _whole_pair("window_shape", window_shape)
    sH, sW = _whole_pair("stride", stride)
    dH, dW = _whole_pair("dilation", dilation)
    oH, oW = output_size((H, W), (kH, kW), (sH, sW), NO_PADS, (dH, dW))

    level = np.tile(dH * np.repeat(np.arange(kH), kW), C)  # (C*kH*kW,)
    levels = sH * np.repeat(np.arange(oH), oW)  # (oH*oW,)
    i = level.reshape(-1, 1) + levels.reshape(1, -1)  # (C*kH*kW,1) + (1,oH*oW)

    slide = np.tile(dW * np.arange(kW), kH * C)  # (C*kH*kW,)
    slides = sW * np.tile(np.arange(oW), oH)  # (oH*oW,)
    j = slide.reshape(-1, 1) + slides.reshape(1, -1)  # (C*kH*kW,1) + (1,oH*oW)

    k = np.repeat(np.arange(C), kH * kW).reshape(-1, 1)  # (C*kH*kW,1)
    return k, i, j


def _four(shape: Shape) -> Shape:
    """Return the shape of images (N,C,H,W), or refuse another one."""
    if len(shape) != 4:
        raise ShapeError(
            "im2col",
            "these are no images",
            expected="shape (N, C, H, W)",
            received={"images.shape": tuple(shape)},
            mend="A single grey image becomes such by image[np.newaxis, np.newaxis].",
        )
    return shape


def _whole_pair(name: str, value: int | Pair) -> Pair:
    """Return a pair of ints > 0, or refuse what is none."""
    both = (value, value) if isinstance(value, int | np.integer) else tuple(np.ravel(value))
    if len(both) != 2 or any(not isinstance(n, int | np.integer) or n < 1 for n in both):
        raise ArgumentError(
            "im2col", f"{name} is out of range", expected="an int > 0, or a pair (h, w) of them",
            received={name: value},
        )  # fmt: skip
    return int(both[0]), int(both[1])


def im2col(
    images: np.ndarray, window_shape: int | Pair, stride: int | Pair, dilation: int | Pair = 1
) -> np.ndarray:
    """columns[r, (n, t)] = images[n, k[r], i[r,t], j[r,t]]: window t of image n, laid flat.

    Parameters
    ----------
    images : ndarray (N,C,H,W), already padded
    window_shape, stride, dilation : as in `get_indices`

    Returns
    -------
    ndarray (C*kH*kW, N*oH*oW), the dtype of images

    Raises
    ------
    ShapeError : images are not (N,C,H,W), or no window fits into them
    ArgumentError : a window, a stride or a dilation is no int > 0, or pair of them
    """
    columns = columns_of(images, window_shape, stride, dilation)
    if not columns.shape[1] and len(images):
        raise ShapeError(
            "im2col",
            "no window fits into the images",
            expected="images (N, C, H, W), padded, of at least a window",
            received={"images.shape": np.shape(images), "window_shape": window_shape},
            mend="Of channels-last images, images.transpose(0, 3, 1, 2) makes such ones.",
        )
    return columns


def columns_of(
    images: np.ndarray, window_shape: int | Pair, stride: int | Pair, dilation: int | Pair
) -> np.ndarray:
    """Return what `im2col` does; where no window fits, the matrix has no columns."""
    k, i, j = get_indices(np.shape(images), window_shape, stride, dilation)
    columns = images[:, k, i, j]  # (N,C,H,W) -> (N,C*kH*kW,oH*oW)
    N, rows, count = columns.shape
    return columns.transpose(1, 0, 2).reshape(rows, N * count)  # -> (C*kH*kW,N*oH*oW)


def col2im(
    columns: np.ndarray,
    image_shape: tuple[int, ...],
    window_shape: int | Pair,
    stride: int | Pair,
    dilation: int | Pair = 1,
) -> np.ndarray:
    """images[n, k[r], i[r,t], j[r,t]] += columns[r, (n, t)]: the transpose of `im2col`.

    Where windows overlap the values add up, so col2im(im2col(x)) is x times the number of windows
    that hold each pixel. It is an inverse only where windows tile the image.

    Parameters
    ----------
    columns : ndarray (C*kH*kW, N*oH*oW)
    image_shape : (N,C,H,W)
    window_shape, stride, dilation : as in `get_indices`

    Returns
    -------
    ndarray (N,C,H,W), the dtype of columns

    Raises
    ------
    ShapeError : the columns are of another shape than `im2col` gives for such images
    """
    k, i, j = get_indices(image_shape, window_shape, stride, dilation)
    rows, count = i.shape
    if np.shape(columns) != (rows, image_shape[0] * count):
        raise ShapeError(
            "col2im",
            "the columns are not those of such images",
            expected=f"columns of shape {(rows, image_shape[0] * count)}",
            received={"columns.shape": np.shape(columns), "image_shape": tuple(image_shape)},
        )
    by_image = columns.reshape(rows, image_shape[0], count).transpose(1, 0, 2)  # (N,rows,oH*oW)
    images = np.zeros(image_shape, columns.dtype)
    at = (slice(None), k, i, j)
    np.add.at(images, at, by_image)  # type: ignore[arg-type]  # (N,rows,oH*oW) -> (N,C,H,W)
    return images


def conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Y = W col(x). Parameters, result: as in `melpy.kernels.spec.conv_loops.conv2d`."""
    N, D = x.shape[0], w.shape[3]
    oH, oW = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    columns = grouped_columns(x, w.shape[:2], strides, pads, dilation, groups)
    Y = kernel_rows(w, groups) @ columns  # (G,D,C*kH*kW) @ (G,C*kH*kW,N*oH*oW)
    y = Y.reshape(D, N, oH, oW).transpose(1, 2, 3, 0)  # (G,D,N*oH*oW) -> (N,oH,oW,D)
    return np.ascontiguousarray(y)


def conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: Shape,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_x = col2im(W^T G). Parameters, result: as in `...spec.conv_loops.conv2d_d_x`."""
    N, H, W, C = x_shape
    padded = (N, C, H + sum(pads[0]), W + sum(pads[1]))
    G = output_rows(g, groups)  # (G,D,N*oH*oW)
    d_columns = kernel_rows(w, groups).transpose(0, 2, 1) @ G  # -> (G,C*kH*kW,N*oH*oW)
    d_columns = d_columns.reshape(C * w.shape[0] * w.shape[1], G.shape[2])  # -> (G*C*kH*kW,...)
    d_x = col2im(d_columns, padded, w.shape[:2], strides, dilation)  # -> (N,C,pH,pW)
    return crop(d_x.transpose(0, 2, 3, 1), pads)  # (N,C,pH,pW) -> (N,H,W,C)


def conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: Shape,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_W = G col(x)^T. Parameters, result: as in `...spec.conv_loops.conv2d_d_w`."""
    kH, kW, C, D = w_shape  # C: the input channels of one group
    columns = grouped_columns(x, (kH, kW), strides, pads, dilation, groups)
    d_w = output_rows(g, groups) @ columns.transpose(0, 2, 1)  # -> (G,D,C*kH*kW)
    d_w = d_w.reshape(D, C, kH, kW).transpose(2, 3, 1, 0)  # (G,D,C*kH*kW) -> (kH,kW,C,D)
    return np.ascontiguousarray(d_w)


def grouped_columns(
    x: np.ndarray, window: Pair, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Pad, im2col, cut the rows into groups: (N,H,W,C) -> (G,C/G*kH*kW,N*oH*oW)."""
    images = pad(x, pads).transpose(0, 3, 1, 2)  # (N,H,W,C) -> (N,C,pH,pW)
    columns = columns_of(images, window, strides, dilation)  # -> (C*kH*kW,N*oH*oW)
    return columns.reshape(groups, columns.shape[0] // groups, columns.shape[1])


def kernel_rows(w: np.ndarray, groups: int) -> np.ndarray:
    """Lay each kernel flat as a row: (kH,kW,C/G,D) -> (G,D/G,C/G*kH*kW)."""
    kH, kW, C, D = w.shape
    return w.transpose(3, 2, 0, 1).reshape(groups, D // groups, C * kH * kW)


def output_rows(g: np.ndarray, groups: int) -> np.ndarray:
    """Lay each output channel of g flat as a row: (N,oH,oW,D) -> (G,D/G,N*oH*oW)."""
    N, oH, oW, D = g.shape
    return g.transpose(3, 0, 1, 2).reshape(groups, D // groups, N * oH * oW)
