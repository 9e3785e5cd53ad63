"""NumPy's functions that are no ufuncs, as regions; see `melpy.kernels.tracing`.

Most of them only move values. Where one gives a view, there is nothing to do. Where it copies, what
it does is learnt by giving it addresses in the place of values: what comes out says where each
entry of the result is to be read, and 0 where it is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.errors import OutOfRangeError
from melpy.kernels import memory, program, threads
from melpy.kernels.traced_loops import (
    begin,
    constant,
    empty_like,
    note_loop,
    of_type,
    operand,
    write,
)
from melpy.kernels.tracing import Traced, UntraceableError, plain

__all__ = ["call"]

MOVES = frozenset(
    (
        np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims,
        np.broadcast_to, np.flip, np.fliplr, np.flipud, np.rot90, np.roll, np.repeat, np.tile,
        np.diagonal, np.tril, np.triu, np.split, np.array_split, np.take, np.pad, np.atleast_1d,
        np.atleast_2d, np.matrix_transpose,
    )
)  # fmt: skip
DESCRIBES = frozenset((np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj))
EXACT = 1 << 24  # whole numbers up to here are floats of 32 bits


def call(function: Callable[..., Any], args: Sequence[Any], options: dict[str, Any]) -> Any:
    """Note what a function of NumPy's does with stand-ins for arrays."""
    if function in DESCRIBES:
        return function(*map(_array, args), **options)
    if function in MOVES:
        return _moved(function, args, options)
    if function not in _RULES:
        raise UntraceableError(f"numpy.{function.__name__}")
    return _RULES[function](*args, **options)


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Traced) else x


def _moved(function: Callable[..., Any], args: Sequence[Any], options: dict[str, Any]) -> Any:
    """Note a function that moves values of its first argument, or shows them in another order."""
    first, *rest = args
    more = [*rest, *options.values()]
    if not isinstance(first, Traced) or any(isinstance(x, Traced | np.ndarray) for x in more):
        raise UntraceableError(f"numpy.{function.__name__} that depends on values")
    made = function(first.array, *rest, **options)
    parts = made if isinstance(made, list | tuple) else [made]
    if not all(np.may_share_memory(part, first.array) for part in parts):
        if len(parts) > 1:
            raise UntraceableError(f"numpy.{function.__name__} that copies")
        sources = np.asarray(function(_addresses(first.array), *rest, **options))
        return _gathered(first.array, sources, np.asarray(parts[0]))
    return type(made)(map(Traced, made)) if isinstance(made, list | tuple) else Traced(made)


def _addresses(x: np.ndarray) -> np.ndarray:
    """Return where each entry lies."""
    at = np.full((), x.ctypes.data, np.int64)
    for size, stride in zip(x.shape, x.strides, strict=True):
        at = at[..., None] + np.arange(size) * stride
    return at


def _gathered(x: np.ndarray, sources: np.ndarray, expected: np.ndarray) -> Traced:
    from melpy.kernels.compiled import loops

    y = empty_like(expected).reshape(expected.shape)
    if not y.flags.c_contiguous or y.itemsize not in (1, 4, 8):
        raise UntraceableError("values of an unusual size, moved")
    if y.size:
        sources = np.ascontiguousarray(sources).reshape(-1)
        threads.share(*loops.gathering(begin(x, x.ctypes.data), sources, y))
    if not np.array_equal(y, expected, equal_nan=y.dtype.kind == "f"):
        raise UntraceableError("a function that moves values, and changes some")
    return Traced(y)


def _sum(x, axis=None, dtype=None, out=None, keepdims=False, **options):
    return np.add.reduce(x, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **options)


def _extreme(ufunc):
    def extreme(x, axis=None, out=None, keepdims=False, **options):
        return ufunc.reduce(x, axis=axis, out=out, keepdims=keepdims, **options)

    return extreme


def _prod(x, axis=None, dtype=None, out=None, keepdims=False, **options):
    return np.multiply.reduce(x, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **options)


def _truth(ufunc):
    def truth(x, axis=None, out=None, keepdims=False):
        x = x if x.dtype == bool else x != 0
        return ufunc.reduce(x, axis=axis, out=out, keepdims=keepdims)

    return truth


def _count(x, axis, less=0):
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    count = math.prod(x.shape[n] for n in axes) - less
    if not 0 < count < EXACT:
        raise UntraceableError(f"a mean of {count} numbers")
    return count


def _mean(x, axis=None, dtype=None, out=None, keepdims=False):
    if out is not None:
        raise UntraceableError("numpy.mean into an array")
    if dtype is None and x.dtype.kind != "f":
        dtype = np.float64
    return _sum(x, axis, dtype, None, keepdims) / _count(x, axis)


