"""Patches cut out of images and of volumes, each one vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import DtypeError, ShapeError, lookup
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import normal
from melpy.ops.spatial import Layout, pads, span, whole

__all__ = ["extract_patches", "extract_patches_3d"]

KERAS_ROOM = "image"

VOLUMES = 3  # the number of axes along which patches of volumes lie


def _layout(who, shape, size, data_format):
    """Return the layout of images or volumes, and their shape with a batch axis."""
    rank = VOLUMES if isinstance(size, list | tuple) and len(size) == VOLUMES else 2
    batch = tuple(shape) if len(shape) != rank + 1 else (1, *shape)
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, who)
    layout = Layout(rank, place == "channels_first")
    if len(batch) != rank + 2:
        raise ShapeError(
            who,
            f"images have {len(shape)} axes",
            expected=f"shape {layout}, or without N",
            received={"shape": shape, "size": size},
        )
    return layout, batch


def _taps(window, counts, steps, dilation):
    """Yield where all patches have each of their pixels, pixel by pixel."""
    for cell in np.ndindex(*window):
        first = [n * apart for n, apart in zip(cell, dilation, strict=True)]
        yield (
            slice(None),
            *(
                slice(a, a + count * step, step)
                for a, count, step in zip(first, counts, steps, strict=True)
            ),
        )


def _like(torch, images, *, size, strides=None, dilation_rate=1, padding="valid"):
    x = images.movedim(-1, 1)
    (kH, kW), C = size, x.shape[1]
    y = torch.nn.functional.unfold(x, size, dilation_rate, 0, strides or size)  # (N,C kH kW,L)
    y = y.reshape(len(x), C, kH * kW, -1).permute(0, 3, 2, 1)
    reach = [(k - 1) * dilation_rate + 1 for k in size]
    sizes = [
        (s - r) // (strides or k) + 1 for s, r, k in zip(x.shape[2:], reach, size, strict=True)
    ]
    return y.reshape(len(x), *sizes, kH * kW * C)


@op(
    sample=[
        normal((2, 4, 5, 3), size=(2, 2)),
        normal((1, 6, 7, 2), size=(2, 3), strides=2, dilation_rate=2),
    ],
    like=_like,
)
def extract_patches(
    images, *, size, strides=None, dilation_rate=1, padding="valid", data_format=None
):
    """Cut patches out of images: y[n, p, q] is the patch at row p s, column q s, as one vector.

    Parameters
    ----------
    images : array or tensor, (N, H, W, C) or (H, W, C), channels first with that data_format; with
        three sizes volumes, (N, D, H, W, C) or (D, H, W, C)
    size : int or pair of ints > 0, the patches' height and width; or three, depth, height and width
    strides : int > 0, or one an axis, the distance of patches; None for ``size``: no overlap
    dilation_rate : int > 0, or one an axis, the distance of a patch's pixels
    padding : "valid", patches inside the image, or "same", as many as strides fit
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, oH, oW, kH kW C) or (N, oD, oH, oW, kD kH kW C), the pixels row by row,
    each with its channels; without N where the images have none

    Gradient
    --------
    each pixel gets the sum of g over the places it was copied to

    Raises
    ------
    ShapeError : images are of another rank, or no patch fits into them
    ArgumentError : a size is none

    Source
    ------
    K. Chellapilla, S. Puri, P. Simard 2006, section 2: im2col.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.image.extract_patches(np.arange(16.0).reshape(4, 4, 1), 2)[0]
    array([[0., 1., 4., 5.],
           [2., 3., 6., 7.]])
    """
    who = "extract_patches"
    layout, batch = _layout(who, images.shape, size, data_format)
    window = layout.each(size, "size", who)
    steps = layout.each(strides, "strides", who) if strides else window
    dilation = layout.each(dilation_rate, "dilation_rate", who)
    reach = span(window, dilation)
    around = pads(padding, layout.image_sizes(batch), reach, steps, who)
    layout.check_window(batch, reach, around, who)
    x = layout.images(images.reshape(batch))
    ends = ((0, 0), *around, (0, 0))
    x = np.pad(x, ends) if any(map(any, around)) else x
    counts = [
        (size - cells) // step + 1
        for size, cells, step in zip(x.shape[1:-1], reach, steps, strict=True)
    ]
    is_batch = images.ndim == len(batch)
    taps = list(_taps(window, counts, steps, dilation))
    y = np.stack([x[tap] for tap in taps], axis=-2)  # (N,H,W,C) -> (N,oH,oW,kH kW,C)
    of_pixels, padded = y.shape, x.shape
    inside = tuple(slice(a, size - b) for (a, b), size in zip(ends, padded, strict=True))

    def d_images(g):
        g = layout.images(g if is_batch else g[np.newaxis]).reshape(of_pixels)
        d = np.zeros(padded, g.dtype)
        for n, tap in enumerate(taps):
            d[tap] += g[..., n, :]
        return layout.given(d[inside]).reshape(images.shape)

    y = layout.given(y.reshape(*of_pixels[:-2], of_pixels[-2] * of_pixels[-1]))
    return y if is_batch else y[0], (d_images,)


@in_keras(None)  # what a file holds is `extract_patches` of three sizes
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Cut patches out of volumes; see `extract_patches`, of three sizes.

    (N, D, H, W, C) -> (N, oD, oH, oW, kD kH kW C); both without N for one volume.

    Examples
    --------
    >>> import numpy as np
    >>> extract_patches_3d(np.ones((4, 4, 4, 2)), 2).shape
    (2, 2, 2, 16)
    """
    if np.size(size) not in (1, VOLUMES):
        raise DtypeError(  # a TypeError too, as in Keras
            "extract_patches_3d",
            "patches of volumes have three sizes",
            expected="an int, or depth, height and width",
            received={"size": size},
        )
    sizes = whole(size, VOLUMES, "size", "extract_patches_3d")
    return extract_patches(volumes, sizes, strides, dilation_rate, padding, data_format)
