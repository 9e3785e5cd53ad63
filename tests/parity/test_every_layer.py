"""Every layer, whatever its arguments: Keras's outputs, gradients, penalties, steps of training."""

import inspect
import random
import zlib

import numpy as np
import pytest
from drawn_layers import LAYERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import melpy
from melpy import layers, tape, tree
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
few = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = sorted(LAYERS)


def test_every_layer_is_drawn():
    classes = {x.__name__ for x in vars(layers).values() if inspect.isclass(x)}
    exported = {getattr(layers, name) for name in layers.__all__}
    assert {x.__name__ for x in exported if inspect.isclass(x)} == set(LAYERS) <= classes


def twins(keras, name, case, dtype):
    """Return our layer and Keras's with the same weights, none of them at its start."""
    made = [case.layer(library.layers, name, dtype) for library in (melpy, keras)]
    for layer in made:
        case.call(layer, case.inputs(dtype), dtype, **({} if name != "RNN" else {}))
    ours, theirs = made
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    rng = np.random.default_rng(1)
    weights = []
    for w in ours.weights:
        value = rng.uniform(0.2, 1.2, w.shape)
        sign = 1 if "variance" in w.name else rng.choice([-1, 1], w.shape)
        weights.append((value * sign).astype(w.dtype))
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("name", NAMES)
@few
@given(data=st.data())
def test_outputs_and_gradients(keras, precision, agree, name, data):
    def some(*values):
        return data.draw(st.sampled_from(values))

    case, dtype = LAYERS[name](some), some("float32", "float64")
    training = some(False, True) and not case.draws
    tolerance = TOLERANCE[dtype]
    with precision(dtype):
        import jax

        ours, theirs = twins(keras, name, case, dtype)
        inputs = case.inputs(dtype)
        frozen = [v.value for v in theirs.non_trainable_variables]
        variables = [v.value for v in theirs.trainable_variables]
        takes_training = "training" in inspect.signature(theirs.call).parameters
        mode = {"training": training} if takes_training else {}

        def forward(variables, floats):
            call = theirs.stateless_call
            y, after, losses = case.call(
                lambda *xs, **options: call(variables, frozen, *xs, return_losses=True, **options),
                floats or inputs, dtype, **mode,
            )  # fmt: skip
            return (tree.flatten(y), sum(losses, np.zeros((), dtype))), after

        (expected, penalty), back, after = jax.vjp(
            forward, variables, [] if case.whole else inputs, has_aux=True
        )
        rng = np.random.default_rng(2)
        cotangents = [rng.normal(size=y.shape).astype(dtype) for y in expected]
        d_weights, d_inputs = back((cotangents, np.asarray(0.7, dtype)))

        tensors = [x if case.whole else Tensor(x, requires_grad=True) for x in inputs]
        found = tree.flatten(case.call(ours, tensors, dtype, **mode))
        for mine, other in zip(found, expected, strict=True):
            assert mine.dtype == np.asarray(other).dtype == np.dtype(dtype)
            agree(mine, other, tolerance, "an output")
        losses = sum(ours.losses, Tensor(np.zeros((), dtype)))
        agree(losses, penalty, tolerance, "the penalty")
        for mine, other in zip(ours.non_trainable_weights, after, strict=False):
            agree(mine, np.asarray(other), tolerance, "what training keeps")

        total = sum((y * g).sum() for y, g in zip(found, cotangents, strict=True)) + 0.7 * losses
        sources = [*([] if case.whole else tensors), *ours.trainable_weights]
        gradients = tape.gradients(total, sources) if sources else []
        theirs_own = [*d_inputs, *d_weights]
        assert len(gradients) == len(theirs_own)
        if case.together:
            gradients, theirs_own = (
                [np.concatenate([np.ravel(x) for x in all_of])] for all_of in (gradients, theirs_own)
            )
        for mine, other in zip(gradients, theirs_own, strict=True):
            agree(mine, other, tolerance, "a gradient")
        if case.form == "one" and name not in ("EinsumDense", "Lambda") and "Cell" not in name:
            for batch in (None, 2):
                shape = (batch, *case.shapes[0][1:])
                assert shapes(ours, shape) == shapes(theirs, shape)


def shapes(layer, shape):
    found = layer.compute_output_shape(shape)
    return [tuple(x) for x in found] if isinstance(found[0], tuple | list) else tuple(found)


def network(library, name, case):
    """Return a model that trains something before the layer and something after it."""
    L = library.layers
    calm = {"training": False} if name.startswith("Random") else {}

    class Network(library.Model):
        def __init__(self):
            super().__init__()
            self.stems = [] if case.whole else [L.Dense(shape[-1]) for shape in case.shapes]
            self.layer = case.layer(L, name, "float32")
            self.flat, self.join, self.head = L.Flatten(), L.Concatenate(), L.Dense(1)

        def call(self, xs, training=False):
            xs = xs if isinstance(xs, list | tuple) else [xs]
            xs = [stem(x) for stem, x in zip(self.stems, xs, strict=True)] if self.stems else [*xs]
            ys = [self.flat(y) for y in tree.flatten(case.call(self.layer, xs, "float32", **calm))]
            return self.head(self.join(ys) if len(ys) > 1 else ys[0])

    return Network()


@pytest.mark.parametrize("name", NAMES)
def test_ten_steps(keras, agree, name):
    chooser = random.Random(zlib.crc32(name.encode()))
    case = LAYERS[name](lambda *values: chooser.choice(values))
    for rate in ("rate", "stddev", "dropout", "recurrent_dropout"):
        if rate in case.arguments:
            case.arguments[rate] = 0.0
    models = [network(library, name, case) for library in (melpy, keras)]
    x = case.inputs("float32")
    x = x if len(x) > 1 else x[0]
    for library, model in zip((melpy, keras), models, strict=True):
        model(x)
        kind = chooser.choice(["SGD", "Adam"])
        model.compile(getattr(library.optimizers, "SGD")(0.01, momentum=0.9), "mse", run_eagerly=True)
    ours, theirs = models
    start = ours.get_weights()
    theirs.set_weights(start)
    rng = np.random.default_rng(0)
    for step in range(10):
        x = case.inputs("float32", step)
        y = rng.normal(size=(len(x[0]), 1)).astype("float32")
        x = x if len(x) > 1 else x[0]
        mine, other = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
        theirs.reset_metrics()
        assert float(mine) == pytest.approx(float(other), rel=1e-4), f"the loss of step {step}"
    for before, mine, other in zip(start, ours.get_weights(), theirs.get_weights(), strict=True):
        agree(mine, other, 1e-4, "a weight")
