"""Optimizers: Keras's names, arguments, defaults and formulas, over one flat buffer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melpy.configurable import find, plain, widened
from melpy.optimizers import schedules
from melpy.optimizers.adam import Adam, Adamax, AdamW, Nadam
from melpy.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from melpy.optimizers.base import Optimizer
from melpy.optimizers.descent import SGD, Lion
from melpy.optimizers.matrix import Adafactor, Muon
from melpy.optimizers.recent import Lamb, ScheduleFreeAdamW

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer, without its state, as plain values, which `deserialize` reads."""
    return plain(optimizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """Return the optimizer of a `serialize` result; ``custom_objects`` names further classes."""
    return find("optimizer", config, Optimizer, widened(globals(), custom_objects), spell=str.lower)


def get(identifier: Any) -> Any:
    """Return the optimizer of a name ("adam"), a config, itself, or None for None."""
    if identifier is None:
        return None
    return find("optimizer", identifier, Optimizer, globals(), spell=str.lower)
