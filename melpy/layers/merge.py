"""Layers of several inputs: their sum, difference, product, mean, extremes, joint, dot product."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from melpy import config, ops
from melpy.errors import ArgumentError, DtypeError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.joining import Joint

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract",
]  # fmt: skip


class Merge(Layer):
    """A function of a list of inputs, value by value. Abstract: subclasses define ``merge``.

    Notes
    -----
    Shapes broadcast as in NumPy, but ranks are made equal behind the batch axis, not in front of
    it: (N, C) beside (N, T, C) is (N, 1, C). The output's mask is True where any input's is;
    there is none where an input has none.
    """

    count: ClassVar[int | None] = None  # of inputs, None for any number

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Look whether the shapes fit together."""
        self._look(input_shape)
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the merged inputs."""
        rank = max(x.ndim for x in inputs)
        masks = [None] * len(inputs) if mask is None else mask
        spread = [_like(m, x.ndim) for m, x in zip(masks, inputs, strict=True)]
        return self.merge(
            [_lifted(x, rank) for x in inputs],
            [m if m is None else _lifted(m, rank) for m in spread],
        )

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the merged inputs, which have one rank, as have their masks."""
        raise NotImplementedError

    def _look(self, shapes: Any) -> None:
        who = type(self).__name__
        if not (isinstance(shapes, list | tuple) and shapes and _is_shape(shapes[0])):
            raise ShapeError(
                "build",
                "the input is no list of tensors",
                expected="a list of tensors",
                received={"shape": shapes},
                mend=f"Call it as {who}()([a, b]).",
            )
        if self.count not in (None, len(shapes)):
            raise ShapeError(
                "build",
                f"the list has {len(shapes)} inputs",
                expected=f"{self.count} inputs",
                received={"shapes": list(shapes)},
            )
        if len({shape[0] for shape in shapes} - {None}) > 1:
            raise ShapeError(
                "build",
                "the inputs have batches of different sizes",
                expected="one batch size",
                received={"shapes": list(shapes)},
            )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that all inputs broadcast to."""
        batch = next((shape[0] for shape in input_shape if shape[0] is not None), None)
        rest = reduce(_broadcast, (tuple(shape[1:]) for shape in input_shape))
        return (batch, *rest)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where any of the inputs is to be seen."""
        masks = _masks_beside(inputs, mask)
        if masks is None or any(m is None for m in masks):
            return None
        return reduce(np.logical_or, masks)


def _masks_beside(inputs: Any, mask: Any) -> list[Any] | None:
    """Return the masks of a list of inputs as arrays, or refuse what is no list beside a list."""
    if mask is None:
        return None
    lists = isinstance(inputs, list | tuple) and isinstance(mask, list | tuple)
    if not lists or len(inputs) != len(mask):
        raise ArgumentError(
            "compute_mask",
            "the inputs and their masks are not two lists of one length",
            expected="a list of tensors, and a list of a mask or None for each",
            received={"inputs": type(inputs).__name__, "mask": type(mask).__name__},
        )
    return [None if m is None else np.asanyarray(m) for m in mask]


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _lifted(x: Any, rank: int) -> Any:
    """Put axes of size 1 behind the batch axis, up to a rank."""
    for _ in range(rank - x.ndim):
        x = ops.expand_dims(x, 1)
    return x


def _like(mask: Any, rank: int) -> Any:
    """Give a mask an axis of size 1 for the features, which it has not."""
    return mask[..., np.newaxis] if mask is not None and mask.ndim < rank else mask


def _broadcast(a: Shape, b: Shape) -> Shape:
    if len(a) < len(b):
        a, b = b, a
    out = list(a)
    for axis in range(1, len(b) + 1):
        sizes = (a[-axis], b[-axis])
        if None in sizes:
            out[-axis] = None
        elif 1 in sizes:
            out[-axis] = max(sizes)  # type: ignore[type-var]
        elif sizes[0] != sizes[1]:
            raise ShapeError(
                "build",
                "the inputs' shapes do not broadcast",
                expected="equal sizes, or 1",
                received={"shapes without the batch axis": [a, b]},
            )
    return tuple(out)


class Add(Merge):
    """y = a + b + ...; shapes that broadcast -> the broadcast shape.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(Add()([np.array([[1.0]]), np.array([[2.0]])]))
    array([[3.]], dtype=float32)
    """

    whole = joins = True

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the sum."""
        return reduce(ops.add, inputs)

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the sum of two and a relu as one sweep."""
        if following[0].as_activation() != ("relu", 0.0):
            return None

        def run(xs: Any) -> Any:
            if len(xs) != 2 or xs[0].shape != xs[1].shape:
                return following[0](self(xs))
            return self.stand_in(lambda pair: ops.add_relu(*pair), xs)

        return Joint(1, run)


class Subtract(Merge):
    """y = a - b, of two inputs; shapes that broadcast -> the broadcast shape."""

    whole = True
    count = 2

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the difference."""
        return ops.subtract(*inputs)


class Multiply(Merge):
    """y = a b ...; shapes that broadcast -> the broadcast shape.

    A masked value counts as 1, and y is 0 where all inputs are masked.
    """

    whole = True

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the product."""
        seen = [
            x if m is None else ops.where(m, x, 1.0) for x, m in zip(inputs, masks, strict=True)
        ]
        y = reduce(ops.multiply, seen)
        if any(m is None for m in masks):
            return y
        return ops.where(reduce(np.logical_or, masks), y, 0.0)


