"""Intersection over union of areas, for segmentation: tp / (tp + fp + fn) of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError
from melpy.losses.base import along
from melpy.metrics.base import Metric, Number, array
from melpy.metrics.confusion import classes, matrix

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Metric):
    """The mean over classes of tp / (tp + fp + fn); classes that never occur do not count.

    Parameters
    ----------
    num_classes : int > 0
    target_class_ids : list of ints, the classes that are looked at
    name, dtype : as in `Metric`
    ignore_class : int or None, a label whose samples do not count
    sparse_y_true, sparse_y_pred : bools, whether labels and predictions are class numbers;
        otherwise one number a class, of which the largest counts
    axis : int, the classes' axis

    Notes
    -----
    Labels and predictions (N, ...), each (N, ..., C) where not sparse, result ().

    Samples whose class is out of range do not count. Sample weights are floats; Keras cuts them
    to whole numbers unless it is given a float dtype.

    Examples
    --------
    >>> from melpy import metrics
    >>> round(metrics.IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int32", name)  # that of Keras's counts, and of its configs
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(
                type(self).__name__,
                "a target class is out of range",
                expected=f"ints from 0 to {num_classes - 1}",
                received={"target_class_ids": list(target_class_ids)},
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_weight((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        t = classes(y_true, self.num_classes, self.sparse_y_true, self.axis)
        y = classes(y_pred, self.num_classes, self.sparse_y_pred, self.axis)
        if t.shape != y.shape:
            raise ShapeError(
                type(self).__name__,
                "labels and predictions do not fit",
                expected=f"{y.size} labels, one a prediction",
                received={"y_true.shape": np.shape(y_true), "y_pred.shape": np.shape(y_pred)},
            )
        weight: np.ndarray = np.ones(t.shape)
        if sample_weight is not None:
            given = np.asarray(sample_weight, np.float64)
            shape = array(y_true).shape
            if not self.sparse_y_true:
                shape = (*np.delete(shape, self.axis).tolist(),)
            if given.size != t.size:
                given = np.broadcast_to(along(given, shape, type(self).__name__), shape)
            weight = given.reshape(-1)
        counted = (t >= 0) & (t < self.num_classes) & (y >= 0) & (y < self.num_classes)
        if self.ignore_class is not None:
            counted &= t != self.ignore_class
        self.total_cm.assign_add(matrix(t[counted], y[counted], weight[counted], self.num_classes))

    def result(self) -> float:
        """Return the mean so far."""
        counts = self.total_cm.array
        hits = np.diag(counts)[self.target_class_ids]
        union = (counts.sum(axis=0) + counts.sum(axis=1))[self.target_class_ids] - hits
        present = union > 1e-9
        shares = np.where(present, hits / (union + config.epsilon()), 0.0)
        return Number(shares.sum() / (present.sum() + config.epsilon()))


class BinaryIoU(IoU):
    """`IoU` of two classes; a prediction is class 1 where it reaches the threshold.

    Parameters
    ----------
    target_class_ids : list of ints, the classes that are looked at
    threshold : float
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        super().update_state(y_true, self._floats(y_pred) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """`IoU` of all classes.

    Parameters
    ----------
    num_classes : int > 0
    name, dtype : as in `Metric`
    ignore_class, sparse_y_true, sparse_y_pred, axis : as in `IoU`

    Notes
    -----
    Labels and predictions (N, ...), each (N, ..., C) where not sparse, result ().
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true,
            sparse_y_pred, axis,
        )  # fmt: skip


class OneHotIoU(IoU):
    """`IoU` for one-hot labels.

    Parameters
    ----------
    num_classes : int > 0
    target_class_ids : list of ints, the classes that are looked at
    name, dtype : as in `Metric`
    ignore_class, sparse_y_pred, axis : as in `IoU`

    Notes
    -----
    Labels and predictions (N, ..., C), or predictions (N, ...) where sparse, result ().
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """`IoU` of all classes for one-hot labels.

    Parameters
    ----------
    num_classes : int > 0
    name, dtype : as in `Metric`
    ignore_class, sparse_y_pred, axis : as in `IoU`

    Notes
    -----
    Labels and predictions (N, ..., C), or predictions (N, ...) where sparse, result ().
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
