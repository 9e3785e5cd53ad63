"""Models in pickles, and so in joblib's files and other processes: what their own files hold.

A pickle holds a model's description, the arrays of its layers and of its optimizer, and where its
generators stand. It is built from them as from a file, by the same checks, so that no state of a
version's insides is in it; arrays stand as arrays, which joblib maps and needs no package for.
Classes and functions of the user's own go along as pickles have them: by the module that they are
in, which is imported. A pickle itself is code, as all of them are: `load_model` is for files of
others.
"""

from __future__ import annotations

import copy
from typing import Any

from melpy import budget, custom, random
from melpy.errors import MelpyError
from melpy.layers.drawing import standing
from melpy.saving.assets import written_assets
from melpy.saving.keras_file import given_back, model_of_text, to_json
from melpy.saving.notes import written_notes
from melpy.saving.state import gathered

__all__ = ["deep_copy", "reduced", "shallow_copy", "unpickled"]

WHO = "pickle"


def reduced(model: Any) -> tuple[Any, ...]:
    """Return what a model's ``__reduce__`` says: `unpickled`, and its arguments.

    Raises
    ------
    ArgumentError, DtypeError : something in the model cannot be written down: a lambda, a function
        within a function, an object without ``get_config``
    """
    try:
        with custom.carrying() as own:
            description = to_json(model)
    except MelpyError as error:
        error.who = f"{WHO}, {error.who}"
        raise
    parts = {
        "description": description,
        "arrays": {path: arrays for path, (_, arrays) in gathered(model).items()},
        "assets": written_assets(model),
        "seeds": standing(model),
        "notes": b"".join(written_notes(model).values()),
    }
    return unpickled, (parts, own)


def unpickled(parts: dict[str, Any], own: dict[str, Any]) -> Any:
    """Return the model of `reduced`'s arguments, in the midst of reading a pickle.

    Parameters
    ----------
    parts : what the model's file would hold
    own : the user's own classes and functions, by the names that the description gives them
    """
    description = parts["description"].encode()
    arrays = [array for entry in parts["arrays"].values() for array in entry.values()]
    size_bytes = len(description) + sum(array.nbytes for array in arrays)
    with budget.of_file(size_bytes, WHO), random.stream():  # new weights, to be overwritten
        model = model_of_text(description, own, True, WHO)
    given_back(model, parts["arrays"], parts["assets"], parts["seeds"], parts["notes"], WHO)
    return model


# What copy.copy and copy.deepcopy do without a __reduce__: a copy within a process keeps all that a
# model holds, functions without a name too.


def deep_copy(model: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of a model and of all that it holds."""
    made = memo[id(model)] = _empty(model)
    vars(made).update(copy.deepcopy(model.__getstate__(), memo))
    return made


def shallow_copy(model: Any) -> Any:
    """Return another model of the same layers."""
    made = _empty(model)
    vars(made).update(model.__getstate__())
    return made


def _empty(model: Any) -> Any:
    kind: Any = type(model)
    return kind.__new__(kind)
