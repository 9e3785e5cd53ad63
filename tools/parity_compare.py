"""What differs between two things of one name: the arguments, methods and properties that a call
meets. `parity_table` asks it of every public name of Keras's.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import parity_differences as reasons

__all__ = ["compare"]

# Each stands in the table itself: what a class has from it is not compared again.
BASES = {
    keras.Model, keras.Layer, keras.Loss, keras.Metric, keras.Optimizer, keras.callbacks.Callback,
    keras.initializers.Initializer, keras.Regularizer, keras.constraints.Constraint,
    keras.optimizers.schedules.LearningRateSchedule,
}  # fmt: skip
# Keras itself calls these, with its arguments by position: their names are free.
MACHINERY = {name for group in reasons.MACHINERY.values() for name in group.split()}
HOOKS = {"build", "call", "compute_mask", "compute_output_shape", "update_step", "from_config"}


def arguments(function: Any) -> dict[str, inspect.Parameter]:
    """Return the arguments that a function names, without self."""
    found = inspect.signature(function).parameters
    free = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {k: p for k, p in found.items() if k != "self" and p.kind not in free}


def takes_any(function: Any, kind: str) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is getattr(p, kind) for p in parameters)


def taken(function: Any, owner: type | None) -> set[str]:
    """Return the names a call may use: those behind a constructor's **kwargs are its parents'."""
    found = set(arguments(function))
    if owner is not None and takes_any(function, "VAR_KEYWORD"):
        own = next(n for n, c in enumerate(owner.__mro__) if "__init__" in vars(c))
        if owner.__mro__[own] is not object:
            parent = owner.__mro__[own + 1]
            found |= taken(parent.__init__, parent)
    return found - {"args", "kwargs"}


def plain(default: Any) -> Any:
    """Return a default such that those that mean the same are equal: 2 and (2, 2), a name."""
    if isinstance(default, tuple | list) and default and all(x == default[0] for x in default):
        return plain(default[0])
    return getattr(default, "__name__", default)


def compare_arguments(
    ours: Any, theirs: Any, owners: tuple[Any, Any] = (None, None)
) -> Iterator[tuple[str, str]]:
    """Yield (the argument, what is the matter with it)."""
    mine, other = arguments(ours), arguments(theirs)
    we_take, they_take = taken(ours, owners[0]), taken(theirs, owners[1])
    anything = owners == (None, None) and takes_any(ours, "VAR_KEYWORD")
    for name in other:
        if name not in we_take and not anything:
            yield name, f"lacks `{name}`"
    if not takes_any(theirs, "VAR_POSITIONAL"):
        for name in mine:
            if name not in they_take:
                yield name, f"adds `{name}`"
    shared = [name for name in other if name in mine]
    if shared != [name for name in mine if name in other]:
        yield "order", f"another order: {', '.join(f'`{name}`' for name in mine)}"
    by_position = hasattr(ours, "__wrapped__")  # an op takes its options by position too
    for name, parameter in other.items():
        named_only = name not in mine or mine[name].kind is parameter.KEYWORD_ONLY
        free = parameter.kind is not parameter.KEYWORD_ONLY and not by_position
        if name in we_take and named_only and free:
            yield name, f"takes `{name}` by name only"
    for name in shared:
        defaults = mine[name].default, other[name].default
        if plain(defaults[0]) != plain(defaults[1]):
            mine_is, theirs_is = map(spelled_default, defaults)
            yield name, f"`{name}` defaults to {mine_is}, not to {theirs_is}"


def spelled_default(default: Any) -> str:
    return "nothing" if default is inspect.Parameter.empty else f"`{default!r}`"


def members(cls: type) -> list[str]:
    """Return the public methods and properties that a class of Keras's adds to its base."""
    found: dict[str, None] = {}
    for part in cls.__mro__[:-1]:
        if part in BASES and part is not cls:
            break
        if not part.__module__.startswith("keras.src.backend."):
            found |= {name: None for name in vars(part) if not name.startswith("_")}
    return [name for name in found if name not in MACHINERY]


@cache
def set_by(cls: type) -> set[str]:
    """Return the attributes that the methods of a class of ours set."""
    own = [part for part in cls.__mro__ if part.__module__.startswith("melpy")]
    source = "\n".join(map(inspect.getsource, own))
    return set(re.findall(r"(?:self|made)\.(\w+)(?::[^=\n]+)?(?:, self\.\w+)* = ", source))


def compare(ours: Any, theirs: Any) -> Iterator[tuple[str, str]]:
    """Yield (which part, what differs) between two things of one name."""
    if inspect.isclass(theirs) != inspect.isclass(ours):
        yield "kind", f"is a {'class' if inspect.isclass(ours) else 'function'} here"
    elif inspect.isclass(theirs):
        yield from compare_arguments(ours.__init__, theirs.__init__, (ours, theirs))
        for name in members(theirs):
            mine, other = getattr(ours, name, None), getattr(theirs, name)
            if not hasattr(ours, name):
                if name not in set_by(ours):
                    yield f".{name}", f"lacks `.{name}`"
            elif callable(other) and callable(mine) and name not in HOOKS:
                for argument, what in compare_arguments(mine, other):
                    yield f".{name}({argument})", f"`.{name}` {what}"
    elif callable(theirs):
        yield from compare_arguments(ours, theirs)
