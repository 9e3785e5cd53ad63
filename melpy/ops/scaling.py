"""Images scaled and shifted by any numbers, rows and columns each by one matrix of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.errors import ShapeError, lookup
from melpy.ops.creation import array, convert_to_numpy, dtype, ndim, shape
from melpy.ops.products import tensordot
from melpy.ops.registry import composed
from melpy.ops.resizing import FILTERS
from melpy.ops.shaping import moveaxis

__all__ = ["scale_and_translate"]

KERAS_ROOM = "image"

# Keras's names, by how many axes are interpolated, for filters of `resize`.
METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
NOTHING = 1000 * np.finfo(np.float32).eps  # a sum of weights as small as this is none


def _weights(size: int, new: int, scale: float, shift: float, method: str, antialias: bool) -> Any:
    """Return the matrix (size, new) of one axis.

    The middle of new pixel n lies at s = (n + 1/2 - shift) / scale - 1/2 of the old ones, and old
    pixel m weighs f(|s - m|), its share of all that there are; outside the image nothing does.
    """
    middles = (np.arange(new) + 0.5 - shift) / scale - 0.5
    apart = np.abs(middles - np.arange(size)[:, np.newaxis])  # (size, new)
    shape_of: Any = FILTERS[method]
    w = shape_of(apart / max(1 / scale, 1.0) if antialias else apart)
    total = w.sum(axis=0)
    seen = (np.abs(total) > NOTHING) & (middles >= -0.5) & (middles <= size - 0.5)
    return np.where(seen, w / np.where(seen, total, 1), 0)


@composed
def scale_and_translate(
    images: Any,
    output_shape: Any,
    scale: Any,
    translation: Any,
    *,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Scale and shift images: what was at p comes to scale p + translation.

    Parameters
    ----------
    images : array or tensor, any shape
    output_shape : tuple of ints, the new shape, which differs along the spatial_dims only
    scale, translation : arrays, one number for each of the spatial_dims; no gradient passes
    spatial_dims : tuple of ints, the axes that are scaled
    method : "linear", "cubic" (or with "bi", "tri" before it), "lanczos3" or "lanczos5"
    antialias : bool, whether shrinking averages over all old pixels that a new one covers

    Returns
    -------
    array or tensor of the new shape; 0 where there was no image

    Source
    ------
    JAX, ``jax.image.scale_and_translate``; filters as in `resize`.

    Examples
    --------
    >>> row = np.array([1.0, 2.0, 3.0])
    >>> scale_and_translate(row, (3,), np.ones(1), np.ones(1), (0,), "linear")
    array([0., 1., 2.])
    """
    who = "scale_and_translate"
    kind = lookup("method", method, METHODS, who)
    x = array(images)
    scales, shifts = (np.atleast_1d(convert_to_numpy(v)) for v in (scale, translation))
    axes = [n % ndim(x) for n in spatial_dims]
    stays = all(
        new in (None, old)
        for n, (new, old) in enumerate(zip(output_shape, shape(x), strict=False))
        if n not in axes
    )
    if len(output_shape) != ndim(x) or not stays or not len(axes) == len(scales) == len(shifts):
        raise ShapeError(
            who,
            "the numbers do not go together",
            expected="one scale and one translation for each of spatial_dims, along which alone "
            "output_shape differs",
            received={
                "shape": shape(x),
                "output_shape": output_shape,
                "spatial_dims": spatial_dims,
                "scale": scales.tolist(),
                "translation": shifts.tolist(),
            },
        )
    for axis, factor, shift in zip(axes, scales, shifts, strict=True):
        numbers = float(factor), float(shift)
        w = _weights(shape(x)[axis], output_shape[axis], *numbers, kind, antialias)
        x = moveaxis(tensordot(x, w.astype(dtype(x)), ([axis], [0])), -1, axis)
    return x
