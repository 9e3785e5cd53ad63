"""Layers that run together with those after them: to the bits of the layers called one by one."""

import numpy as np
import pytest

import melpy
from melpy import activations, layers, tape

L = layers
RNG = np.random.default_rng(0)
IMAGES, ROWS, FEATURES = (
    RNG.normal(size=shape).astype("float32") for shape in ((9, 9, 8, 3), (9, 11, 3), (9, 6))
)

ELEMENTWISE = sorted(
    set(activations.ACTIVATIONS)
    - {"glu", "softmax", "log_softmax", "sparsemax", "squareplus", "threshold"}
)
ACTS = {
    **{name: lambda name=name: L.Activation(name) for name in ELEMENTWISE},
    "softmax": lambda: L.Activation("softmax"),
    "gelu of ops": lambda: L.Activation(melpy.ops.gelu),
    "ReLU": L.ReLU,
    "ReLU up to": lambda: L.ReLU(1.0),
    "ReLU6": lambda: L.ReLU(6.0, 0.1),
    "ReLU sloping": lambda: L.ReLU(negative_slope=0.1),
    "ReLU from": lambda: L.ReLU(threshold=0.5),
    "LeakyReLU": L.LeakyReLU,
    "LeakyReLU 0": lambda: L.LeakyReLU(0.0),
    "LeakyReLU 1.5": lambda: L.LeakyReLU(1.5),
    "ELU": L.ELU,
    "ELU 0.3": lambda: L.ELU(0.3),
    "PReLU": L.PReLU,
    "Softmax": L.Softmax,
}
BEFORE = {
    "conv1d": (lambda: [L.Conv1D(5, 2, padding="causal", bias_initializer="normal")], ROWS),
    "conv2d": (lambda: [L.Conv2D(5, 2, bias_initializer="normal")], IMAGES),
    "conv2d without bias": (lambda: [L.Conv2D(5, (3, 2), strides=2, use_bias=False)], IMAGES),
    "dense": (lambda: [L.Dense(5, bias_initializer="normal")], FEATURES),
    "dense without bias": (lambda: [L.Dense(5, use_bias=False)], ROWS),
    "depthwise": (lambda: [L.DepthwiseConv2D(2, bias_initializer="normal")], IMAGES),
    "transpose": (lambda: [L.Conv2DTranspose(3, 2, bias_initializer="normal")], IMAGES),
    "norm": (lambda: [L.BatchNormalization()], IMAGES),
    "layer norm": (lambda: [L.LayerNormalization()], FEATURES),
}
POOLS = {ROWS.shape: lambda: L.MaxPooling1D(), IMAGES.shape: lambda: L.MaxPooling2D((2, 3))}


def functional(row, x):
    given = melpy.Input(x.shape[1:])
    y = given
    for layer in row:
        y = layer(y)
    return melpy.Model(given, y)


def nested(row, x):
    given = melpy.Input(x.shape[1:])
    return melpy.Model(given, functional(row, x)(given))


WAYS = {
    "functional": functional,
    "nested": nested,
    "sequential": lambda row, x: melpy.Sequential([melpy.Input(x.shape[1:]), *row]),
    "sequential without input": lambda row, x: melpy.Sequential(row),
}


def step(call, weights, x, training):
    """The output, what each weight learns, and what the weights hold afterwards."""
    x = melpy.Tensor(x, requires_grad=True)
    before = [np.array(w.value) for w in weights]
    y = call(x, training=training)
    g = np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)
    trained = [w for w in weights if w.requires_grad]
    gradients = tape.gradients(y, [x, *trained], g)
    after = [np.array(w.value) for w in weights]
    for weight, value in zip(weights, before, strict=True):
        weight.assign(value)
    return [np.asarray(y), *(g for g in gradients if g is not None), *after]


def one_by_one(row):
    def call(x, training):
        for layer in row:
            x = layer(x, training=training) if isinstance(layer, L.BatchNormalization) else layer(x)
        return x

    return call


def same(row, model, x, rtol=0.0):
    """Hold a model to its layers called one by one, as it trains and as it infers."""
    model(x)
    for training in (True, False):
        ours = step(model, model.weights, x, training)
        theirs = step(one_by_one(row), model.weights, x, training)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    a, b = np.asarray(model.predict(x, verbose=0)), np.asarray(one_by_one(row)(x, training=False))
    scale = rtol * np.abs(b).max()
    np.testing.assert_allclose(a, b, rtol=0, atol=scale)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("act", ACTS)
def test_a_layer_and_an_activation(before, act):
    make, x = BEFORE[before]
    row = [*make(), ACTS[act]()]
    same(row, functional(row, x), x)


@pytest.mark.parametrize("before", ["conv1d", "conv2d", "conv2d without bias"])
@pytest.mark.parametrize("act", ACTS)
def test_a_convolution_an_activation_and_max_pooling(before, act):
    make, x = BEFORE[before]
    row = [*make(), ACTS[act](), POOLS[x.shape]()]
    same(row, functional(row, x), x)


@pytest.mark.parametrize("before", [name for name in BEFORE if "norm" not in name])
@pytest.mark.parametrize("act", ["linear", "relu", "LeakyReLU", "ELU", "gelu", "silu", "mish"])
def test_a_normalization_between_them(before, act):
    make, x = BEFORE[before]
    row = [*make(), L.BatchNormalization(), ACTS[act]()]
    model = functional(row, x)
    for weight in row[1].weights:
        weight.assign(np.abs(RNG.normal(size=weight.shape)) + 0.5)
    same(row, model, x, rtol=1e-5)


@pytest.mark.parametrize("act", ACTS)
def test_a_sum_and_an_activation(act):
    a, b = melpy.Input((4, 3)), melpy.Input((4, 3))
    after = ACTS[act]()
    model = melpy.Model([a, b], after(L.Add()([a, b])))
    xs = [RNG.normal(size=(5, 4, 3)).astype("float32") for _ in range(2)]
    outcomes = []
    for call in (lambda xs: model(xs, training=True), lambda xs: after(L.Add()(xs))):
        given = [melpy.Tensor(x, requires_grad=True) for x in xs]
        y = call(given)
        outcomes.append([np.asarray(y), *tape.gradients(y, given, np.sin(np.asarray(y)))])
    for one, other in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("kernels", ["compiled", "numpy"])
def test_however_the_model_came_to_be(before, way, kernels):
    make, x = BEFORE[before]
    row = [*make(), L.LeakyReLU(0.1)]
    row += [POOLS[x.shape]()] if x.ndim > 2 else []
    melpy.config.set_kernels(kernels)
    same(row, WAYS[way](row, x), x)
