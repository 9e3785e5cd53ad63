"""Choices, loops and maps over functions. They run as Python's own, so the tape sees each step."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import tree
from melpy.errors import ArgumentError, DtypeError, ShapeError
from melpy.ops.choice import where
from melpy.ops.creation import array, convert_to_numpy, dtype, ndim, shape
from melpy.ops.indexing import flip, get_item
from melpy.ops.joining import concatenate, stack
from melpy.ops.promotion import alike
from melpy.ops.registry import composed, in_keras
from melpy.symbolic import Symbolic, any_in, defer, like

__all__ = [
    "associative_scan", "cond", "fori_loop", "map", "scan", "select", "switch", "vectorized_map",
    "while_loop",
]  # fmt: skip

KERAS_ROOM = "core"


@composed
def _one_of(pred: Any, yes: Any, no: Any) -> Any:
    return yes if bool(convert_to_numpy(pred)) else no


def _outputs_of_branches(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return what comes out of either branch, which must be of one kind."""
    yes, no = _described(true_fn()), _described(false_fn())
    if repr(yes) != repr(no):
        raise ShapeError(
            "cond",
            "the two functions return other things",
            expected="results of one structure, shape and type",
            received={"true_fn": yes, "false_fn": no},
        )
    return yes


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Call one of two functions without arguments, as ``pred`` says; return its result.

    Parameters
    ----------
    pred : bool, or array or tensor of one
    true_fn, false_fn : functions without arguments; where ``pred`` is symbolic, what they return
        has one structure, one shape and one type. If that is symbolic too, both are computed.

    Examples
    --------
    >>> cond(True, lambda: "yes", lambda: "no")
    'yes'
    """
    if not isinstance(pred, Symbolic):
        return true_fn() if bool(convert_to_numpy(pred)) else false_fn()
    made_of = _outputs_of_branches(pred, true_fn, false_fn)
    results = true_fn(), false_fn()
    if any_in(results, {}):
        return defer(_one_of, (pred, *results), {}, made_of)
    return defer(cond, (pred, true_fn, false_fn), {}, made_of)


@composed
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Call the function of an index, which is cut to the range that there is.

    Examples
    --------
    >>> switch(7, [lambda x: x, lambda x: 2 * x], 10)
    20
    """
    n = int(convert_to_numpy(index))
    return branches[builtins.min(builtins.max(n, 0), len(branches) - 1)](*operands)


@in_keras("numpy")
@composed
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Choose entry by entry: the choice of the first condition that holds, else the default.

    Lists of arrays of shapes that broadcast -> the broadcast shape.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 5.0, 9.0])
    >>> select([x < 3, x < 7], [x, 10 * x], -1.0)
    array([ 1., 50., -1.])
    """
    *choices, chosen = alike("select", *choicelist, default)
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        chosen = where(condition, choice, chosen)
    return chosen


def _described(values: Any) -> Any:
    """Return shapes and types in the structure of some values: what `defer` makes outputs of."""
    return tree.map_structure(lambda x: like(shape(x), dtype(x)), values)


@composed(made_of=lambda cond, body, loop_vars, maximum_iterations=None: _described(loop_vars))
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Call ``body`` on the variables as long as ``cond`` of them holds; return the last ones.

    Parameters
    ----------
    cond, body : functions of the variables; the body returns as many
    loop_vars : a tuple or a list of values, or one value
    maximum_iterations : int, or None for no limit

    Examples
    --------
    >>> while_loop(lambda i, total: i < 4, lambda i, total: (i + 1, total + i), (0, 0))
    (4, 6)
    """
    is_sequence = isinstance(loop_vars, tuple | list)
    values = tuple(loop_vars) if is_sequence else (loop_vars,)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and bool(
        convert_to_numpy(cond(*values))
    ):
        result = body(*values)
        values = tuple(result) if isinstance(result, tuple | list) else (result,)
        count += 1
    return values if is_sequence else values[0]


@composed(made_of=lambda lower, upper, body_fun, init_val: _described(init_val))
def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Return the value after ``value = body_fun(i, value)`` for i from lower to before upper.

    Examples
    --------
    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    value = init_val
    for i in builtins.range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


