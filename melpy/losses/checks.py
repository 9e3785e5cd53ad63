"""Labels that cannot be meant for the predictions are refused, in words that say what to do."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, DataError, ShapeError, warn
from melpy.tape import Variable

__all__ = [
    "always_one", "class_numbers", "classes_axis", "distributions", "given", "made_by",
    "one_a_sample", "one_shape", "probabilities", "same_shape", "several_classes", "smoothing",
    "suspicion", "whole",
]  # fmt: skip

Shape = tuple[int | None, ...]

# Activations whose values are no probabilities; relu's are no logits either.
NO_PROBABILITIES = {
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softsign",
    "tanh",
}  # fmt: skip

FLATTEN = "Is a Flatten or a GlobalAveragePooling2D missing before the model's last layer?"


def _expected(shape: Shape) -> str:
    return f"labels of shape {('N', *shape)}".replace("'", "")


def _classes(y_true: np.ndarray) -> bool:
    """Return whether labels look like one class number a sample."""
    column = y_true.ndim == 1 or (y_true.ndim == 2 and y_true.shape[-1] == 1)
    return column and y_true.size > 0 and bool((y_true == np.floor(y_true)).all())


def _row(right: np.ndarray) -> int:
    """Return the number of the first sample that is wrong."""
    return int(np.flatnonzero(~right.reshape(len(right), -1).all(axis=1))[0])


def given(who: str, values: Any, what: str = "labels") -> Any:
    """Return labels or predictions, or refuse None in their place, which NumPy takes for NaN."""
    if values is None:
        raise ArgumentError(
            who,
            f"there are no {what}",
            expected="labels and predictions, both arrays",
            received={what: None},
            mend="Was y forgotten?" if what == "labels" else "",
        )
    return values


def one_shape(who: str, y_true: np.ndarray, output_shape: Shape, broadcast: bool = False) -> None:
    """Refuse labels of another shape than the predictions'; a last axis of size 1 may lack.

    Where the loss would broadcast one to the other, it is a warning, because Keras computes that.
    """
    shape = tuple(output_shape)
    shorter, longer = sorted((y_true.shape, shape), key=len)
    if shorter[1:] == longer[1:] or (
        len(longer) == len(shorter) + 1 and longer[1:] == (*shorter[1:], 1)
    ):
        return
    mend = ""
    if len(shape) == 4 and y_true.ndim <= 2:
        mend = FLATTEN
    elif _classes(y_true):
        mend = f"If the labels are class numbers, use to_categorical(y, {shape[-1]})."
    problem = ShapeError(
        who,
        "labels and predictions have different shapes",
        expected=_expected(shape[1:]),
        received={"y.shape": y_true.shape, "outputs": shape},
        mend=mend,
    )
    sizes = zip(y_true.shape[1:], shape[1:], strict=False)
    if not (
        broadcast and len(shape) == y_true.ndim and all(a == b or 1 in (a, b) for a, b in sizes)
    ):
        raise problem
    warn(f"{problem} Every value meets every other one.")


def same_shape(who: str, t: Any, y: Any) -> None:
    """Refuse labels that would have to be broadcast to the predictions, or the reverse."""
    if t.shape != y.shape:
        raise ShapeError(
            who,
            "labels and predictions have different shapes",
            expected=f"labels of shape {y.shape}",
            received={"y_true.shape": t.shape},
        )


def one_a_sample(who: str, labels: np.ndarray, y_pred: Any, axis: int) -> None:
    """Refuse class numbers, with an axis of size 1 for the classes, that are not one a sample."""
    shape = list(y_pred.shape)
    shape[axis] = 1
    if labels.shape != tuple(shape):
        raise ShapeError(
            who,
            "there must be one class number a prediction",
            expected=f"labels of shape {tuple(np.delete(y_pred.shape, axis).tolist())}",
            received={"y_true.shape": labels.shape, "y_pred.shape": y_pred.shape},
        )


def classes_axis(who: str, shape: Shape, axis: Any) -> None:
    """Refuse an axis of the classes that predictions lack."""
    whole = isinstance(axis, int | np.integer) and not isinstance(axis, bool)
    if not whole or not -len(shape) <= axis < len(shape):
        raise ArgumentError(
            who,
            "there is no such axis",
            expected=f"an int from {-len(shape)} to {len(shape) - 1}",
            received={"axis": axis},
        )


def several_classes(who: str, shape: Shape, axis: int) -> None:
    """Refuse an axis of the classes that predictions lack; warn where it holds one class only."""
    classes_axis(who, shape, axis)
    if shape[axis] == 1:
        warn(
            f"{who}: there is one class only, whose probability is always 1. For two classes, 0 "
            "and 1, use binary_crossentropy.",
            SyntaxWarning,
        )


def probabilities(who: str, y_true: np.ndarray) -> None:
    """Refuse labels outside [0, 1]."""
    right = (y_true >= 0) & (y_true <= 1)
    if not right.all():
        row = _row(right)
        raise DataError(
            who,
            f"label of row {row} is no probability",
            expected="labels in [0, 1]",
            received={f"y[{row}]": y_true[row].tolist()},
        )


def distributions(who: str, y_true: np.ndarray, output_shape: Shape, axis: int = -1) -> None:
    """Refuse labels that are no distributions over the classes."""
    shape, C = tuple(output_shape), output_shape[axis]
    if y_true.ndim != len(shape) or y_true.shape[1:] != shape[1:]:
        mend = ""
        if len(shape) == 4 and y_true.ndim <= 2:
            mend = FLATTEN
        elif y_true.ndim == len(shape) - 1 or (y_true.ndim and y_true.shape[axis] == 1):
            mend = f"Use SparseCategoricalCrossentropy, or to_categorical(y, {C})."
        raise ShapeError(
            who,
            "the labels are not one-hot",
            expected=_expected(shape[1:]),
            received={"y.shape": y_true.shape, "outputs": shape},
            mend=mend,
        )
    positive = (y_true >= 0).all(axis=axis)
    right = positive & (np.abs(y_true.sum(axis=axis) - 1) < 1e-3)
    if right.all():
        return
    row = _row(np.asarray(right if positive.all() else positive))
    problem = DataError(
        who,
        f"label of row {row} is neither one-hot nor a distribution",
        expected="values of at least 0 that sum to 1",
        received={f"y[{row}]": y_true[row].tolist()},
        mend="For classes that do not exclude each other use BinaryCrossentropy.",
    )
    if not positive.all():
        raise problem
    warn(str(problem))  # a loss all the same, and some scripts mean it


def class_numbers(
    who: str, y_true: np.ndarray, output_shape: Shape, axis: int = -1, ignored: int | None = None
) -> None:
    """Refuse labels that are not class numbers in range, or the one that is ignored."""
    shape, C = list(output_shape), output_shape[axis] or 0
    del shape[axis]
    labels = y_true.shape
    if y_true.ndim == len(output_shape) and labels[axis] == 1:
        labels = tuple(np.delete(labels, axis))
    if labels[1:] != tuple(shape[1:]):
        mend = ""
        if y_true.shape[1:] == tuple(output_shape[1:]):
            mend = "Use CategoricalCrossentropy for one-hot labels."
        elif len(output_shape) == 4 and y_true.ndim <= 2:
            mend = FLATTEN
        raise ShapeError(
            who,
            "the labels are not class numbers",
            expected=_expected(tuple(shape[1:])),
            received={"y.shape": y_true.shape, "outputs": tuple(output_shape)},
            mend=mend,
        )
    passed = y_true == ignored if ignored is not None else np.zeros(y_true.shape, bool)
    whole = passed | (y_true == np.floor(y_true))
    right = passed | (y_true >= 0) & (y_true < C)
    if not (whole & right).all():
        row = _row(np.asarray(whole if not whole.all() else right))
        raise DataError(
            who,
            f"label of row {row} is no whole number"
            if not whole.all()
            else f"label of row {row} is out of range",
            expected=f"whole numbers from 0 to {C - 1}, the {C} classes of the output",
            received={f"y[{row}]": y_true[row].tolist()},
            mend=_mend_of_classes(y_true[~passed], C, bool(whole.all())),
        )


def _mend_of_classes(y_true: np.ndarray, C: int, are_whole: bool) -> str:
    """Return what to do with labels that are no numbers of C classes."""
    if not are_whole:
        return (
            "To learn amounts use MeanSquaredError; to learn probabilities of classes give one a "
            "class, with CategoricalCrossentropy."
        )
    least, most = float(y_true.min()), float(y_true.max())
    if C == 1:
        return "For two classes, 0 and 1, of one output use BinaryCrossentropy and a sigmoid."
    if least == 1 and most == C:
        return "Count the classes from 0: y - 1."
    if least == -1 and most < C:
        return "If -1 stands for no class, use ignore_class=-1."
    if least >= 0 and most < 10 * C:
        return f"For classes up to {most:.0f} the output needs {most + 1:.0f} units."
    return ""


def whole(who: str, y_true: np.ndarray) -> None:
    """Refuse labels that are no whole numbers."""
    right = y_true == np.floor(y_true)
    if not right.all():
        row = _row(np.asarray(right))
        raise DataError(
            who,
            f"label of row {row} is no whole number",
            expected="class numbers",
            received={f"y[{row}]": y_true[row].tolist()},
        )


def smoothing(value: float, who: str) -> None:
    """Refuse a label_smoothing that is no share."""
    if not 0 <= value <= 1:
        raise ArgumentError(
            who,
            "label_smoothing is out of range",
            expected="a float in [0, 1]",
            received={"label_smoothing": value},
        )


def made_by(y_pred: Any) -> Any:
    """Return the record of the op that made predictions, before changes of their type; or None."""
    node = y_pred.node if isinstance(y_pred, Variable) else None
    while node is not None and node.op == "cast":
        node = node.inputs[0].node if isinstance(node.inputs[0], Variable) else None
    return node


def always_one(who: str, y_pred: Any) -> None:
    """Warn of a softmax over a single number, which is 1 whatever the network learns."""
    node = made_by(y_pred)
    if node is None or node.options.get("activation", node.op) != "softmax":
        return
    axis = node.options.get("axis", -1)
    if isinstance(axis, int) and y_pred.shape[axis] == 1:
        warn(
            f"{who}: the predictions come out of a softmax over one unit, which is always 1: "
            "nothing can be learnt. For two classes end the model in Dense(1, 'sigmoid'), or in "
            "Dense(2, 'softmax') with class numbers; for an amount, in Dense(1)."
        )


def suspicion(who: str, y_pred: Any, from_logits: bool) -> bool:
    """Warn of logits that are taken for probabilities, and of the reverse; return whether it did.

    It is a warning only, because Keras computes such losses; and it is given once a loss, since
    what a model returns does not change its kind.
    """
    node = made_by(y_pred)
    values = y_pred.array if isinstance(y_pred, Variable) else y_pred
    made = None if node is None else node.options.get("activation", node.op)
    if made in NO_PROBABILITIES and not (from_logits and made != "relu"):
        wrong = True
        text = (
            f"the predictions come out of a {made}, which gives no "
            f"{'logits: they are below 0 too' if from_logits else 'probabilities'}. End the model "
            + ("without an activation." if from_logits else "in a softmax or a sigmoid.")
        )
    elif from_logits:
        wrong = made in ("softmax", "sigmoid")
        text = f"from_logits=True, but the predictions come out of a {made}. Set from_logits=False."
    else:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        wrong = low < -1e-3 or high > 1 + 1e-3
        text = (
            f"the predictions are no probabilities: they go from {low:.3g} to {high:.3g}. End the "
            "model in a softmax or a sigmoid, or set from_logits=True."
        )
    if wrong:
        warn(f"{who}: {text}", UserWarning)
    return wrong
