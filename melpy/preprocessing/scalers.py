"""Scalers: numbers in any unit become numbers near 0 or between 0 and 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from melpy import config
from melpy.data.finite import blocks
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.preprocessing.checks import Parameters, numbers, require_fit

__all__ = ["MinMaxScaler", "RobustScaler", "Scaler", "StandardScaler"]

PER = {name: name for name in ("feature", "channel", "all")}
EPSILON = float(np.finfo(np.float64).eps)

Axes = int | tuple[int, ...] | None


class Scaler(Parameters, ABC):
    """y = (x - shift) / factor + offset, with numbers learned from the training data.

    A subclass says how the three are learned; all else is here. Statistics are float64, and so
    is the arithmetic, block by block; results are rounded once, to ``config.floatx()``.
    """

    def __init__(self, per: str) -> None:
        lookup("per", per, PER, type(self).__name__)
        self.per = per

    def fit(self, x: ArrayLike, y: object = None) -> Self:
        """Learn from the training data ``x`` (N, ...), and forget what was learned before.

        ``y`` is ignored; scikit-learn's pipelines pass it.
        """
        who = f"{type(self).__name__}.fit"
        data = numbers(x, who)
        if data.size == 0 or (self.per == "channel" and data.ndim < 2):
            least = "(N, ..., C)" if self.per == "channel" else "(N, ...)"
            raise ShapeError(
                who,
                "there is nothing to learn from" if data.size == 0 else "there is no channel axis",
                expected=f"shape {least} with at least one value",
                received={"shape": data.shape},
            )
        axes: dict[str, Axes] = {"feature": 0, "channel": tuple(range(data.ndim - 1)), "all": None}
        self._learn(data, axes[self.per])
        self._shape = {"feature": data.shape[1:], "channel": data.shape[-1:], "all": ()}[self.per]
        return self

    def transform(self, x: ArrayLike) -> np.ndarray:
        """Return ``x`` (N, ...) scaled by what ``fit`` learned; it learns nothing from ``x``."""
        data = self._checked(x, "transform")
        shift, factor, offset = self._affine()
        out = np.empty(data.shape, config.floatx())
        for rows in blocks(data):
            out[rows] = (data[rows].astype(np.float64) - shift) / factor + offset
        return out

    def inverse_transform(self, x: ArrayLike) -> np.ndarray:
        """Return the data whose ``transform`` is ``x``: (x - offset) * factor + shift."""
        data = self._checked(x, "inverse_transform")
        shift, factor, offset = self._affine()
        out = np.empty(data.shape, config.floatx())
        for rows in blocks(data):
            out[rows] = (data[rows].astype(np.float64) - offset) * factor + shift
        return out

    def fit_transform(self, x: ArrayLike, y: object = None) -> np.ndarray:
        """Return ``fit(x).transform(x)``: for the training data only."""
        return self.fit(x, y).transform(x)

    @abstractmethod
    def _learn(self, x: np.ndarray, axes: Axes) -> None:
        """Set the public statistics of ``x``, taken over ``axes``."""

    @abstractmethod
    def _affine(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return shift, factor and offset."""

    def _checked(self, x: ArrayLike, method: str) -> np.ndarray:
        who = f"{type(self).__name__}.{method}"
        require_fit(self, "_shape", who)
        data = numbers(x, who)
        axes_before = {"feature": 1, "channel": max(data.ndim - 1, 1), "all": data.ndim}[self.per]
        if data.shape[axes_before:] != self._shape:
            fitted = ", ".join(str(size) for size in self._shape)
            raise ShapeError(
                who,
                "the data has another shape than the training data",
                expected=f"shape (N, ..., {fitted})"
                if self.per == "channel"
                else f"shape (N, {fitted})"
                if fitted
                else "shape (N,)",
                received={"shape": data.shape},
                mend="Fit a new one on data of this shape.",
            )
        return data


