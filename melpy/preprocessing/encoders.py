"""Encoders: categories become rows of 0 and 1."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from melpy import config
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, lookup
from melpy.preprocessing.checks import Parameters, numbers, refuse_not_finite, require_fit
from melpy.tensor import Tensor

__all__ = ["OneHotEncoder", "to_categorical"]

HANDLE_UNKNOWN = {name: name for name in ("error", "ignore")}


class OneHotEncoder(Parameters):
    """y[n, k] = 1 if x[n] is category k, else 0.

    Parameters
    ----------
    handle_unknown : "error" refuses a category that fit did not see; "ignore" makes it a row of 0

    Attributes
    ----------
    categories_ : list with, for each column of the training data, its sorted categories

    Raises
    ------
    UnknownNameError : ``handle_unknown`` is neither
    NotFittedError : transform before fit
    ShapeError : the data is not (N,) or (N, D), or has another D than the training data
    DtypeError : the categories of a column are neither all numbers nor all strings
    DataError : a category that fit did not see, or NaN; the row is named

    Notes
    -----
    Source: scikit-learn's OneHotEncoder; there a single column must be (N, 1), here (N,) will do.

    Examples
    --------
    >>> encoder = OneHotEncoder().fit(["cat", "dog", "ant"])
    >>> encoder.transform(["dog", "ant"])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    >>> encoder.inverse_transform([[0.2, 0.7, 0.1]])
    array(['cat'], dtype='<U3')
    """

    categories_: list[np.ndarray]

    def __init__(self, *, handle_unknown: str = "error") -> None:
        lookup("handle_unknown", handle_unknown, HANDLE_UNKNOWN, "OneHotEncoder")
        self.handle_unknown = handle_unknown

    def fit(self, x: ArrayLike, y: object = None) -> Self:
        """Learn the categories of ``x``, (N,) or (N, D); ``y`` is ignored."""
        columns, rank = _columns(x, "OneHotEncoder.fit")
        if not columns or len(columns[0]) == 0:
            raise ShapeError(
                "OneHotEncoder.fit",
                "there is nothing to learn from",
                expected="shape (N,) or (N, D) with at least one value",
                received={"rows": 0},
            )
        self.categories_ = [np.unique(column) for column in columns]
        self._rank = rank
        return self

    def transform(self, x: ArrayLike) -> np.ndarray:
        """Return (N, K), K the number of all categories, of type ``config.floatx()``."""
        who = "OneHotEncoder.transform"
        require_fit(self, "categories_", who)
        columns, _ = _columns(x, who)
        if len(columns) != len(self.categories_):
            raise ShapeError(
                who,
                "the data has another number of columns than the training data",
                expected=f"{len(self.categories_)}",
                received={"columns": len(columns)},
            )
        blocks = [
            self._one_hot(column, known, who)
            for column, known in zip(columns, self.categories_, strict=True)
        ]
        return np.concatenate(blocks, axis=1)

    def fit_transform(self, x: ArrayLike, y: object = None) -> np.ndarray:
        """Return ``fit(x).transform(x)``: for the training data only."""
        return self.fit(x, y).transform(x)

    def inverse_transform(self, x: ArrayLike) -> np.ndarray:
        """Return the category with the greatest value in each row; probabilities (N, K) will do.

        The result has the rank of the training data. A row of zeros is no category: None where
        unknown ones are ignored, and refused otherwise.
        """
        who = "OneHotEncoder.inverse_transform"
        require_fit(self, "categories_", who)
        data = numbers(x, who)
        width = sum(len(known) for known in self.categories_)
        if data.ndim != 2 or data.shape[1] != width:
            raise ShapeError(
                who,
                "the data is not as wide as the categories",
                expected=f"shape (N, {width})",
                received={"shape": data.shape},
            )
        ends = np.cumsum([len(known) for known in self.categories_])[:-1]
        columns = []
        for known, block in zip(self.categories_, np.split(data, ends, axis=1), strict=True):
            column = known[block.argmax(axis=1)]
            empty = ~block.any(axis=1)
            if empty.any():
                if self.handle_unknown == "error":
                    raise DataError(
                        who,
                        f"row {int(empty.argmax())} is all zeros, which is no category",
                        expected="at least one value that is not 0",
                        received={"row": block[empty.argmax()].tolist()},
                    )
                column = column.astype(object)
                column[empty] = None
            columns.append(column)
        if self._rank == 1:
            return columns[0]
        one_kind = len({column.dtype.kind for column in columns}) == 1
        return np.stack(columns if one_kind else [c.astype(object) for c in columns], axis=1)

    def _one_hot(self, column: np.ndarray, known: np.ndarray, who: str) -> np.ndarray:
        # Strings beside numbers would be compared as strings, and 1 be found as "1".
        if (column.dtype.kind == "U") != (known.dtype.kind == "U"):
            raise DtypeError(
                who,
                "the data has another type than the training data",
                expected="strings" if known.dtype.kind == "U" else "numbers",
                received={"dtype": str(column.dtype)},
            )
        place = np.searchsorted(known, column).clip(max=len(known) - 1)
        seen = known[place] == column
        if self.handle_unknown == "error" and not seen.all():
            row = int(seen.argmin())
            shown = ", ".join(str(category) for category in known[:10])
            raise DataError(
                who,
                f"row {row} has a category that fit did not see",
                expected=f"one of {shown}{', ...' if len(known) > 10 else ''}",
                received={"category": column[row].item()},
                mend="Fit on data that has it, or use handle_unknown='ignore'.",
            )
        out = np.zeros((len(column), len(known)), config.floatx())
        out[np.flatnonzero(seen), place[seen]] = 1
        return out


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """y[..., k] = 1 if x[...] = k, else 0.

    Parameters
    ----------
    x : whole numbers from 0 to num_classes - 1, of any shape; a last axis of 1 is dropped
    num_classes : int > 0, or None for the greatest label plus 1

    Returns
    -------
    array x.shape + (num_classes,) of type ``config.floatx()``; a tensor where x is one

    Raises
    ------
    DataError : a label is negative, not below num_classes or not whole; the row is named
    DtypeError : the labels are not numbers
    ArgumentError : num_classes is not positive, or is left out and there are no labels

    Notes
    -----
    Source: Keras's ``keras.utils.to_categorical``.

    Examples
    --------
    >>> to_categorical([2, 0], num_classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    if isinstance(x, Tensor):
        return Tensor(to_categorical(np.asarray(x), num_classes))
    labels = np.asarray(x)
    if labels.dtype.kind not in "buif":
        raise DtypeError(
            "to_categorical",
            "labels must be numbers",
            expected="whole numbers",
            received={"dtype": str(labels.dtype)},
            mend="OneHotEncoder takes strings.",
        )
    if num_classes is None and labels.size == 0:
        what = "the number of classes cannot be told from no labels"
    elif num_classes is not None and num_classes < 1:
        what = "the number of classes must be positive"
    else:
        what = ""
    if what:
        raise ArgumentError(
            "to_categorical",
            what,
            expected="a whole number > 0",
            received={"num_classes": num_classes},
        )
    below = np.inf if num_classes is None else num_classes
    # Written so that NaN, which compares as false, is wrong too.
    wrong = ~((labels >= 0) & (labels < below) & (labels == np.floor(labels)))
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"row {index[0]}" if len(index) == 1 else f"index {index}"
        raise DataError(
            "to_categorical",
            f"the label at {place} is wrong" if index else "the label is wrong",
            expected="a whole number from 0" + (f" to {num_classes - 1}" if num_classes else ""),
            received={"label": labels[index].item()},
        )
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    out = np.zeros((labels.size, num_classes), config.floatx())
    out[np.arange(labels.size), labels.reshape(-1).astype(np.int64)] = 1
    return out.reshape(*labels.shape, num_classes)


def _columns(x: ArrayLike, who: str) -> tuple[list[np.ndarray], int]:
    """Return the columns of ``x``, each all numbers or all strings, and its rank."""
    # NumPy would make ["a", 1] two strings; as objects they stay what they are.
    data = np.asarray(x) if hasattr(x, "__array__") else np.asarray(x, dtype=object)
    if data.ndim not in (1, 2):
        raise ShapeError(
            who,
            "categories come in one column or in several",
            expected="shape (N,) or (N, D)",
            received={"shape": data.shape},
        )
    table = data.reshape(len(data), -1) if data.size else data.reshape(0, 1)
    return [_column(column, who) for column in table.T], data.ndim


def _column(column: np.ndarray, who: str) -> np.ndarray:
    if column.dtype.kind == "O":
        values = column.tolist()
        if all(isinstance(v, str) for v in values) or all(isinstance(v, Real) for v in values):
            column = np.asarray(values)
    if column.dtype.kind not in "buifU":
        raise DtypeError(
            who,
            "the categories of a column must be all numbers or all strings",
            expected="a column of one type",
            received={"types": sorted({type(v).__name__ for v in column.tolist()})},
        )
    if column.dtype.kind == "f":
        refuse_not_finite(column, who)
    return column
