"""Columns of a table as a network takes them: scaled numbers, one-hot words, gaps filled in.

What is learned of the training part, means and words, becomes layers at the beginning of the
model, so that its file takes the table's own columns.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from melpy import config, layers, models, ops
from melpy.errors import DataError, UnsupportedError
from melpy.experiments.cells import is_missing
from melpy.experiments.tables import Table

__all__ = [
    "Column", "arrays_of", "encoder", "encoder_of", "gaps_allowed", "learned", "require_numbers",
]  # fmt: skip

MOST_WORDS = 100  # of a column; rarer ones share one place
NO_WORD = "(missing)"
NUMBER, WORDS = "number", "words"


@dataclass(frozen=True)
class Column:
    """What is known of a column.

    Parameters
    ----------
    name : str, in the table
    input : str, the name of the model's input
    kind : "number" or "words"
    mean, variance : float, of a number's training part
    words : of the training part, the most frequent first
    """

    name: str
    input: str
    kind: str
    mean: float = 0.0
    variance: float = 1.0
    words: tuple[str, ...] = ()

    def array(self, table: Table, who: str) -> np.ndarray:
        """Return a table's column as the model takes it: (N, 1), of float64 or of strings."""
        if self.kind == NUMBER:
            made: Any = table.numbers(self.name, who)
        else:
            cells = table.column(self.name, who)
            made = np.array([NO_WORD if is_missing(cell) else cell for cell in cells], object)
        return made.reshape(-1, 1)

    def layers(self) -> Callable[[Any], Any]:
        """Return what makes a vector of the input."""
        if self.kind == WORDS:
            return layers.StringLookup(
                vocabulary=list(self.words), output_mode="one_hot", name=f"{self.input}_one_hot"
            )
        scaled = layers.Normalization(
            mean=self.mean, variance=self.variance, axis=None, name=f"{self.input}_scaled",
            dtype="float64",  # the seconds of a year are too many for float32
        )  # fmt: skip

        def prepared(x: Any) -> Any:
            known = ops.nan_to_num(scaled(x))  # where it is missing, the mean, which is 0 now
            return ops.cast(known, config.floatx())

        return prepared

    def to_notes(self) -> dict[str, Any]:
        """Return what a model's file keeps beside the layers."""
        return {"name": self.name, "input": self.input, "kind": self.kind}

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> Column:
        """Make it of what `to_notes` returned; a ValueError says that it is damaged."""
        values = [notes.get(key) for key in ("name", "input", "kind")]
        if not all(isinstance(value, str) for value in values) or values[2] not in (NUMBER, WORDS):
            raise ValueError("a column is none")
        return cls(*values)  # type: ignore[arg-type]


