"""Arrays that the compiled kernels can take are computed by them: a detour gives the same numbers.

Where a kernel takes none of what it is given, its specification in NumPy computes; so numbers alone
do not tell whether the compiled one runs at all.
"""

import importlib
import pkgutil
import types

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import Tensor, layers, optimizers, tree
from melpy.kernels import compiled, dispatch
from melpy.ops.registry import OPS

# What the specification computes, with the op's sample that has it do so.
LEFT_TO_NUMPY = {
    ("arithmetic.add", "add"): "fewer numbers than are worth it",
    ("arithmetic.add_relu", "add_relu"): "the same",
    ("dense.dense", "dense"): "no samples",
    ("matmul.matmul", "dense"): "the same",
    ("matmul.matmul", "matmul"): "nothing to add up",
    ("noise.dropped", "dropout"): "axes that lie apart",
    ("noise.threshold", "dropout"): "a number of the rate, no array",
    ("noise.threshold", "alpha_dropout"): "the same",
    ("recurrent.simple_rnn", "simple_rnn"): "a mask",
    ("recurrent.simple_rnn_d_x", "simple_rnn"): "the same",
}


def watched(name, room, called):
    """Return a room of the specification that notes which of its functions are called."""

    def noting(function):
        def note(*args, **kwargs):
            called.add(f"{name}.{function.__name__}")
            return function(*args, **kwargs)

        return note

    made = types.ModuleType(room.__name__)  # Numba reads numbers of it
    for key, value in vars(room).items():
        own = isinstance(value, types.FunctionType) and value.__module__ == room.__name__
        vars(made)[key] = noting(value) if own else value
    return made


@pytest.fixture
def called(monkeypatch):
    """Yield the set of what the specification was asked for."""
    called = set()
    for room in pkgutil.iter_modules(compiled.__path__):
        module = importlib.import_module(f"melpy.kernels.compiled.{room.name}")
        if hasattr(module, "spec"):
            monkeypatch.setattr(module, "spec", watched(room.name, module.spec, called))
    return called


def as_floats(x, make):
    is_float = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return make(np.ascontiguousarray(x, np.float32)) if is_float else x


def test_of_ops(called):
    found = set()
    for name, row in OPS.items():
        for sample in row.samples:
            *args, last = sample(np.random.default_rng(0))
            args, options = (args, last) if isinstance(last, dict) else ([*args, last], {})
            args = [as_floats(x, lambda x: Tensor(x, requires_grad=True)) for x in args]
            called.clear()
            try:
                made = tree.flatten(row.call(*args, **options))
            except melpy.errors.ShapeError:  # the sample is to be float64
                continue
            y = next((y for y in made if isinstance(y, Tensor) and y.requires_grad), None)
            if y is not None:
                y.backward(np.ones(y.shape, y.dtype))
            found |= {(asked, name) for asked in called}
    assert found == set(LEFT_TO_NUMPY)


EVERY_OPTIMIZER = [
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam",
    "RMSprop", "SGD",
]  # fmt: skip


@pytest.mark.parametrize("name", EVERY_OPTIMIZER)
def test_of_steps(called, name):
    x, labels = np.ones((4, 6, 6, 2), np.float32), np.array([0, 1, 2, 0])
    model = melpy.Sequential([
        layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(3, "softmax"),
    ])  # fmt: skip
    for loss in ("sparse_categorical_crossentropy", "mse"):
        y = labels if loss.startswith("sparse") else np.eye(3, dtype=np.float32)[labels]
        model.compile(getattr(optimizers, name)(0.1), loss)
        model.train_on_batch(x, y)
        model.predict(x, verbose=0)
    assert called <= {"copying.copy"}  # fewer numbers than are worth it


def test_of_rows_and_shared_moments(called):
    table, rows = np.ones((500, 300), np.float32), np.arange(499, -1, -1)
    dispatch.take(table, rows)
    x, scale = np.ones((64, 8), np.float32), np.ones(8, np.float32)
    dispatch.scale_offset(x, scale, scale, "relu")
    dispatch.shared_batch_norm(x, scale, scale, 1e-3, "linear", len(x), lambda sums: sums)
    assert called == set()
