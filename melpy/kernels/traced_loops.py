"""Ufuncs as regions: NumPy's own loops over arrays as they lie; see `melpy.kernels.tracing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.kernels import memory, threads
from melpy.kernels.tracing import Traced, UntraceableError

__all__ = [
    "begin", "called", "constant", "empty_like", "note_loop", "of_type", "operand", "reduced",
    "write",
]  # fmt: skip

COSTLY = 16  # times what an addition costs, for what is worth sharing
CHEAP = frozenset(
    (
        np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.square,
        np.negative, np.positive, np.absolute, np.sign, np.isnan, np.greater, np.greater_equal,
        np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.logical_or,
        np.logical_not,
    )
)  # fmt: skip


def write(value: Any, y: np.ndarray) -> None:
    """Note y = value, which is broadcast and of any type."""
    from melpy.kernels.compiled import loops

    x = value.array if isinstance(value, Traced) else np.array(operand(value), y.dtype)
    if np.may_share_memory(x, y):
        if _lie_alike(x, y):
            return
        raise UntraceableError("an array is written to memory that it lies in")
    x = np.broadcast_to(x, y.shape)
    if x.dtype == y.dtype:
        bits = np.dtype(f"u{y.itemsize}")
        loop = loops.loop_of(np.bitwise_or, (bits,) * 3)  # x or x is x
        note_loop(loop, [x.view(bits)] * 2, y.view(bits))
    elif x.dtype.kind in "fiub" and y.dtype.kind in "fiu":
        note_loop(loops.casting(x.dtype, y.dtype), [x], y)
    else:
        raise UntraceableError(f"{x.dtype} made {y.dtype}")


def called(ufunc: np.ufunc, inputs: Sequence[Any], out: Any = None, **options: Any) -> Any:
    """Note a ufunc's call."""
    if options:
        raise UntraceableError(f"{ufunc.__name__} with {', '.join(options)}")
    given = [operand(x) for x in inputs]
    made = ufunc(*given)
    known = [type(x) if type(x) in (int, float) else np.asarray(x).dtype for x in given]
    dtypes = ufunc.resolve_dtypes((*known, *[None] * ufunc.nout))
    from melpy.kernels.compiled import loops

    loop = loops.loop_of(ufunc, dtypes)
    if loop is None or ufunc.nout != 1:
        raise UntraceableError(f"{ufunc.__name__} of {', '.join(map(str, dtypes))}")
    arrays = [of_type(x, dtype) for x, dtype in zip(given, dtypes, strict=False)]
    expected = np.asarray(made)
    in_place = out is not None and _may_take(out[0].array, arrays, expected)
    y = out[0].array if in_place else empty_like(expected)
    cost = 1 if ufunc in CHEAP else COSTLY
    note_loop(loop, [np.broadcast_to(x, y.shape) for x in arrays], y, cost, expected)
    if out is None:
        return Traced(y)
    if not in_place:
        write(Traced(y), out[0].array)
    return out[0]


def _may_take(y: np.ndarray, arrays: Sequence[np.ndarray], expected: np.ndarray) -> bool:
    """Return whether a loop may write to ``y`` while it reads the arrays."""
    if y.shape != expected.shape or y.dtype != expected.dtype:
        return False
    return all(_lie_alike(x, y) or not np.may_share_memory(x, y) for x in arrays)


def _lie_alike(x: np.ndarray, y: np.ndarray) -> bool:
    lie = [(z.ctypes.data, z.strides, z.shape, z.dtype) for z in (x, y)]
    return lie[0] == lie[1]


