"""Arrays from nothing or from another's shape, and what an array is.

What starts from nothing is a plain array, ready for any op: ops of arrays give arrays, ops of
tensors give tensors. Types are Keras's: `config.floatx`, and int32 for Python's whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, foreign
from melpy.errors import lookup
from melpy.ops.joining import stack
from melpy.ops.promotion import as_floats, common, of_python, together
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal
from melpy.ops.shaping import broadcast_to, cast, ravel, reshape
from melpy.strings import data_type
from melpy.symbolic import Symbolic, defer, like
from melpy.tape import Variable, adopted, read_out

__all__ = [
    "arange", "array", "convert_to_numpy", "copy", "dtype", "empty",
    "empty_like", "eye", "full", "full_like", "geomspace", "identity", "is_tensor", "linspace",
    "logspace", "meshgrid", "ndim", "ones", "ones_like", "shape", "size", "stop_gradient", "tri",
    "zeros", "zeros_like",
]  # fmt: skip

Shape = int | Sequence[int]


def array(x: Any, dtype: Any = None) -> Any:
    """Return an array of the values of x; a tensor, or a list of tensors, becomes a tensor.

    Any shape -> the same shape.

    Parameters
    ----------
    x : array, tensor, number or nested lists
    dtype : str or NumPy type; None keeps an array's own, and gives Python's numbers Keras's:
        float32 (`config.floatx`) and int32

    Examples
    --------
    >>> array([1, 2]), array([1.5])
    (array([1, 2], dtype=int32), array([1.5], dtype=float32))
    """
    holds = isinstance(x, list | tuple) and any(isinstance(v, Variable | Symbolic) for v in x)
    x = stack(x) if holds else read_out(adopted(x))
    if isinstance(x, Variable | Symbolic):
        tensor: Any = x
        same = dtype is None or np.dtype(tensor.dtype) == data_type(dtype)
        return tensor if same else cast(tensor, dtype=dtype)
    made, parts = np.asarray(x), x if isinstance(x, list | tuple) else [x]
    own = made.dtype if any(hasattr(v, "dtype") for v in parts) else of_python(made)
    return np.asarray(made, data_type(dtype or own))


def floating(x: Any) -> Any:
    """Return `array(x)`, whole numbers as `config.floatx`: for what computes with fractions."""
    x = array(x)
    return x if np.dtype(x.dtype).kind == "f" else cast(x, dtype=config.floatx())


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return the plain array of a tensor, read-only of a weight; or of what else NumPy takes.

    Any shape -> the same shape.
    """
    return x.value if isinstance(x, Variable) else np.asarray(array(x))


@composed
def copy(x: Any) -> Any:
    """Return the same values in memory of their own; for a tensor, one that has x as history.

    Any shape -> the same shape.
    """
    return cast(x, dtype=dtype(x))  # NumPy's astype copies


@in_keras("core")
@op(sample=normal((2, 3)), like=lambda torch, variable: variable.detach(), constant=True)
def stop_gradient(variable):
    """Cut the history: y = x, as a constant.

    Parameters
    ----------
    variable : array, any shape

    Returns
    -------
    array, x itself, its shape and type

    Gradient
    --------
    none: that is its purpose

    Source
    ------
    Standard.

    Examples
    --------
    >>> import melpy
    >>> x = melpy.Tensor([3.0], requires_grad=True)
    >>> (x * melpy.ops.stop_gradient(x)).sum().backward()
    >>> x.grad
    array([3.], dtype=float32)
    """
    return variable, (None,)


def is_tensor(x: Any) -> bool:
    """Return whether x is a tensor that has values: neither a symbolic one nor a plain array."""
    return isinstance(x, Variable)


def shape(x: Any) -> tuple:
    """Return the sizes of the axes of x; None in a symbolic tensor where one is not known.

    In a graph of TensorFlow's, a tensor of the graph is in that place.

    Examples
    --------
    >>> shape(np.zeros((2, 3))), shape([1.0, 2.0])
    ((2, 3), (2,))
    """
    return foreign.sizes(x) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """Return the number of axes of x."""
    return len(shape(x))


def size(x: Any) -> Any:
    """Return the number of entries of x; symbolic where a size of x is not known."""
    if isinstance(x, Symbolic) and None in x.shape:
        return defer(size, (x,), {}, like((), "int32"))
    return int(np.prod(shape(x)))


def dtype(x: Any) -> str:
    """Return the name of the type of x, such as "float32"."""
    return str(x.dtype) if hasattr(x, "dtype") else str(array(x).dtype)


def zeros(shape: Shape, dtype: Any = None) -> np.ndarray:
    """Return an array of zeros, of the given shape; ``dtype`` is `config.floatx` by default."""
    return np.zeros(shape, data_type(dtype or config.floatx()))


def ones(shape: Shape, dtype: Any = None) -> np.ndarray:
    """Return an array of ones, of the given shape; ``dtype`` is `config.floatx` by default."""
    return np.ones(shape, data_type(dtype or config.floatx()))


def empty(shape: Shape, dtype: Any = None) -> np.ndarray:
    """Return zeros of the given shape, as Keras's backends do: nothing is left to chance."""
    return zeros(shape, dtype)


