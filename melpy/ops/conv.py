"""Convolution and pooling of images in NHWC, with any kernels that `melpy.config` asks for."""

from __future__ import annotations

import builtins

import numpy as np

from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op

__all__ = ["average_pool", "conv", "max_pool"]

Pair = tuple[int, int]


def pair(value: int | tuple[int, ...], name: str, who: str) -> Pair:
    """Return ``value`` as (height, width), both whole and positive."""
    sizes = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(sizes) != 2 or not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        raise ArgumentError(
            who,
            f"{name} must be one or two positive whole numbers",
            expected="an int > 0 or a pair of them",
            received={name: value},
        )
    return int(sizes[0]), int(sizes[1])


def _valid(size: int, window: int, stride: int) -> Pair:
    return 0, 0


def _same(size: int, window: int, stride: int) -> Pair:
    total = builtins.max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2  # the odd one goes below and to the right


PADDINGS = {"valid": _valid, "same": _same}


def pads(padding: str, x_shape: tuple[int, ...], window: Pair, strides: Pair, who: str) -> tuple:
    """Return ((top, bottom), (left, right)) for "valid" (none) or "same" (ceil(size / stride))."""
    rule = lookup("padding", padding, PADDINGS, who)
    return tuple(rule(x_shape[1 + axis], window[axis], strides[axis]) for axis in range(2))


def _check_images(x: np.ndarray, who: str) -> None:
    if x.ndim != 4:
        mend = {
            3: "Add the missing batch or channel axis, for example x[..., np.newaxis].",
            2: "Convolutions take images, not rows: reshape to (N, H, W, C) first.",
        }
        raise ShapeError(
            who,
            f"input has {x.ndim} axes",
            expected="shape (N, H, W, C)",
            received={"shape": x.shape},
            mend=mend.get(x.ndim, ""),
        )


def _check_window(x: np.ndarray, window: Pair, around: tuple, who: str) -> None:
    sizes = [x.shape[1 + axis] + sum(around[axis]) for axis in range(2)]
    if sizes[0] < window[0] or sizes[1] < window[1]:
        raise ShapeError(
            who,
            f"a window of {window[0]}x{window[1]} does not fit into the input",
            expected=f"height >= {window[0]} and width >= {window[1]}",
            received={"shape": x.shape},
            mend='Use a smaller window or padding="same".',
        )


def _as_torch(padding, window, strides, x, torch, fill=0.0):
    """Return NHWC images as padded NCHW for PyTorch, whose "same" knows no strides."""
    (top, bottom), (left, right) = pads(padding, tuple(x.shape), window, strides, "like")
    x = x.permute(0, 3, 1, 2)
    return torch.nn.functional.pad(x, (left, right, top, bottom), value=fill)


def _conv_like(torch, x, kernel, *, strides=1, padding="valid", dilation_rate=1):
    strides, dilation = pair(strides, "", ""), pair(dilation_rate, "", "")
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True))
    y = torch.nn.functional.conv2d(
        _as_torch(padding, span, strides, x, torch),
        kernel.permute(3, 2, 0, 1),
        stride=strides,
        dilation=dilation,
        groups=x.shape[3] // kernel.shape[2],
    )
    return y.permute(0, 2, 3, 1)


def _max_pool_like(torch, x, *, pool_size, strides=None, padding="valid"):
    window, strides = pair(pool_size, "", ""), pair(strides or pool_size, "", "")
    x = _as_torch(padding, window, strides, x, torch, fill=-np.inf)
    return torch.nn.functional.max_pool2d(x, window, strides).permute(0, 2, 3, 1)


def _average_pool_like(torch, x, *, pool_size, strides=None, padding="valid"):
    window, strides = pair(pool_size, "", ""), pair(strides or pool_size, "", "")
    padded = _as_torch(padding, window, strides, x, torch)
    real = _as_torch(padding, window, strides, torch.ones_like(x), torch)
    pool = torch.nn.functional.avg_pool2d
    return (pool(padded, window, strides) / pool(real, window, strides)).permute(0, 2, 3, 1)


def _conv_sample(kernel_shape, x_shape, **options):
    return lambda rng: (rng.normal(size=x_shape), rng.normal(size=kernel_shape), options)


