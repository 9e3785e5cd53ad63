"""Plain arrays that tell what NumPy does with them, while somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpy import tape
from melpy.ops.registry import OPS

__all__ = ["Noted"]

# The ops of NumPy's functions that are called otherwise here; of truth values, bit by bit is the
# same.
OF_UFUNC = {"remainder": "mod"}
OF_BOOLS = {
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}  # fmt: skip


class Noted(np.ndarray):
    """A plain array of which NumPy's functions are seen: each calls the op of its name.

    What has no op is done on plain arrays and comes out as one, of which nothing is known.
    """

    origin: Noted | None = None

    def __array_finalize__(self, other: Any) -> None:
        self.origin = other if isinstance(other, Noted) else None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(x, tape.Variable) for x in inputs):
            return NotImplemented  # a tensor's own way is seen as well
        if [*options] == ["out"] and options["out"][0] is inputs[0]:
            options = {}  # a &= b: the name a is given to what comes out
        name = OF_UFUNC.get(ufunc.__name__, ufunc.__name__)
        if all(np.asarray(x).dtype == bool for x in inputs):
            name = OF_BOOLS.get(name, name)
        if _is_watched() and not options and method == "__call__" and name in OPS:
            return OPS[name].call(*inputs)
        if _is_watched() and method == "accumulate" and ufunc is np.logical_or:
            return OPS["cumsum"].call(OPS["cast"].call(inputs[0], "int32"), **options) > 0
        return getattr(ufunc, method)(*map(_plain, inputs), **_plain(options))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if _is_watched() and function.__name__ in OPS:
            return OPS[function.__name__].call(*args, **kwargs)
        return function(*map(_plain, args), **_plain(kwargs))

    def __getitem__(self, key: Any) -> Any:
        return _op("get_item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.view(np.ndarray)[key] = value
        watch = tape.observer.get()
        if watch is not None:
            watch.forget(self)
            self.origin = None

    def __iter__(self) -> Iterator[Any]:
        return (self[n] for n in range(len(self)))

    def reshape(self, *shape: Any, **_: Any) -> Any:
        return _op("reshape", self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return _op("transpose", self, axes[0] if len(axes) == 1 else axes or None)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        return _op("cast", self, str(np.dtype(dtype)))

    def flatten(self, *_: Any) -> Any:
        return _op("ravel", self)

    def copy(self, *_: Any) -> Any:
        return self

    T = property(lambda self: self.transpose())


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **options: _op(name, self, *args, **options)


for _name in (
    "any", "all", "sum", "mean", "max", "min", "prod", "squeeze", "swapaxes", "repeat", "ravel",
    "take", "clip",
):  # fmt: skip
    setattr(Noted, _name, _method(_name))


def _is_watched() -> bool:
    return tape.observer.get() is not None


def _op(name: str, array: np.ndarray, *args: Any, **options: Any) -> Any:
    own = array if _is_watched() else array.view(np.ndarray)
    return OPS[name].call(own, *args, **options)


def _plain(x: Any) -> Any:
    if isinstance(x, Noted):
        return x.view(np.ndarray)
    if type(x) in (list, tuple):
        return type(x)(map(_plain, x))
    return {key: _plain(value) for key, value in x.items()} if type(x) is dict else x
