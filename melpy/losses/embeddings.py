"""Losses of embeddings: samples of one class near each other, others far."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ShapeError
from melpy.losses.base import PairLoss, as_float
from melpy.losses.checks import given

__all__ = ["Circle", "circle"]

NEVER = -1e9  # stands for -inf in a log-sum-exp, whose gradient is then no NaN


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """loss = softplus(log sum_p e^(gamma a_p (d_p - m)) + log sum_n e^(gamma a_n (1 - m - d_n))).

    The sums go over the samples p of the same class and n of other classes, at the distance
    d = max(0, 1 - cosine), with weights a_p = m + d_p and a_n = max(0, 1 + m - d_n).

    Labels (N,) or (N, 1), predictions (N, D), losses (N,); ref_labels (M,), ref_embeddings (M, D),
    the batch's own by default.
    """
    y_pred = as_float(y_pred)
    labels = np.asarray(given("circle", y_true)).reshape(-1)
    if y_pred.ndim != 2 or (ref_embeddings is None and len(labels) != len(y_pred)):
        raise ShapeError(
            "circle",
            "labels and embeddings do not go together",
            expected="labels (N,) and embeddings (N, D)",
            received={"y_true.shape": np.shape(y_true), "y_pred.shape": y_pred.shape},
        )
    others = labels if ref_labels is None else np.asarray(ref_labels).reshape(-1)
    known = y_pred if ref_embeddings is None else as_float(ref_embeddings, y_pred.dtype)
    d = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(known)), 0.0)  # (N,D) (D,M) -> (N,M)
    same = labels[:, None] == others[None]
    near = np.where(np.eye(*same.shape), False, same) if remove_diagonal else same
    pull = gamma * (margin + d) * (d - margin)
    push = gamma * ops.maximum(1 + margin - d, 0.0) * (1 - margin - d)
    pull = ops.logsumexp(ops.where(near, pull, NEVER), axis=1)
    push = ops.logsumexp(ops.where(same, NEVER, push), axis=1)
    return ops.softplus(pull + push)


class Circle(PairLoss):
    """Embeddings of one class come together, those of others go apart, the farther off the more.

    Parameters
    ----------
    gamma : float > 0, how sharply the worst pairs lead
    margin : float in [0, 1], the distance at which pairs are good enough
    remove_diagonal : bool, whether a sample is no pair with itself
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels (N,) or (N, 1), predictions (N, D), losses (N,); () once reduced. Labels are class
    numbers; predictions are vectors of length 1, as `UnitNormalization` makes them. A sample whose
    loss is 0 does not count for the mean.

    Source
    ------
    Y. Sun et al. 2020, Circle loss, equation 6.
    """

    function = staticmethod(circle)

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal
        )

    def valid(self, y_true: Any, losses: Any) -> np.ndarray | None:
        """Return which samples have a pair that is not yet good enough."""
        return np.asarray(losses) > 0
