"""A table to train on: what its target is, and what its columns become."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from melpy.errors import ArgumentError, DataError, lookup
from melpy.experiments.columns import (
    Column,
    arrays_of,
    encoder,
    encoder_of,
    gaps_allowed,
    learned,
)
from melpy.experiments.opened import Opened
from melpy.experiments.prepared import WHO, Prepared, Say, digest_of, share_of, split
from melpy.experiments.settings import Settings
from melpy.experiments.tables import Table, read_table
from melpy.experiments.task import CLASSIFICATION, REGRESSION, TASKS, Task

__all__ = ["labels_of", "of_table", "targets"]

MOST_CLASSES = 20  # that whole numbers in a target may stand for
LARGEST = 1e9  # standard deviation of targets: Adam's squares of gradients go by its fourth power
LEAST_STEPS = 10  # of float32 at a target's size, in its standard deviation


def of_table(settings: Settings, base: Opened | None, say: Say) -> Prepared:
    """Return the rows of a table as vectors, each column learned from the training part alone.

    Parameters
    ----------
    settings : complete ones
    base : Opened, a file's model to train on from, which has learned its columns; None for a
        network that fits the data
    say : function of one line of text
    """
    table = read_table(settings.dataset, WHO)
    target = settings.target or table.names[-1]
    whole, table = table, table.with_known(target, WHO)
    left = len(whole) - len(table)
    if left:
        say(f"Left out {left:,} {'row' if left == 1 else 'rows'} without a {target}.")
    ignored = [name.strip() for name in (settings.ignore or "").split(",") if name.strip()]
    for name in ignored:
        table.column(name, WHO)  # refuses one that is not there
    kind = _kind(table, target, settings.task, say)
    share = share_of(settings.validation)
    labels, names = labels_of(table, target) if kind == CLASSIFICATION else (len(table), ())
    if share is None:
        train, test = table, read_table(str(settings.validation), WHO).with_known(target, WHO)
    else:
        rows, held = split(labels, share, settings.seed, WHO)
        train, test = table.take(rows), table.take(held)
        say(f"Holding back {len(held):,} of {len(table):,} rows to measure on.")
    used = [name for name in table.names if name != target and name not in ignored]
    if base is None:
        columns = learned(train, used, say, WHO, table)
        begin = encoder(columns)
    else:
        columns = _columns_of(base, target)
        begin = encoder_of(base.model, columns)
    if kind == CLASSIFICATION:
        task = Task(kind, names, target)
    else:
        values = train.numbers(target, WHO)
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused below
            task = Task(kind, (), target, float(values.mean()), float(values.std()) or 1.0)
    with gaps_allowed():
        x, x_test = (
            np.asarray(begin.predict(arrays_of(part, columns, WHO), batch_size=1024))
            for part in (train, test)
        )
    y, y_test = (_learnable(targets(part, task, WHO), task, part) for part in (train, test))
    shown = [f"{c.name} ({len(c.words)} words)" if c.words else c.name for c in columns]
    say(f"Columns: {', '.join(shown)}.")
    return Prepared(
        "table", Path(settings.dataset).stem, (x, y), (x_test, y_test), task, "validation",
        list, task.to_notes() | {"columns": [one.to_notes() for one in columns]},
        digest_of([str(row) for part in (train, test) for row in part.rows]), columns=columns,
        begin=begin,
    )  # fmt: skip


def _columns_of(base: Opened, target: str) -> list[Column]:
    """Return the columns that a file's model takes."""
    if not base.columns or target in [one.name for one in base.columns]:
        raise ArgumentError(
            WHO, f"the model of the file does not take the columns of a table without its {target}",
            expected="a model that `melpy train` made of a table of the same columns",
            received={"model": str(base.path)},
        )  # fmt: skip
    return base.columns


def _kind(table: Table, target: str, asked: str | None, say: Say) -> str:
    """Return what is asked for, or what the target's cells look like, and say so."""
    cells = table.column(target, WHO)
    count = len(set(_alike(table, target, WHO)))
    if asked is not None:
        kind, why = lookup("task", asked, TASKS, WHO), "as --task has it"
    elif np.isnan(values := table.values(target, WHO)).any():
        kind, why = CLASSIFICATION, f"its cells are {count} words"
        if slips := table.nearly_numbers(target, WHO):
            say(
                f"The target {target} is taken for classes: {slips}. If numbers are meant, mend "
                "such cells, or empty them: rows without a target are left out."
            )
    elif (values == np.rint(values)).all() and count <= min(MOST_CLASSES, max(2, len(cells) // 5)):
        kind, why = CLASSIFICATION, f"its cells are {count} whole numbers"
    else:
        kind, why = REGRESSION, "its cells are numbers of many values"
    if kind == CLASSIFICATION and not 2 <= count <= max(2, len(cells) // 2):
        raise DataError(
            WHO, f"the column {target!r} has no classes to learn",
            expected="two values or more, each in several rows",
            received={"values": count, "rows": len(cells)},
            mend="Name another column, --target, or another task, --task regression.",
        )  # fmt: skip
    say(f"The target is {target!r}, a {kind}: {why}.")
    return kind


def labels_of(table: Table, target: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return each row's class, and the classes' names: numbers in order, then words."""
    cells = _alike(table, target, WHO)

    def rank(name: str) -> tuple[bool, float, str]:
        value = table.number(name)
        return np.isnan(value), 0.0 if np.isnan(value) else value, name

    names = tuple(sorted(set(cells), key=rank))
    places = {name: n for n, name in enumerate(names)}
    return np.array([places[cell] for cell in cells]), names


def _alike(table: Table, target: str, who: str) -> list[str]:
    """Return a column's cells, whole numbers written alike: 1 and 1.0 are one class."""
    cells = table.column(target, who)
    values = [table.number(cell) for cell in cells]
    if not all(value.is_integer() for value in values):  # NaN, which a word is, is none
        return cells
    return [str(int(value)) for value in values]


def targets(table: Table, task: Task, who: str) -> np.ndarray:
    """Return what is to be told of each row: the classes' numbers, or numbers (N, 1) in float64."""
    if not task.is_of_classes:
        return table.numbers(task.target, who).reshape(-1, 1)
    places = {name: n for n, name in enumerate(task.class_names)}
    cells = _alike(table, task.target, who)
    strange = next((row for row, cell in enumerate(cells) if cell not in places), None)
    if strange is not None:
        raise DataError(
            who, f"row {table.place(strange)} of {table.path} is of a class that is not known",
            expected=f"one of {', '.join(task.class_names)}",
            received={task.target: cells[strange]},
        )  # fmt: skip
    return np.array([places[cell] for cell in cells])


def _learnable(y: np.ndarray, task: Task, table: Table) -> np.ndarray:
    """Return targets in float32, in which their gradients and the squares of these have to fit."""
    if task.is_of_classes:
        return y
    largest, spread = float(np.abs(y).max()), task.spread
    step = LEAST_STEPS * float(np.finfo(np.float32).eps) * largest
    if y.min() < y.max() and not max(step, 1 / LARGEST) < spread < LARGEST:
        raise DataError(
            WHO,
            f"float32 has no room for the numbers of the column {task.target!r} of {table.path}",
            expected=f"a standard deviation from {max(step, 1 / LARGEST):.3g} to {LARGEST:g}",
            received={"largest": largest, "standard deviation": spread},
            mend="Write them in another unit, or as differences from a number near them.",
        )
    return y.astype(np.float32)
