"""What every scaler and encoder asks of its data, and of itself, before it works."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from melpy.data.finite import first_not_finite
from melpy.errors import DataError, DtypeError, MelpyError, ShapeError, signature_error

__all__ = ["NotFittedError", "Parameters", "numbers", "refuse_not_finite", "require_fit"]


class NotFittedError(MelpyError, ValueError, AttributeError):
    """Something was asked of a scaler or an encoder that has not seen its training data."""


class Parameters:
    """What learns from data by arguments that it keeps as attributes of the same names. Abstract.

    So scikit-learn can clone it, and have it in a Pipeline and a GridSearchCV; it need not be
    installed for that.

    Examples
    --------
    >>> from melpy.preprocessing import StandardScaler
    >>> scaler = StandardScaler(per="all")
    >>> scaler.set_params(with_mean=False) is scaler
    True
    >>> scaler.get_params()
    {'per': 'all', 'with_mean': False, 'with_std': True}
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments; ``deep`` changes nothing, for none holds others."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Take other arguments, which the constructor refuses as ever.

        Raises
        ------
        SignatureError : an argument of another name
        """
        now = self.get_params()
        error = signature_error(f"{type(self).__name__}.set_params", now, params)
        if error is not None:
            raise error
        type(self).__init__(self, **now | params)
        return self

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn, which alone asks for it, has to know of a transformer."""
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
        )


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
