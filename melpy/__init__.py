"""Melpy: deep learning on NumPy with nothing hidden.

    import melpy
    from melpy import layers

    model = melpy.Sequential([melpy.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])

Rooms: `layers`, `models`, `losses`, `metrics`, `optimizers`, `schedules`, `callbacks`, `ops`,
`initializers`, `regularizers`, `constraints`, `activations`, `random`, `data`, `datasets`,
`preprocessing`, `saving`, `utils`, `backend`, `config`, `tree`, `testing`.
"""

__version__ = "0.1.0"

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from melpy import (
        activations,
        callbacks,
        config,
        constraints,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        random,
        regularizers,
        schedules,
    )
    from melpy.config import DTypePolicy
    from melpy.config.devices import device
    from melpy.differentiation import grad, value_and_grad
    from melpy.dtype_policies import FloatDTypePolicy
    from melpy.initializers import Initializer
    from melpy.kernels.spec.conv_im2col import col2im, get_indices, im2col
    from melpy.layers import InputSpec, Layer
    from melpy.layers.scope import name_scope
    from melpy.layers.stateless import StatelessScope
    from melpy.layers.variable import Variable
    from melpy.losses import Loss
    from melpy.metrics import Metric
    from melpy.models import Function, Input, Model, Sequential
    from melpy.operation import Operation
    from melpy.optimizers import Optimizer
    from melpy.regularizers import Regularizer
    from melpy.tape import no_grad
    from melpy.tensor import KerasTensor, Tensor

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "StatelessScope",
    "Tensor",
    "Variable",
    "activations",
    "callbacks",
    "col2im",
    "config",
    "constraints",
    "device",
    "get_indices",
    "grad",
    "im2col",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "name_scope",
    "no_grad",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "schedules",
    "value_and_grad",
    "version",
]

# Nothing is imported before it is asked for: who only wants `melpy.ops` waits for nothing else.
_ROOMS = frozenset({
    "activations", "backend", "callbacks", "config", "constraints", "data", "datasets",
    "distillation", "distribution", "dtype_policies", "errors", "initializers", "layers",
    "losses", "metrics", "mixed_precision", "models", "ops", "optimizers", "preprocessing",
    "random", "regularizers", "saving", "schedules", "testing", "tree", "utils", "viz", "wrappers",
})  # fmt: skip
_ROOM_OF = {
    "DTypePolicy": "config",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "models",
    "Initializer": "initializers",
    "Input": "models",
    "InputSpec": "layers",
    "KerasTensor": "tensor",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "operation",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "StatelessScope": "layers.stateless",
    "Tensor": "tensor",
    "Variable": "layers.variable",
    "device": "config.devices",
    "name_scope": "layers.scope",
    "col2im": "kernels.spec.conv_im2col",
    "get_indices": "kernels.spec.conv_im2col",
    "grad": "differentiation",
    "im2col": "kernels.spec.conv_im2col",
    "no_grad": "tape",
    "value_and_grad": "differentiation",
}


def version() -> str:
    """Return melpy's version, as ``melpy.__version__`` has it."""
    return __version__


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"melpy.{name}")
    if name in _ROOM_OF:
        found = getattr(importlib.import_module(f"melpy.{_ROOM_OF[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(
        f"module 'melpy' has no attribute {name!r}. docs/keras.md lists every name of Keras's that "
        "is here, and why others are not."
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_ROOM_OF})