@op(
    sample=[
        _conv_sample((2, 2, 3, 4), (2, 4, 5, 3)),
        _conv_sample((2, 3, 2, 5), (2, 5, 4, 2), padding="same"),
        _conv_sample((3, 2, 2, 4), (1, 7, 6, 4), strides=2, padding="same"),
        _conv_sample((2, 2, 1, 3), (2, 6, 6, 1), strides=(2, 3)),
        _conv_sample((2, 2, 2, 4), (2, 6, 7, 2), dilation_rate=(2, 3), padding="same"),
        _conv_sample((3, 3, 1, 4), (2, 5, 5, 4), padding="same"),
        _conv_sample((3, 3, 5, 17), (1, 9, 12, 5)),
    ],
    like=_conv_like,
)
def conv(x, kernel, *, strides=1, padding="valid", dilation_rate=1):
    """Cross-correlate images: y[n,p,q,d] = sum_ijc x[n, p*s+i, q*s+j, c] kernel[i,j,c,d].

    Parameters
    ----------
    x : tensor, shape (N, H, W, C)
    kernel : tensor, shape (kH, kW, C / groups, D); groups follow from the shapes, D is a multiple
    strides : int or pair of ints > 0
    padding : "valid" (no padding) or "same" (zeros, so that oH = ceil(H / stride))
    dilation_rate : int or pair of ints > 0, distance between the kernel's taps

    Returns
    -------
    tensor, shape (N, oH, oW, D), dtype of x

    Gradient
    --------
    d_x is g correlated with the kernel rotated by half a turn; d_kernel[i,j,c,d] =
    sum_npq x[n, p*s+i, q*s+j, c] g[n,p,q,d].

    Raises
    ------
    ShapeError : x is not of rank 4, channels do not fit the kernel, the kernel is larger than x
    UnknownNameError : padding is neither "valid" nor "same"

    Source
    ------
    L. Malard, Implémentation de CNNs avec NumPy, equations 9, 19 and 29.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    _check_images(x, "conv")
    if kernel.ndim != 4:
        raise ShapeError(
            "conv",
            f"the kernel has {kernel.ndim} axes",
            expected="shape (kH, kW, C / groups, D)",
            received={"kernel.shape": kernel.shape},
        )
    C, D = kernel.shape[2:]
    if x.shape[3] % C or D % (x.shape[3] // C or 1) or x.shape[3] == 0:
        raise ShapeError(
            "conv",
            f"input has {x.shape[3]} channels but the kernel was built for {C}",
            expected=f"shape (N, H, W, {C})",
            received={"shape": x.shape},
            mend="Build a new layer for this input, or bring its channels to the last axis.",
        )
    strides, dilation = (
        pair(strides, "strides", "conv"),
        pair(dilation_rate, "dilation_rate", "conv"),
    )
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True))
    around = pads(padding, x.shape, span, strides, "conv")
    _check_window(x, span, around, "conv")
    geometry = strides, around, dilation, x.shape[3] // C

    y = kernels.conv2d(x, kernel, *geometry)  # (N,H,W,C) -> (N,oH,oW,D)

    def d_x(g):
        return kernels.conv2d_d_x(g, kernel, x.shape, *geometry)

    def d_kernel(g):
        return kernels.conv2d_d_w(g, x, kernel.shape, *geometry)

    return y, (d_x, d_kernel)


def _distinct(shape, **options):
    """Images whose values all differ by far more than a numerical derivative's step."""
    return lambda rng: (
        rng.permutation(int(np.prod(shape))).reshape(shape) / 7.0 - 3.0,
        options,
    )


POOL_SAMPLES = [
    _distinct((2, 4, 6, 3), pool_size=2),
    _distinct((1, 5, 7, 2), pool_size=(3, 2), strides=(2, 1)),
    _distinct((2, 5, 5, 1), pool_size=2, padding="same"),
    _distinct((1, 7, 6, 17), pool_size=3, strides=2, padding="same"),
]


def _pool_geometry(x, pool_size, strides, padding, who):
    _check_images(x, who)
    window = pair(pool_size, "pool_size", who)
    strides = window if strides is None else pair(strides, "strides", who)
    around = pads(padding, x.shape, window, strides, who)
    _check_window(x, window, around, who)
    return window, strides, around


@op(sample=POOL_SAMPLES, like=_max_pool_like)
def max_pool(x, *, pool_size, strides=None, padding="valid"):
    """Keep each window's largest value: y[n,p,q,c] = max_ij x[n, p*s+i, q*s+j, c].

    Parameters
    ----------
    x : tensor, shape (N, H, W, C)
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"; padded cells never win

    Returns
    -------
    tensor, shape (N, oH, oW, C), dtype of x

    Gradient
    --------
    d_x gets g at the first maximum of each window, row by row; 0 elsewhere.

    Raises
    ------
    ShapeError : x is not of rank 4, or the window is larger than x

    Source
    ------
    L. Malard, Implémentation de CNNs avec NumPy, section 2.3; K. Yamaguchi et al. 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.max_pool(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    geometry = _pool_geometry(x, pool_size, strides, padding, "max_pool")
    y = kernels.max_pool2d(x, *geometry)  # (N,H,W,C) -> (N,oH,oW,C)

    def d_x(g):
        return kernels.max_pool2d_d_x(g, x, y, *geometry)

    return y, (d_x,)


@op(sample=POOL_SAMPLES, like=_average_pool_like)
def average_pool(x, *, pool_size, strides=None, padding="valid"):
    """Average each window: y[n,p,q,c] = mean_ij x[n, p*s+i, q*s+j, c].

    Parameters
    ----------
    x : tensor, shape (N, H, W, C)
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"; padded cells do not count in the mean

    Returns
    -------
    tensor, shape (N, oH, oW, C), dtype of x

    Gradient
    --------
    Each real cell of a window gets g / (number of real cells).

    Raises
    ------
    ShapeError : x is not of rank 4, or the window is larger than x

    Source
    ------
    Y. LeCun et al. 1998, Gradient-based learning applied to document recognition, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.average_pool(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    geometry = _pool_geometry(x, pool_size, strides, padding, "average_pool")
    y = kernels.average_pool2d(x, *geometry)  # (N,H,W,C) -> (N,oH,oW,C)

    def d_x(g):
        return kernels.average_pool2d_d_x(g, x.shape, *geometry)

    return y, (d_x,)
