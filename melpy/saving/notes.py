"""What a model's file says beside the network: plain values, such as the names of its classes.

In a ".keras" file they stand in a part of their own, notes.json, which Keras passes over; in an
ONNX file among its metadata, under the name "melpy.notes".
"""

from __future__ import annotations

import json
from typing import Any

from melpy import budget
from melpy.errors import ArgumentError, DataError
from melpy.saving.containers import NOTES

__all__ = ["METADATA", "NOTES", "keep_notes", "note", "notes_of", "written_notes"]

METADATA = "melpy.notes"  # in an ONNX file


def note(model: Any, /, **values: Any) -> None:  # a value may be called model, too
    """Keep plain values with a model; its ".keras" and ".onnx" files hold them too.

    Parameters
    ----------
    model : a model
    values : by name, what JSON knows: strings, finite numbers, lists and dicts of them, None

    Raises
    ------
    ArgumentError : a value is no such thing

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(2, "softmax")])
    >>> note(model, class_names=["cat", "dog"])
    >>> notes_of(model)
    {'class_names': ['cat', 'dog']}
    """
    try:
        text = json.dumps({**notes_of(model), **values}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            "note",
            f"a value is not plain ({error})",
            expected="strings, finite numbers, lists and dicts of them, or None",
            received={"names": [*values]},
        ) from error
    model._notes = text  # as text: no list or dict among whose entries layers are looked for


def notes_of(model: Any) -> dict[str, Any]:
    """Return a copy of what `note` kept with a model, or its file held; maybe nothing."""
    return json.loads(getattr(model, "_notes", None) or "{}")


def written_notes(model: Any) -> dict[str, bytes]:
    """Return the part of a model's file that holds its notes; none where it has none."""
    text = getattr(model, "_notes", None)
    return {NOTES: text.encode()} if text else {}


def keep_notes(model: Any, content: bytes, who: str) -> None:
    """Give a model the notes of a file.

    Raises
    ------
    DataError : they are no JSON object
    """
    if not content:
        return
    try:
        values = budget.read_json(content, who)
    except budget.TooMuchError:
        raise
    except (ValueError, RecursionError) as error:
        values = error
    if not isinstance(values, dict):
        raise DataError(
            who,
            "the notes of the model cannot be read",
            expected="a JSON object",
            received={"is": str(values)[:80]},
        )
    note(model, **values)