class StandardScaler(Scaler):
    """y = (x - mean) / sqrt(var): mean 0 and variance 1 over the training data.

    A feature that never changes keeps a scale of 1, so it becomes 0 and nothing is divided by 0.

    Parameters
    ----------
    per : "feature", "channel" or "all": what has a mean and a variance of its own

        - "feature", as in scikit-learn: every position of an example. For (N, D) each column,
          for (N, H, W, C) each pixel of each channel. The usual choice for tables.
        - "channel": every index of the last axis. For (N, H, W, C): C means.
        - "all": one mean and one variance for the whole array. The usual choice for grey images:
          their pixels share one unit, and pixels at the rim that hardly ever change would
          otherwise be blown up.
    with_mean : bool, whether to subtract the mean
    with_std : bool, whether to divide by the standard deviation

    Attributes
    ----------
    mean_, var_, scale_ : float64 arrays, (...) per feature, (C,) per channel, () for all.
        The variance divides by N, not by N - 1; scale_ is its root, or 1 where nothing changes
    n_samples_seen_ : int, N

    Raises
    ------
    UnknownNameError : ``per`` is none of the three
    NotFittedError : transform before fit
    ShapeError : ``x`` does not have the shape of the training data
    DtypeError : ``x`` is not made of numbers
    DataError : a value is NaN or infinite; the row is named

    Notes
    -----
    Source: scikit-learn's StandardScaler; for what counts as constant, Chan, Golub and LeVeque,
    "Algorithms for computing the sample variance", The American Statistician, 1983.

    Examples
    --------
    >>> scaler = StandardScaler().fit([[0.0, 5.0], [2.0, 5.0]])
    >>> scaler.transform([[4.0, 6.0]])
    array([[3., 1.]], dtype=float32)
    >>> StandardScaler(per="all").fit_transform([[1.0, 1.0], [3.0, 3.0]])
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """

    def __init__(
        self, *, per: str = "feature", with_mean: bool = True, with_std: bool = True
    ) -> None:
        super().__init__(per)
        self.with_mean, self.with_std = with_mean, with_std

    def _learn(self, x: np.ndarray, axes: Axes) -> None:
        mean = np.asarray(np.mean(x, axis=axes, dtype=np.float64))
        squares = sum(
            np.sum(np.square(x[rows].astype(np.float64) - mean), axis=axes) for rows in blocks(x)
        )
        count = x.size // mean.size
        var = np.asarray(squares / count)
        # A constant's variance comes out as the rounding of its mean, seldom as 0.
        constant = var <= count * EPSILON * var + np.square(count * mean * EPSILON)
        self.mean_, self.var_ = mean, var
        self.scale_ = np.where(constant, 1.0, np.sqrt(var))
        self.n_samples_seen_ = len(x)

    def _affine(self) -> tuple[np.ndarray, np.ndarray, float]:
        shift = self.mean_ if self.with_mean else np.zeros_like(self.mean_)
        factor = self.scale_ if self.with_std else np.ones_like(self.scale_)
        return shift, factor, 0.0