@composed
def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, *, reverse: bool = False, axis: int = 0
) -> Any:
    """Combine all entries up to each one: y_n = f(.. f(f(x_0, x_1), x_2) .., x_n) along an axis.

    Each pass doubles how many entries a value holds, so that log2 of the size is enough.

    Parameters
    ----------
    f : function of two slices that combines them entry by entry, f(a, f(b, c)) = f(f(a, b), c)
    elems : array (.., n, ..), or structure of arrays of one size n along the axis
    reverse : bool, whether to begin at the end
    axis : int

    Returns
    -------
    the structure and shapes of elems

    Source
    ------
    W. D. Hillis, G. L. Steele 1986, Data parallel algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> associative_scan(lambda a, b: a + b, np.arange(5.0))
    array([ 0.,  1.,  3.,  6., 10.])
    """
    leaves = tree.flatten(elems)
    sizes = {shape(x)[axis] for x in leaves}
    if len(sizes) != 1:
        raise ShapeError(
            "associative_scan",
            f"the arrays differ in size along axis {axis}",
            expected="one size",
            received={"shapes": [shape(x) for x in leaves]},
        )

    def turned(xs: Any) -> Any:
        return tree.map_structure(lambda x: flip(x, axis), xs) if reverse else xs

    def cut(xs: Any, first: int, last: int) -> Any:
        block = builtins.slice(first, last)
        return tree.map_structure(
            lambda x: get_item(x, (builtins.slice(None),) * (axis % ndim(x)) + (block,)), xs
        )

    size, held, y = sizes.pop(), 1, turned(elems)
    while held < size:
        longer = f(cut(y, 0, size - held), cut(y, held, size))
        y = tree.map_structure(lambda *parts: concatenate(parts, axis), cut(y, 0, held), longer)
        held *= 2
    return turned(y)


def _entry(xs: Any, n: int) -> Any:
    """Return the n-th entry of every array in a structure."""
    if isinstance(xs, dict):
        return {key: _entry(x, n) for key, x in xs.items()}
    if isinstance(xs, list | tuple):
        return type(xs)(_entry(x, n) for x in xs)
    return get_item(xs, key=n)


def _zero_entry(xs: Any) -> Any:
    """Return an entry of zeros, of arrays that have none."""
    return tree.map_structure(lambda x: np.zeros(shape(x)[1:], x.dtype), xs)


def _length(xs: Any) -> int:
    if isinstance(xs, dict):
        return _length(next(iter(xs.values())))
    if isinstance(xs, list | tuple):
        return _length(xs[0])
    if not shape(xs):
        raise ShapeError(
            "a map or scan",
            "a single number has no entries",
            expected="arrays of at least one axis",
        )
    return shape(xs)[0]


def _stacked(results: Sequence[Any]) -> Any:
    """Turn a list of structures of values into one structure of stacked values."""
    first = results[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: _stacked([r[key] for r in results]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(_stacked(parts) for parts in zip(*results, strict=True))
    return stack([array(r) for r in results])


@composed
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Call a function on each entry along axis 0, and stack what it returns.

    Parameters
    ----------
    f : function of one entry; entry and result may be structures of arrays
    xs : array (N, ..), or lists, tuples and dicts of arrays of one length N

    Returns
    -------
    array (N, ..), of the N results, or the structure of arrays that f returns

    Examples
    --------
    >>> import numpy as np
    >>> map(lambda row: row.sum(), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([3., 7.])
    """
    count = _length(xs)
    if not count:  # what one entry of zeros gives says what none give
        return tree.map_structure(lambda y: y[:0], _stacked([f(_zero_entry(xs))]))
    return _stacked([f(_entry(xs, n)) for n in builtins.range(count)])


@composed
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Call a function on each entry along axis 0, and stack what it returns: `map`.

    Arrays (N, ..) -> arrays (N, ..) of the N results.
    """
    return map(function, elements)


@composed
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """Carry a value along axis 0: ``carry, y = f(carry, x)`` for each x; return the last carry, ys.

    Parameters
    ----------
    f : function of the carry and an entry, or None where there are no xs
    init : the first carry, a value or a structure of values
    xs : array (T, ..), or structure of arrays of one length T; None to count ``length`` steps
    length : int, or None for that of xs
    reverse : bool, whether to begin at the end; the ys are in the order of the xs
    unroll : int > 0 or bool, taken for Keras's sake only

    Returns
    -------
    (carry, ys) : the structure and shapes of init; array (T, ..), or structure of arrays

    Examples
    --------
    >>> import numpy as np
    >>> total, running = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> running
    array([1., 3., 6.])
    """
    if not callable(f):
        raise DtypeError("scan", "f is no function", received={"f": f})
    if not isinstance(unroll, bool | int) or unroll < 0:
        raise ArgumentError(
            "scan",
            "unroll is no number",
            expected="an int >= 0 or a bool",
            received={"unroll": unroll},
        )
    if xs is None and length is None:
        raise ArgumentError(
            "scan", "nothing says how many steps there are", expected="xs or length"
        )
    if not isinstance(unroll, int | np.integer) or unroll < 0:
        raise ArgumentError(
            "scan", "unroll is no number of steps", expected="an int > 0, or a bool",
            received={"unroll": unroll},
        )  # fmt: skip
    count = _length(xs) if length is None else int(length)
    carry, ys = init, []
    for n in builtins.range(count)[:: -1 if reverse else 1]:
        carry, y = f(carry, None if xs is None else _entry(xs, n))
        ys.append(y)
    if not ys and xs is not None:
        made = _stacked([f(init, _zero_entry(xs))[1]])
        return carry, None if made is None else tree.map_structure(lambda y: y[:0], made)
    return carry, _stacked(ys[:: -1 if reverse else 1]) if ys else None
