"""Losses of whole sequences: labels whose times nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ShapeError
from melpy.losses.base import PairLoss, as_float
from melpy.losses.checks import given, whole

__all__ = ["CTC", "ctc"]


def ctc(y_true: Any, y_pred: Any) -> Any:
    """loss = -log p(labels), over all ways in which the frames may say them.

    Labels (N, S), predictions (N, T, C), losses (N,); see `CTC`.
    """
    labels, logits = np.asarray(given("CTC", y_true)), as_float(y_pred)
    whole("CTC", labels)
    labels = labels.astype(np.int64)
    if labels.ndim != 2 or logits.ndim != 3:
        raise ShapeError(
            "CTC",
            "labels and logits do not go together",
            expected="labels (N, S) and logits (N, T, classes)",
            received={"y_true.shape": labels.shape, "y_pred.shape": logits.shape},
        )
    frames = np.full(len(labels), logits.shape[1])
    return ops.ctc_loss(labels, logits, (labels != 0).sum(axis=-1), frames)


class CTC(PairLoss):
    """loss = -log p(labels), over all ways in which the frames may say them.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels (N, S), predictions (N, T, C), losses (N,); () once reduced. Labels are class numbers
    from 1 on, then 0, which is the blank; predictions are logits.

    Source
    ------
    A. Graves et al. 2006, Connectionist temporal classification, equations 6 to 8.

    Examples
    --------
    >>> from melpy import losses
    >>> loss = losses.CTC()(np.array([[1]]), np.zeros((1, 2, 2)))
    >>> round(float(np.exp(-loss)), 6)
    0.75
    """

    function = staticmethod(ctc)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
