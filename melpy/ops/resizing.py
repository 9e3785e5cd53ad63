"""Resizing of images: rows and columns, each a product with one matrix of interpolation weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["resize"]

KERAS_ROOM = "image"

Pair = tuple[int, int]


def _triangle(t):
    return np.maximum(0.0, 1.0 - t)


def _keys(t):
    """The cubic through the samples, a = -1/2: R. Keys 1981, equation 15."""
    near, far = (1.5 * t - 2.5) * t * t + 1.0, ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return np.where(t < 1.0, near, np.where(t < 2.0, far, 0.0))


def _lanczos(radius, t):
    return np.where(t <= radius, np.sinc(t) * np.sinc(t / radius), 0.0)


FILTERS: dict[str, Callable | None] = {
    "nearest": None,
    "bilinear": _triangle,
    "bicubic": _keys,
    "lanczos3": partial(_lanczos, 3.0),
    "lanczos5": partial(_lanczos, 5.0),
}


def weights(size: int, new: int, interpolation: str, antialias: bool) -> np.ndarray:
    """Return the matrix (new, size) that resizes one axis; each of its rows adds up to 1.

    The middle of new pixel n lies at s = (n + 1/2) size / new - 1/2 of the old ones, and old pixel
    m weighs f(|s - m|). Shrinking with ``antialias``, f is as wide as the new pixels are.

    Examples
    --------
    >>> weights(2, 4, "bilinear", False)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    shape = lookup("interpolation", interpolation, FILTERS, "resize")
    if shape is None:  # pixel floor((n + 1/2) size / new), in whole numbers
        return np.eye(size)[(2 * np.arange(new) + 1) * size // (2 * new)]
    scale = size / new
    middles = (np.arange(new) + 0.5) * scale - 0.5
    apart = np.abs(middles[:, np.newaxis] - np.arange(size))  # (new, size)
    w = shape(apart / max(scale, 1.0) if antialias else apart)
    return w / w.sum(axis=1, keepdims=True)


def _spans(size: Pair, new: Pair, crop: bool, pad: bool) -> list[Pair]:
    """Return (start, stop) of what the new image shows, along rows and columns.

    Cropped to the new aspect ratio it is the middle of the old image; padded, it starts before the
    old image and stops behind it, on one of the axes.
    """
    (H, W), (oH, oW) = size, new
    wanted = [int(W * oH / oW), int(H * oW / oH)]  # the height for this width, and the other way
    if crop:
        wanted = [max(min(old, one), 1) for old, one in zip(size, wanted, strict=True)]
        starts = [(old - one) // 2 for old, one in zip(size, wanted, strict=True)]
        return [(start, start + one) for start, one in zip(starts, wanted, strict=True)]
    borders = [max(one - old, 0) // 2 if pad else 0 for old, one in zip(size, wanted, strict=True)]
    if borders[0]:
        borders[1] = 0
    return [(-border, old + border) for old, border in zip(size, borders, strict=True)]


def _matrix(size: int, span: Pair, new: int, interpolation: str, antialias: bool) -> np.ndarray:
    """Return the matrix (new, size) of one axis, of which the new image shows ``span``.

    What lies outside the old image has no column: rows that look there add up to less than 1.
    """
    start, stop = span
    first, last = max(start, 0), min(stop, size)
    matrix = np.zeros((new, size))
    w = weights(stop - start, new, interpolation, antialias)
    matrix[:, first:last] = w[:, first - start : last - start]
    return matrix


def _along(matrix: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    """Multiply a matrix onto one axis of an array."""
    first = np.moveaxis(x, axis, 0)
    rest = int(np.prod(first.shape[1:]))
    y = kernels.matmul(matrix.astype(x.dtype), first.reshape(x.shape[axis], rest))
    return np.moveaxis(y.reshape(len(matrix), *first.shape[1:]), 0, axis)


def _resize_like(torch, images, *, size, interpolation="bilinear", antialias=False, **options):
    last = options.get("data_format", "channels_last") == "channels_last"
    x = images if images.ndim == 4 else images[None]
    x = x.permute(0, 3, 1, 2) if last else x
    mode = {"nearest": "nearest-exact"}.get(interpolation, interpolation)
    soft = antialias or interpolation == "bicubic"  # PyTorch's cubic is Keys's only if it is soft
    y = torch.nn.functional.interpolate(x, size, mode=mode, antialias=soft)
    y = y.permute(0, 2, 3, 1) if last else y
    return y if images.ndim == 4 else y[0]


@op(
    sample=[
        normal((2, 3, 4, 2), size=(6, 5)),
        normal((2, 5, 7, 3), size=(3, 4)),
        normal((1, 6, 4, 2), size=(3, 6), antialias=True),
        normal((2, 4, 3), size=(8, 5), interpolation="bicubic"),
        normal((2, 3, 4, 5), size=(6, 7), interpolation="nearest", data_format="channels_first"),
    ],
    like=_resize_like,
)
def resize(
    images,
    *,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Give images another size: y = R_h x R_w^T, rows and columns interpolated.

    Parameters
    ----------
    images : array, (N, H, W, C) or (H, W, C), channels first with that data_format
    size : pair (height, width) of ints > 0
    interpolation : "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5"
    antialias : bool, whether shrinking averages over all old pixels that a new one covers
    crop_to_aspect_ratio : bool, cut the image to the new aspect ratio first, in the middle
    pad_to_aspect_ratio : bool, frame the image to the new aspect ratio first
    fill_mode : "constant"
    fill_value : float, the frame's value
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array, (N, height, width, C) or (height, width, C), the dtype of images; whole numbers rounded

    Gradient
    --------
    d_images = R_h^T g R_w

    Raises
    ------
    ShapeError : images are of another rank
    ArgumentError : size is no pair of positive whole numbers, or both aspect ratios are to be kept

    Source
    ------
    R. Keys 1981, Cubic convolution interpolation; C. Duchon 1979, Lanczos filtering.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.image.resize(np.array([[[0.0], [4.0]]]), (1, 4))[0, :, 0]
    array([0., 1., 3., 4.])
    """
    new = _size(size)
    if images.ndim not in (3, 4):
        raise ShapeError(
            "resize",
            f"images have {images.ndim} axes",
            expected="shape (N, H, W, C) or (H, W, C)",
            received={"shape": images.shape},
        )
    if fill_mode != "constant" or (crop_to_aspect_ratio and pad_to_aspect_ratio):
        raise ArgumentError(
            "resize",
            "an image is either cropped or padded, with a constant",
            expected='fill_mode="constant" and one aspect ratio argument',
            received={"fill_mode": fill_mode},
        )
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, "resize")
    axes = (-3, -2) if place == "channels_last" else (-2, -1)
    old = images.shape[axes[0]], images.shape[axes[1]]
    spans = _spans(old, new, crop_to_aspect_ratio, pad_to_aspect_ratio)
    R_h, R_w = (
        _matrix(old[n], spans[n], new[n], interpolation, antialias) for n in range(2)
    )  # (oH, H), (oW, W)

    whole = images.dtype.kind != "f"
    x = images.astype(np.float64) if whole else images
    y = _along(R_w, _along(R_h, x, axes[0]), axes[1])
    if fill_value and pad_to_aspect_ratio:  # the frame weighs what is missing to 1
        frame = fill_value * (1 - np.outer(R_h.sum(axis=1), R_w.sum(axis=1)))  # (oH, oW)
        y = y + (frame if axes[1] == -1 else frame[..., np.newaxis]).astype(y.dtype)
    if whole:
        limits = np.iinfo(images.dtype)
        y = np.clip(np.round(y), limits.min, limits.max).astype(images.dtype)

    def d_images(g):
        return _along(R_h.T, _along(R_w.T, g, axes[1]), axes[0])

    return y, (d_images,)


def _size(size: Any) -> Pair:
    """Return (height, width), both whole and positive, or refuse them."""
    pair = tuple(size) if isinstance(size, tuple | list | np.ndarray) else (size,)
    if len(pair) != 2 or not all(isinstance(s, int | np.integer) and s > 0 for s in pair):
        raise ArgumentError(
            "resize",
            "size must be two positive whole numbers",
            expected="(height, width)",
            received={"size": size},
        )
    return int(pair[0]), int(pair[1])
