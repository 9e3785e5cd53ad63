"""Functional models, models of one's own, and every kind of data that fit takes."""

import io
import sys

import numpy as np
import pytest

import melpy
from melpy import errors, layers, ops
from melpy.data import Loader, PyDataset

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(60, 4)).astype("float32"), RNG.normal(size=(60, 3)).astype("float32")
Y, C = X @ np.ones((4, 1), "float32"), (X[:, 0] > 0).astype(int)


def two_by_two():
    """Return a model of two named inputs and two named outputs that share a layer."""
    a, b = melpy.Input((4,), name="a"), melpy.Input((3,), name="b")
    h = layers.Concatenate()([layers.Dense(5, "tanh")(a), layers.Dense(5, "tanh")(b)])
    number = layers.Dense(1, name="number")(h)
    kind = layers.Dense(2, activation="softmax", name="kind")(h)
    return melpy.Model([a, b], [number, kind])


class TestGraph:
    def test_by_hand(self):
        a = melpy.Input((2,))
        double = layers.Dense(2, use_bias=False, kernel_initializer="identity")
        model = melpy.Model(a, double(a) * 3 + double(a))
        np.testing.assert_array_equal(model(np.array([[1.0, 2.0]])), [[4.0, 8.0]])
        assert len(model.weights) == 1  # the layer is shared

    def test_ops_and_operators_describe(self):
        a = melpy.Input((2, 3))
        y = ops.sum(ops.relu(a)[:, 0], axis=-1) - np.float32(1)
        assert y.shape == (None,)
        x = RNG.normal(size=(5, 2, 3)).astype("float32")
        expected = np.maximum(x, 0)[:, 0].sum(-1) - 1
        np.testing.assert_allclose(melpy.Model(a, y)(x), expected, rtol=1e-6)

    def test_unknown_sizes_stay_unknown(self):
        steps = melpy.Input((None, 4))
        assert layers.LSTM(5, return_sequences=True)(steps).shape == (None, None, 5)
        assert layers.Conv1D(6, 2)(steps).shape == (None, None, 6)
        model = melpy.Model(steps, layers.GRU(3)(steps))
        assert model(np.ones((2, 7, 4))).shape == model(np.ones((2, 9, 4))).shape == (2, 3)

    def test_a_layer_may_take_batches_of_one_size_only(self):
        class Tokens(layers.Layer):
            rows = 12

            def call(self, x):
                y = ops.reshape(x, (self.rows, 4))
                return ops.reshape(2 * y, (ops.shape(x)[0], 3, 4))

        a = melpy.Input((3, 4))
        model = melpy.Model(a, layers.Flatten()(Tokens()(a)))
        x = RNG.normal(size=(8, 3, 4)).astype("float32")
        np.testing.assert_array_equal(model.predict(x, 4, verbose=0), 2 * x.reshape(8, 12))
        with pytest.raises(errors.ShapeError, match="tokens"):
            model.predict(x, 8, verbose=0)
        Tokens.rows = 7  # of no whole number of samples
        with pytest.raises(errors.ShapeError, match="none fits"):
            Tokens()(a)

    def test_inputs_by_name_by_position_or_as_dict(self):
        model = two_by_two()
        expected = model.predict([X, Z])
        for given in ({"a": X, "b": Z}, {"b": Z, "a": X}, (X, Z)):
            for mine, other in zip(model.predict(given), expected, strict=True):
                np.testing.assert_array_equal(mine, other)

    def test_outputs_may_be_a_dict(self):
        a = melpy.Input((4,))
        model = melpy.Model(a, {"x": layers.Dense(1)(a), "y": layers.Dense(2)(a)})
        model.compile("sgd", loss={"x": "mse", "y": "mse"}, metrics={"y": ["mae"]})
        logs = model.fit(X, {"x": Y, "y": np.tile(Y, 2)}, verbose=0).history
        assert logs.keys() == {"loss", "x_loss", "y_loss", "y_mae"}

    def test_nested_models_share_their_weights(self):
        inner = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
        a, b = melpy.Input((4,)), melpy.Input((4,))
        model = melpy.Model([a, b], layers.Add()([inner(a), inner(b)]))
        assert [w is v for w, v in zip(model.weights, inner.weights, strict=True)] == [True, True]
        model.compile("sgd", "mse")
        before = inner.get_weights()[0]
        model.fit([X, X], np.zeros((60, 3)), verbose=0)
        assert not np.array_equal(before, inner.get_weights()[0])

    def test_transfer_by_freezing_and_feature_extraction(self):
        base = melpy.Sequential([melpy.Input((4,)), layers.Dense(6, "relu"), layers.Dense(2)])
        features = melpy.Model(base.input, base.layers[0].output)
        features.trainable = False
        a = melpy.Input((4,))
        model = melpy.Model(a, layers.Dense(1)(features(a)))
        assert len(model.trainable_weights) == 2
        frozen = base.layers[0].get_weights()
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, verbose=0)
        for mine, other in zip(frozen, base.layers[0].get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)

    def test_config_round_trip(self):
        model = two_by_two()
        again = melpy.Model.from_config(model.get_config())
        again.set_weights(model.get_weights())
        for mine, other in zip(model.predict([X, Z]), again.predict([X, Z]), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert [x.name for x in again.layers] == [x.name for x in model.layers]

    def test_summary_where_the_output_knows_no_lines(self, monkeypatch):
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", out)
        two_by_two().summary()
        out.flush()
        text = out.buffer.getvalue().decode("ascii")
        assert "-----" in text
        assert "parameters" in text

    def test_summary_shows_where_inputs_come_from(self):
        lines = []
        two_by_two().summary(print_fn=lines.append)
        assert "concatenate (Concatenate)" in lines[0]
        assert "Input from" in lines[0]
        assert "dense, dense_1" in lines[0]

    def test_bad_graphs(self):
        a, b = melpy.Input((4,), name="a"), melpy.Input((4,), name="b")
        with pytest.raises(errors.ArgumentError, match="not connected to its inputs"):
            melpy.Model(a, layers.Add()([a, b]))
        with pytest.raises(errors.ArgumentError, match=r"output 'more.1' is not connected"):
            melpy.Model(a, {"more": [a * 2, b * 2]})
        with pytest.raises(errors.ArgumentError, match="not symbolic"):
            melpy.Model(X, layers.Dense(1)(a))
        with pytest.raises(errors.ArgumentError, match="two layers are called 'same'"):
            melpy.Model(a, layers.Dense(1, name="same")(layers.Dense(2, name="same")(a)))
        with pytest.raises(errors.ArgumentError, match="no values yet"):
            np.asarray(a)
        model = two_by_two()
        with pytest.raises(errors.ShapeError, match="2 inputs but 1 came"):
            model(X)
        with pytest.raises(errors.ArgumentError, match="input 'b' is missing"):
            model({"a": X})


class TestMessages:
    def test_what_came_before_a_misfit_is_shown(self):
        images = melpy.Sequential([melpy.Input((8, 8, 1)), layers.Conv2D(4, 3)])
        with pytest.raises(errors.ArgumentError) as caught:
            images.add(layers.Conv2D(4, 9))
        assert "Conv2D 'conv2d_1'" in str(caught.value)
        assert "Before it: " in str(caught.value)
        assert "conv2d (None, 6, 6, 4)" in str(caught.value)
        assert len(images.layers) == 1

    @pytest.mark.parametrize(
        ("shape", "mend"),
        [((28, 28, 1), "batch axis"), ((5, 1, 28, 28), r"transpose\(0, 2, 3, 1\)")],
    )
    def test_images_that_lack_an_axis(self, shape, mend):
        model = melpy.Sequential([melpy.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)])
        with pytest.raises(errors.ShapeError, match=mend):
            model(np.ones(shape))

    def test_unknown_arguments_are_suggested(self):
        with pytest.raises(errors.ArgumentError, match="Did you mean 'activation'"):
            layers.Dense(3, activaton="relu")
        with pytest.raises(errors.ArgumentError, match="Did you mean 'padding'"):
            layers.Conv2D(3, 3, pading="same")

    def test_metrics_in_the_place_of_loss_weights(self):
        model = two_by_two()
        with pytest.raises(errors.ArgumentError, match=r"metrics=\[...\]"):
            model.compile("adam", "mse", ["accuracy"])

    def test_names_of_outputs(self):
        model = two_by_two()
        model.compile("adam", loss={"number": "mse", "knd": "mse"})
        with pytest.raises(errors.ArgumentError, match="Did you mean 'kind'"):
            model.fit([X, Z], [Y, C], verbose=0)


