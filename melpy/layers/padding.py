"""Frames, cuts and magnifications of sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, lookup
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive
from melpy.layers.spatial import Spatial
from melpy.ops.spatial import whole

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

Sides = tuple[tuple[int, int], ...]
FORMS = {
    1: "or (before, after)",
    2: "a pair, or ((top, bottom), (left, right))",
    3: "three, or three pairs (before, after)",
}


def sides_of(value: Any, rank: int, name: str, who: str) -> Sides:
    """Return an int, one number an axis, or (before, after) of each axis, as the last of these."""
    axes = (value,) * rank if isinstance(value, int) else _tuple(value)
    if rank == 1 and len(axes) == 2 and all(isinstance(n, int) for n in axes):
        axes = (axes,)  # (before, after) of the only axis
    alone = rank == 1 and not isinstance(value, int)  # (1,) is neither a number nor a pair
    sides = tuple(_tuple(p) if alone or not isinstance(p, int) else (p, p) for p in axes)
    if len(sides) != rank or any(
        len(p) != 2 or not all(isinstance(n, int | np.integer) and n >= 0 for n in p) for p in sides
    ):
        form = FORMS[rank]
        raise ArgumentError(
            who,
            f"{name} must be made of whole numbers of at least 0",
            expected=f"an int, {form}",
            received={name: value},
        )
    return sides


def _tuple(value: Any) -> tuple:
    """Return a sequence as a tuple; what is none is empty, and refused with the others."""
    return tuple(value) if isinstance(value, Sequence | np.ndarray) else ()


class Framing(Spatial):
    """A layer that adds to, or takes from, both ends of each axis. Abstract."""

    sign: int  # whether sizes grow or shrink
    sides: Sides

    def last_shape(self, shape: Shape) -> Shape:
        """Return the shape with the sides added or taken away."""
        sizes = [
            None if size is None else size + self.sign * sum(ends)
            for size, ends in zip(shape[1:-1], self.sides, strict=True)
        ]
        if any(size is not None and size < 1 for size in sizes):
            raise ArgumentError(
                "call",
                "nothing is left of the input",
                expected="cuts that are smaller than the input",
                received={"shape": tuple(shape), "output": tuple(sizes)},
            )
        return (shape[0], *sizes, shape[-1])


class ZeroPadding(Framing):
    """Frames of zeros. Abstract."""

    sign = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.sides = self.padding = sides_of(padding, self.rank, "padding", type(self).__name__)

    def call_last(self, x: Any) -> Any:
        """Return the framed input."""
        return ops.pad(x, ((0, 0), *self.sides, (0, 0)))


class ZeroPadding1D(ZeroPadding):
    """Put zeros before and after sequences.

    Parameters
    ----------
    padding : int, or (before, after), each >= 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, T, C), output (N, before + T + after, C).
    """

    whole = True
    rank = 1


class ZeroPadding2D(ZeroPadding):
    """Frame images with zeros.

    Parameters
    ----------
    padding : int, pair (height, width), or ((top, bottom), (left, right)), each >= 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C), output (N, top + H + bottom, left + W + right, C).
    """

    whole = True
    rank = 2
    settled = ("padding",)


class ZeroPadding3D(ZeroPadding):
    """Frame volumes with zeros.

    Parameters
    ----------
    padding : int, three of them (depth, height, width), or (before, after) for each, all >= 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, C), each size and its two.

    Examples
    --------
    >>> import numpy as np
    >>> ZeroPadding3D((0, 1, 2))(np.ones((1, 2, 2, 2, 3))).shape
    (1, 2, 4, 6, 3)
    """

    whole = True
    rank = 3
    settled = ("padding",)


class Cropping(Framing):
    """Cuts. Abstract."""

    sign = -1

    def call_last(self, x: Any) -> Any:
        """Return what is left."""
        self.last_shape(x.shape)
        kept = (
            slice(before, size - after)
            for size, (before, after) in zip(x.shape[1:-1], self.sides, strict=True)
        )
        return x[(slice(None), *kept)]


class Cropping1D(Cropping):
    """Cut steps off both ends of sequences (N, T, C).

    Parameters
    ----------
    cropping : int, or (before, after), each >= 0

    Notes
    -----
    Input (N, T, C), output (N, T - before - after, C).
    """

    whole = True
    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.sides = self.cropping = sides_of(cropping, 1, "cropping", "Cropping1D")


class PlacedCropping(Cropping):
    """Cuts of what may have its channels first; arguments as in `Cropping2D`. Abstract."""

    settled = ("cropping",)

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.sides = self.cropping = sides_of(cropping, self.rank, "cropping", type(self).__name__)


class Cropping2D(PlacedCropping):
    """Cut rows and columns off images.

    Parameters
    ----------
    cropping : int, pair (height, width), or ((top, bottom), (left, right)), each >= 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C), output (N, H - top - bottom, W - left - right, C).
    """

    whole = True
    rank = 2


class Cropping3D(PlacedCropping):
    """Cut the rims off volumes.

    Parameters
    ----------
    cropping : int, three of them (depth, height, width), or (before, after) for each, all >= 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, C), each size less its two.

    Examples
    --------
    >>> import numpy as np
    >>> Cropping3D((0, 1, 1))(np.ones((1, 2, 4, 5, 3))).shape
    (1, 2, 2, 3, 3)
    """

    whole = True
    rank = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class UpSampling1D(Spatial):
    """Repeat each step of sequences (N, T, C).

    Parameters
    ----------
    size : int > 0

    Notes
    -----
    Input (N, T, C), output (N, T size, C).
    """

    whole = True
    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.size = positive(size, "size", "UpSampling1D")

    def call_last(self, x: Any) -> Any:
        """Return the longer sequences."""
        return ops.repeat(x, self.size, axis=1)

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, T * size, C)."""
        return (shape[0], None if shape[1] is None else shape[1] * self.size, shape[2])


