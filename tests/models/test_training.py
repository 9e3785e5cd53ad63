"""fit, evaluate and predict: what they compute, and what they refuse."""

import itertools

import numpy as np
import pytest

import melpy
from melpy import errors, layers, losses, utils
from melpy.callbacks import Callback


@pytest.fixture
def blobs():
    """Three clouds of points, easy to tell apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=150)
    x = rng.normal(size=(150, 4)).astype("float32") + 3 * np.eye(3, 4, dtype="float32")[y]
    return x, y


def classifier(loss="sparse_categorical_crossentropy", seed=1, **options):
    utils.set_random_seed(seed)
    model = melpy.Sequential(
        [melpy.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(melpy.optimizers.Adam(0.02), loss=loss, metrics=["accuracy"], **options)
    return model


class TestFit:
    def test_learns_and_keeps_history(self, blobs):
        model = classifier()
        history = model.fit(*blobs, epochs=20, batch_size=16, verbose=0, validation_data=blobs)
        assert history is model.history
        assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert history.epoch == list(range(20))
        assert history.history["val_accuracy"][-1] > 0.95
        loss, accuracy = model.evaluate(*blobs)
        assert (loss, accuracy) == pytest.approx(
            (history.history["val_loss"][-1], history.history["val_accuracy"][-1])
        )

    def test_same_seed_same_weights(self, blobs):
        runs = []
        for _ in range(2):
            model = classifier(seed=7)
            model.fit(*blobs, epochs=2, verbose=0)
            runs.append(np.concatenate([w.ravel() for w in model.get_weights()]).tobytes())
        assert runs[0] == runs[1]

    def test_one_hot_and_sparse_labels_agree(self, blobs):
        x, y = blobs
        a = classifier().fit(x, y, epochs=2, verbose=0)
        one_hot = classifier("categorical_crossentropy")
        b = one_hot.fit(x, utils.to_categorical(y, 3), epochs=2, verbose=0)
        assert a.history == b.history

    def test_loss_of_an_epoch_is_the_mean_over_samples(self, blobs):
        x, y = blobs[0][:50], blobs[1][:50]
        model = classifier()
        model.optimizer = melpy.optimizers.SGD(1e-30)  # the weights stay
        history = model.fit(x, y, batch_size=16, verbose=0)
        assert history.history["loss"][0] == pytest.approx(model.evaluate(x, y)[0], rel=1e-6)

    def test_validation_split_is_the_last_part(self, blobs):
        x, y = blobs
        a = classifier().fit(x, y, epochs=2, verbose=0, validation_split=0.2)
        last = x[120:], y[120:]
        b = classifier().fit(x[:120], y[:120], epochs=2, verbose=0, validation_data=last)
        assert a.history == b.history

    def test_weights_of_samples_and_classes(self, blobs):
        x, y = blobs
        weight = np.where(y == 1, 3.0, 1.0)
        a = classifier().fit(x, y, epochs=1, verbose=0, class_weight={1: 3.0})
        b = classifier().fit(x, y, epochs=1, verbose=0, sample_weight=weight)
        assert a.history == b.history
        assert a.history["loss"] != classifier().fit(x, y, epochs=1, verbose=0).history["loss"]

    def test_a_weight_of_zero_leaves_a_sample_out(self, blobs):
        x, y = blobs
        wrong = y.copy()
        wrong[::2] = (wrong[::2] + 1) % 3
        keep = (np.arange(len(y)) % 2).astype("float32")
        model = classifier()
        model.fit(x, wrong, sample_weight=keep, epochs=40, verbose=0)
        assert model.evaluate(x[1::2], y[1::2])[1] > 0.95

    def test_weighted_metrics(self, blobs):
        model = classifier(weighted_metrics=[melpy.metrics.SparseCategoricalAccuracy("weighted")])
        logs = model.test_on_batch(*blobs, sample_weight=(blobs[1] == 0) * 1.0, return_dict=True)
        only = model.test_on_batch(
            blobs[0][blobs[1] == 0], blobs[1][blobs[1] == 0], return_dict=True
        )
        assert logs["weighted"] == pytest.approx(only["accuracy"])

    def test_initial_epoch_and_no_epochs(self, blobs):
        assert classifier().fit(*blobs, initial_epoch=3, epochs=5, verbose=0).epoch == [3, 4]
        assert classifier().fit(*blobs, epochs=0, verbose=0).epoch == []

    def test_without_shuffling_the_order_is_the_datas(self, blobs):
        seen = []
        model = classifier()
        step = model.train_step
        model.train_step = lambda data: (seen.append(data[0]), step(data))[1]
        model.fit(*blobs, batch_size=64, shuffle=False, verbose=0)
        np.testing.assert_array_equal(np.concatenate(seen), blobs[0])
        assert [len(x) for x in seen] == [64, 64, 22]

    def test_callbacks_are_called_in_order(self, blobs):
        events = []

        class Listen(Callback):
            def __getattribute__(self, name):
                if name.startswith("on_"):
                    events.append(name)
                return super().__getattribute__(name)

        classifier().fit(*blobs, batch_size=75, epochs=1, verbose=0, callbacks=[Listen()])
        step = ["on_train_batch_begin", "on_batch_begin", "on_train_batch_end", "on_batch_end"]
        assert events == [
            "on_train_begin", "on_epoch_begin", *step, *step, "on_epoch_end", "on_train_end",
        ]  # fmt: skip

    def test_stop_training_stops_after_the_batch(self, blobs):
        class Stop(Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = batch == 1

        model = classifier()
        model.fit(*blobs, batch_size=10, epochs=5, verbose=0, callbacks=[Stop()])
        assert model.optimizer.iterations == 2
        assert model.history.epoch == [0]

    def test_regularizers_add_to_the_loss(self):
        x, y = np.ones((4, 2)), np.zeros((4, 1))
        model = melpy.Sequential(
            [melpy.Input((2,)), layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")]
        )
        model.compile("sgd", loss="mse")
        assert model.evaluate(x, y) == pytest.approx(4.0 + 0.01 * 2.0)

    def test_an_interruption_keeps_weights_and_history(self, blobs):
        class Interrupt(Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.model.history.epoch == [0] and batch == 2:
                    raise KeyboardInterrupt

        model = classifier()
        start = model.get_weights()
        with pytest.raises(KeyboardInterrupt):
            model.fit(*blobs, epochs=9, verbose=0, callbacks=[Interrupt()])
        assert model.history.epoch == [0]
        assert not np.array_equal(start[0], model.get_weights()[0])


class TestOtherWays:
    def test_predict_is_the_call_in_batches(self, blobs):
        model = classifier()
        expected = np.asarray(model(blobs[0]))
        np.testing.assert_allclose(model.predict(blobs[0], batch_size=7), expected, rtol=1e-6)

    def test_train_and_test_on_batch(self, blobs):
        model = classifier()
        before = model.test_on_batch(*blobs)
        for _ in range(30):
            model.train_on_batch(*blobs)
        after = model.test_on_batch(*blobs, return_dict=True)
        assert after["loss"] < before[0] / 2
        assert after["accuracy"] > before[1]

    def test_integer_images_train(self):
        model = melpy.Sequential(
            [melpy.Input((4, 4, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1)]
        )
        model.compile("sgd", loss="mae")
        x = np.random.default_rng(0).integers(0, 255, size=(8, 4, 4, 1), dtype=np.uint8)
        assert np.isfinite(model.fit(x, x.mean(axis=(1, 2, 3)), verbose=0).history["loss"][0])

    def test_a_loss_and_a_metric_of_the_users(self, blobs):
        def my_loss(y_true, y_pred):
            return melpy.ops.mean(melpy.ops.square(y_pred - y_true), axis=-1)

        def bias(y_true, y_pred):
            return (y_pred - y_true).mean(axis=-1)

        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        model.compile("sgd", loss=my_loss, metrics=[bias, "mae"])
        logs = model.evaluate(blobs[0], blobs[1][:, None], return_dict=True)
        assert set(logs) == {"loss", "bias", "mae"}


def fit(model, *args, **kwargs):
    return lambda: model.fit(*args, **({"verbose": 0} | kwargs))


class TestBadInput:
    """Each gets one clear sentence, before the first step: no weight moves."""

    X, Y = np.ones((6, 4)), np.array([0, 1, 2, 0, 1, 2])

    def with_nan(self):
        x = self.X.copy()
        x[3, 1] = np.nan
        return x

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"x": X[:, :3]}, errors.ShapeError, r"Expected shape \(N, 4\).*\(None, 3\)|\(6, 3\)"),
            ({"x": X[:, None]}, errors.ShapeError, r"\(N, 4\)"),
            ({"x": X[:5]}, errors.ShapeError, "x and y have different numbers of samples"),
            ({"x": X[:0], "y": Y[:0]}, errors.DataError, "x is empty"),
            ({"y": Y + 1}, errors.DataError, r"label of row 2 is out of range.*0 to 2"),
            ({"y": Y - 1}, errors.DataError, r"label of row 0 is out of range"),
            ({"y": np.eye(3)[Y]}, errors.ShapeError, "Use CategoricalCrossentropy"),
            ({"sample_weight": np.ones(3)}, errors.ShapeError, "x and sample_weight"),
            ({"batch_size": 0}, errors.ArgumentError, "batch_size is out of range"),
            ({"batch_size": 2.5}, errors.ArgumentError, "batch_size is out of range"),
            ({"epochs": -1}, errors.ArgumentError, "epochs is out of range"),
            ({"validation_split": 1.0}, errors.ArgumentError, "validation_split leaves no samples"),
            ({"validation_data": (X, Y[:2])}, errors.ShapeError, "validation_data: x and y"),
            ({"class_weight": {0: -1.0}}, errors.ArgumentError, "weight of class 0"),
            ({"x": np.array(["a"] * 6)}, errors.DtypeError, "is not an array of numbers"),
        ],
    )  # fmt: skip
    def test_fit(self, change, error, message):
        model = classifier()
        before = model.get_weights()
        arguments = {"x": self.X, "y": self.Y, "verbose": 0} | change
        with pytest.raises(error, match=message):
            model.fit(**arguments)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert model.optimizer.iterations == 0

    def test_nan_names_the_row(self):
        with pytest.raises(errors.DataError, match="row 3 of x holds nan"):
            classifier().fit(self.with_nan(), self.Y, verbose=0)
        with pytest.raises(errors.DataError, match="row 3 of x holds nan"):
            classifier().predict(self.with_nan())

    def test_nan_may_be_meant(self, monkeypatch):
        monkeypatch.setitem(melpy.config._settings, "assume_finite", False)
        melpy.config.set_assume_finite(True)
        outputs = classifier().predict(self.with_nan())
        np.testing.assert_array_equal(np.isnan(outputs).any(axis=1), np.arange(6) == 3)

    def test_labels_that_are_not_one_hot(self):
        model = classifier("categorical_crossentropy")
        with pytest.raises(errors.ShapeError, match=r"not one-hot.*to_categorical\(y, 3\)"):
            model.fit(self.X, self.Y, verbose=0)
        labels = np.eye(3)[self.Y]
        labels[4] *= 2
        with pytest.warns(UserWarning, match="label of row 4 is neither one-hot"):
            model.fit(self.X, labels, verbose=0)
        with pytest.raises(errors.DataError, match="label of row 4 is neither one-hot"):
            model.fit(self.X, labels - (labels == 2) * 4, verbose=0)

    def test_a_model_that_was_not_compiled(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        with pytest.raises(errors.GraphError, match=r"Call compile\(\) first"):
            model.fit(self.X, self.Y)

    @pytest.mark.parametrize(
        ("make", "suggestion"),
        [
            (lambda: layers.Dense(3, "rleu"), "'relu'"),
            (lambda: classifier("categorical_crossentropi"), "'categorical_crossentropy'"),
            (lambda: melpy.optimizers.get("adm"), "'adam'"),
            (lambda: melpy.initializers.get("glorot_unifrm"), "'glorot_uniform'"),
            (lambda: melpy.regularizers.get("l3"), "'l[12]'"),
            (lambda: melpy.metrics.get("accurracy"), "'accuracy'"),
            (lambda: melpy.datasets.load("minst"), "'mnist'"),
            (lambda: melpy.config.set_kernels("compield"), "'compiled'"),
            (lambda: layers.Conv2D(1, 2, padding="sane"), "'same'"),
            (lambda: melpy.Sequential.from_config(
                {"name": "m", "layers": [{"class_name": "Danse", "config": {"units": 2}}]}
            ), "'Dense'"),
        ],
    )  # fmt: skip
    def test_unknown_names_suggest_the_nearest(self, make, suggestion):
        with pytest.raises(errors.UnknownNameError, match=f"Did you mean {suggestion}"):
            make()

    def test_freezing_after_the_first_step_leaves_the_layer_alone(self, blobs):
        model = classifier()
        model.fit(*blobs, verbose=0)
        model.layers[0].trainable = False
        frozen = model.layers[0].get_weights()
        model.fit(*blobs, verbose=0)
        np.testing.assert_array_equal(frozen[0], model.layers[0].get_weights()[0])


def test_two_models_may_share_layers(blobs):
    """Each optimizer keeps the weights in its own array: one must not leave the other behind."""
    shared = layers.Dense(8, "relu")
    models = [
        melpy.Sequential([melpy.Input((4,)), shared, layers.Dense(3, "softmax")]) for _ in range(2)
    ]
    for model in models:
        model.compile("adam", loss="sparse_categorical_crossentropy")
    for model in models * 2:
        before = shared.get_weights()[0], model.layers[1].get_weights()[0]
        model.train_on_batch(*blobs)
        assert not np.array_equal(shared.get_weights()[0], before[0])
        assert not np.array_equal(model.layers[1].get_weights()[0], before[1])


@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_trains_to_the_same_bits():
    melpy.config.set_kernels("compiled")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(96, 14, 14, 3)).astype("float32"), rng.integers(0, 5, size=96)
    runs = set()
    for count in (1, 2, 3, 5, 8):
        melpy.config.set_threads(count)
        utils.set_random_seed(0)
        model = melpy.Sequential(
            [
                melpy.Input((14, 14, 3)),
                layers.Conv2D(24, 3, padding="same", activation="leaky_relu"),
                layers.BatchNormalization(),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(64, activation="tanh"),
                layers.Dense(5, activation="softmax"),
            ]
        )
        model.compile("adam", loss="sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, batch_size=40, verbose=0)
        runs.add(b"".join(w.tobytes() for w in model.get_weights()))
    assert len(runs) == 1


def test_models_in_models(blobs):
    inner = melpy.Sequential([layers.Dense(8, "relu"), layers.Dropout(0.1)], name="inner")
    model = melpy.Sequential([melpy.Input((4,)), inner, layers.Dense(3, "softmax")])
    model.compile("adam", loss="sparse_categorical_crossentropy")
    before = inner.get_weights()[0]
    model.fit(*blobs, verbose=0)
    assert not np.array_equal(inner.get_weights()[0], before)
    twin = melpy.Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(blobs[0]), model.predict(blobs[0]))


def test_fused_and_plain_cross_entropy_are_the_same_numbers():
    """A softmax that was just recorded is taken back to its logits; the values must not change."""
    rng = np.random.default_rng(0)
    logits, target = 9 * rng.normal(size=(20, 5)), np.eye(5)[rng.integers(0, 5, 20)]
    loss = losses.CategoricalCrossentropy(reduction=None, dtype="float64")
    fused = melpy.Tensor(logits, requires_grad=True)
    plain = melpy.Tensor(logits, requires_grad=True)
    a = loss(target, melpy.ops.softmax(fused))
    b = loss(target, melpy.ops.softmax(plain) * 1.0)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)
    melpy.ops.sum(a).backward()
    melpy.ops.sum(b).backward()
    np.testing.assert_allclose(fused.grad, plain.grad, rtol=1e-7, atol=1e-12)


def test_every_loss_accepts_what_every_reduction_gives():
    y, p = np.array([[0.0, 1.0]] * 3), np.array([[0.25, 0.75]] * 3)
    for name, reduction in itertools.product(
        ["CategoricalCrossentropy", "BinaryCrossentropy", "MeanSquaredError", "MeanAbsoluteError"],
        ["sum_over_batch_size", "sum", None],
    ):
        value = getattr(losses, name)(reduction=reduction)(y, p)
        each = getattr(losses, name)(reduction=None)(y, p)
        assert each.shape == (3,)
        expected = {"sum_over_batch_size": each.mean(), "sum": each.sum(), None: each}[reduction]
        np.testing.assert_allclose(value, expected)


class TestMended:
    """Each of these went wrong once."""

    X = np.random.default_rng(0).normal(size=(30, 4))
    Y = np.eye(3)[np.arange(30) % 3]

    def model(self, loss="mse"):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
        model.compile("sgd", loss=loss)
        return model

    def test_weights_in_a_column_are_weights_of_samples(self):
        model, weight = self.model(), np.arange(30.0)
        flat = model.test_on_batch(self.X, self.Y, weight)
        assert model.test_on_batch(self.X, self.Y, weight[:, None]) == flat
        with pytest.raises(errors.ShapeError, match="sample weights do not fit"):
            model.test_on_batch(self.X, self.Y, np.ones((30, 2)))

    def test_one_label_a_sample_is_no_label_of_three_outputs(self):
        with pytest.raises(errors.ShapeError, match=r"labels of shape \(N, 3\)"):
            self.model().train_on_batch(self.X[:3], np.arange(3.0))

    def test_frozen_from_the_start(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)], trainable=False)
        assert model.trainable_weights == []
        assert melpy.Sequential.from_config(model.get_config()).trainable_weights == []

    def test_a_layer_that_does_not_fit_is_not_kept(self):
        model = melpy.Sequential([melpy.Input((4, 4, 1))])
        with pytest.raises(errors.MelpyError, match="window"):
            model.add(layers.Conv2D(2, 9))
        model.add(layers.Flatten())
        assert model(np.zeros((1, 4, 4, 1))).shape == (1, 16)

    def test_a_layer_added_after_the_first_call_is_built(self):
        model = melpy.Sequential([layers.Dense(3)])
        model(self.X)
        model.add(layers.Dense(2))
        assert [w.shape for w in model.weights] == [(4, 3), (3,), (3, 2), (2,)]

    def test_validation_is_checked_before_training(self):
        model = self.model()
        before = model.get_weights()[0]
        for wrong in (
            {"validation_batch_size": -5},
            {"validation_data": (self.X[:, :2], self.Y)},
        ):
            with pytest.raises(errors.MelpyError):
                model.fit(
                    self.X, self.Y, verbose=0, **({"validation_data": (self.X, self.Y)} | wrong)
                )
        np.testing.assert_array_equal(before, model.get_weights()[0])

    def test_weights_in_files_keep_their_order_and_each_other(self, tmp_path):
        many = melpy.Sequential([melpy.Input((1,)), *(layers.Dense(1) for _ in range(510))])
        many.set_weights([np.full(w.shape, n) for n, w in enumerate(many.weights)])
        path = tmp_path / "w.npz"
        many.save_weights(path)
        start = many.get_weights()
        many.set_weights([0 * w for w in start])
        many.load_weights(path)
        for a, b in zip(start, many.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        with pytest.raises(errors.ArgumentError, match="exists already"):
            self.model().save_weights(path, overwrite=False)
        np.savez(path, **{"000 w": np.array(["a"])})
        with pytest.raises(errors.DataError, match="damaged"):
            many.load_weights(path)

    def test_a_changed_cotangent_is_seen(self):
        x = melpy.Tensor(np.ones((2, 3)), requires_grad=True)
        y, g = melpy.ops.bias_activation(x, np.zeros(3)), np.ones((2, 3))
        y.backward(g)
        g[:], x.grad = 5, None
        y.backward(g)
        assert (x.grad == 5).all()

    def test_one_metric_or_callback_needs_no_list(self):
        model = self.model()
        model.compile("sgd", loss="mse", metrics="mae")
        history = model.fit(self.X, self.Y, verbose=0, callbacks=melpy.callbacks.TerminateOnNaN())
        assert "mae" in history.history