def reduced(
    ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
    keepdims: bool = False, initial: Any = None, where: Any = True,
) -> Traced:  # fmt: skip
    """Note a ufunc's sum, or the like, along axes."""
    if out is not None or where is not True or isinstance(initial, Traced | np.ndarray):
        raise UntraceableError(f"{ufunc.__name__}.reduce with more than axes")
    x, more = operand(x), {} if initial in (None, np._NoValue) else {"initial": initial}
    expected = np.asarray(ufunc.reduce(x, axis=axis, dtype=dtype, keepdims=True, **more))
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    dtypes = ufunc.resolve_dtypes((expected.dtype, expected.dtype, None))
    if dtypes[2] == expected.dtype:
        x = of_type(x, dtypes[1])
    elif dtypes[:2] != (x.dtype,) * 2:
        raise UntraceableError(f"{ufunc.__name__}.reduce of {x.dtype}")
    from melpy.kernels.compiled import loops

    loop = loops.loop_of(ufunc, (expected.dtype, x.dtype, expected.dtype))
    if loop is None or 0 in x.shape:
        raise UntraceableError(f"{ufunc.__name__}.reduce of {x.dtype}")
    y = empty_like(expected)
    if more:
        write(initial, y)
    elif ufunc.identity is None or ufunc in (np.maximum, np.minimum):
        first = tuple(slice(0, 1) if n in axes else slice(None) for n in range(x.ndim))
        write(Traced(x[first]), y)
    else:
        write(ufunc.identity, y)
    walk = [None if n in axes else n for n in range(x.ndim)]
    flat = y.reshape([size for n, size in enumerate(y.shape) if n not in axes])
    order = iter(range(flat.ndim))
    onto = [-1 if n is None else next(order) for n in walk]
    with np.nditer(
        [flat, x], ["external_loop", "reduce_ok"], [["readwrite"], ["readonly"]],
        op_axes=[onto, list(range(x.ndim))],
    ) as walked:  # fmt: skip
        _share(loop, walked, [flat, x], x.size, order=[0, 1, 0])
    _require_same(y, expected)
    kept = [size for n, size in enumerate(y.shape) if n not in axes]
    return Traced(y if keepdims else y.reshape(kept))


def note_loop(
    loop: Any, inputs: Sequence[np.ndarray], y: np.ndarray, cost: int = 1, expected: Any = None
) -> None:
    """Note a loop over arrays of one shape, walked in the order that NumPy would choose."""
    if y.size:
        modes: Any = [["readonly"]] * len(inputs) + [["writeonly"]]
        with np.nditer([*inputs, y], ["external_loop"], modes) as walked:
            _share(loop, walked, [*inputs, y], cost * y.size)
    if expected is not None:
        _require_same(y, expected)


def _share(
    loop: Any, walked: np.nditer, owners: Sequence[np.ndarray], work: int, order: Any = None
) -> None:
    """Run a loop over what is walked, as a region; ``order`` says which is which operand."""
    from melpy.kernels.compiled import loops

    views = walked.itviews
    order = range(len(views)) if order is None else order
    begins = [begin(owners[n], views[n].ctypes.data) for n in order]
    strides = [views[n].strides or (0,) for n in order]
    threads.share(*loops.looping(loop, views[0].shape or (1,), strides, begins, work))


def begin(x: np.ndarray, address: int) -> np.ndarray:
    """Return the bytes of an array's entry: of one type for Numba, however x lies."""
    first = x[(slice(0, 1),) * x.ndim].reshape(1)
    if first.flags.writeable and first.ctypes.data == address:
        return first.view(np.uint8)
    root: Any = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    flat = root.T if root.flags.f_contiguous else root
    if not (flat.flags.writeable and flat.flags.c_contiguous):
        raise UntraceableError("memory that lies in no order, or cannot be written to")
    at = address - root.ctypes.data
    return flat.reshape(-1).view(np.uint8)[at : at + x.itemsize]


def _require_same(y: np.ndarray, expected: np.ndarray) -> None:
    """Refuse a region that gave other bits than NumPy."""
    if not np.array_equal(y, expected, equal_nan=y.dtype.kind == "f"):
        raise UntraceableError("a region gave other bits than NumPy")


def operand(x: Any) -> Any:
    """Return an array, or a number that is constant."""
    if isinstance(x, Traced):
        return x.array
    if isinstance(x, bool | int | float | np.generic):
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return x[()]
    raise UntraceableError(f"an array that no argument is, of shape {np.shape(x)}")


def of_type(x: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of a type; of a number, one that stays as it is."""
    if not isinstance(x, np.ndarray):
        return np.array(x, dtype)
    return x if x.dtype == dtype else Traced(x).astype(dtype).array


def constant(x: Any) -> np.ndarray:
    """Return an array, of numbers that are constant one that stays as it is."""
    return np.asarray(operand(x))


def empty_like(x: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
    """Return memory that lies as an array does, which NumPy has just made."""
    order = sorted(range(x.ndim), key=lambda n: (-x.strides[n], n))
    y = memory.empty(tuple(x.shape[n] for n in order), dtype or x.dtype)
    return y.transpose(np.argsort(order)) if x.ndim else y
