"""The colours of pixels in other words: grey, and hue, saturation, value."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import DtypeError, ShapeError, lookup
from melpy.ops.choice import maximum, minimum, where
from melpy.ops.comparison import equal, greater, logical_and, logical_not
from melpy.ops.creation import array, dtype, ndim, shape
from melpy.ops.elementwise import absolute, add, divide, multiply, subtract
from melpy.ops.joining import stack
from melpy.ops.reduction import sum as total
from melpy.ops.registry import composed, in_keras
from melpy.ops.remainders import mod
from melpy.ops.shaping import cast, moveaxis, reshape

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

KERAS_ROOM = "image"

SHARES = (0.2989, 0.5870, 0.1140)  # of red, green and blue in what the eye sees as bright


def _axis(who: str, images: Any, data_format: str | None, channels: tuple[int, ...]) -> int:
    """Return the channels' axis, or refuse images that have others."""
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, who)
    axis = -1 if place == "channels_last" else -3
    if ndim(images) not in (3, 4) or shape(images)[axis] not in channels:
        raise ShapeError(
            who,
            "these are no images of such channels",
            expected=f"shape (N, H, W, C) or (H, W, C) with C = {' or '.join(map(str, channels))}",
            received={"shape": shape(images), "data_format": place},
        )
    return axis


def _planes(who: str, images: Any, axis: int) -> list[Any]:
    if np.dtype(dtype(images)).kind != "f":
        raise DtypeError(
            who,
            "the colours are whole numbers",
            expected="floats in [0, 1]",
            received={"dtype": dtype(images)},
            mend="Divide by 255 first.",
        )
    first = moveaxis(images, axis, 0)
    return [first[n] for n in range(3)]


@in_keras("image.RGBToGrayscale")
@composed
def rgb_to_grayscale(images: Any, *, data_format: str | None = None) -> Any:
    """Weigh red, green and blue as the eye does: y = 0.2989 r + 0.587 g + 0.114 b.

    Parameters
    ----------
    images : array or tensor, (N, H, W, 3) or (H, W, 3), channels first with that data_format; one
        channel stays as it is
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, H, W, 1) or (H, W, 1), the type of images

    Source
    ------
    Recommendation ITU-R BT.601, section 2.5.1.

    Examples
    --------
    >>> rgb_to_grayscale(np.array([[[1.0, 0.0, 0.0]]])).round(4)
    array([[[0.2989]]])
    """
    images = array(images)
    axis = _axis("rgb_to_grayscale", images, data_format, (1, 3))
    if shape(images)[axis] == 1:
        return images
    kind = dtype(images) if np.dtype(dtype(images)).kind == "f" else config.floatx()
    weights = reshape(np.array(SHARES, kind), (3,) + (1,) * (-1 - axis))
    return cast(total(multiply(cast(images, kind), weights), axis, True), dtype(images))


@in_keras("image.RGBToHSV")
@composed
def rgb_to_hsv(images: Any, *, data_format: str | None = None) -> Any:
    """Say colours by hue, saturation and value: v = max, s = (max - min) / max, h around the wheel.

    Parameters
    ----------
    images : array or tensor of floats in [0, 1], (N, H, W, 3) or (H, W, 3), channels first with
        that data_format
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, the shape and type of images: hue in [0, 1), saturation and value in [0, 1]

    Source
    ------
    A. R. Smith 1978, Color gamut transform pairs, algorithm 1.

    Examples
    --------
    >>> rgb_to_hsv(np.array([[[0.0, 0.5, 0.0]]])).round(4)
    array([[[0.3333, 1.    , 0.5   ]]])
    """
    images = array(images)
    axis = _axis("rgb_to_hsv", images, data_format, (3,))
    planes = _planes("rgb_to_hsv", images, axis)
    tiny = float(np.finfo(dtype(images)).eps)
    red, green, blue = (where(greater(tiny, absolute(plane)), 0.0, plane) for plane in planes)
    value = maximum(maximum(red, green), blue)
    reach = subtract(value, minimum(minimum(red, green), blue))
    is_grey, is_black = logical_not(greater(reach, 0)), logical_not(greater(value, 0))
    sixth = divide(1 / 6, where(is_grey, 1.0, reach))
    is_red = equal(value, red)
    is_green = logical_and(equal(value, green), logical_not(is_red))
    hue = add(multiply(subtract(red, green), sixth), 4 / 6)  # where blue is the largest
    hue = where(is_green, add(multiply(subtract(blue, red), sixth), 2 / 6), hue)
    hue = where(is_red, multiply(subtract(green, blue), sixth), hue)
    hue = where(is_grey, 0.0, where(greater(0, hue), add(hue, 1.0), hue))
    saturation = where(is_black, 0.0, divide(reach, where(is_black, 1.0, value)))
    return stack([hue, saturation, value], axis)


@in_keras("image.HSVToRGB")
@composed
def hsv_to_rgb(images: Any, *, data_format: str | None = None) -> Any:
    """Mix colours of hue, saturation and value: the reverse of `rgb_to_hsv`.

    Each of red, green and blue is v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, with n = 5
    for red, 3 for green and 1 for blue.

    Parameters
    ----------
    images : array or tensor of floats in [0, 1], (N, H, W, 3) or (H, W, 3), channels first with
        that data_format
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, the shape and type of images

    Source
    ------
    A. R. Smith 1978, Color gamut transform pairs, algorithm 2.

    Examples
    --------
    >>> hsv_to_rgb(np.array([[[1 / 3, 1.0, 0.5]]])).round(4)
    array([[[0. , 0.5, 0. ]]])
    """
    images = array(images)
    axis = _axis("hsv_to_rgb", images, data_format, (3,))
    hue, saturation, value = _planes("hsv_to_rgb", images, axis)

    def part(n: int) -> Any:
        k = mod(add(multiply(hue, 6.0), float(n)), 6.0)
        lack = maximum(0.0, minimum(minimum(k, subtract(4.0, k)), 1.0))
        return subtract(value, multiply(multiply(value, saturation), lack))

    return stack([part(5), part(3), part(1)], axis)
