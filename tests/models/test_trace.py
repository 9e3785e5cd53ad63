"""model.trace: what each layer does in one batch, and that looking changes nothing."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, ops, tape

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 8, 8, 1)).astype("float32")
CLASSES = RNG.integers(0, 3, 6)


def network():
    """Return a compiled network with batch statistics, dropout and penalties."""
    melpy.random.set_seed(3)
    model = melpy.Sequential(
        [
            melpy.Input((8, 8, 1)),
            layers.Conv2D(4, 3, kernel_regularizer="l2", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Dropout(0.5, name="drop"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_gradients_are_those_of_a_step():
    traced, model = network().trace(IMAGES, CLASSES), network()
    loss = model.compute_loss(IMAGES, CLASSES, model(IMAGES, training=True))
    assert traced.loss == float(loss)
    for weight, g in zip(
        model.trainable_weights, tape.gradients(loss, model.trainable_weights), strict=True
    ):
        layer, name = weight.path.split("/")[-2:]
        np.testing.assert_array_equal(traced[layer].d_weights[name], g)


def test_each_output_s_gradient_agrees_with_a_numerical_one():
    model = melpy.Sequential(
        [
            melpy.Input((5,), dtype="float64"),
            layers.Dense(4, "tanh", dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    x, y = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 2))
    model.compile("sgd", melpy.losses.MeanSquaredError(dtype="float64"))
    traced = model.trace(x, y)
    hidden, last = traced["dense"], model.layers[1]
    direction = RNG.normal(size=hidden.output.shape)

    def loss(step):
        return float(np.mean((last(hidden.output + step * direction).numpy() - y) ** 2))

    numerical = (loss(1e-6) - loss(-1e-6)) / 2e-6
    assert numerical == pytest.approx((hidden.d_output * direction).sum(), rel=1e-7)
    assert traced.d_input.shape == x.shape


def test_a_softmax_before_its_cross_entropy_has_a_gradient_too():
    """dL/dp = -1 / (N p) at the true class, although the training goes around the softmax."""
    traced = network().trace(IMAGES, CLASSES)
    p, g = traced["head"].output, traced["head"].d_output
    rows = np.arange(len(p))
    # Cross-entropy first divides by the sum of p, hence the second term.
    expected = np.full_like(p, 1 / len(p))
    expected[rows, CLASSES] -= 1 / (len(p) * p[rows, CLASSES])
    np.testing.assert_allclose(g, expected, rtol=1e-4, atol=1e-6)


def test_nothing_changes():
    looked_at, left_alone = network(), network()
    for model in (looked_at, left_alone):
        model.fit(IMAGES, CLASSES, epochs=1, verbose=0, shuffle=False)
    before = [vars(layer).keys() for layer in looked_at.layers]
    stream = melpy.random._stream.bit_generator.state
    for labels in (CLASSES, None):
        looked_at.trace(IMAGES, labels, training=True)
    assert melpy.random._stream.bit_generator.state == stream
    assert [vars(layer).keys() for layer in looked_at.layers] == before
    assert looked_at.get_metrics_result() == left_alone.get_metrics_result()
    for model in (looked_at, left_alone):  # the same dropped values, the same statistics
        model.fit(IMAGES, CLASSES, epochs=2, verbose=0, shuffle=False)
    for mine, other in zip(looked_at.get_weights(), left_alone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_stateful_layer_keeps_its_states():
    model = melpy.Sequential([layers.GRU(2, stateful=True)])
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    model(x)
    states = [state.copy() for state in model.layers[0].states]
    model.trace(x)
    for mine, other in zip(model.layers[0].states, states, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_an_error_leaves_the_layers_as_they_were():
    model = network()
    with pytest.raises(errors.ShapeError):
        model.trace(IMAGES[:, :4, :4, 0], CLASSES)
    assert not any("call" in vars(layer) for layer in model.layers)


def test_statistics_by_hand():
    model = melpy.Sequential([layers.ReLU(name="relu")])
    row = model.trace(np.array([[-1.0, 3.0], [-2.0, 0.0]]))["relu"]
    found = row.statistics
    assert found["mean"] == 0.75
    assert found["zeros"] == 0.75
    assert found["dead"] == 0.5
    assert found["max"] == 3.0
    assert found["dL/dy"] is None
    assert row.d_output is None
    assert row.d_weights == {}
    np.testing.assert_array_equal(row.input, [[-1.0, 3.0], [-2.0, 0.0]])


def test_dead_units_show_in_the_table():
    model = melpy.Sequential(
        [
            layers.Dense(
                2,
                "relu",
                kernel_initializer="ones",
                bias_initializer=lambda *_, **__: np.array([0, -99]),
            )
        ]
    )
    text = repr(model.trace(np.ones((4, 3))))
    assert "dense (Dense)" in text
    assert "(4, 2)" in text
    assert text.count("50.0%") == 2  # zeros, dead
    assert "4 samples, inference" in text


class TestGraphs:
    def test_layers_inside_models_and_shared_ones(self):
        a = melpy.Input((4,), name="a")
        inner = melpy.Sequential([layers.Dense(3, "tanh", name="in")], name="inner")
        y = layers.Add(name="add")([inner(a), inner(a * 2)])
        model = melpy.Model(a, y)
        model.compile("sgd", "mse")
        traced = model.trace(RNG.normal(size=(5, 4)), np.zeros((5, 3)))
        names = [row.name for row in traced]
        first, second = ["inner/input_layer", "inner/in"], ["inner/input_layer (2)", "inner/in (2)"]
        assert names == ["a", "inner", *first, "inner (2)", *second, "add"]
        assert traced["add"].input[0].shape == (5, 3)
        assert traced[1].d_weights == {}  # they are the inner layer's
        assert traced["inner/in"].d_weights["kernel"].shape == (4, 3)
        assert [row.depth for row in traced] == [0, 0, 1, 1, 0, 1, 1, 0]
        np.testing.assert_array_equal(traced.output, traced["add"].output)
        for _ in range(3):  # without labels too, where the inner one might run as a program
            assert [row.name for row in model.trace(np.ones((5, 4)))] == names

    def test_two_inputs_two_outputs(self):
        a, b = melpy.Input((4,), name="a"), melpy.Input((3,), name="b")
        h = layers.Concatenate()([a, b])
        model = melpy.Model([a, b], [layers.Dense(1, name="x")(h), layers.Dense(2, name="y")(h)])
        model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.0])
        x = [np.ones((2, 4)), np.ones((2, 3))]
        traced = model.trace(x, [np.zeros((2, 1)), np.zeros((2, 2))])
        assert [g.shape for g in traced.d_input] == [(2, 4), (2, 3)]
        assert not traced["y"].d_weights["kernel"].any()

    def test_a_class_of_one_s_own_with_its_own_loss(self):
        class Net(melpy.Model):
            def __init__(self):
                super().__init__()
                self.encode, self.decode = layers.Dense(2), layers.Dense(4)

            def call(self, inputs):
                code = self.encode(inputs)
                self.add_loss(ops.mean(code * code))
                return self.decode(code)

        model = Net()
        model.compile("sgd")
        x = RNG.normal(size=(3, 4)).astype("float32")
        traced = model.trace(x)
        code = traced["dense"].output
        assert traced.loss == pytest.approx(float(np.mean(code**2)))
        np.testing.assert_allclose(traced["dense"].d_output, 2 * code / code.size, rtol=1e-6)
        assert not traced["dense_1"].d_weights["kernel"].any()

    def test_whole_numbers_and_frozen_layers(self):
        model = melpy.Sequential([layers.Embedding(9, 2, trainable=False), layers.LSTM(3)])
        model.compile("sgd", "mse")
        traced = model.trace(np.array([[1, 2, 3]]), np.zeros((1, 3)))
        assert traced.d_input is None
        assert traced["embedding"].d_output.shape == (1, 3, 2)
        assert traced["embedding"].d_weights == {}
        assert traced["lstm"].d_weights.keys() == {"kernel", "recurrent_kernel", "bias"}


def test_messages():
    model = network()
    with pytest.raises(errors.UnknownNameError, match=r"unknown layer 'haed'.*'head'"):
        model.trace(IMAGES)["haed"]
    with pytest.raises(errors.GraphError, match="does not know how to train"):
        melpy.Sequential([layers.Dense(1)]).trace(IMAGES[:, 0, :, 0], np.zeros((6, 1)))