def learned(
    table: Table, names: Sequence[str], say: Callable[[str], None], who: str, whole: Table
) -> list[Column]:
    """Return what the columns of a training part are; say which of them tell nothing.

    A column is of numbers if all its cells are, but for missing ones. Left out are columns of one
    value, and those of words in which nearly each row has a word of its own: a name, a key. Where
    few cells make words of numbers, that is said: these may be slips, or the numbers codes.

    Parameters
    ----------
    table : the training part
    names : of the columns
    say : function of one line of text
    who : str, in messages
    whole : the table that the training part is of, in which such cells are counted

    Raises
    ------
    DataError : no column is left
    """
    made: list[Column] = []
    left_out: list[str] = []
    taken = {"row", "columns", "classes", "number", "unit"}  # layers of these names follow
    for name in names:
        cells = table.column(name, who)
        is_known = [not is_missing(cell) for cell in cells]
        cells, values = list(compress(cells, is_known)), table.values(name, who)[is_known]
        counts = Counter(cells)
        if len(counts) < 2:
            left_out.append(f"{name} (one value)" if counts else f"{name} (empty)")
            continue
        if not np.isnan(values).any():
            mean, variance = _moments(values, name, table, who)
            made.append(Column(name, _key(name, taken), NUMBER, mean, variance))
            continue
        _tell_of_slips(whole, name, say, who)
        if len(counts) > max(20, len(cells) // 2):
            left_out.append(f"{name} (a text of its own in most rows)")
            continue
        if len(cells) < len(table):
            counts[NO_WORD] = len(table) - len(cells)
        words = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
        made.append(Column(name, _key(name, taken), WORDS, words=tuple(words)))
    if left_out:
        say(f"Left out, since they tell nothing: {', '.join(left_out)}.")
    if not made:
        raise DataError(
            who, f"no column of {table.path} tells anything", expected="columns of several values"
        )
    return made


def _tell_of_slips(whole: Table, name: str, say: Callable[[str], None], who: str) -> None:
    """Say of a column that is nearly one of numbers what makes words of it, and how to mend it."""
    why = whole.nearly_numbers(name, who)
    if why:
        say(
            f"Column {name} is taken for words: {why}. If numbers are meant, mend such cells, or "
            f"empty them where the value is missing; --ignore {shlex.quote(name)} leaves the "
            "column out."
        )


def _moments(values: np.ndarray, name: str, table: Table, who: str) -> tuple[float, float]:
    """Return a column's mean and variance."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = float(values.mean()), float(values.var())
    if not np.isfinite(variance):
        raise DataError(
            who,
            f"the column {name!r} of {table.path} has numbers whose squares no number holds",
            expected="numbers below 1e150",
            received={"largest": float(np.abs(values).max())},
            mend="Write them in a larger unit; --ignore names a column to leave out.",
        )
    return mean, variance


def _key(name: str, taken: set[str]) -> str:
    """Return a name for an input, of letters and digits: paths in files are made of names."""
    key = base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "column"
    number = 1
    while key in taken:
        number += 1
        key = f"{base}_{number}"
    taken |= {key, f"{key}_scaled", f"{key}_one_hot"}
    return key


def encoder(columns: Sequence[Column]) -> Any:
    """Return the model that makes a vector a row of a dict of columns."""
    inputs = {
        one.input: models.Input((1,), dtype="string" if one.kind == WORDS else "float64",
                                name=one.input)
        for one in columns
    }  # fmt: skip
    parts = [one.layers()(inputs[one.input]) for one in columns]
    whole = layers.Concatenate(name="row")(parts) if len(parts) > 1 else parts[0]
    return models.Model(inputs, whole, name="columns")


def encoder_of(model: Any, columns: Sequence[Column]) -> Any:
    """Return the part of a table's model that `encoder` made."""
    calls = model._whole_graph().calls
    by_name = {getattr(call.function, "name", ""): call for call in calls}
    if len(columns) > 1:
        end = by_name["row"]
    elif columns[0].kind == WORDS:
        end = by_name[f"{columns[0].input}_one_hot"]
    else:
        scaled = by_name[f"{columns[0].input}_scaled"]
        end = next(call for call in calls if any(x.call is scaled for x in call.inputs))
    return models.Model(model.input, end.outputs, name="columns")


def arrays_of(table: Table, columns: Sequence[Column], who: str) -> dict[str, np.ndarray]:
    """Return a table's columns by the names of the model's inputs."""
    return {one.input: one.array(table, who) for one in columns}


def require_numbers(columns: Sequence[Column], who: str) -> None:
    """Refuse columns of words where a model is to become ONNX, whose runtimes take numbers."""
    words = [one.name for one in columns if one.kind == WORDS]
    if words:
        raise UnsupportedError(
            who,
            "a model that begins with words is not written as ONNX",
            expected="a table of numbers",
            received={"columns of words": words},
            mend="Leave them out when training, --ignore, or use the .keras file.",
        )


@contextmanager
def gaps_allowed() -> Iterator[None]:
    """Let NaN, which stands for what is missing, into models inside the ``with`` block."""
    before = config._settings.get("assume_finite")
    config.set_assume_finite(True)
    try:
        yield
    finally:
        if before is None:  # nobody has set it: nor does it seem so after
            del config._settings["assume_finite"]
        else:
            config._settings["assume_finite"] = before
