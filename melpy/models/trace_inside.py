"""What lies between a layer's input and its output: columns, winners, kinks.

All of it by the readable kernels (`melpy.kernels.spec`), from the arrays that a trace noted. Under
``config.using_kernels("im2col")`` the layers themselves ran these, and the numbers are the same to
the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from melpy.kernels.spec import conv_im2col
from melpy.kernels.spec.windows import Pads, Pair, crop, inside, output_size, pad, windows

__all__ = ["NEAR", "Convolution", "Inside", "Pooling", "is_near"]

NEAR = 1e-4  # how close to a kink counts as at it
NO_PADS = ((0, 0), (0, 0))


@dataclass
class Inside:
    """What one call of a layer did inside.

    Attributes
    ----------
    weights : dict of a weight's name to its values during the call
    pre : what the layer's own activation was given; None of layers that have none
    d_pre : dL/dpre; None without a loss
    kinks : bool array like the output: whether a slope jumps within `NEAR`, as relu's does at 0 and
        a maximum does where two values are equal, so that no derivative says what a step does; None
        of layers that have no such place
    convolution : Convolution, or None
    pooling : Pooling, or None
    """

    weights: dict[str, np.ndarray] = field(default_factory=dict)
    pre: np.ndarray | None = None
    d_pre: np.ndarray | None = None
    kinks: np.ndarray | None = None
    convolution: Convolution | None = None
    pooling: Pooling | None = None


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution by columns, forward and backward, one step after the other.

    Parameters
    ----------
    x : ndarray (N,H,W,C)
    w : ndarray (kH,kW,C/G,D)
    b : ndarray (D,), or None
    strides, pads, dilation, groups : as in `melpy.kernels.spec.conv_loops.conv2d`
    d_y : ndarray (N,oH,oW,D), dL/dy, or None

    Examples
    --------
    >>> x, w = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> taken_apart = Convolution(x, w, None, (1, 1), NO_PADS, (1, 1), 1, np.ones((1, 2, 2, 1)))
    >>> taken_apart.columns[:, 0], taken_apart.indices[:, 3]
    (array([0., 1., 3., 4.]), array([4, 5, 7, 8], dtype=int32))
    >>> taken_apart.d_x[0, :, :, 0].tolist(), taken_apart.coverage.tolist()
    ([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    """

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray | None
    strides: Pair
    pads: Pads
    dilation: Pair
    groups: int = 1
    d_y: np.ndarray | None = None

    @property
    def window(self) -> Pair:
        """The kernel's height and width."""
        return self.w.shape[0], self.w.shape[1]

    @property
    def y_size(self) -> Pair:
        """The output's height and width."""
        H, W = self.x.shape[1:3]
        return output_size((H, W), self.window, self.strides, self.pads, self.dilation)

    @cached_property
    def padded(self) -> np.ndarray:
        """x with its padding: (N,pH,pW,C)."""
        return pad(self.x, self.pads)

    @cached_property
    def columns(self) -> np.ndarray:
        """Each window laid flat: (C*kH*kW, N*oH*oW)."""
        return self._columns_of(self.padded)

    def _columns_of(self, padded: np.ndarray) -> np.ndarray:
        images = padded.transpose(0, 3, 1, 2)  # (N,pH,pW,C) -> (N,C,pH,pW)
        return conv_im2col.columns_of(images, self.window, self.strides, self.dilation)

    @cached_property
    def indices(self) -> np.ndarray:
        """Where in its image, padded and flat (pH*pW*C), each entry of a column lies; -1: padding.

        int32 (C*kH*kW, oH*oW), the same for all images.
        """
        _, H, W, C = self.padded.shape
        places = np.arange(H * W * C, dtype=np.int32).reshape(1, H, W, C)
        is_real = inside((self.x.shape[1], self.x.shape[2]), self.pads)
        return self._columns_of(np.where(is_real, places, np.int32(-1)))

    @cached_property
    def rows(self) -> np.ndarray:
        """Each kernel laid flat, as a row: (D, C/G*kH*kW)."""
        return conv_im2col.kernel_rows(self.w, self.groups).reshape(self.w.shape[3], -1)

    @cached_property
    def products(self) -> np.ndarray:
        """rows @ columns, group by group, without the bias: (D, N*oH*oW)."""
        columns = self.columns.reshape(self.groups, -1, self.columns.shape[1])
        kernels = conv_im2col.kernel_rows(self.w, self.groups)
        return (kernels @ columns).reshape(self.w.shape[3], -1)

    @cached_property
    def y(self) -> np.ndarray:
        """x * w + b, before any activation: (N,oH,oW,D)."""
        D, (oH, oW) = self.w.shape[3], self.y_size
        y = self.products.reshape(D, len(self.x), oH, oW).transpose(1, 2, 3, 0)
        y = np.ascontiguousarray(y)
        return y if self.b is None else y + self.b

    # The way back.

    @property
    def _g(self) -> np.ndarray:
        """dL/dy as rows, group by group: (G, D/G, N*oH*oW)."""
        if self.d_y is None:
            raise AttributeError("there is no gradient: the trace had no loss")
        return conv_im2col.output_rows(self.d_y, self.groups)

    @cached_property
    def d_rows(self) -> np.ndarray:
        """dL/drows = dL/dY columns^T: (D, C/G*kH*kW)."""
        columns = self.columns.reshape(self.groups, -1, self.columns.shape[1])
        return (self._g @ columns.transpose(0, 2, 1)).reshape(self.rows.shape)

    @cached_property
    def d_columns(self) -> np.ndarray:
        """dL/dcolumns = W^T dL/dY: (C*kH*kW, N*oH*oW)."""
        kernels = conv_im2col.kernel_rows(self.w, self.groups)
        return (kernels.transpose(0, 2, 1) @ self._g).reshape(self.columns.shape)

    @cached_property
    def d_padded(self) -> np.ndarray:
        """What the columns' gradients add up to on the padded image: (N,pH,pW,C)."""
        return self._stamped(self.d_columns)

    def _stamped(self, columns: np.ndarray) -> np.ndarray:
        N, H, W, C = self.padded.shape
        stamped = conv_im2col.col2im(
            columns, (N, C, H, W), self.window, self.strides, self.dilation
        )
        return stamped.transpose(0, 2, 3, 1)  # (N,C,pH,pW) -> (N,pH,pW,C)

    @property
    def d_x(self) -> np.ndarray:
        """dL/dx: that of the padded image without the padding, (N,H,W,C)."""
        return crop(self.d_padded, self.pads)

    @property
    def d_x_mistaken(self) -> np.ndarray:
        """What comes out with kernels turned by half a turn, as in the paper: (N,H,W,C).

        col2im turns already: the kernel is turned twice.
        """
        turned = conv_im2col.kernel_rows(self.w[::-1, ::-1], self.groups)
        columns = (turned.transpose(0, 2, 1) @ self._g).reshape(self.columns.shape)
        return crop(self._stamped(columns), self.pads)

    @property
    def coverage(self) -> np.ndarray:
        """How many windows hold each cell of the padded image: int32 (pH,pW)."""
        one = Convolution(
            np.ones((1, *self.x.shape[1:3], 1), np.int32), np.ones((*self.window, 1, 1), np.int32),
            None, self.strides, self.pads, self.dilation, 1,
            np.ones((1, *self.y_size, 1), np.int32),
        )  # fmt: skip
        return one.d_padded[0, :, :, 0]


