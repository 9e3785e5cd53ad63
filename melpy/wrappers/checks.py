"""What an estimator asks of its data, in scikit-learn's words where that has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, whole_numbers

__all__ = ["Checking"]


class Checking(BaseEstimator):
    """An estimator that looks at its data before it learns from them. Abstract."""

    model: Any
    _sample_shape: tuple[int, ...]

    def _require_parameters(self) -> None:
        """Refuse parameters out of range: here, since constructors of scikit-learn's take any."""
        who, own = type(self).__name__, self.get_params(deep=False)
        counts = ("epochs", "batch_size", "n_iter_no_change")
        whole_numbers(who, 1, **{name: own[name] for name in counts})
        share = own["validation_fraction"]
        if not isinstance(share, float | np.floating) or not 0 < share < 1:
            raise ArgumentError(
                who, "validation_fraction is out of range", expected="a float between 0 and 1",
                received={"validation_fraction": share},
            )  # fmt: skip
        for name in ("model_kwargs", "fit_kwargs"):
            if own[name] is not None and not isinstance(own[name], Mapping):
                raise DtypeError(
                    who, f"{name} is no dict", expected="a dict of arguments by name, or None",
                    received={name: own[name]},
                )  # fmt: skip

    def _class_weights(self, y: Any, is_begun: bool) -> np.ndarray | None:
        """Return a weight for each label, None for the same for all."""
        return None

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Return X and y as arrays that fit each other; or refuse them, as scikit-learn does."""
        taken = self._taken(len(getattr(X, "shape", ()))) | {"reset": reset}
        if y is None:
            X = validate_data(self, X, y, **taken)
        else:
            X, y = validate_data(self, X, y, multi_output=True, **taken)
        self._check_shape(X, reset)
        return X, y

    def _checked_inputs(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._taken(1 + len(self._sample_shape)))
        self._check_shape(X, reset=False)
        return X

    def _taken(self, ndim: int) -> dict[str, Any]:
        """Return which X is taken: tables of floats; of any type images, and X for one's model."""
        as_is = self.model is not None or ndim > 2
        floats = (np.float64, np.float32)
        return {
            "accept_sparse": "csr", "allow_nd": True, "dtype": "numeric" if as_is else floats,
        }  # fmt: skip

    def _check_shape(self, X: Any, reset: bool) -> None:
        """Refuse samples of another shape than the first ones', where they are no rows."""
        if reset:
            self._sample_shape = X.shape[1:]
        elif X.shape[1:] != self._sample_shape:
            raise ShapeError(
                type(self).__name__,
                "X has samples of another shape than it was fitted on",
                expected=f"shape {('N', *self._sample_shape)}".replace("'", ""),
                received={"X.shape": X.shape},
            )

    def _weights(self, X: Any, y: Any, given: Any, is_whole: bool) -> np.ndarray | None:
        """Return the weight of each sample, 1 on average over whole data; None for 1."""
        weight = self._class_weights(y, not is_whole)
        if given is not None:
            given = _check_sample_weight(given, X, dtype=np.float64, ensure_non_negative=True)
            weight = given if weight is None else weight * given
        if weight is None:
            return None
        if not weight.any():
            raise DataError(
                type(self).__name__,
                "the weights of all samples are zero",
                expected="at least one above 0",
                received={"samples": len(weight)},
            )
        return weight * (np.count_nonzero(weight) / weight.sum()) if is_whole else weight