class Average(Merge):
    """y = (a + b + ...) / n; shapes that broadcast -> the broadcast shape."""

    whole = True

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the mean."""
        return reduce(ops.add, inputs) / len(inputs)


class _Extreme(Merge):
    """A value out of each place; a masked one only where no other is there."""

    extreme: Callable[..., Any]

    def merge(self, inputs: list, masks: list) -> Any:
        """Return the extremes."""
        y, seen = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else ops.where(mask, x, y)
            y = y if seen is None else ops.where(seen, y, x)
            seen = None if mask is None or seen is None else seen | mask
            y = type(self).extreme(y, x)
        return y


class Maximum(_Extreme):
    """y = max(a, b, ...), masked values left out; shapes that broadcast -> the broadcast shape."""

    whole = True
    extreme = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """y = min(a, b, ...), masked values left out; shapes that broadcast -> the broadcast shape."""

    whole = True
    extreme = staticmethod(ops.minimum)


class Concatenate(Merge):
    """Lay inputs side by side along an axis: (N, .., n, ..), (N, .., m, ..) -> (N, .., n + m, ..).

    Parameters
    ----------
    axis : int, not the batch axis

    Examples
    --------
    >>> import numpy as np
    >>> Concatenate()([np.zeros((5, 2)), np.zeros((5, 3))]).shape
    (5, 5)
    """

    whole = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the joint."""
        return ops.concatenate(inputs, self.axis)

    def _look(self, shapes: Any) -> None:
        super()._look(shapes)
        ranks = {len(shape) for shape in shapes}
        rank = max(ranks)
        if len(ranks) > 1 or not -rank <= self.axis < rank:
            raise ShapeError(
                "build",
                f"the inputs cannot be joined along axis {self.axis}",
                expected="inputs of one rank that have this axis",
                received={"shapes": list(shapes)},
            )
        for axis in set(range(rank)) - {self.axis % rank}:
            if len({shape[axis] for shape in shapes} - {None}) > 1:
                raise ShapeError(
                    "build",
                    f"the inputs differ along axis {axis}",
                    expected=f"equal sizes along all axes but {self.axis}",
                    received={"shapes": list(shapes)},
                )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with the sizes along the axis added up."""
        self._look(input_shape)
        sizes = [shape[self.axis] for shape in input_shape]
        # a size that one input does not know yet, another may
        out = [
            next((size for size in along if size is not None), None)
            for along in zip(*input_shape, strict=True)
        ]
        out[self.axis] = None if None in sizes else sum(sizes)
        return tuple(out)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks side by side; an input without one is all to be seen."""
        masks = _masks_beside(inputs, mask)
        if masks is None or all(m is None for m in masks):
            return None
        whole = []
        for x, m in zip(inputs, masks, strict=True):
            m = np.ones(x.shape, bool) if m is None else _like(m, x.ndim)
            pairs = zip(m.shape, x.shape, strict=True)  # a symbolic tensor may not know a size
            whole.append(np.broadcast_to(m, [a if b is None else b for a, b in pairs]))
        return np.concatenate(whole, self.axis).any(axis=-1)


class Dot(Merge):
    """y = sum of a b over an axis of each, a sample at a time.

    Parameters
    ----------
    axes : int, or a pair (axis of a, axis of b), not the batch axis
    normalize : bool, whether a and b are first scaled to length 1 along these axes

    Notes
    -----
    Inputs [a, b], each (N, ...); output (N, a's other axes, b's other axes), or (N, 1) if none.

    Examples
    --------
    >>> import numpy as np
    >>> Dot(axes=(1, 2))([np.zeros((4, 3, 5)), np.zeros((4, 10, 3))]).shape
    (4, 5, 10)
    """

    whole = True
    count = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int | list | tuple):
            raise DtypeError(
                "Dot", "axes is no axis", expected="an int or two", received={"axes": axes}
            )
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair) or 0 in pair:
            raise ArgumentError(
                "Dot",
                "axes is no axis of each input",
                expected="an int or two, none of them the batch axis 0",
                received={"axes": axes},
            )
        self.axes, self.normalize = axes, normalize
        self._pair = pair

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the sums of products."""
        a, b = inputs
        first, second = self._pair[0] % a.ndim, self._pair[1] % b.ndim
        if self.normalize:
            least = math.sqrt(config.epsilon())
            a, b = (
                x / ops.maximum(ops.euclidean_norm(x, axis=n, keepdims=True), least)
                for x, n in ((a, first), (b, second))
            )
        N, K = a.shape[0], a.shape[first]
        shape = self.compute_output_shape([a.shape, b.shape])
        a = ops.reshape(ops.moveaxis(a, first, -1), (N, math.prod(a.shape) // max(N * K, 1), K))
        b = ops.reshape(ops.moveaxis(b, second, 1), (N, K, math.prod(b.shape) // max(N * K, 1)))
        return ops.reshape(ops.matmul(a, b), shape)  # (N,P,K) (N,K,Q) -> (N,P,Q)

    def _look(self, shapes: Any) -> None:
        super()._look(shapes)
        for shape, axis in zip(shapes, self._pair, strict=True):
            if not -len(shape) < axis < len(shape):
                raise ShapeError(
                    "build",
                    f"an input has no axis {axis}, or it is the batch's",
                    expected="an axis of a sample",
                    received={"shapes": list(shapes), "axes": self.axes},
                )
        sizes = [shape[axis] for shape, axis in zip(shapes, self._pair, strict=True)]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ShapeError(
                "build",
                f"the axes to sum over are {sizes[0]} and {sizes[1]} long",
                expected="equal lengths",
                received={"shapes": list(shapes), "axes": self.axes},
            )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (N, the free axes of both)."""
        self._look(input_shape)
        a, b = (list(shape) for shape in input_shape)
        del a[self._pair[0]], b[self._pair[1]]
        out = (*a, *b[1:])
        return out if len(out) > 1 else (*out, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return None: a sum over an axis has no mask."""
        return None