def full(shape: Shape, fill_value: Any, dtype: Any = None) -> np.ndarray:
    """Return an array of one value, of the given shape; ``dtype`` is `config.floatx` by default."""
    return np.full(shape, np.asarray(fill_value), data_type(dtype or config.floatx()))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Return an (N, M) matrix with ones on its k-th diagonal; M is N by default.

    Examples
    --------
    >>> eye(2, 3, k=1)
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    return np.eye(N, M, k, data_type(dtype or config.floatx()))


def identity(n: int, dtype: Any = None) -> np.ndarray:
    """Return the identity matrix (n, n)."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> np.ndarray:
    """Return an (N, M) matrix with ones up to its k-th diagonal, zeros above.

    Examples
    --------
    >>> tri(2, 3)
    array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    return np.tri(N, M, k, data_type(dtype or config.floatx()))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> np.ndarray:
    """Return start, start + step, .. before stop, (n,); with one argument, 0, 1, .. before it.

    Examples
    --------
    >>> arange(3), arange(0.0, 1.0, 0.5)
    (array([0, 1, 2], dtype=int32), array([0. , 0.5], dtype=float32))
    """
    given = [n for n in (start, stop, step) if n is not None]
    kind = data_type(dtype or common(*(n.dtype for n in together("arange", given))))
    begin, end = (0, start) if stop is None else (start, stop)
    numbers: list[Any] = [np.asarray(n) for n in (begin, end, 1 if step is None else step)]
    return np.arange(*numbers).astype(kind, copy=False)


def _between(*ends: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return the ends of a range, and the type of what lies between: floats, unless it is given."""
    first, last = (np.asarray(x) for x in ends)  # Python's numbers in full precision
    return first, last, dtype or common(*(x.dtype for x in as_floats(together("linspace", ends))))


@composed
def linspace(
    start: Any,
    stop: Any,
    *,
    num: int = 50,
    endpoint: bool = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return ``num`` values from start to stop, (num, ..), in equal steps; with retstep the step.

    Examples
    --------
    >>> linspace(0.0, 1.0, 3)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    first, last, kind = _between(start, stop, dtype=dtype)
    return np.linspace(first, last, num, endpoint, retstep, kind, axis)


@composed
def logspace(
    start: Any,
    stop: Any,
    *,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> np.ndarray:
    """Return base to the power of `linspace(start, stop, num)`, (num, ..)."""
    first, last, kind = _between(start, stop, dtype=dtype)
    return np.logspace(first, last, num, endpoint, base, kind, axis)


@composed
def geomspace(
    start: Any,
    stop: Any,
    *,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> np.ndarray:
    """Return ``num`` values from start to stop with equal ratios, (num, ..)."""
    first, last, kind = _between(start, stop, dtype=dtype)
    return np.geomspace(first, last, num, endpoint, kind, axis)


@composed
def meshgrid(*x: Any, indexing: Any = "xy") -> list[np.ndarray]:
    """Return a grid's coordinates: ticks (n,), (m,), .. -> (m, n, ..) each; "ij": (n, m, ..).

    Examples
    --------
    >>> meshgrid(np.array([1, 2]), np.array([5, 6]))[0]
    array([[1, 2],
           [1, 2]])
    """
    lookup("indexing", indexing, {"xy": 0, "ij": 0}, "meshgrid")
    count = len(x)
    order = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else list(range(count))
    ticks = [ravel(array(one)) for one in x]
    grid = tuple(ticks[n].shape[0] for n in order)
    along = [[-1 if order[k] == n else 1 for k in range(count)] for n in range(count)]
    return [
        broadcast_to(reshape(one, shape), grid) for one, shape in zip(ticks, along, strict=True)
    ]


@op(sample=normal((2, 3)), like="torch.zeros_like", constant=True)
def zeros_like(x, *, dtype=None):
    """Make zeros of the shape of x: y = 0.

    Parameters
    ----------
    x : array, any shape
    dtype : type of the result; None for that of x

    Returns
    -------
    array, the shape of x

    Gradient
    --------
    none: y does not depend on the values of x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.zeros_like([1.0, 2.0])
    array([0., 0.], dtype=float32)
    """
    return np.zeros(x.shape, dtype or x.dtype), (None,)


@op(sample=normal((2, 3)), like="torch.ones_like", constant=True)
def ones_like(x, *, dtype=None):
    """Make ones of the shape of x: y = 1.

    Parameters
    ----------
    x : array, any shape
    dtype : type of the result; None for that of x

    Returns
    -------
    array, the shape of x

    Gradient
    --------
    none: y does not depend on the values of x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.ones_like([3.0, 2.0])
    array([1., 1.], dtype=float32)
    """
    return np.ones(x.shape, dtype or x.dtype), (None,)


@in_keras(call=("fill_value",))
@op(
    sample=normal((2, 3), fill_value=7.0),
    like=lambda torch, x, fill_value: torch.full_like(x, fill_value),
    constant=True,
)
def full_like(x, *, fill_value, dtype=None):
    """Fill the shape of x with one value: y = fill_value.

    Parameters
    ----------
    x : array, any shape
    fill_value : number, or an array that broadcasts
    dtype : type of the result; None for that of x

    Returns
    -------
    array, the shape of x

    Gradient
    --------
    none: y does not depend on the values of x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.full_like([1.0, 2.0], 7.0)
    array([7., 7.], dtype=float32)
    """
    kind = dtype or x.dtype
    return np.full(x.shape, np.asarray(fill_value).astype(kind), kind), (None,)


empty_like = zeros_like
