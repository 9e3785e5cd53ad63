"""How good a model is on data: what a run measures, and what `melpy evaluate` tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.experiments.best import BEST, Best
from melpy.experiments.task import Task
from melpy.viz import confusion_counts

__all__ = ["of_outputs", "of_run", "table_of"]

BATCH = 256
Data = tuple[Any, Any]


def of_run(
    model: Any, task: Task, seconds: Sequence[float], train: Data, test: Data, best: Best
) -> dict[str, Any]:
    """Return what run.json says of a training.

    Parameters
    ----------
    model : the network that was trained
    seconds : of each epoch
    train, test : x and y
    best : what kept the best epoch's model
    """
    name = task.metric
    made: dict[str, Any] = {"epochs": len(seconds)}
    for part, data in (("train", train), ("test", test)):
        made[f"{part}_loss"], made[f"{part}_{name}"] = model.evaluate(*data, BATCH)
    return made | {
        f"best_test_{name}": best.best,
        "best_epoch": best.best_epoch,
        "seconds_an_epoch": float(np.median(seconds)),
        "seconds_of_training": float(np.sum(seconds)),
    }


def table_of(results: dict[str, Any], task: Task, held_out: str) -> str:
    """Return a run's results in words."""
    name = task.metric
    form, loss = (".2%", ".4f") if task.is_of_classes else (".4g", ".6g")
    epochs = results["epochs"]

    def shown(value: float) -> str:
        return f"{value:{form}}"

    rows = []
    for part, words in (("train", "training"), ("test", held_out)):
        value = shown(results[f"{part}_{name}"])
        rows.append(f"  {words:<10}  {results[f'{part}_loss']:>10{loss}}   {value:>9}")
    best = []
    if results["best_epoch"]:  # none, where no epoch came to its end
        value = shown(results[f"best_test_{name}"])
        best = [f"  best {held_out} {name} {value} at epoch {results['best_epoch']}: {BEST}"]
    return "\n".join(
        [
            f"                    loss   {name:>9}",
            *rows,
            *best,
            f"  {results['seconds_an_epoch']:.2f} s an epoch (median), "
            f"{results['seconds_of_training']:.1f} s for "
            f"{epochs} {'epoch' if epochs == 1 else 'epochs'}",
        ]
    )


def of_outputs(outputs: np.ndarray, y: np.ndarray, task: Task) -> dict[str, Any]:
    """Return how good outputs are.

    Parameters
    ----------
    outputs : probabilities (N, C) of a classification, numbers (N, 1) of a regression
    y : classes (N,), or numbers (N, 1)

    Returns
    -------
    dict: samples, loss, and accuracy, the classes with their precision, recall and number, and the
    confusion matrix [true][predicted]; or mae, rmse and r2

    Examples
    --------
    >>> task = Task("classification", ("cat", "dog"))
    >>> told = of_outputs(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), task)
    >>> told["accuracy"], told["confusion"]
    (0.5, [[1, 0], [1, 0]])
    """
    if task.is_of_classes:
        return _of_classes(outputs, y, task.class_names)
    error = outputs.reshape(-1).astype(np.float64) - y.reshape(-1)
    spread = float(((y - y.mean()) ** 2).mean())
    squared = float((error**2).mean())
    return {
        "samples": len(y),
        "loss": squared,
        "mae": float(np.abs(error).mean()),
        "rmse": squared**0.5,
        "r2": 1 - squared / spread if spread else float("nan"),
    }


def _of_classes(outputs: np.ndarray, y: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    p = np.maximum(outputs[np.arange(len(y)), y].astype(np.float64), 1e-7)
    counts = confusion_counts(y, outputs.argmax(axis=1), len(names))
    right = counts.diagonal()
    with np.errstate(invalid="ignore"):  # 0 of 0 is NaN: nobody was taken for the class
        precision, recall = right / counts.sum(axis=0), right / counts.sum(axis=1)
    return {
        "samples": len(y),
        "loss": float(-np.log(p).mean()),
        "accuracy": float(right.sum() / len(y)),
        "classes": [
            {"class": name, "samples": int(counts[n].sum()), "precision": float(precision[n]),
             "recall": float(recall[n])}
            for n, name in enumerate(names)
        ],
        "confusion": counts.tolist(),
    }  # fmt: skip