INTERPOLATIONS = {n: n for n in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")}


class UpSampling2D(Spatial):
    """Magnify images by whole numbers.

    Parameters
    ----------
    size : int or pair of ints > 0
    data_format : "channels_last", "channels_first", or None for the setting
    interpolation : "nearest" (repeat), "bilinear", "bicubic", "lanczos3" or "lanczos5"

    Notes
    -----
    Input (N, H, W, C), output (N, H size, W size, C).

    Examples
    --------
    >>> import numpy as np
    >>> UpSampling2D()(np.ones((1, 2, 3, 1))).shape
    (1, 4, 6, 1)
    """

    whole = True
    rank = 2
    settled = ("size",)

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = whole(size, 2, "size", "UpSampling2D")
        self.interpolation = lookup(
            "interpolation", interpolation.lower(), INTERPOLATIONS, "UpSampling2D"
        )

    def call_last(self, x: Any) -> Any:
        """Return the larger images."""
        if self.interpolation == "nearest":
            return ops.repeat(ops.repeat(x, self.size[0], axis=1), self.size[1], axis=2)
        new = (x.shape[1] * self.size[0], x.shape[2] * self.size[1])
        return ops.image.resize(
            x, new, interpolation=self.interpolation, data_format="channels_last"
        )

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, H * size, W * size, C)."""
        sizes = [None if n is None else n * k for n, k in zip(shape[1:3], self.size, strict=True)]
        return (shape[0], *sizes, shape[3])


class UpSampling3D(Spatial):
    """Repeat each cell of volumes along every axis.

    Parameters
    ----------
    size : int or three ints > 0
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, D, H, W, C), output (N, D size, H size, W size, C).

    Examples
    --------
    >>> import numpy as np
    >>> UpSampling3D()(np.ones((1, 1, 2, 3, 4))).shape
    (1, 2, 4, 6, 4)
    """

    whole = True
    rank = 3
    settled = ("size",)

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = whole(size, 3, "size", "UpSampling3D")

    def call_last(self, x: Any) -> Any:
        """Return the larger volumes."""
        for axis, times in enumerate(self.size, 1):
            x = ops.repeat(x, times, axis=axis)
        return x

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, D * size, H * size, W * size, C)."""
        sizes = [None if n is None else n * k for n, k in zip(shape[1:4], self.size, strict=True)]
        return (shape[0], *sizes, shape[4])
