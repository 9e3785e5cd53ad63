"""Melpy: deep learning on NumPy with nothing hidden.

    import melpy
    from melpy import layers

    model = melpy.Sequential([melpy.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])

Rooms: `layers`, `models`, `losses`, `metrics`, `optimizers`, `schedules`, `callbacks`, `ops`,
`initializers`, `regularizers`, `constraints`, `activations`, `random`, `data`, `datasets`,
`preprocessing`, `utils`, `backend`, `config`, `testing`.
"""

__version__ = "0.1.0"

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
from melpy.initializers import Initializer
from melpy.kernels.spec.conv_im2col import col2im, get_indices, im2col
from melpy.layers import Layer
from melpy.losses import Loss
from melpy.metrics import Metric
from melpy.models import Input, Model, Sequential
from melpy.optimizers import Optimizer
from melpy.regularizers import Regularizer
from melpy.tape import no_grad
from melpy.tensor import Tensor, grad, value_and_grad

__all__ = [
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "activations",
    "callbacks",
    "col2im",
    "config",
    "constraints",
    "get_indices",
    "grad",
    "im2col",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "schedules",
    "value_and_grad",
    "version",
]

# Imported when they are first asked for.
_LATER = ("backend", "data", "datasets", "preprocessing", "testing", "utils")


def version() -> str:
    """Return melpy's version, as ``melpy.__version__`` has it."""
    return __version__


def __getattr__(name: str) -> object:
    if name in _LATER:
        import importlib

        return importlib.import_module(f"melpy.{name}")
    raise AttributeError(
        f"module 'melpy' has no attribute {name!r}. docs/keras.md lists every name of Keras's that "
        "is here, and why others are not."
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
