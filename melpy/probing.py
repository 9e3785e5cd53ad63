"""What a function makes of shapes and types, found by running it on small arrays.

A size that is not known is tried as several sizes. Where the outputs' sizes differ, they are not
known either; where all runs agree, the size is that. Some functions run only for some sizes, as
x + y does where y has 5 columns, or x[:, 5]: then sizes are tried that occur in the call, until it
runs, and each is changed alone to see whether it had to be that one. The values are changed as
well, for functions whose output has as many entries as their input has different ones. While a file
is read, sizes that need more memory than it may ask for are passed over for smaller ones. Of ops,
known sizes that are large are not tried: what comes of them follows from smaller ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from melpy import budget, config, extrapolation, tree
from melpy.errors import ShapeError
from melpy.extrapolation import Like, Shape
from melpy.tape import no_grad, undone

__all__ = ["Like", "Others", "is_describing", "probe"]

Unknown = tuple[int, int]  # which array, which axis
Sizes = dict[Unknown, int]

MISFITS = (ValueError, IndexError, ZeroDivisionError)  # what another size may mend
FEW, MORE, FAR = 2, 5, 37  # sizes to try
ENTRIES = 2**16  # of one input that is made with far sizes, at most
MANY = 2**22  # entries that a guess may take in any case
TRIES = 64

_describing: ContextVar[bool] = ContextVar("describing", default=False)


class Others(NamedTuple):
    """What decides the sizes of an op's outputs, beside the sizes of what it is given."""

    divisors: Sequence[int]  # whole numbers, which may divide, move or bound sizes
    sizes: Sequence[int]  # of arrays that are there


def is_describing() -> bool:
    """Return whether what runs is run for the shapes of its outputs only."""
    return _describing.get()


@contextmanager
def _description(entries: int) -> Iterator[None]:
    """Record nothing inside, and undo what is assigned: a description changes no state.

    Of few entries NumPy's kernels describe as well as any, and Numba need not be imported for it.
    """
    token = _describing.set(True)
    kernels = "numpy" if entries <= ENTRIES else config.kernels()
    try:
        with no_grad(), undone(), np.errstate(all="ignore"), config.using_kernels(kernels):
            yield
    finally:
        _describing.reset(token)


def probe(
    run: Callable[[list[np.ndarray]], Any],
    places: Sequence[tuple[Shape, np.dtype]],
    numbers: Iterable[int] = (),
    others: Others | None = None,
) -> Any:
    """Return the structure of a function's outputs, a `Like` in the place of each array.

    Parameters
    ----------
    run : function of a list of arrays, one for each of the places
    places : shapes, None where a size is unknown, and types
    numbers : whole numbers of the call, which may say what sizes must be
    others : Others, what beside the places decides the outputs' sizes; None if that is not known.
        Then large sizes need not be tried, since smaller ones tell what comes of them.

    Raises
    ------
    What the function raises for the first sizes, if it runs for none.
    """
    numbers = list(numbers)

    def outlines(tried: Sequence[tuple[Shape, np.dtype]]) -> Any:
        return _at_these_sizes(run, tried, numbers)

    def of_smaller(others: Others) -> Any:
        refusals = (*MISFITS, TypeError, budget.TooMuchError)
        return extrapolation.of_smaller(outlines, places, others.divisors, others.sizes, refusals)

    if others and any(math.prod(s or 1 for s in shape) > ENTRIES for shape, _ in places):
        made = of_smaller(others)
        return outlines(places) if made is None else made
    try:
        return outlines(places)
    except budget.TooMuchError:  # of the outputs
        made = of_smaller(others) if others else None
        if made is None:
            raise
        return made


