"""A model measured on a data set, a folder of images, or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from melpy import datasets
from melpy.errors import ArgumentError, DataError, MelpyError, ShapeError
from melpy.experiments.answers import probabilities, task_of
from melpy.experiments.from_table import labels_of, targets
from melpy.experiments.images import with_channels
from melpy.experiments.inputs import Reader, outputs_of
from melpy.experiments.measures import of_outputs
from melpy.experiments.opened import Opened, opened
from melpy.experiments.photographs import classes_in
from melpy.experiments.settings import kind_of, require_options_of_kind
from melpy.experiments.tables import read_table
from melpy.experiments.task import REGRESSION, Task

__all__ = ["evaluated"]

WHO = "evaluate"


def evaluated(
    model: str, data: str, target: str | None = None, scale: float | None = None, skip: bool = False
) -> dict[str, Any]:
    """Return how good a model is; see `melpy.experiments.measures.of_outputs`.

    Parameters
    ----------
    model : a model's file, or a run
    data : a data set's name, whose test images count; a folder with a folder for each class; or a
        table, of which rows without a target are left out
    target : the column to be told, of a table; None for the training's
    scale : float, by which pixels are multiplied; None for 1
    skip : bool, whether damaged images are left out

    Raises
    ------
    ArgumentError : an option that means nothing for such data
    """
    kind = kind_of(data, WHO)
    options = {"target": target, "scale": scale, "skip_damaged": skip}
    require_options_of_kind(kind, options, WHO)
    found = opened(model, WHO)
    reader = Reader(found, scale=1.0 if scale is None else scale, who=WHO)
    if kind == "table":
        return _on_table(reader, data, target)
    if kind == "dataset":
        x, y = _test_part(data, reader)
        outputs = outputs_of(found.model, x)
        task = _of_classes(found, outputs)
    else:
        classes = classes_in(Path(data), WHO, 1)
        read = {name: _outputs(reader, paths, skip) for name, paths in classes.items()}
        outputs = np.concatenate(list(read.values()))
        task = _named(_of_classes(found, outputs), list(classes), found.task is None)
        y = np.repeat(
            [task.class_names.index(name) for name in read], list(map(len, read.values()))
        )
    if y.max() >= len(task.class_names):
        raise ShapeError(
            WHO, f"the model has fewer classes than {data}", expected=f"{y.max() + 1} or more",
            received={"classes": len(task.class_names)},
        )  # fmt: skip
    return of_outputs(probabilities(outputs, task), y, task)


def _outputs(reader: Reader, paths: Sequence[Path], skip: bool) -> np.ndarray:
    def failed(error: MelpyError) -> None:
        if not skip:
            error.mend = "Take a whole copy of it, or leave it out: --skip-damaged."
            raise error

    made = [outputs_of(reader.opened.model, x) for _, x in reader.images(paths, failed)]
    if not made:
        raise DataError(WHO, f"no image of {paths[0].parent} can be read", expected="whole images")
    return np.concatenate(made)


def _of_classes(found: Opened, outputs: Any) -> Task:
    """Return the task of a model that tells classes."""
    task = task_of(found.model, found.task, outputs)
    if task is None or not task.is_of_classes:
        raise ArgumentError(
            WHO, "the model tells no classes", expected="probabilities, as a softmax gives them",
            received={"outputs": np.shape(outputs)},
        )  # fmt: skip
    return task


def _named(task: Task, names: Sequence[str], is_guessed: bool) -> Task:
    """Return the task with the classes' names: those of the folders, where the file has none."""
    if is_guessed and len(names) == len(task.class_names):
        return replace(task, class_names=tuple(names))
    strange = [name for name in names if name not in task.class_names]
    if strange:
        raise DataError(
            WHO, "folders are called otherwise than the model's classes",
            expected=f"some of {', '.join(task.class_names)}", received={"folders": strange},
        )  # fmt: skip
    return task


def _test_part(name: str, reader: Reader) -> tuple[np.ndarray, np.ndarray]:
    _, (x, y) = datasets.load(name)
    x, y = with_channels(x), y.reshape(-1)
    shape, image = reader.shape, x.shape[1:]
    fits = zip(image, shape or (), strict=False)
    if shape is None or len(shape) != len(image) or any(b not in (None, a) for a, b in fits):
        raise ShapeError(
            WHO, f"the model takes other images than {name}",
            expected=f"shape {shape}" if shape else "a model of one input, of a known shape",
            received={"shape": image},
        )  # fmt: skip
    return x.astype(np.float32) * np.float32(reader.scale), y


def _on_table(reader: Reader, path: str, target: str | None) -> dict[str, Any]:
    """Return how good a model is on a table's rows whose target is known."""
    found, table = reader.opened, read_table(path, WHO)
    name = target or (found.task.target if found.task else "") or table.names[-1]
    table = table.with_known(name, WHO)
    inputs = table if found.columns else table.without(name)
    outputs = np.concatenate([outputs_of(found.model, x) for _, x in reader.rows(inputs)])
    task = task_of(found.model, found.task, outputs) or Task(REGRESSION)
    if task.is_of_classes and found.task is None:
        task = _named(task, labels_of(table, name)[1], is_guessed=True)
    task = replace(task, target=name)
    told = probabilities(outputs, task) if task.is_of_classes else outputs
    return of_outputs(told, targets(table, task, WHO), task)
