"""NumPy's own inner loops, called without Python: an elementwise function is a table's entry.

A ufunc of NumPy's is a C struct that holds one compiled loop for each row of types. The struct is a
part of NumPy's public interface for C, and a loop needs neither Python nor the GIL:

    loop(arguments, size, steps, data)       entries one after the other, steps in bytes apart

So one region does every function there is, with NumPy's bits, and nothing is compiled for it. What
NumPy has no ufunc for, choosing and changing types, are loops of the same form, compiled here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from melpy.kernels.compiled.jit import compiled_for_c
from melpy.kernels.compiled.team import BYTES, INDEX, for_team
from melpy.kernels.threads import Region

__all__ = ["casting", "choosing", "gathering", "loop_of", "looping"]

MOST_OPERANDS = 4
LOOP = ir.FunctionType(ir.VoidType(), [INDEX.as_pointer()] * 3 + [BYTES])
SIGNATURE = types.void(*[types.intp] * 4)
Loop = tuple[int, int]  # the address of a loop, and of its data


class _Ufunc(ctypes.Structure):
    """The head of NumPy's PyUFuncObject."""

    _fields_ = [
        ("head", ctypes.c_byte * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
    ]


@cache
def loop_of(ufunc: np.ufunc, dtypes: tuple[np.dtype, ...]) -> Loop | None:
    """Return a ufunc's loop for exactly these types of inputs and outputs, if it has one."""
    row = "".join(d.char for d in dtypes[: ufunc.nin]) + "->"
    row += "".join(d.char for d in dtypes[ufunc.nin :])
    if ufunc.signature is not None or row not in ufunc.types:
        return None
    found = _Ufunc.from_address(id(ufunc))
    known = found.nin, found.nout, found.ntypes, (found.name or b"").decode()
    if known != (ufunc.nin, ufunc.nout, ufunc.ntypes, ufunc.__name__):
        return None  # a NumPy whose struct is another one
    n = ufunc.types.index(row)
    return (found.functions[n] or 0, found.data[n] or 0) if found.functions[n] else None


def looping(
    loop: Loop, shape: Sequence[int], strides: Sequence[Sequence[int]],
    begins: Sequence[np.ndarray], work: int,
) -> Region:  # fmt: skip
    """Return the region that runs a loop over operands of one shape, the last axis innermost.

    Parameters
    ----------
    loop : pair of addresses
    shape : how many entries there are along each axis, one axis at least
    strides : of each operand, in bytes; the last operand is written, and where entries are added
        up along an axis, its stride there is 0
    begins : the bytes of each operand's first entry, up to four
    work : int, how many entries there are, times what one costs
    """
    free = [n for n, size in enumerate(shape) if strides[-1][n] and size > 1]
    along = max(free, key=lambda n: shape[n], default=-1)  # what is cut into blocks
    numbers = [*loop, len(begins), len(shape), along, *shape, *np.ravel(strides)]
    begins = [*begins, *[begins[-1]] * (MOST_OPERANDS - len(begins))]
    count = shape[along] if along >= 0 else 1
    return _entries, count, work, np.array(numbers, np.int64), *begins


def gathering(x: np.ndarray, sources: np.ndarray, y: np.ndarray) -> Region:
    """Return the region of y[n] = what lies at the address sources[n] in x, 0 where that is 0."""
    return _gathered, y.size, y.size, x, sources, y.reshape(-1).view(f"i{y.itemsize}")


@intrinsic
def _call(typingctx, function, arguments, size, steps, data):
    """Call a loop."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function, *numbers, data = args
        given = [builder.inttoptr(number, INDEX.as_pointer()) for number in numbers]
        loop = builder.inttoptr(function, LOOP.as_pointer())
        builder.call(loop, [*given, builder.inttoptr(data, BYTES)])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), emit


@intrinsic
def _get(typingctx, address, kind):
    """Return the number at an address, of the type of ``kind``."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = context.get_data_type(kind).as_pointer()
        return context.unpack_value(builder, kind, builder.inttoptr(args[0], place))

    return kind(types.intp, kind), emit


@intrinsic
def _put(typingctx, address, value):
    """Write a number to an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = context.get_data_type(value).as_pointer()
        context.pack_value(builder, value, args[1], builder.inttoptr(args[0], place))
        return context.get_dummy_value()

    return types.void(types.intp, value), emit


@for_team
def _entries(plan, x1, x2, x3, x4, part, first, last):
    """Run a loop along the last axis, for all places along the others."""
    operands, axes, along = plan[2], plan[3], plan[4]
    shape, strides = plan[5 : 5 + axes].copy(), plan[5 + axes :]
    at, given = np.empty(MOST_OPERANDS, np.int64), np.empty(MOST_OPERANDS, np.int64)
    steps = np.empty(MOST_OPERANDS, np.int64)
    at[0], at[1], at[2], at[3] = x1.ctypes.data, x2.ctypes.data, x3.ctypes.data, x4.ctypes.data
    if along >= 0:
        shape[along] = last - first
        for n in range(operands):
            at[n] += first * strides[n * axes + along]
    for n in range(operands):
        steps[n] = strides[n * axes + axes - 1]
    count = 1
    for axis in range(axes - 1):
        count *= shape[axis]
    index, size = np.zeros(axes, np.int64), shape[axes - 1 :]
    for _ in range(count):
        for n in range(operands):
            given[n] = at[n]
        _call(plan[0], given.ctypes.data, size.ctypes.data, steps.ctypes.data, plan[1])
        axis = axes - 2
        while axis >= 0:
            index[axis] += 1
            for n in range(operands):
                at[n] += strides[n * axes + axis]
            if index[axis] < shape[axis]:
                break
            for n in range(operands):
                at[n] -= strides[n * axes + axis] * shape[axis]
            index[axis] = 0
            axis -= 1


@for_team
def _gathered(x, sources, y, part, first, last):
    zero = y.dtype.type(0)
    for n in range(first, last):
        y[n] = zero if sources[n] == 0 else _get(sources[n], zero)


@cache
def choosing(itemsize: int) -> Loop:
    """Return the loop of y = a where c, else b, for entries of so many bytes."""
    like = np.dtype(f"i{itemsize}").type(0)

    def choose(arguments, sizes, steps, data):
        index = np.int64(0)
        c, a = _get(arguments, index), _get(arguments + 8, index)
        b, y = _get(arguments + 16, index), _get(arguments + 24, index)
        c_step, a_step = _get(steps, index), _get(steps + 8, index)
        b_step, y_step = _get(steps + 16, index), _get(steps + 24, index)
        for n in range(_get(sizes, index)):
            if _get(c + n * c_step, np.uint8(0)):
                _put(y + n * y_step, _get(a + n * a_step, like))
            else:
                _put(y + n * y_step, _get(b + n * b_step, like))

    return compiled_for_c(choose, SIGNATURE).address, 0


@cache
def casting(old: np.dtype, new: np.dtype) -> Loop:
    """Return the loop of y = x in another type."""
    given = np.uint8(0) if old.kind == "b" else old.type(0)
    kind = new.type

    def cast(arguments, sizes, steps, data):
        index = np.int64(0)
        x, y = _get(arguments, index), _get(arguments + 8, index)
        x_step, y_step = _get(steps, index), _get(steps + 8, index)
        for n in range(_get(sizes, index)):
            _put(y + n * y_step, kind(_get(x + n * x_step, given)))

    return compiled_for_c(cast, SIGNATURE).address, 0