def _at_these_sizes(
    run: Callable[[list[np.ndarray]], Any],
    places: Sequence[tuple[Shape, np.dtype]],
    numbers: Sequence[int],
) -> Any:
    """Do as `probe` does, the known sizes being what they are."""
    shapes = [shape for shape, _ in places]
    unknown = [(n, k) for n, shape in enumerate(shapes) for k, s in enumerate(shape) if s is None]
    refusals: list[Exception] = []
    found: list[Any] = []
    ran: list[Sizes] = []

    def runs(sizes: Sizes, varied: bool) -> bool:
        full = [
            [sizes[n, k] if s is None else s for k, s in enumerate(shape)]
            for n, shape in enumerate(shapes)
        ]
        try:
            arrays = [
                _stand_in(shape, dtype, varied)
                for shape, (_, dtype) in zip(full, places, strict=True)
            ]
            with _description(sum(array.size for array in arrays)):
                found.append(tree.map_structure(_outline, run(arrays)))  # the arrays can go
        except budget.TooLongError:
            raise
        except budget.TooMuchError as error:
            refusals.append(error.with_traceback(None))  # its frames hold arrays
            return False
        except MISFITS as error:
            if not refusals:  # the first is told; the frames of all would hold all their arrays
                refusals.append(error)
            return False
        ran.append(sizes)
        return True

    def runs_somehow(sizes: Sizes) -> bool:
        return runs(sizes, True) or runs(sizes, False)

    def first_that_runs(numbers: Sequence[int]) -> Sizes | None:
        least, *others = _guesses(shapes, unknown, numbers)
        most = max(MANY, 4 * _entries(least, shapes))
        guesses = (least, *(sizes for sizes in others if _entries(sizes, shapes) <= most))
        return next((sizes for sizes in guesses if runs(sizes, False)), None)

    base = first_that_runs(numbers)
    if base is None and unknown and (wanted := _wanted(refusals[0], shapes)):
        base = first_that_runs(wanted)
    if base is None:
        raise _of_the_call(refusals[0], shapes)
    refusals.clear()
    for sizes in _together(base, shapes):
        if not runs_somehow(sizes):
            for one in (base, *_alone(base)):
                runs_somehow(one)
            break
    too_much = [error for error in refusals if isinstance(error, budget.TooMuchError)]
    if too_much:
        for one in _fewer(base):
            runs_somehow(one)
        if any(all(sizes[place] == base[place] for sizes in ran) for place in base):
            # Nothing tells a size from one that has to be so.
            raise min(too_much, key=lambda error: error.received["bytes"])
    return _joined(found)


def _stand_in(shape: Sequence[int], dtype: np.dtype, varied: bool) -> np.ndarray:
    """Return an array that functions can bear: positive definite matrices, indices that are there.

    Varied, it has other entries.
    """
    size = math.prod(shape)
    budget.need(8 * size, f"a symbolic call on an array of shape {tuple(shape)}")
    if dtype.kind == "b":
        return np.resize([True, False], shape) if varied else np.ones(shape, bool)
    if dtype.kind != "f":
        numbers = (np.arange(1, 6) % 5).astype(dtype)
        return np.resize(numbers, shape) if varied else np.zeros(shape, dtype)
    if len(shape) < 2:
        return np.linspace(0.5, 1.0 if varied else 0.5, size).astype(dtype).reshape(shape)
    # In its own type and in place: nothing here takes more than was counted.
    kind = np.promote_types(dtype, np.float32)
    rows, columns = (np.arange(n, dtype=kind) for n in shape[-2:])
    matrix = np.add.outer(rows + 1, columns)
    np.divide(0.02, matrix, out=matrix)
    diagonal = np.arange(min(shape[-2:]))
    matrix[diagonal, diagonal] += 1 / (1 + diagonal) if varied else 1.0
    matrix = matrix.astype(dtype, copy=False)
    return matrix if matrix.shape == tuple(shape) else np.broadcast_to(matrix, shape).copy()


def _entries(sizes: Sizes, shapes: Sequence[Shape]) -> int:
    """Return how many entries the largest array has."""
    return max(
        math.prod(sizes[n, k] if s is None else s for k, s in enumerate(shape))
        for n, shape in enumerate(shapes)
    )


def _guesses(
    shapes: Sequence[Shape], unknown: Sequence[Unknown], numbers: Sequence[int]
) -> Iterator[Sizes]:
    """Yield sizes for all that is unknown, the likeliest first."""
    if not unknown:
        yield {}
        return
    batch = {place for place in unknown if place[1] == 0}
    rest = [place for place in unknown if place not in batch]

    def of(size_of_batch: int, size: int) -> Sizes:
        return {place: size_of_batch if place in batch else size for place in unknown}

    yield of(FEW, FEW + 1)
    yield of(FEW, FAR)
    yield of(FAR, FAR)
    known = sorted({s for shape in shapes for s in shape if s})
    given = sorted({n for n in numbers if 0 < n <= 4096})
    product = math.prod(n for n in numbers if n > 0)
    sizes = [*known, *given, *([product] if product <= 2**20 else [])]
    for size in dict.fromkeys(sizes):
        yield of(FEW, size)
        yield of(size, size)
        yield of(size, FEW)
        yield of(2 * size, 2 * size)
    for choice in itertools.islice(itertools.product(known, repeat=len(rest)), TRIES):
        yield of(FEW, 0) | dict(zip(rest, choice, strict=True))