def _var(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    if dtype is not None or out is not None or x.dtype.kind != "f":
        raise UntraceableError("numpy.var of another type")
    apart = x - _mean(x, axis, keepdims=True)
    return _sum(apart * apart, axis, keepdims=keepdims) / _count(x, axis, ddof)


def _std(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    return np.sqrt(_var(x, axis, dtype, out, ddof, keepdims))


def _where(condition, x=None, y=None):
    from melpy.kernels.compiled import loops

    if x is None or y is None or not isinstance(condition, Traced) or condition.dtype != bool:
        raise UntraceableError("numpy.where of other than bools, or for places")
    given = [operand(z) for z in (x, y)]
    expected = np.where(condition.array, *given)
    made = empty_like(expected)
    if made.itemsize not in (1, 4, 8):
        raise UntraceableError("numpy.where of an unusual type")
    arrays = [condition.array, *(of_type(z, made.dtype) for z in given)]
    note_loop(
        loops.choosing(made.itemsize),
        [np.broadcast_to(z, made.shape) for z in arrays], made, 2, expected,
    )  # fmt: skip
    return Traced(made)


def _take(x, indices, axis=None, out=None, mode="raise"):
    """Pick entries, which may be others in each step: who is no entry is told after it."""
    from melpy.kernels.compiled import copying

    if axis is None or out is not None or mode != "raise" or x.dtype.kind != "f":
        raise UntraceableError("numpy.take of a flattened array")
    at = constant(indices) if isinstance(indices, Traced) else np.asarray(indices)
    expected = np.take(x.array, at, axis)
    rows = of_type(at, np.dtype(np.int64)).reshape(-1)
    table = np.moveaxis(x, axis, 0)
    lines = table.reshape(len(table), -1) if table.size else table
    if not expected.size:
        raise UntraceableError("numpy.take of nothing")
    if not lines.flags.c_contiguous:
        lines = lines.copy()
    y, wrong = memory.empty((rows.size, lines.shape[1]), x.dtype), np.zeros(1, np.int64)
    copying.picked(lines.array, rows, y, wrong)
    program.exchange(wrong, lambda: (0,), _refuse_wrong)
    made: Any = Traced(y.reshape(*at.shape, *table.shape[1:]))
    places = range(at.ndim)
    made = np.moveaxis(made, places, [axis % x.ndim + n for n in places]) if axis else made
    return made if made.flags.c_contiguous else made.copy()


def _refuse_wrong(wrong):
    if wrong[0]:
        raise OutOfRangeError(
            "take",
            "an index is out of range",
            expected="indices of entries that there are, in every batch",
        )


def _filled(value):
    def filled(x, dtype=None, order="K", subok=True, shape=None, **options):
        return _full_like(x, value, dtype, order, subok, shape, **options)

    return filled


def _full_like(x, fill_value, dtype=None, order="K", subok=True, shape=None, **options):
    y = empty_like(np.empty_like(_array(x), dtype, order, subok, shape))
    if fill_value is not None:
        write(fill_value, y)
    return Traced(y)


def _concatenate(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    given = [constant(x) for x in arrays]
    y = empty_like(np.concatenate(given, axis, dtype=dtype, casting=casting))
    if axis is None or out is not None:
        raise UntraceableError("numpy.concatenate of flattened arrays")
    at = 0
    for x in given:
        size = x.shape[axis]
        write(Traced(x), np.moveaxis(np.moveaxis(y, axis, 0)[at : at + size], 0, axis))
        at += size
    return Traced(y)


def _stack(arrays, axis=0, out=None, **options):
    return _concatenate([np.expand_dims(x, axis) for x in arrays], axis, out, **options)


def _padded(x, pad_width, mode="constant", constant_values=0):
    """Pad with one number; other ways only move values."""
    value, pad_width = constant_values, tuple(tuple(map(int, pair)) for pair in pad_width)
    if mode != "constant" or not np.isscalar(value) or not isinstance(x, Traced):
        options = {} if mode != "constant" else {"constant_values": value}
        return _moved(np.pad, (x, pad_width, mode), options)
    y = empty_like(np.pad(x.array, pad_width, constant_values=value))
    write(value, y)
    inside = tuple(slice(a, a + n) for (a, _), n in zip(pad_width, x.shape, strict=True))
    write(x, y[inside])
    return Traced(y)


def _clip(x, a_min=None, a_max=None, out=None, **options):
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    if low is None:
        return np.minimum(x, high, out=out)
    if high is None:
        return np.maximum(x, low, out=out)
    return np.minimum(np.maximum(x, low), high, out=out)


def _copyto(y, x, casting="same_kind", where=True):
    if where is not True:
        raise UntraceableError("numpy.copyto of some entries")
    write(x, plain(y))


def _copy(x, order="K", subok=False):
    y = empty_like(np.array(x.array, order=order))
    write(x, y)
    return Traced(y)


_RULES: dict[Any, Callable[..., Any]] = {
    np.sum: _sum, np.mean: _mean, np.prod: _prod, np.var: _var, np.std: _std,
    np.max: _extreme(np.maximum), np.amax: _extreme(np.maximum),
    np.min: _extreme(np.minimum), np.amin: _extreme(np.minimum),
    np.any: _truth(np.logical_or), np.all: _truth(np.logical_and),
    np.where: _where, np.clip: _clip, np.copyto: _copyto, np.copy: _copy,
    np.zeros_like: _filled(0), np.ones_like: _filled(1), np.empty_like: _filled(None),
    np.full_like: _full_like, np.concatenate: _concatenate, np.stack: _stack, np.pad: _padded,
    np.take: _take,
}  # fmt: skip
MOVES -= _RULES.keys()
