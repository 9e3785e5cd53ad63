"""What a model's outputs mean: classes with their probabilities, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.errors import UnsupportedError
from melpy.experiments.networks import end_of
from melpy.experiments.task import CLASSIFICATION, Task

__all__ = ["probabilities", "task_of", "told"]


def task_of(model: Any, task: Task | None, outputs: Any) -> Task | None:
    """Return a model's task, by its outputs where its file does not say; None for plain numbers.

    Rows of shares that add up to 1 are classes' probabilities; so are one sigmoid's, of two.
    """
    if task is not None or not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
        return task
    count = outputs.shape[1]
    sums = outputs.sum(axis=1, dtype=np.float64)
    if count > 1 and (outputs >= 0).all() and np.abs(sums - 1).max(initial=0.0) < 1e-3:
        return Task(CLASSIFICATION, tuple(f"class {n}" for n in range(count)))
    if count == 1 and getattr(model, "outputs", None) and end_of(model) == "sigmoid":
        return Task(CLASSIFICATION, ("class 0", "class 1"))
    return None


def told(
    model: Any, task: Task | None, parts: Sequence[tuple[Sequence[str], Any]], top: int
) -> tuple[list[str], list[list[Any]]]:
    """Return a header and a row for each input.

    Parameters
    ----------
    parts : names of some inputs, and the model's outputs for them; outputs may differ in size
    top : int > 0, how many classes are told, the likeliest first
    """
    found = {task_of(model, task, outputs) for _, outputs in parts} or {task}
    task = found.pop() if len(found) == 1 else None  # what some outputs are not, none are
    headers = [header_of(task, outputs, top) for _, outputs in parts]
    header = max(headers, key=len, default=["input"])
    rows = [row for names, outputs in parts for row in rows_of(names, outputs, task, top)]
    return header, [row + [None] * (len(header) - len(row)) for row in rows]


def probabilities(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Return the outputs of a classification as (N, C): a single sigmoid tells of two classes."""
    outputs = np.asarray(outputs)
    if outputs.shape[-1] == 1 and len(task.class_names) == 2:
        return np.concatenate([1 - outputs, outputs], axis=-1)
    return outputs


def header_of(task: Task | None, outputs: Any, top: int) -> list[str]:
    """Return the names of the columns in which predictions stand.

    Parameters
    ----------
    top : int > 0, how many classes are told, the likeliest first
    """
    if task is None:
        return ["input", *(f"output_{n}" for n in range(_flat(outputs).shape[1]))]
    if not task.is_of_classes:
        return ["input", task.target or "output"]
    count = min(top, len(task.class_names))
    pairs = [(f"class_{n}", f"probability_{n}") for n in range(2, count + 1)]
    return ["input", "class", "probability", *(name for pair in pairs for name in pair)]


def rows_of(names: Sequence[str], outputs: Any, task: Task | None, top: int) -> list[list[Any]]:
    """Return a row for each input; the columns are those of `header_of`."""
    if task is None or not task.is_of_classes:
        values = _flat(outputs).astype(float).tolist()
        return [[name, *row] for name, row in zip(names, values, strict=True)]
    made = []
    for name, row in zip(names, probabilities(outputs, task), strict=True):
        best = np.argsort(-row, kind="stable")[: min(top, len(row))]
        cells = [cell for c in best for cell in (task.class_names[c], float(row[c]))]
        made.append([name, *cells])
    return made


def _flat(outputs: Any) -> np.ndarray:
    if not isinstance(outputs, np.ndarray):
        raise UnsupportedError(
            "predict", "the model has several outputs, which no row has room for",
            expected="a model of one output", mend="Call model.predict in Python.",
        )  # fmt: skip
    return outputs.reshape(len(outputs), -1)
