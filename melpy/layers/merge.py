"""Layers that join several tensors into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def require_several(shapes: Any, who: str, least: int = 1) -> None:
    """Refuse what is no list of several shapes."""
    if not isinstance(shapes, list | tuple) or not all(isinstance(s, list | tuple) for s in shapes):
        raise ShapeError(
            who,
            "it joins several tensors, but one came",
            expected=f"a list of at least {least} tensors",
            received={"shape": shapes},
            mend="Call it on a list: layer([a, b]).",
        )
    if len(shapes) < least:
        raise ShapeError(
            who,
            f"it joins at least {least} tensors",
            expected=f"a list of at least {least} tensors",
            received={"shapes": list(shapes)},
        )


class Merge(Layer):
    """y = x1 o x2 o ..., entry by entry; sizes of 1 and missing axes are broadcast. Abstract.

    Subclasses define ``merged``. Where the numbers of axes differ, axes of size 1 are put behind
    the batch axis.
    """

    supports_masking = True
    least = 1

    def build(self, input_shape: Any) -> None:
        """Look at the shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the joined tensors."""
        require_several([x.shape for x in inputs], type(self).__name__, self.least)
        rank = max(x.ndim for x in inputs)
        aligned = []
        for x in inputs:
            while x.ndim < rank:
                x = ops.expand_dims(x, 1)
            aligned.append(x)
        return self.merged(aligned)

    def merged(self, inputs: list[Any]) -> Any:
        """Return the joined tensors, all of one number of axes: by default, one after another."""
        y = inputs[0]
        for x in inputs[1:]:
            y = self.two(y, x)
        return y

    def two(self, a: Any, b: Any) -> Any:
        """Return a o b. Abstract."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape to which all are broadcast."""
        require_several(input_shape, type(self).__name__, self.least)
        rank = max(map(len, input_shape))
        made: list[int | None] = []
        for axis in range(rank):
            sizes = {_aligned(shape, rank)[axis] for shape in input_shape} - {1}
            known = sizes - {None}
            if len(known) > 1:
                raise ShapeError(
                    type(self).__name__,
                    f"the sizes {sorted(known)} on axis {axis} do not go together",  # type: ignore[type-var]
                    expected="equal sizes, or 1",
                    received={"shapes": [tuple(s) for s in input_shape]},
                )
            made.append(known.pop() if known else None if sizes else 1)
        return tuple(made)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where any of the masked tensors is not padding."""
        masks = [m for m in mask or [] if m is not None]
        return np.logical_or.reduce(masks) if masks else None


def _aligned(shape: Shape, rank: int) -> Shape:
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


class Add(Merge):
    """y = x1 + x2 + ...

    Examples
    --------
    >>> import numpy as np
    >>> Add()([np.ones((1, 2)), np.ones((1, 2))]).numpy()
    array([[2., 2.]], dtype=float32)
    """

    two = staticmethod(ops.add)


class Subtract(Merge):
    """y = x1 - x2."""

    least = 2

    def merged(self, inputs: list[Any]) -> Any:
        """Return the difference."""
        if len(inputs) != 2:
            raise ShapeError(
                "Subtract",
                "it takes two tensors",
                expected="a list of 2 tensors",
                received={"tensors": len(inputs)},
            )
        return ops.subtract(*inputs)


class Multiply(Merge):
    """y = x1 x2 ..."""

    two = staticmethod(ops.multiply)


class Average(Merge):
    """y = (x1 + x2 + ...) / n."""

    def merged(self, inputs: list[Any]) -> Any:
        """Return the mean."""
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total / len(inputs)


class Maximum(Merge):
    """y = the largest of x1, x2, ..."""

    two = staticmethod(ops.maximum)


class Minimum(Merge):
    """y = the smallest of x1, x2, ..."""

    two = staticmethod(ops.minimum)


class Concatenate(Layer):
    """Lay tensors side by side along an axis.

    Parameters
    ----------
    axis : int, not the batch axis

    Examples
    --------
    >>> import numpy as np
    >>> Concatenate()([np.ones((1, 2)), np.ones((1, 3))]).shape
    (1, 5)
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Look at the shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the tensors side by side."""
        self.compute_output_shape([x.shape for x in inputs])
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape, the sizes along the axis added up."""
        require_several(input_shape, "Concatenate")
        first = list(input_shape[0])
        ranks = {len(shape) for shape in input_shape}
        axis = self.axis + len(first) if self.axis < 0 else self.axis
        others = {
            tuple(None if n == axis or s is None else s for n, s in enumerate(shape) if n)
            for shape in input_shape
        }
        if len(ranks) > 1 or not 0 <= axis < len(first) or not _compatible(others):
            raise ShapeError(
                "Concatenate",
                f"the tensors do not go together along axis {self.axis}",
                expected="equal sizes along all other axes",
                received={"shapes": [tuple(s) for s in input_shape]},
            )
        sizes = [shape[axis] for shape in input_shape]
        first[axis] = None if None in sizes else sum(sizes)
        return tuple(first)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks side by side; a tensor without one counts as unmasked."""
        if mask is None or all(m is None for m in mask):
            return None
        whole = [
            np.ones(x.shape, bool)
            if m is None
            else np.broadcast_to(np.reshape(m, m.shape + (1,) * (x.ndim - m.ndim)), x.shape)
            for x, m in zip(inputs, mask, strict=True)
        ]
        return np.concatenate(whole, axis=self.axis).all(axis=-1)


def _compatible(shapes: set[tuple]) -> bool:
    return all(
        len({size for size in sizes if size is not None}) <= 1
        for sizes in zip(*shapes, strict=True)
    )


class Dot(Layer):
    """y = sum over one axis of each of two tensors of their products.

    Parameters
    ----------
    axes : int, or one int for each tensor; not the batch axis
    normalize : bool, whether both are divided by their length first: the cosine of their angle

    Examples
    --------
    >>> import numpy as np
    >>> Dot(axes=1)([np.ones((1, 3)), np.ones((1, 3))]).numpy()
    array([[3.]], dtype=float32)
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int) and len(axes) != 2:
            raise ArgumentError("Dot", "axes must be one or two ints", received={"axes": axes})
        self.axes, self.normalize = axes, normalize

    def _both(self, ranks: Sequence[int]) -> list[int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return [a + r if a < 0 else a for a, r in zip(axes, ranks, strict=True)]

    def build(self, input_shape: Any) -> None:
        """Look at the shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the products' sums: (N, ..., N's rest of a, then of b)."""
        a, b = inputs
        i, j = self._both([a.ndim, b.ndim])
        if self.normalize:
            a, b = (
                x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=n, keepdims=True), 1e-12))
                for x, n in ((a, i), (b, j))
            )
        left = _letters(a.ndim, "cdefgh")
        right = _letters(b.ndim, "uvwxyz")
        left[i] = right[j] = "k"
        rest = [x for x in left[1:] if x != "k"] + [x for x in right[1:] if x != "k"]
        y = ops.einsum(f"{''.join(left)},{''.join(right)}->n{''.join(rest)}", a, b)
        return y if rest else ops.expand_dims(y, 1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the sizes that are left of both."""
        require_several(input_shape, "Dot", 2)
        a, b = input_shape
        i, j = self._both([len(a), len(b)])
        if a[i] != b[j]:
            raise ShapeError(
                "Dot",
                f"axis {i} of the first and axis {j} of the second differ",
                expected="equal sizes along the axes",
                received={"shapes": [tuple(a), tuple(b)], "axes": self.axes},
            )
        rest = [s for n, s in enumerate(a) if n not in (0, i)]
        rest += [s for n, s in enumerate(b) if n not in (0, j)]
        return (a[0], *(rest or [1]))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return None."""


def _letters(rank: int, alphabet: str) -> list[str]:
    return ["n", *alphabet[: rank - 1]]


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return `Add` of the inputs."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return `Subtract` of the inputs."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return `Multiply` of the inputs."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return `Average` of the inputs."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return `Maximum` of the inputs."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return `Minimum` of the inputs."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return `Concatenate` of the inputs."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Return `Dot` of the inputs."""
    return Dot(axes=axes, **kwargs)(inputs)
