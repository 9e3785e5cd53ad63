"""Images looked at through small windows, and their frames: blurred, their edges, cut, padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, symbolic
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.creation import array, dtype, ndim, shape
from melpy.ops.depthwise import depthwise_conv
from melpy.ops.indexing import get_item
from melpy.ops.joining import pad, stack
from melpy.ops.registry import composed
from melpy.ops.shaping import expand_dims, squeeze
from melpy.ops.similarity import gaussian
from melpy.ops.spatial import whole

__all__ = ["crop_images", "gaussian_blur", "pad_images", "sobel_edges"]

KERAS_ROOM = "image"


def _batch(who: str, images: Any, data_format: str | None) -> tuple[Any, str]:
    """Return images with a batch axis, and where their channels are."""
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, who)
    if ndim(images) not in (3, 4):
        raise ShapeError(
            who,
            f"images have {ndim(images)} axes",
            expected="shape (N, H, W, C) or (H, W, C), channels first with that data_format",
            received={"shape": shape(images)},
        )
    return (images if ndim(images) == 4 else expand_dims(images, 0)), place


def _through(window: np.ndarray, x: Any, place: str) -> Any:
    """Return each channel seen through a window (kH, kW), with zeros around the image."""
    C = shape(x)[-1 if place == "channels_last" else 1]
    kernel = np.broadcast_to(window[:, :, np.newaxis, np.newaxis], (*window.shape, C, 1))
    return depthwise_conv(x, kernel.astype(dtype(x)), padding="same", data_format=place)


def _of_symbolic_windows(images: Any, *window: Any, **options: Any) -> Any:
    """Return what comes out where the window is not known yet: no array stands for its sizes."""
    later = symbolic.any_in(window, options)
    return symbolic.like(shape(images), dtype(images)) if later else None


@composed(made_of=_of_symbolic_windows)
def gaussian_blur(
    images: Any,
    *,
    kernel_size: Any = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """Blur images: each pixel becomes the mean of those around it, weighed by a bell.

    Parameters
    ----------
    images : array or tensor, (N, H, W, C) or (H, W, C), channels first with that data_format
    kernel_size : pair of ints > 0, the window's sizes
    sigma : pair of floats > 0, the bell's widths; each pair says the one across first
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, the shape of images; outside of them are zeros

    Examples
    --------
    >>> gaussian_blur(np.eye(3)[:, :, None], (3, 3), (0.5, 0.5))[:, :, 0].round(2)
    array([[0.63, 0.17, 0.01],
           [0.17, 0.64, 0.17],
           [0.01, 0.17, 0.63]])
    """
    x, place = _batch("gaussian_blur", array(images), data_format)
    across, down = whole(kernel_size, 2, "kernel_size", "gaussian_blur")
    wide, high = (sigma,) * 2 if np.ndim(sigma) == 0 else tuple(sigma)
    if not (wide > 0 and high > 0):
        raise ArgumentError(
            "gaussian_blur",
            "a bell has a width",
            expected="sigma > 0",
            received={"sigma": sigma},
        )
    window = np.outer(gaussian(down, float(high)), gaussian(across, float(wide)))
    y = _through(window, x, place)
    return y if ndim(images) == 4 else squeeze(y, 0)


Pair = tuple[int, int]

# Differences across, and a bell of three down.
SOBEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


@composed
def sobel_edges(images: Any, *, data_format: str | None = None) -> Any:
    """Find edges: how much brighter it gets downwards and to the right, in windows of 3 x 3.

    Parameters
    ----------
    images : array or tensor, (N, H, W, C), channels first with that data_format
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, H, W, C, 2): the slope down, and the slope to the right

    Source
    ------
    I. Sobel, G. Feldman 1968, A 3x3 isotropic gradient operator for image processing.

    Examples
    --------
    >>> slope = np.broadcast_to(np.arange(3.0)[:, None], (1, 3, 3, 1))
    >>> sobel_edges(slope)[0, 1, 1, 0]
    array([0., 8.])
    """
    x, place = _batch("sobel_edges", array(images), data_format)
    edges = stack([_through(SOBEL.T, x, place), _through(SOBEL, x, place)], -1)
    return edges if ndim(images) == 4 else squeeze(edges, 0)


def _ends(who: str, what: str, size: int, given: Sequence[int | None], change: int) -> Pair:
    """Return how much comes off at the start and at the end, or with ``change`` 1 is added there.

    Of start, end and target, two are given, and the third follows.
    """
    start, end, target = given
    known = [n for n in given if n is not None]
    if target is not None and len(known) == 2:
        rest = change * (target - size)
        start = rest - known[0] if start is None else start
        end = rest - start
    if len(known) != 2 or start is None or end is None or min(start, end) < 0:
        raise ArgumentError(
            who,
            f"the {what} does not come out",
            expected="two of the start, the end and the target, from which the third follows, all "
            "of them >= 0",
            received={"size": size, "start": given[0], "end": given[1], "target": target},
        )
    if change < 0 and start + end > size:
        raise ArgumentError(
            who,
            f"more than the whole {what} would be cut off",
            received={"size": size, "start": start, "end": end},
        )
    return start, end


@composed
def crop_images(
    images: Any,
    *,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Cut the rims off images.

    Parameters
    ----------
    images : array or tensor, (N, H, W, C) or (H, W, C), channels first with that data_format
    top_cropping, bottom_cropping, target_height : ints >= 0, two of them: the third follows
    left_cropping, right_cropping, target_width : ints >= 0, two of them
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, target_height, target_width, C), or without N

    Examples
    --------
    >>> image = np.arange(9.0).reshape(3, 3, 1)
    >>> crop_images(image, 1, 1, target_height=2, target_width=1)[..., 0]
    array([[4.],
           [7.]])
    """
    x, place = _batch("crop_images", array(images), data_format)
    axis = 1 if place == "channels_last" else 2
    H, W = shape(x)[axis : axis + 2]
    vertical = top_cropping, bottom_cropping, target_height
    horizontal = left_cropping, right_cropping, target_width
    top, bottom = _ends("crop_images", "height", H, vertical, -1)
    left, right = _ends("crop_images", "width", W, horizontal, -1)
    inside = (slice(top, H - bottom), slice(left, W - right))
    y = get_item(x, (*(slice(None),) * axis, *inside))
    return y if ndim(images) == 4 else squeeze(y, 0)


@composed
def pad_images(
    images: Any,
    *,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Frame images with zeros.

    Parameters
    ----------
    images : array or tensor, (N, H, W, C) or (H, W, C), channels first with that data_format
    top_padding, bottom_padding, target_height : ints >= 0, two of them: the third follows
    left_padding, right_padding, target_width : ints >= 0, two of them
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, target_height, target_width, C), or without N

    Examples
    --------
    >>> pad_images(np.ones((1, 1, 1)), 1, 0, target_height=2, target_width=2)[..., 0]
    array([[0., 0.],
           [1., 0.]])
    """
    x, place = _batch("pad_images", array(images), data_format)
    axis = 1 if place == "channels_last" else 2
    H, W = shape(x)[axis : axis + 2]
    rows = _ends("pad_images", "height", H, (top_padding, bottom_padding, target_height), 1)
    columns = _ends("pad_images", "width", W, (left_padding, right_padding, target_width), 1)
    widths = [(0, 0)] * 4
    widths[axis : axis + 2] = rows, columns
    y = pad(x, widths)
    return y if ndim(images) == 4 else squeeze(y, 0)
