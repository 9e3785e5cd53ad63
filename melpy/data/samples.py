"""Arrays on their way into a model: checked once, then cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy import config, tree
from melpy.data.finite import first_not_finite
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.strings import are_strings, as_strings
from melpy.tables import as_numbers, is_sparse, is_table, no_numbers, plain
from melpy.tape import Variable

__all__ = ["Samples", "batches", "checked", "holds_arrays"]


def checked(values: Any, name: str, who: str) -> np.ndarray:
    """Return ``values`` as an array of finite numbers, x of strings too; or refuse them."""
    columns = list(values.columns) if is_table(values) else []
    values = plain(values, name, who)
    try:
        array = values.array if isinstance(values, Variable) else as_numbers(values)
    except ValueError as error:  # lists of unequal lengths
        raise ShapeError(
            who,
            f"{name} is not an array of numbers ({error})",
            expected="an array, or nested lists of equal lengths",
            received={"type": type(values).__name__},
        ) from error
    if name.startswith("x") and array.ndim and are_strings(array):
        array = as_strings(values, who, name)
    elif array.dtype.kind not in "fiub":
        raise no_numbers(array, values, name, who)
    if array.ndim == 0 or len(array) == 0:
        raise DataError(
            who,
            f"{name} is empty",
            expected="at least one sample along the first axis",
            received={f"{name}.shape": array.shape},
        )
    if array.dtype.kind == "f" and not config.assume_finite():
        place = first_not_finite(array)
        if place is not None:
            of_column = f" in column {columns[place[1]]!r}" if columns else ""
            raise DataError(
                who,
                f"row {place[0]} of {name} holds {array[place]}{of_column}",
                expected="finite numbers",
                mend="Repair or drop such rows; np.isfinite finds them. If they are meant, "
                "config.set_assume_finite(True) lets them pass.",
            )
    return array


class Samples:
    """What ``fit`` and ``evaluate`` go through: x, y and weights, all of one number of samples.

    Parameters
    ----------
    x, y : array-likes whose first axis is the samples', or lists, tuples or dicts of them; y may
        be None
    sample_weight : array-like (N,), a list or dict of them, or None
    who : str, in messages
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, who: str = "fit") -> None:
        self.x = _checked_all(x, "x", who)
        self.y = None if y is None else _checked_all(y, "y", who)
        self.weight = (
            None if sample_weight is None else _checked_all(sample_weight, "sample_weight", who)
        )
        first = next((x for x in tree.flatten(self.x) if x is not None), None)
        if first is None:
            raise DtypeError(
                who, "x holds no array", expected="an array, or a list or dict of arrays",
                received={"x": self.x},
            )  # fmt: skip
        self.count = len(first)
        for name, others in (("x", self.x), ("y", self.y), ("sample_weight", self.weight)):
            for other in tree.flatten(others):
                if other is not None and len(other) != self.count:
                    raise ShapeError(
                        who,
                        f"x and {name} have different numbers of samples",
                        expected=f"{self.count} rows in {name}",
                        received={"x.shape": first.shape, f"{name}.shape": other.shape},
                    )
        _require_one_weight_a_sample(self.y, self.weight, who)

    def __len__(self) -> int:
        return self.count

    def take(self, index: np.ndarray | slice) -> tuple[Any, Any, Any]:
        """Return x, y and weights of one batch."""
        return _rows(self.x, index), _rows(self.y, index), _rows(self.weight, index)

    def split(self, fraction: float) -> tuple[Samples, Samples]:
        """Cut off the last ``fraction`` of the samples, before any shuffling, as Keras does."""
        cut = int(len(self) * (1 - fraction)) if 0 < fraction < 1 else 0
        if not 0 < cut < len(self):
            raise ArgumentError(
                "fit",
                "validation_split leaves no samples to train or to validate on",
                expected="a float in (0, 1) that leaves at least one sample on each side",
                received={"validation_split": fraction, "samples": len(self)},
            )
        return self._part(slice(0, cut), cut), self._part(slice(cut, None), len(self) - cut)

    def _part(self, rows: slice, count: int) -> Samples:
        """Return some of the samples, which need no second look."""
        part = object.__new__(Samples)
        part.x, part.y, part.weight = self.take(rows)
        part.count = count
        return part


def _require_one_weight_a_sample(y: Any, weight: Any, who: str) -> None:
    """Refuse weights of time steps, say, that cannot be meant for each of several outputs."""
    several = tree.is_nested(y) and len(tree.flatten(y)) > 1
    if several and isinstance(weight, np.ndarray) and weight.shape[1:] not in ((), (1,)):
        raise ShapeError(
            who,
            "one sample_weight for several outputs has more than one weight a sample",
            expected=f"shape ({len(weight)},), or one array for each output",
            received={"sample_weight.shape": weight.shape},
        )


def _checked_all(values: Any, name: str, who: str) -> Any:
    """Return arrays, in the nesting of the values, each checked; a list of numbers is one array."""
    if isinstance(values, dict):
        return {key: _checked_all(one, f"{name}[{key!r}]", who) for key, one in values.items()}
    if isinstance(values, list | tuple) and holds_arrays(values):
        parts = [_checked_all(one, f"{name}[{n}]", who) for n, one in enumerate(values)]
        return tree.row_like(values, parts)
    return None if values is None else checked(values, name, who)


def holds_arrays(values: Any) -> bool:
    """Return whether arrays stand in a list or a dict, rather than the numbers of one array.

    Examples
    --------
    >>> holds_arrays([np.ones(2), np.ones(2)]), holds_arrays([[1, 2], [3, 4]])
    (True, False)
    """
    if isinstance(values, list | tuple):
        return any(holds_arrays(one) for one in values)
    is_array = hasattr(values, "__array__") or is_sparse(values)
    return isinstance(values, Mapping) or (is_array and getattr(values, "ndim", 1) > 0)


def _rows(structure: Any, index: Any) -> Any:
    return tree.map_structure(lambda x: None if x is None else _taken(x, index), structure)


def _taken(x: Any, index: Any) -> Any:
    if type(x) is np.ndarray and isinstance(index, np.ndarray) and x.dtype.kind in "fiub":
        return kernels.take(x, index)
    return x[index]


def batches(
    count: int, batch_size: int, rng: np.random.Generator | None = None, within: bool = False
) -> Iterator[np.ndarray | slice]:
    """Yield the rows of each batch, in order, or shuffled by ``rng``; the last may be smaller.

    Parameters
    ----------
    count, batch_size : int > 0
    rng : what shuffles the rows, or None
    within : bool, whether rows stay in their batch

    Examples
    --------
    >>> [batch.stop - batch.start for batch in batches(5, 2)]
    [2, 2, 1]
    """
    order = None if rng is None or within else rng.permutation(count)
    for start in range(0, count, batch_size):
        stop = min(start + batch_size, count)
        if rng is not None and within:
            yield start + rng.permutation(stop - start)
        else:
            yield slice(start, stop) if order is None else order[start:stop]