class MinMaxScaler(Scaler):
    """y = (x - min) / (max - min) * (high - low) + low: the training data fills [low, high].

    A feature that never changes becomes ``low``. Data outside the training data's range goes
    outside ``feature_range``, unless ``clip``.

    Parameters
    ----------
    feature_range : (low, high), low < high
    per : "feature", "channel" or "all": what has a range of its own; see `StandardScaler`
    clip : bool, whether `transform` cuts values off at ``feature_range``

    Attributes
    ----------
    data_min_, data_max_, data_range_ : float64 arrays, of the training data
    scale_, min_ : float64 arrays; y = x * scale_ + min_
    n_samples_seen_ : int, N

    Raises
    ------
    ArgumentError : ``feature_range`` is not increasing
    UnknownNameError, NotFittedError, ShapeError, DtypeError, DataError : as in `StandardScaler`

    Notes
    -----
    Source: scikit-learn's MinMaxScaler.

    Examples
    --------
    >>> scaler = MinMaxScaler(feature_range=(-1, 1)).fit([[0, 7], [10, 7]])
    >>> scaler.transform([[5, 7], [20, 8]])
    array([[ 0., -1.],
           [ 3.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        feature_range: tuple[float, float] = (0, 1),
        *,
        per: str = "feature",
        clip: bool = False,
    ) -> None:
        super().__init__(per)
        low, high = feature_range
        if not low < high:
            raise ArgumentError(
                "MinMaxScaler",
                "the range is not increasing",
                expected="(low, high) with low < high",
                received={"feature_range": feature_range},
            )
        self.feature_range, self.clip = feature_range, clip

    def transform(self, x: ArrayLike) -> np.ndarray:
        """Return ``x`` (N, ...) scaled by what ``fit`` learned; it learns nothing from ``x``."""
        out = super().transform(x)
        return np.clip(out, *self.feature_range, out=out) if self.clip else out

    def _learn(self, x: np.ndarray, axes: Axes) -> None:
        self.data_min_ = np.asarray(np.min(x, axis=axes), np.float64)
        self.data_max_ = np.asarray(np.max(x, axis=axes), np.float64)
        self.data_range_ = self.data_max_ - self.data_min_
        low, high = self.feature_range
        constant = self.data_range_ < 10 * EPSILON
        self._factor = np.where(constant, 1.0, self.data_range_) / (high - low)
        self.scale_ = 1 / self._factor
        self.min_ = low - self.data_min_ * self.scale_
        self.n_samples_seen_ = len(x)

    def _affine(self) -> tuple[np.ndarray, np.ndarray, float]:
        # Subtracting first is exact near the minimum, where x * scale_ + min_ cancels.
        return self.data_min_, self._factor, self.feature_range[0]


class RobustScaler(Scaler):
    """y = (x - median) / (q_high - q_low): outliers move neither the centre nor the scale.

    Parameters
    ----------
    with_centering : bool, whether to subtract the median
    with_scaling : bool, whether to divide by the distance of the two quantiles
    quantile_range : (low, high), 0 < low < high < 100, in percent
    unit_variance : bool, whether the scale is also such that normally distributed data gets
        variance 1
    per : "feature", "channel" or "all": what has a scale of its own; see `StandardScaler`

    Attributes
    ----------
    center_ : float64 array, the median
    scale_ : float64 array, q_high - q_low, or 1 where that is 0

    Raises
    ------
    ArgumentError : ``quantile_range`` is no such range
    UnknownNameError, NotFittedError, ShapeError, DtypeError, DataError : as in `StandardScaler`

    Notes
    -----
    Source: scikit-learn's RobustScaler.

    Examples
    --------
    >>> scaler = RobustScaler().fit([[1.0], [2.0], [3.0], [4.0], [500.0]])
    >>> scaler.transform([[3.0], [5.0]])
    array([[0.],
           [1.]], dtype=float32)
    """

    def __init__(
        self,
        *,
        with_centering: bool = True,
        with_scaling: bool = True,
        quantile_range: tuple[float, float] = (25.0, 75.0),
        unit_variance: bool = False,
        per: str = "feature",
    ) -> None:
        super().__init__(per)
        low, high = quantile_range
        if not 0 < low < high < 100:
            raise ArgumentError(
                "RobustScaler",
                "this is no range of quantiles",
                expected="(low, high) with 0 < low < high < 100",
                received={"quantile_range": quantile_range},
            )
        self.with_centering, self.with_scaling = with_centering, with_scaling
        self.quantile_range, self.unit_variance = quantile_range, unit_variance

    def _learn(self, x: np.ndarray, axes: Axes) -> None:
        low, high = self.quantile_range
        first, self.center_, last = np.percentile(x.astype(np.float64), [low, 50, high], axis=axes)
        span = last - first
        self.scale_ = np.where(span < 10 * EPSILON, 1.0, span)
        if self.unit_variance:
            normal = NormalDist()
            self.scale_ = self.scale_ / (normal.inv_cdf(high / 100) - normal.inv_cdf(low / 100))

    def _affine(self) -> tuple[np.ndarray, np.ndarray, float]:
        shift = self.center_ if self.with_centering else np.zeros_like(self.center_)
        factor = self.scale_ if self.with_scaling else np.ones_like(self.scale_)
        return shift, factor, 0.0
