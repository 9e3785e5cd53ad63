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


def groups(model):
    """How many layers each step of a model's graph runs as one."""
    return [len(step.calls) for step in model._graph.steps if step.together]


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "tanh", "sigmoid", "gelu", "silu"])
def test_what_runs_as_one(name):
    act = ACTS[name]
    assert groups(functional([L.Conv2D(4, 2), act(), L.MaxPooling2D()], IMAGES)) == [3]
    assert groups(functional([L.Conv1D(4, 2, activation=name), L.MaxPooling1D()], ROWS)) == [2]
    row = [L.Conv2D(4, 2, use_bias=False), L.BatchNormalization(), act(), L.MaxPooling2D()]
    assert groups(functional(row, IMAGES)) == [4]
    if name not in ("gelu", "silu"):
        assert groups(functional([L.Dense(4), act()], FEATURES)) == [2]
        row = [L.DepthwiseConv2D(2), L.BatchNormalization(), act()]
        assert groups(functional(row, IMAGES)) == [3]


class OwnConv(L.Conv2D):
    def call_last(self, x):
        return super().call_last(x) + 1.0


class OwnAct(L.LeakyReLU):
    def call(self, inputs):
        return super().call(inputs) * 2.0


def with_a_call_of_its_own(layer):
    call = layer.call
    layer.call = lambda inputs: call(inputs) + 1.0
    return layer


APART = {
    "a subclass": lambda: [OwnConv(4, 2), L.ReLU()],
    "an activation's subclass": lambda: [L.Conv2D(4, 2), OwnAct()],
    "another call": lambda: [with_a_call_of_its_own(L.Conv2D(4, 2)), L.ReLU()],
    "another call after it": lambda: [L.Conv2D(4, 2), with_a_call_of_its_own(L.ReLU())],
    "a penalty": lambda: [L.Conv2D(4, 2, activity_regularizer="l2"), L.ReLU()],
    "a penalty after it": lambda: [L.Conv2D(4, 2), L.ReLU(activity_regularizer="l2")],
    "another type": lambda: [L.Conv2D(4, 2), L.ReLU(dtype="float64")],
    "an activation of its own": lambda: [L.Conv2D(4, 2, activation="tanh"), L.ReLU()],
    "a limit": lambda: [L.Conv2D(4, 2), L.ReLU(max_value=1.0)],
    "channels first": lambda: [L.Conv2D(4, 2, data_format="channels_first"), L.ReLU()],
    "windows that overlap": lambda: [L.Conv2D(4, 2, activation=melpy.ops.softplus),
                                     L.MaxPooling2D(2, strides=1)],
}  # fmt: skip


@pytest.mark.parametrize("case", APART)
def test_what_stays_apart(case):
    row = APART[case]()
    model = functional(row, IMAGES)
    assert groups(model) == []
    same(row, model, IMAGES)


def test_what_others_need_too_is_made():
    x = melpy.Input(IMAGES.shape[1:])
    conv, act = L.Conv2D(4, 2), L.LeakyReLU()
    between = conv(x)
    model = melpy.Model(x, [between, act(between)])
    assert groups(model) == []
    z, y = model(IMAGES)
    np.testing.assert_array_equal(z, conv(IMAGES))
    np.testing.assert_array_equal(y, act(z))


def test_an_activation_that_is_used_twice():
    act = L.LeakyReLU()
    row = [L.Conv2D(4, 2), act, L.Conv2D(4, 2), act, L.MaxPooling2D()]
    model = functional(row, IMAGES)
    assert groups(model) == [2, 3]
    same(row, model, IMAGES)


def test_an_attribute_that_is_set_later():
    row = [L.Conv2D(4, 2), L.LeakyReLU(), L.MaxPooling2D()]
    model = functional(row, IMAGES)
    for change in (
        lambda: setattr(row[1], "negative_slope", 0.7),
        lambda: setattr(row[0], "activation", activations.get("softplus")),
        lambda: setattr(row[2], "strides", (1, 1)),
    ):
        model.predict(IMAGES, verbose=0)
        change()
        same(row, model, IMAGES)


@pytest.mark.parametrize("act", ["gelu", "LeakyReLU"])
@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_gives_the_same_bits(act):
    x = RNG.normal(size=(33, 16, 16, 3)).astype("float32")
    model = functional([L.Conv2D(16, 3), ACTS[act](), L.MaxPooling2D()], x)
    melpy.config.set_threads(1)
    alone = step(model, model.weights, x, training=True)
    for count in (2, 3, 5, 8):
        melpy.config.set_threads(count)
        for a, b in zip(step(model, model.weights, x, training=True), alone, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_trace_sees_each_layer():
    row = [L.Conv2D(4, 2, name="conv"), L.LeakyReLU(name="act"), L.MaxPooling2D(name="pool")]
    model = functional(row, IMAGES)
    before = np.asarray(model(IMAGES))
    traced = model.trace(IMAGES)
    np.testing.assert_array_equal(traced["conv"].output, row[0](IMAGES))
    np.testing.assert_array_equal(traced["act"].output, row[1](row[0](IMAGES)))
    np.testing.assert_array_equal(traced["pool"].output, before)
    np.testing.assert_array_equal(model(IMAGES), before)


def test_masks_go_through_each_layer():
    row = [L.Masking(), L.Dense(4), L.LeakyReLU()]
    model = functional(row, ROWS)
    padded = ROWS.copy()
    padded[:, 5:] = 0
    assert melpy.tensor.mask_of(model(padded)).sum() == 5 * len(ROWS)


def test_a_normalization_follows_its_batches_between_calls():
    row = [L.Conv2D(4, 2), L.BatchNormalization(), L.ELU(), L.MaxPooling2D()]
    model = functional(row, IMAGES)
    for _ in range(3):
        model.predict(IMAGES, verbose=0)
        model(IMAGES, training=True)
        ours = np.asarray(model.predict(IMAGES, verbose=0))
        np.testing.assert_allclose(ours, one_by_one(row)(IMAGES, training=False), atol=1e-5)


def test_a_message_names_the_layer():
    model = functional([L.Conv2D(4, 2, name="first"), L.ReLU()], IMAGES)
    with pytest.raises(melpy.errors.ShapeError, match="'first'"):
        model._graph.run({id(model._graph.starts[0]): melpy.Tensor(IMAGES[..., :2])})