class Scale(layers.Layer):
    """A custom layer with a weight, a penalty and a metric."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, inputs):
        self.add_loss(0.5 * ops.sum(ops.square(self.scale)))
        return inputs * self.scale * self.start


class Own(melpy.Model):
    """A model with a call of its own."""

    def __init__(self):
        super().__init__()
        self.hidden = [layers.Dense(5, "relu"), layers.Dense(4, "relu")]
        self.drop, self.last = layers.Dropout(0.5, seed=1), layers.Dense(1)

    def call(self, inputs, training=False):
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.last(self.drop(inputs, training=training))


class TestOwnClasses:
    def test_a_layer(self):
        layer = Scale(2.0)
        np.testing.assert_array_equal(layer(np.ones((1, 3))), [[2.0, 2.0, 2.0]])
        assert float(layer.losses[0]) == 1.5
        assert layer.get_config()["start"] == 2.0
        assert Scale.from_config(layer.get_config()).start == 2.0
        layer(np.ones((1, 3)))
        assert len(layer.losses) == 1  # those of the last call

    def test_a_model_with_layers_in_a_list(self):
        model = Own()
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(X, Y, epochs=3, verbose=0).history
        assert history.keys() == {"loss", "mae"}
        assert len(model.trainable_weights) == 6
        assert {layer.name for layer in model.layers} == {"dense", "dense_1", "dense_2", "dropout"}
        np.testing.assert_array_equal(model.predict(X), model.predict(X))  # no dropout
        assert not np.array_equal(model(X, training=True), model(X, training=True))

    def test_penalties_join_the_loss(self):
        a = melpy.Input((4,))
        model = melpy.Model(a, Scale()(a))
        model.compile("sgd", "mse")
        assert model.evaluate(X, X, verbose=0) == pytest.approx(2.0)  # 0.5 * 4 and no error

    def test_a_train_step_of_ones_own(self):
        class Twice(melpy.Model):
            def train_step(self, data):
                super().train_step(data)
                return super().train_step(data)

        a = melpy.Input((4,))
        model = Twice(a, layers.Dense(1)(a))
        model.compile("adam", "mse")
        model.fit(X, Y, batch_size=30, verbose=0)
        assert int(model.optimizer.iterations) == 4

    def test_a_train_step_from_nothing(self):
        class Own(melpy.Model):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.seen = melpy.metrics.Mean("seen")

            def train_step(self, data):
                x, y = data[:2]
                loss = ops.mean(ops.square(self(x, training=True) - y))
                self.zero_grad()
                loss.backward()
                weights = self.trainable_weights
                self.optimizer.apply([w.grad for w in weights], weights)
                self.seen.update_state(float(loss))
                return {"seen": self.seen.result()}

        a = melpy.Input((4,))
        model = Own(a, layers.Dense(1)(a))
        model.compile(melpy.optimizers.Adam(0.1))
        history = model.fit(X, Y, epochs=5, verbose=0).history
        assert history["seen"][-1] < history["seen"][0]

    def test_a_loop_of_ones_own_with_value_and_grad(self):
        w = {"w": np.zeros((4, 1)), "b": np.zeros(1)}

        def loss(w):
            return ((X @ w["w"] + w["b"] - Y) ** 2).mean()

        step = melpy.value_and_grad(loss)
        first, _ = step(w)
        for _ in range(50):
            _, d = step(w)
            w = {k: w[k] - 0.1 * d[k] for k in w}
        assert step(w)[0] < 0.01 * first


class Batches(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(20 * index, 20 * index + 20)
        return X[rows], Y[rows]


def weights_after(fit):
    melpy.random.set_seed(1)
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    fit(model)
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.fixture
def expected():
    return weights_after(lambda m: m.fit(X, Y, 20, 2, shuffle=False, verbose=0))


class TestData:
    """The same batches give the same weights, however they come."""

    @pytest.mark.parametrize(
        "make",
        [
            Batches,
            lambda: Loader(X, Y, batch_size=20, shuffle=False, workers=2),
        ],
    )
    def test_datasets(self, expected, make):
        data = make()
        found = weights_after(lambda m: m.fit(data, epochs=2, shuffle=False, verbose=0))
        np.testing.assert_array_equal(found, expected)

    def test_a_generator(self, expected):
        def endless():
            while True:
                for n in (0, 20, 40):
                    yield X[n : n + 20], Y[n : n + 20]

        found = weights_after(lambda m: m.fit(endless(), epochs=2, steps_per_epoch=3, verbose=0))
        np.testing.assert_array_equal(found, expected)

    def test_a_generator_that_ends_stops_the_training_with_a_warning(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        data = ((X[:20], Y[:20]) for _ in range(4))
        with pytest.warns(UserWarning, match="came to its end"):
            history = model.fit(data, epochs=3, steps_per_epoch=3, verbose=0).history
        assert len(history["loss"]) == 2

    def test_a_memory_map(self, expected, tmp_path):
        np.save(tmp_path / "x.npy", X)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        found = weights_after(lambda m: m.fit(mapped, Y, 20, 2, shuffle=False, verbose=0))
        np.testing.assert_array_equal(found, expected)

    def test_validation(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        given = {"epochs": 4, "verbose": 0, "validation_data": Batches()}
        assert len(model.fit(X, Y, **given).history["val_loss"]) == 4
        assert len(model.fit(X, Y, **given, validation_freq=2).history["val_loss"]) == 2
        some = model.fit(X, Y, **given, validation_steps=1).history["val_loss"][-1]
        assert some == pytest.approx(model.evaluate(X[:20], Y[:20], verbose=0))

    def test_evaluate_and_predict(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        assert model.evaluate(Batches(), verbose=0) == pytest.approx(
            model.evaluate(X, Y, verbose=0)
        )
        np.testing.assert_allclose(model.predict(Batches()), model.predict(X, 20))
        assert model.predict(X, batch_size=20, steps=2).shape == (40, 1)

    def test_bad_data(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.raises(errors.ArgumentError, match="x brings batches of its own"):
            model.fit(Batches(), Y, verbose=0)
        with pytest.raises(errors.DtypeError, match="neither arrays nor batches"):
            model.fit(object(), verbose=0)
        two = two_by_two()
        two.compile("sgd", "mse")
        with pytest.raises(errors.ShapeError, match=r"different numbers of samples"):
            two.fit([X, Z[:10]], [Y, Y], verbose=0)


def test_layers_before_several_arguments_come_in_the_arguments_order():
    """Weights come in the order query, value, key: as given, whatever the names' alphabet says."""
    inputs = [melpy.Input((3, 2)) for _ in range(3)]
    query, value, key = (layers.Dense(2, name=n)(x) for n, x in zip("qvk", inputs, strict=True))
    attention = layers.MultiHeadAttention(1, 2)
    model = melpy.Model(inputs, attention(query, value, key))
    assert [x.name for x in model.layers[3:6]] == ["q", "v", "k"]
    again = melpy.Model.from_config(model.get_config())
    assert [x.name for x in again.layers[3:6]] == ["q", "v", "k"]