@dataclass(frozen=True, eq=False)
class Pooling:
    """A pooling and where its values came from.

    Parameters
    ----------
    kind : "max" or "average"
    x : ndarray (N,H,W,C)
    window, strides, pads : as in `melpy.kernels.spec.pooling.max_pool2d`

    Examples
    --------
    >>> x = np.array([[1.0, 3.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    >>> pooling = Pooling("max", x, (2, 2), (2, 2), NO_PADS)
    >>> pooling.winners.item(), pooling.ties.item(), pooling.coverage.tolist()
    (1, 2, [[1, 1], [1, 1]])
    """

    kind: str
    x: np.ndarray
    window: Pair
    strides: Pair
    pads: Pads

    def _cells(self, x: np.ndarray, padding: Any) -> np.ndarray:
        """Return what each window holds: (N,H,W,C) -> (N,oH,oW,C,kH*kW)."""
        seen = windows(pad(x, self.pads, padding), self.window, self.strides)
        N, oH, oW, kH, kW, C = seen.shape
        return seen.transpose(0, 1, 2, 5, 3, 4).reshape(N, oH, oW, C, kH * kW)

    @cached_property
    def _held(self) -> np.ndarray:
        return self._cells(self.x, -np.inf)

    @cached_property
    def winners(self) -> np.ndarray:
        """Where in its image, flat (H*W*C), each window's largest value lies: int32 (N,oH,oW,C).

        The first one of equals, row by row.
        """
        _, H, W, C = self.x.shape
        places = np.arange(H * W * C, dtype=np.int32).reshape(1, H, W, C)
        places = np.broadcast_to(self._cells(places, -1), self._held.shape)
        is_real = places >= 0
        first = np.where(is_real, self._held, -np.inf).argmax(axis=-1)
        lowest = is_real & (self._held == -np.inf)  # a window of -inf alone: its first real cell
        first = np.where(lowest.sum(-1) == is_real.sum(-1), is_real.argmax(axis=-1), first)
        return np.take_along_axis(places, first[..., np.newaxis], -1)[..., 0]

    @property
    def ties(self) -> np.ndarray:
        """How many cells of each window are equal to its largest value: int32 (N,oH,oW,C)."""
        largest = self._held.max(axis=-1, keepdims=True)
        return (self._held == largest).sum(axis=-1, dtype=np.int32)

    @property
    def kinks(self) -> np.ndarray:
        """Where a window's two largest values differ by less than `NEAR`: bool (N,oH,oW,C)."""
        if self.kind != "max" or self._held.shape[-1] == 1:
            return np.zeros(self._held.shape[:-1], bool)
        second, first = np.moveaxis(np.partition(self._held, (-2, -1), axis=-1)[..., -2:], -1, 0)
        with np.errstate(invalid="ignore"):  # -inf beside -inf
            return ~(first - second > NEAR)

    @property
    def coverage(self) -> np.ndarray:
        """How many windows hold each cell of the image: int32 (H,W)."""
        one = Convolution(
            np.ones((1, *self.x.shape[1:3], 1), np.int32), np.ones((*self.window, 1, 1), np.int32),
            None, self.strides, self.pads, (1, 1),
        )  # fmt: skip
        return crop(one.coverage[np.newaxis, :, :, np.newaxis], self.pads)[0, :, :, 0]


def is_near(values: np.ndarray, places: tuple[float, ...]) -> np.ndarray | None:
    """Return which values lie within `NEAR` of one of the places; None where there is no place."""
    if not places:
        return None
    return np.any([np.abs(values - place) <= NEAR for place in places], axis=0)
