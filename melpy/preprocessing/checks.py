"""What every scaler and encoder asks of its data, and of itself, before it works."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from melpy.data.finite import first_not_finite
from melpy.errors import DataError, DtypeError, MelpyError, ShapeError

__all__ = ["NotFittedError", "numbers", "refuse_not_finite", "require_fit"]


class NotFittedError(MelpyError, ValueError, AttributeError):
    """Something was asked of a scaler or an encoder that has not seen its training data."""


def require_fit(learner: object, attribute: str, who: str) -> None:
    """Refuse to work before ``fit`` has set an attribute."""
    if not hasattr(learner, attribute):
        raise NotFittedError(
            who,
            "it has not seen any training data yet",
            mend="Call fit with the training data first.",
        )


def numbers(x: ArrayLike, who: str) -> np.ndarray:
    """Return ``x`` as an array of finite numbers with at least one axis."""
    data = np.asarray(x)
    if data.dtype.kind not in "buif":
        raise DtypeError(
            who,
            "the data must be real numbers",
            expected="a numeric dtype",
            received={"dtype": str(data.dtype)},
        )
    if data.ndim == 0:
        raise ShapeError(
            who,
            "a single number is no data",
            expected="shape (N, ...)",
            received={"shape": data.shape},
        )
    if data.dtype.kind == "f":
        refuse_not_finite(data, who)
    return data


def refuse_not_finite(data: np.ndarray, who: str) -> None:
    """Refuse data with a NaN or an infinity, by the number of its row."""
    place = first_not_finite(data)
    if place is not None:
        raise DataError(
            who,
            f"row {place[0]} has a value that is not a finite number",
            expected="finite numbers",
            received={"value": data[place].item()},
            mend="Drop the row or fill the value in.",
        )
