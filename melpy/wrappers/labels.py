"""Labels of any kind as what a network learns, and what it says as probabilities of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from melpy import losses
from melpy.errors import DataError, ShapeError
from melpy.wrappers.batches import dense

__all__ = ["Labels"]

ALMOST_1 = 1e-3  # how far from 1 the probabilities of all classes may be together, in float32
SPARSE = (losses.SparseCategoricalCrossentropy,)
HINGES = (losses.Hinge, losses.SquaredHinge)  # whose labels are -1 and 1
LEAST = float(np.finfo(np.float64).tiny)  # probability whose logarithm is taken


class Labels:
    """The classes of labels, and how labels and networks speak of them.

    Parameters
    ----------
    y : labels (N,) of any kind; or (N, K) of 0 and 1, each column a label that a sample has or not
    classes : all classes there are, where y may lack some; None for those in y
    who : str, in messages

    Attributes
    ----------
    classes : array (K,), sorted; of columns, their numbers
    in_columns : bool, whether a sample may have several

    Raises
    ------
    ValueError : y holds no classes, but numbers, say; scikit-learn says so
    DataError : there is one class alone
    """

    def __init__(self, y: Any, classes: Any, who: str) -> None:
        self.who = who
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        self.in_columns = kind == "multilabel-indicator"
        if not self.in_columns and kind not in ("binary", "multiclass"):
            raise DataError(
                who,
                f"Unknown label type: {kind}, which is none that a network learns",
                expected="one label a sample, or columns of 0 and 1",
                received={"y.shape": np.shape(y)},
                mend="Numbers to be predicted are a regressor's.",
            )
        y = self._plain(y)
        self.dtype = y.dtype
        if self.in_columns:
            self.classes = np.arange(y.shape[1])
            return
        self.classes = np.unique(y) if classes is None else unique_labels(classes)
        if len(self.classes) < 2:
            raise DataError(
                who,
                f"all labels are of one class, {self.classes.tolist()[0]!r}",
                expected="at least 2 classes among samples with a weight",
                received={"classes": len(self.classes)},
            )

    def _plain(self, y: Any) -> np.ndarray:
        if self.in_columns:
            return dense(y)
        return column_or_1d(y, warn=True)

    def codes(self, y: Any) -> np.ndarray:
        """Return the number of each label (N,); of columns, themselves (N, K).

        Raises
        ------
        DataError : a label is of no known class
        """
        y = self._plain(y)
        if self.in_columns:
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ShapeError(
                    self.who,
                    "y has other columns than at first",
                    expected=f"shape (N, {len(self.classes)})",
                    received={"y.shape": y.shape},
                )
            return y.astype(np.float64)
        places = np.searchsorted(self.classes, y).clip(max=len(self.classes) - 1)
        unknown = self.classes[places] != y
        if unknown.any():
            raise DataError(
                self.who,
                "a label is of none of the known classes",
                expected=f"labels among {self.classes.tolist()[:10]}",
                received={"label": y[unknown][0].item()},
                mend="Name all classes at first: partial_fit(X, y, classes=...).",
            )
        return places

    def one_hot(self, codes: np.ndarray) -> np.ndarray:
        """Return (N, K), 1 where a sample has a label, 0 elsewhere."""
        return codes if self.in_columns else np.eye(len(self.classes))[codes]

    def activation(self) -> str:
        """Return what a last layer of one unit a class ends with."""
        return "sigmoid" if self.in_columns else "softmax"

    def loss(self, width: int, dtype: str) -> Any:
        """Return the loss for so many outputs."""
        binary = self.in_columns or width == 1
        kind = losses.BinaryCrossentropy if binary else losses.SparseCategoricalCrossentropy
        return kind(dtype=dtype)

    def target(self, codes: np.ndarray, width: int, loss: Any) -> np.ndarray:
        """Return labels as a loss of so many outputs takes them.

        Raises
        ------
        ShapeError : the model has outputs for other classes
        """
        count = len(self.classes)
        if width != count and (width, count, self.in_columns) != (1, 2, False):
            raise ShapeError(
                self.who,
                "the model has another number of outputs than there are classes",
                expected=f"{count}" + (" or 1" if (count, self.in_columns) == (2, False) else ""),
                received={"outputs": width},
            )
        if width == 1:
            return codes.reshape(-1, 1).astype(np.float64)
        return codes if not self.in_columns and isinstance(loss, SPARSE) else self.one_hot(codes)

    def probabilities(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """Return the probability of each class (N, K), which of one label a sample are 1 together.

        Raises
        ------
        DataError : outputs are not between 0 and 1
        """
        p = outputs.reshape(len(outputs), -1).astype(np.float64)
        alone = p.shape[1] == 1 or self.in_columns
        if getattr(loss, "from_logits", False):
            p = expit(p) if alone else softmax(p, axis=1)
        if not ((p >= 0) & (p <= 1 + ALMOST_1)).all():
            raise DataError(
                self.who,
                "the model's outputs are no probabilities",
                expected="outputs of a sigmoid or a softmax, or a loss with from_logits=True",
                received={"smallest": float(p.min()), "largest": float(p.max())},
            )
        if self.in_columns:
            return p
        if p.shape[1] == 1:
            return np.concatenate([1 - p, p], axis=1)
        total = p.sum(axis=1, keepdims=True)
        return p / np.where(total == 0, 1.0, total)

    def chosen(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """Return the label that each sample gets, or the columns."""
        if self.in_columns:
            return (self.probabilities(outputs, loss) > 0.5).astype(self.dtype)
        scores = outputs.reshape(len(outputs), -1)
        if scores.shape[1] == 1:
            middle = 0.0 if _are_scores(loss) else 0.5
            return self.classes[(scores[:, 0] > middle).astype(int)]
        return self.classes[scores.argmax(axis=1)]

    def scores(self, outputs: np.ndarray, loss: Any) -> np.ndarray:
        """Return how much speaks for each class (N, K): logarithms, or a hinge's own outputs.

        Of two classes (N,), above 0 where it is more for the second; of columns, above 0 where it
        is more for the label than against it.
        """
        z = outputs.reshape(len(outputs), -1).astype(np.float64)
        if not _are_scores(loss):
            p = self.probabilities(outputs, loss)
            z = np.log(np.maximum(p, LEAST))
            if self.in_columns:
                z -= np.log(np.maximum(1 - p, LEAST))
        if self.in_columns or len(self.classes) > 2:
            return z
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]


def _are_scores(loss: Any) -> bool:
    """Return whether the outputs that a loss takes are 0 where nothing is decided."""
    return bool(getattr(loss, "from_logits", False)) or isinstance(loss, HINGES)
