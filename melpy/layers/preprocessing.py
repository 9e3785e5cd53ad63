"""Layers that bring numbers to a scale, the same while training and after."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError
from melpy.layers.adapting import batches_of
from melpy.layers.base import Layer, Shape
from melpy.tables import as_numbers, no_numbers, plain
from melpy.tensor import Tensor

__all__ = ["Normalization", "Rescaling"]


class Rescaling(Layer):
    """y = scale x + offset.

    Parameters
    ----------
    scale : float, or one a channel
    offset : float, or one a channel

    Notes
    -----
    Input of any shape, output of the same shape.

    Examples
    --------
    >>> Rescaling(1 / 127.5, offset=-1)(np.array([0, 255], np.uint8))
    Tensor([-1.,  1.], dtype=float32)
    """

    whole = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the scaled input."""
        scale, offset = (np.asarray(value, self.dtype) for value in (self.scale, self.offset))
        if scale.ndim and config.image_data_format() == "channels_first":
            scale = scale.reshape(*scale.shape, *[1] * (3 - scale.ndim))
        return ops.add(ops.multiply(ops.cast(inputs, self.dtype), scale), offset)


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), with the mean and variance of the data it was adapted to.

    Parameters
    ----------
    axis : int, tuple of ints, or None: the axes whose every index has a mean and a variance of
        its own; None for one of each
    mean, variance : float or arrays of the kept axes' shape, both or neither; None to `adapt`
    invert : bool, y = mean + x sqrt(variance) instead

    Notes
    -----
    Input of any shape, output of the same shape. Weights, unless given: mean and variance, of the
    kept axes' shape, and count, a whole number that Keras keeps too and that stays 0. None of them
    is trained.

    Examples
    --------
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> np.asarray(layer(np.array([[0.0, 9.0]])))
    array([[-1.,  1.]], dtype=float32)
    """

    whole = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else axis
        self.axis = (axes,) if isinstance(axes, int | np.integer) else tuple(axes)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.supports_masking = True
        shapes = [None if value is None else np.shape(value) for value in (mean, variance)]
        if shapes[0] != shapes[1] or (mean is not None and np.ndim(mean) > len(self.axis)):
            raise ArgumentError(
                "Normalization",
                "mean and variance do not go together, or not with the axes",
                expected=f"both or neither, of one shape with at most {len(self.axis)} axes",
                received={"mean.shape": shapes[0], "variance.shape": shapes[1]},
            )

    def build(self, input_shape: Shape) -> None:
        """Make mean, variance and count, unless mean and variance were given."""
        ndim = len(input_shape)
        kept = sorted(axis % ndim for axis in self.axis if -ndim <= axis < ndim)
        if len(kept) < len(self.axis) or any(input_shape[axis] is None for axis in kept):
            raise ShapeError(
                "build",
                "an axis to keep is not there, or its size is not known",
                expected=f"known sizes along {self.axis}",
                received={"shape": tuple(input_shape)},
            )
        self._kept = tuple(kept)
        self._reduced = tuple(axis for axis in range(ndim) if axis not in kept)
        self._sizes = tuple(input_shape[axis] or 0 for axis in kept)
        self._beside = [1 if axis in self._reduced else input_shape[axis] or 0
                        for axis in range(ndim)]  # fmt: skip
        if self.input_mean is not None:
            try:
                self._given = [
                    np.broadcast_to(np.asarray(value, self.dtype), self._sizes)
                    for value in (self.input_mean, self.input_variance)
                ]
            except ValueError:
                raise ShapeError(
                    "build",
                    "the mean does not have the shape of the axes to keep",
                    expected=f"shape {self._sizes}, or one that broadcasts to it",
                    received={"mean.shape": np.shape(self.input_mean)},
                ) from None
            return
        self.adapt_mean = self.add_weight(self._sizes, "zeros", name="mean", trainable=False)
        self.adapt_variance = self.add_weight(self._sizes, "ones", name="variance", trainable=False)
        self.count = self.add_weight((), "zeros", name="count", trainable=False, dtype="int32")

    def adapt(self, data: Any) -> None:
        """Learn mean and variance, and forget what was learned before.

        Parameters
        ----------
        data : array or tensor (N, ...), or an iterable of batches: arrays, or tuples whose first
            entry is one
        """
        who = f"Normalization {self.name!r}"
        if self.input_mean is not None:
            raise ArgumentError(who, "it was given its mean and variance", mend="Leave them out.")
        batches = (_array(batch, who) for batch in batches_of(data, None, who, lists=False))
        first = next(batches, None)
        if first is None:
            raise DataError(who, "there is nothing to adapt to", expected="at least one batch")
        self.ensure_built(first.shape)

        mean, variance, count = np.zeros(self._sizes), np.zeros(self._sizes), 0
        for x in itertools.chain([first], batches):
            if x.ndim != len(self._beside) or tuple(x.shape[a] for a in self._kept) != self._sizes:
                raise ShapeError(
                    who,
                    "the data has another shape than the layer was built for",
                    expected=f"sizes {self._sizes} along the axes {self._kept}",
                    received={"shape": x.shape},
                )
            new = math.prod(x.shape[axis] for axis in self._reduced)
            mean_x = np.mean(x, axis=self._reduced, dtype=np.float64)
            variance_x = np.var(x, axis=self._reduced, dtype=np.float64)
            count += new
            share, apart = new / count, mean_x - mean
            # Chan, Golub, LeVeque 1983: two groups' variances, and their means' distance.
            variance = (1 - share) * variance + share * variance_x
            variance = variance + share * (1 - share) * apart**2
            mean = mean + share * apart
        self.adapt_mean.assign(mean.astype(self.dtype))
        self.adapt_variance.assign(variance.astype(self.dtype))

    def _is_whole(self) -> bool:
        return super()._is_whole() and self.input_mean is not None  # what is adapted may change

    def _moments(self) -> list[np.ndarray]:
        """Return mean and variance with an axis for each of the input's."""
        given = self.input_mean is not None
        moments = self._given if given else [self.adapt_mean.array, self.adapt_variance.array]
        return [np.reshape(value, self._beside) for value in moments]

    @property
    def mean(self) -> Tensor | None:
        """The mean, with an axis for each of the input's; None before the layer is built."""
        return Tensor(self._moments()[0].copy()) if self.built else None

    @property
    def variance(self) -> Tensor | None:
        """The variance, with an axis for each of the input's; None before the layer is built."""
        return Tensor(self._moments()[1].copy()) if self.built else None

    def call(self, inputs: Any) -> Any:
        """Return the normalized input, or with ``invert`` the input that it came from."""
        mean, variance = self._moments()
        scale = np.maximum(np.sqrt(variance), mean.dtype.type(config.epsilon()))
        x = ops.cast(inputs, self.dtype)
        if self.invert:
            return ops.add(ops.multiply(x, scale), mean)
        return ops.divide(ops.subtract(x, mean), scale)


def _array(batch: Any, who: str) -> np.ndarray:
    if not hasattr(batch, "shape"):
        raise DtypeError(
            who,
            "a batch is no array",
            expected="an array, or an iterable of arrays",
            received={"type": type(batch).__name__},
            mend="Lists of numbers become an array with np.array.",
        )
    array = as_numbers(plain(getattr(batch, "value", batch), "a batch", who))
    if array.dtype.kind not in "fiub":
        raise no_numbers(array, batch, "a batch", who)
    return array
