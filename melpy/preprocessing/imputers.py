"""Imputers: what is missing is filled in with what the training data says is usual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from melpy import config
from melpy.errors import DataError, DtypeError, ShapeError, lookup, warn
from melpy.preprocessing.checks import Parameters, require_fit

__all__ = ["SimpleImputer"]


def _most_frequent(column: np.ndarray) -> Any:
    values, counts = np.unique(column, return_counts=True)
    return values[counts.argmax()]  # of equally frequent ones the smallest


STRATEGIES: dict[str, Callable[[np.ndarray], Any] | None] = {
    "mean": lambda column: np.mean(column, dtype=np.float64),
    "median": np.median,
    "most_frequent": _most_frequent,
    "constant": None,
}


class SimpleImputer(Parameters):
    """y[n, d] = x[n, d], or where that is missing, what column d of the training data says.

    Parameters
    ----------
    missing_values : what stands for a missing value: NaN, None, a number or a string
    strategy : "mean", "median", "most_frequent" (the smallest of several) or "constant"
    fill_value : with strategy "constant": what to fill in; None for 0, or "missing_value" among
        strings
    add_indicator : bool, whether columns of 0 and 1 are added that say what was missing, one for
        each column in which the training data missed something
    keep_empty_features : bool: a column without any value in the training data is filled with 0,
        or fill_value; False leaves it out, with a warning

    Attributes
    ----------
    statistics_ : array (D,), what is filled in; NaN for columns without any value
    indicator_ : array of the columns that add_indicator tells of, or None

    Raises
    ------
    UnknownNameError : a strategy of another name
    NotFittedError : transform before fit
    ShapeError : the data is not (N, D), or has another D than the training data
    DtypeError : a mean or a median of what are no numbers
    DataError : a value is infinite, or NaN where that does not stand for missing

    Notes
    -----
    Numbers come out as ``config.floatx()``, anything else as objects.
    Source: scikit-learn's SimpleImputer.

    Examples
    --------
    >>> imputer = SimpleImputer().fit([[1.0, 4.0], [3.0, np.nan]])
    >>> imputer.transform([[np.nan, np.nan]])
    array([[2., 4.]], dtype=float32)
    """

    statistics_: np.ndarray
    indicator_: np.ndarray | None

    def __init__(
        self,
        *,
        missing_values: Any = np.nan,
        strategy: str = "mean",
        fill_value: Any = None,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        lookup("strategy", strategy, STRATEGIES, "SimpleImputer")
        self.missing_values, self.strategy, self.fill_value = missing_values, strategy, fill_value
        self.add_indicator, self.keep_empty_features = add_indicator, keep_empty_features

    def fit(self, x: ArrayLike, y: object = None) -> Self:
        """Learn from the training data ``x`` (N, D); ``y`` is ignored."""
        data, missing = self._table(x, "fit")
        if not data.size:
            raise ShapeError(
                "SimpleImputer.fit",
                "there is nothing to learn from",
                expected="shape (N, D) with at least one value",
                received={"shape": data.shape},
            )
        usual = STRATEGIES[self.strategy]
        words = data.dtype.kind == "O"
        empty = ("missing_value" if words else 0) if self.fill_value is None else self.fill_value
        found: list[Any] = []
        for column, gone in zip(data.T, missing.T, strict=True):
            if usual is None:
                found.append(np.nan if gone.all() and not self.keep_empty_features else empty)
            elif gone.all():
                found.append(0 if self.keep_empty_features else np.nan)
            else:
                found.append(usual(column[~gone]))
        self.statistics_ = np.array(found, object if words else np.float64)
        self._empty = missing.all(axis=0)
        self.indicator_ = np.flatnonzero(missing.any(axis=0)) if self.add_indicator else None
        return self

    def transform(self, x: ArrayLike) -> np.ndarray:
        """Return ``x`` with nothing missing; it learns nothing from ``x``."""
        require_fit(self, "statistics_", "SimpleImputer.transform")
        data, missing = self._table(x, "transform")
        if data.shape[1] != len(self.statistics_):
            raise ShapeError(
                "SimpleImputer.transform",
                "the data has another number of columns than the training data",
                expected=f"{len(self.statistics_)}",
                received={"columns": data.shape[1]},
            )
        out = np.where(missing, self.statistics_, data)
        if self._empty.any() and not self.keep_empty_features:
            left_out = np.flatnonzero(self._empty).tolist()
            warn(
                f"columns {left_out} had no values in the training data and are left out; "
                "keep_empty_features=True keeps them",
            )
            out = out[:, ~self._empty]
        if self.indicator_ is not None:
            out = np.concatenate([out, missing[:, self.indicator_].astype(np.float64)], axis=1)
        return out if out.dtype.kind == "O" else out.astype(config.floatx())

    def fit_transform(self, x: ArrayLike, y: object = None) -> np.ndarray:
        """Return ``fit(x).transform(x)``: for the training data only."""
        return self.fit(x, y).transform(x)

    def _table(self, x: ArrayLike, method: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the data as float64 or objects, and where it is missing."""
        who = f"SimpleImputer.{method}"
        # NumPy would make ["a", 1] two strings; as objects they stay what they are.
        data = np.asarray(x) if hasattr(x, "__array__") else np.asarray(x, dtype=object)
        if data.ndim != 2:
            raise ShapeError(
                who, "the data is no table", expected="shape (N, D)",
                received={"shape": data.shape},
            )  # fmt: skip
        gone: Any = self.missing_values
        numeric = self.strategy in ("mean", "median") or data.dtype.kind in "buif"
        if data.dtype.kind == "O" and not numeric:
            numeric = all(isinstance(v, int | float | np.number | None) for v in data.flat)
        if numeric:
            try:
                data = data.astype(np.float64)  # None becomes NaN
            except (ValueError, TypeError) as error:
                raise DtypeError(
                    who,
                    f"the {self.strategy} of what are no numbers",
                    expected="numbers",
                    received={"dtype": str(data.dtype)},
                    mend='Strings have a strategy="most_frequent".',
                ) from error
            missing = np.isnan(data) if gone is None or gone != gone else data == gone
            if not (np.isfinite(data) | missing).all():
                row, column = np.argwhere(~(np.isfinite(data) | missing))[0].tolist()
                raise DataError(
                    who,
                    f"row {row} has a value that is not a finite number",
                    expected="finite numbers, or missing ones",
                    received={"value": data[row, column].item(), "missing_values": gone},
                )
            return data, missing
        data = data.astype(object)
        same = [v is None if gone is None else (v != v if gone != gone else v == gone)
                for v in data.flat]  # fmt: skip
        return data, np.array(same, bool).reshape(data.shape)