def _wanted(error: Exception, shapes: Sequence[Shape]) -> list[int]:
    """Return sizes that would give an array as many entries as an op inside refused to make.

    So a layer is described that takes batches of one size only, which none of its arguments tells.
    """
    received = getattr(error, "received", {}).get("newshape", ())
    entries = math.prod(n for n in np.ravel(received).tolist() if isinstance(n, int) and n > 0)
    known = [math.prod(s for s in shape if s) for shape in shapes if None in shape]
    return [entries // row for row in known if row and entries > row and entries % row == 0]


def _together(base: Sizes, shapes: Sequence[Shape]) -> Iterator[Sizes]:
    """Yield other sizes, all of them changed at once: far ones, and inner ones of 1."""
    has_inner = any(axis for _, axis in base)
    largest = max(base.values(), default=0)

    def of(far: int) -> Sizes:
        few = far if largest >= FAR or not has_inner else MORE
        return {place: far if place[1] else few for place in base}

    choices = [of(far) for far in (max(FAR, 2 * largest), FAR // 2, MORE)]
    yield next((sizes for sizes in choices if _entries(sizes, shapes) <= ENTRIES), choices[-1])
    if has_inner:
        yield {place: 1 if place[1] else size for place, size in base.items()}


def _alone(base: Sizes) -> Iterator[Sizes]:
    """Yield other sizes: all doubled, the batch's changed alone, and each other's."""
    yield {place: 2 * size for place, size in base.items()}
    yield {place: size if place[1] else MORE * size for place, size in base.items()}
    for place, size in base.items():
        yield base | {place: size + FAR}
        yield base | {place: 2 * size}


def _fewer(base: Sizes) -> Iterator[Sizes]:
    """Yield sizes that need no more memory than the first ones: all one less, and each alone."""
    less = {place: max(size - 1, 1) for place, size in base.items()}
    yield less
    for place in base:
        yield base | {place: less[place]}


def _joined(found: list[Any]) -> Any:
    """Return one structure for all runs; the first one says how many axes there are."""
    first, *others = found
    kept = []
    for other in others:
        if len(tree.flatten(first)) != len(tree.flatten(other)):
            raise ShapeError(
                "a symbolic call",
                "how many outputs there are depends on a size that is not known",
                expected="sizes that say it",
                mend="Give Input that size, or the call its number.",
            )
        ranks = [(_rank(a), _rank(b)) for a, b in _pairs(first, other)]
        if all(a == b for a, b in ranks):  # a size of 1 may have been squeezed
            kept.append(other)
    return tree.map_structure(_leaf, first, *kept)


def _pairs(a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    return zip(tree.flatten(a), tree.flatten(b), strict=True)


def _outline(leaf: Any) -> Any:
    """Return an array's shape and type, and its mask's shape; anything else as it is."""
    if not hasattr(leaf, "shape"):
        return leaf
    mask = getattr(leaf, "_mask", None)
    return Like(leaf.shape, leaf.dtype, None if mask is None else tuple(mask.shape))


def _rank(leaf: Any) -> int | None:
    return len(leaf.shape) if hasattr(leaf, "shape") else None


def _leaf(first: Any, *others: Any) -> Any:
    """Return what one output is, from what it was in each run."""
    if not hasattr(first, "shape"):  # a plain number, None
        return first if all(other == first for other in others) else None
    leaves = (first, *others)
    masks = [leaf.mask_shape for leaf in leaves]
    mask_shape = None if any(mask is None for mask in masks) else _common(masks)
    return Like(_common([leaf.shape for leaf in leaves]), first.dtype, mask_shape)


def _common(shapes: Sequence[Any]) -> Shape:
    """Return the sizes in which shapes of one rank agree, None where they do not."""
    sizes = zip(*shapes, strict=True)
    return tuple(size[0] if len(set(size)) == 1 else None for size in sizes)


def _of_the_call(error: Exception, shapes: list[Shape]) -> Exception:
    """Return the refusal with the shapes that were given in the place of those that were tried."""
    if isinstance(error, ShapeError) and any(None in shape for shape in shapes):
        if "shapes" in error.received:
            error.received["shapes"] = shapes
        error.mend = error.mend or "Sizes that are not known were tried as several; none fits."
    return error
