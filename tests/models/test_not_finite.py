"""A loss that stops being a number: said once, with the epoch, the batch and the layer."""

import warnings

import numpy as np
import pytest

import melpy
from melpy import layers, losses, ops
from melpy.callbacks import Callback
from melpy.errors import DataError

X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
Y = X @ np.ones((4, 1), "float32")


class Seeing(Callback):
    """Notes the first batch whose mean loss is not finite; it has every batch made by itself."""

    first = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.first is None and not np.isfinite(logs["loss"]):
            self.first = self.epoch + 1, batch + 1


def told(model, x, y, *callbacks, epochs=40):
    """Return what is said, NumPy's warnings too, and the weights that come out."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return [str(w.message) for w in found], model.get_weights()


def net(activation, rate, **options):
    melpy.utils.set_random_seed(0)
    model = melpy.Sequential([
        melpy.Input((4,)), layers.Dense(8, name="first"), layers.Activation(activation, name="act"),
        layers.Dense(1, name="last"),
    ])  # fmt: skip
    model.compile(melpy.optimizers.SGD(rate), "mse", **options)
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("activation", "rate", "where"),
    [
        ("relu", 0.57, "layer 'last'"),
        ("exponential", 0.2, "layer 'act'"),
        ("relu", 1e4, "loss itself"),
    ],
)
def test_where_it_begins_is_told_alike_by_programs_and_by_steps(threads, activation, rate, where):
    before = melpy.config.threads()
    melpy.config.set_threads(threads)
    try:
        seeing = Seeing()
        by_steps, _ = told(net(activation, rate, run_eagerly=True), X, Y, seeing)
        many_at_once, weights = told(net(activation, rate), X, Y)
        one_by_one, others = told(net(activation, rate), X, Y, Seeing())
    finally:
        melpy.config.set_threads(before)
    assert len(by_steps) == 1
    assert "the loss is not finite" in by_steps[0]
    assert by_steps == many_at_once == one_by_one
    epoch, batch = seeing.first
    assert f"epoch {epoch}, batch {batch}." in by_steps[0]
    assert where in by_steps[0]
    for mine, theirs in zip(weights, others, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_looking_changes_no_bit_of_what_comes_after():
    """An infinity in one batch that no gradient carries on."""
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(4), layers.Dropout(0.5)])
    model.add(layers.Dense(1))

    def fitted(spoilt):
        melpy.utils.set_random_seed(1)
        made = melpy.models.clone_model(model)
        made.compile(melpy.optimizers.SGD(1e-3), SpoiltLoss(spoilt))
        return told(made, X, Y, epochs=6)

    class SpoiltLoss(losses.Loss):
        def __init__(self, spoilt):
            super().__init__()
            self.spoilt = spoilt

        def call(self, y_true, y_pred):
            error = ops.square(y_true - y_pred)
            if self.spoilt:  # infinite for one sample of the data, and flat
                error = ops.where(y_true > float(np.sort(Y[:, 0])[-2]), np.inf, error)
            return error

    said, spoilt = fitted(True)
    none, _ = fitted(False)
    assert len(said) == 1
    assert not none
    assert all(np.isfinite(w).all() for w in spoilt)
    melpy.utils.set_random_seed(1)
    by_steps_model = melpy.models.clone_model(model)
    by_steps_model.compile(melpy.optimizers.SGD(1e-3), SpoiltLoss(True), run_eagerly=True)
    again, stepped = told(by_steps_model, X, Y, epochs=6)
    assert again == said
    for mine, theirs in zip(spoilt, stepped, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_weights_of_the_step_before():
    model = net("relu", 0.01)
    model.layers[0].bias.assign(np.full(8, np.nan, "float32"))
    said, _ = told(model, X, Y, epochs=1)
    assert len(said) == 1
    assert "epoch 1, batch 1. The weight 'sequential" in said[0] or "first/bias'" in said[0]


@pytest.mark.parametrize("kernels", ["compiled", "numpy", "loops"])
@pytest.mark.parametrize("label", [1, 2])
def test_logits_that_mask_a_class(kernels, label):
    """The right value of label 1 of [-inf, 0, 1] is log(1 + e)."""
    before = melpy.config.kernels()
    melpy.config.set_kernels(kernels)
    logits = np.array([[-np.inf, 0.0, 1.0], [0.0, -np.inf, 1.0]], "float32")
    labels = np.array([label, 2 if label == 2 else 0])
    hot = np.eye(3, dtype="float32")[labels]
    right = np.log(1 + np.e) - (labels == 2)
    p = np.exp(logits - np.log(1 + np.e))
    try:
        for loss in (
            lambda z: losses.sparse_categorical_crossentropy(labels, z, from_logits=True),
            lambda z: losses.categorical_crossentropy(hot, z, from_logits=True),
            lambda z: ops.sparse_categorical_crossentropy(labels, z, from_logits=True),
            lambda z: ops.categorical_crossentropy(hot, z, from_logits=True),
        ):
            z = melpy.Variable(logits)
            value = loss(z)
            np.testing.assert_allclose(np.asarray(value), right, rtol=1e-6)
            ops.sum(value).backward()
            np.testing.assert_allclose(z.grad, p - hot, atol=1e-6)
        for bits in (
            lambda z: ops.mean(ops.binary_crossentropy(hot, z, from_logits=True), axis=-1),
            lambda z: losses.binary_crossentropy(hot, z, from_logits=True),
        ):
            z = melpy.Variable(logits)
            value = bits(z)
            assert np.isfinite(np.asarray(value)).all()
            ops.sum(value).backward()
            assert np.isfinite(z.grad).all()
    finally:
        melpy.config.set_kernels(before)


def test_a_model_that_masks_a_class_learns():
    inputs = melpy.Input((4,))
    mask = np.array([0.0, -np.inf, 0.0], "float32")
    for loss, labels in (
        ("sparse", np.arange(96) % 2 * 2),
        ("one-hot", np.eye(3, dtype="float32")[np.arange(96) % 2 * 2]),
    ):
        model = melpy.Model(inputs, layers.Dense(3)(inputs) + mask)
        kind = losses.SparseCategoricalCrossentropy if loss == "sparse" else None
        kind = kind or losses.CategoricalCrossentropy
        model.compile("adam", kind(from_logits=True))
        history = model.fit(X, labels, epochs=5, verbose=0).history["loss"]
        assert np.isfinite(history).all()
        assert history[-1] < history[0]


@pytest.mark.parametrize("value", [1e300, -1e300, 3.5e38])
def test_inputs_that_float32_has_no_room_for(value, monkeypatch):
    model = net("relu", 0.01)
    x = X.astype("float64")
    x[5, 2] = value
    for call in (
        lambda: model.fit(x, Y, verbose=0), lambda: model.evaluate(x, Y),
        lambda: model.predict(x), lambda: model.train_on_batch(x, Y),
        lambda: model.test_on_batch(x, Y),
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"row 5 of x holds .*float32 has no room"):
            call()
    monkeypatch.setitem(melpy.config.settings._settings, "floatx", "float64")
    wide = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
    assert np.isfinite(wide.predict(x)).all()


CHANGES = {
    "a step": lambda m: m.optimizer.apply(
        [np.ones(w.shape, "float32") for w in m.trainable_weights], m.trainable_weights
    ),
    "fit": lambda m: m.fit(X, Y, epochs=3, batch_size=32, verbose=0),
    "train_on_batch": lambda m: [m.train_on_batch(X, Y) for _ in range(4)],
    "assign": lambda m: [w.assign(3 * w.value) for w in m.weights],
    "set_weights": lambda m: m.set_weights([2 * w for w in m.get_weights()]),
}  # fmt: skip


class TestWeightsThatChangeBeforeTheWayBack:
    """What was computed keeps the weights that it was computed from: gradients are theirs."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_gradients(self, change):
        def gradients(before_the_way_back):
            melpy.utils.set_random_seed(0)
            model = melpy.Sequential([
                melpy.Input((4,)), layers.Reshape((4, 1)), layers.Conv1D(3, 2, activation="relu"),
                layers.BatchNormalization(), layers.LSTM(4), layers.Dense(5, "gelu"),
                layers.Dense(1),
            ])  # fmt: skip
            model.compile(melpy.optimizers.Adam(0.3), "mse")
            model.fit(X, Y, epochs=3, batch_size=32, verbose=0)
            loss = ops.mean(ops.square(model(X[:32], training=True) - Y[:32]))
            before_the_way_back(model)
            model.zero_grad()
            loss.backward()
            return [w.grad for w in model.trainable_weights]

        right = gradients(lambda model: None)
        for mine, theirs in zip(gradients(CHANGES[change]), right, strict=True):
            np.testing.assert_array_equal(mine, theirs)
