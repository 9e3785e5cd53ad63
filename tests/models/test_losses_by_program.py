"""Losses, weights and metrics in programs: the bits of steps, and which of them are whole."""

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import layers, losses, metrics, ops

B, N = 8, 8 * 3 + 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6)).astype(np.float32)
CLASSES = RNG.integers(0, 3, N)
ONE_HOT, BITS = np.eye(3, dtype=np.float32)[CLASSES], (X[:, :1] > 0).astype(int)
NUMBERS, WEIGHTS = X[:, :1] * 2, np.linspace(0, 1, N, dtype=np.float32)
SPARSE = "sparse_categorical_crossentropy"


def last(units, activation=None):
    return lambda: [layers.Dense(units, activation=activation)]


def steps_of_a_sequence():
    return [layers.Reshape((2, 3)), layers.Dense(3, activation="softmax")]


def penalized():
    return [
        layers.Dense(
            3, activation="softmax", kernel_regularizer=melpy.regularizers.L1L2(0.01, 0.02),
            bias_regularizer="l2", activity_regularizer="l1",
        )
    ]  # fmt: skip


# The layers at the end, labels, loss, metrics, more of fit's arguments.
CASES = {
    "one-hot": (last(3, "softmax"), ONE_HOT, "categorical_crossentropy", ["accuracy"]),
    "one-hot, smoothed": (
        last(3, "softmax"), ONE_HOT, losses.CategoricalCrossentropy(label_smoothing=0.1),
        ["accuracy", metrics.TopKCategoricalAccuracy(k=2)],
    ),
    "one-hot, logits": (
        last(3), ONE_HOT, losses.CategoricalCrossentropy(from_logits=True), ["accuracy"],
    ),
    "classes": (last(3, "softmax"), CLASSES, SPARSE, ["accuracy"]),
    "classes of 32 bits": (
        last(3, "softmax"), CLASSES.astype(np.int32), SPARSE,
        ["accuracy", metrics.SparseTopKCategoricalAccuracy(k=2)],
    ),
    "a column of bytes": (
        last(3, "softmax"), CLASSES[:, None].astype(np.uint8), SPARSE, ["accuracy"],
    ),
    "classes as floats": (last(3, "softmax"), CLASSES.astype(float), SPARSE, ["accuracy"]),
    "classes, logits": (
        last(3), CLASSES, losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"],
    ),
    "classes of a sequence": (
        steps_of_a_sequence, RNG.integers(0, 3, (N, 2)), SPARSE, ["accuracy"],
    ),
    "a class that is ignored": (
        last(3, "softmax"), CLASSES, losses.SparseCategoricalCrossentropy(ignore_class=2),
        ["accuracy"],
    ),
    "bits": (last(1, "sigmoid"), BITS, "binary_crossentropy", ["accuracy"]),
    "bits in a row": (last(1, "sigmoid"), BITS[:, 0], "binary_crossentropy", ["accuracy"]),
    "bits, logits": (
        last(1), BITS, losses.BinaryCrossentropy(from_logits=True),
        [metrics.BinaryAccuracy(threshold=0.0)],
    ),
    "several bits, smoothed": (
        last(3, "sigmoid"), ONE_HOT, losses.BinaryCrossentropy(label_smoothing=0.1),
        ["binary_accuracy"],
    ),
    "curves": (last(1, "sigmoid"), BITS, "binary_crossentropy", ["AUC", "Precision", "Recall"]),
    "squares": (last(1), NUMBERS, "mse", ["mae", "mse", "root_mean_squared_error"]),
    "sizes": (last(1), NUMBERS[:, 0], "mae", ["mape"]),
    "huber": (last(1), NUMBERS, "huber", []),
    "log cosh": (last(1), NUMBERS, "log_cosh", []),
    "hinge": (last(1), BITS, "hinge", ["hinge"]),
    "divergence": (last(3, "softmax"), ONE_HOT, "kl_divergence", []),
    "poisson": (last(1, "sigmoid"), np.abs(NUMBERS), "poisson", []),
    "cosine": (last(3), ONE_HOT, losses.CosineSimilarity(), []),
    "penalties": (penalized, ONE_HOT, "categorical_crossentropy", []),
    "weights": (last(3, "softmax"), CLASSES, SPARSE, ["accuracy"], {"sample_weight": WEIGHTS}),
    "weights of 64 bits": (
        last(3, "softmax"), CLASSES, SPARSE, ["accuracy"],
        {"sample_weight": WEIGHTS.astype(float) + (CLASSES == 1)},
    ),
    "a mean by weights": (
        last(3, "softmax"), ONE_HOT,
        losses.CategoricalCrossentropy(reduction="mean_with_sample_weight"), [],
        {"sample_weight": WEIGHTS},
    ),
    "weights of classes": (
        last(3, "softmax"), CLASSES, SPARSE, [], {"class_weight": {0: 1.0, 1: 5.0}},
    ),
    "one's own of the library's": (
        last(3, "softmax"), ONE_HOT,
        lambda t, p: losses.categorical_crossentropy(t, p) * ops.sum(t * 2.0, axis=-1), [],
    ),
}  # fmt: skip
WHOLE = {
    "one-hot", "one-hot, logits", "classes", "classes of 32 bits", "a column of bytes",
    "classes, logits", "classes of a sequence", "bits", "bits, logits", "several bits, smoothed",
    "squares", "sizes", "huber", "log cosh", "hinge", "divergence", "poisson", "cosine",
    "penalties", "weights", "weights of classes",
}  # fmt: skip


def trained(name, by_steps):
    end, y, loss, watched, *more = CASES[name]
    melpy.utils.set_random_seed(1)
    model = melpy.Sequential([melpy.Input((6,)), layers.Dense(6), *end()])
    watched = [type(m).from_config(m.get_config()) if hasattr(m, "result") else m for m in watched]
    model.compile(
        "adam", loss, metrics=watched, weighted_metrics=["accuracy"] if more else None,
        run_eagerly=by_steps,
    )  # fmt: skip
    given = more[0] if more else {}
    logs = model.fit(X, y, batch_size=B, epochs=3, verbose=0, **given).history
    return logs, model


@pytest.mark.parametrize("name", CASES)
def test_losses_by_programs_have_the_bits_of_steps(name):
    logs, model = trained(name, by_steps=False)
    by_steps, other = trained(name, by_steps=True)
    assert logs == by_steps
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    programs = list(model._training_programs.known.values())
    assert len(programs) == 2
    if name == "one's own of the library's":  # what such a function reads may change
        assert programs == [None, None]
        return
    assert all(program.is_trusted for program in programs)
    if name in WHOLE:
        assert all(program.is_whole for program in programs)


def test_losses_of_several_outputs():
    logs, weights = [], []
    for by_steps in (False, True):
        melpy.utils.set_random_seed(1)
        inputs = melpy.Input((6,))
        x = layers.Dense(5)(inputs)
        ends = [layers.Dense(3, activation="softmax", name="a")(x), layers.Dense(1, name="b")(x)]
        model = melpy.Model(inputs, ends)
        model.compile(
            "adam", [SPARSE, "mse"], loss_weights=[1.0, 0.3], metrics=[["accuracy"], ["mae"]],
            run_eagerly=by_steps,
        )  # fmt: skip
        fitted = model.fit(X, [CLASSES, NUMBERS], batch_size=B, epochs=3, verbose=0)
        logs.append(fitted.history)
        weights.append(model.get_weights())
        if not by_steps:
            assert all(p.is_trusted for p in model._training_programs.known.values())
    assert logs[0] == logs[1]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


class Half(metrics.BinaryAccuracy):
    """A metric of one's own that counts in its own way."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, np.asarray(y_pred) * 0.5, sample_weight)


class Twice(losses.MeanSquaredError):
    """A loss of one's own that computes in its own way."""

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * float(np.mean(np.asarray(y_true)) + 2)


def test_ones_own_are_never_stale():
    logs = []
    for by_steps in (False, True):
        melpy.utils.set_random_seed(1)
        model = melpy.Sequential([melpy.Input((6,)), layers.Dense(1)])
        model.compile("sgd", Twice(), metrics=[Half()], run_eagerly=by_steps)
        logs.append(model.fit(X, NUMBERS, batch_size=B, epochs=3, verbose=0).history)
    assert logs[0] == logs[1]


def test_a_loss_is_a_metric_too():
    model = melpy.Sequential([melpy.Input((6,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[losses.MeanSquaredError(), losses.MeanAbsoluteError()])
    history = model.fit(X, NUMBERS, batch_size=len(X), epochs=6, verbose=0).history
    np.testing.assert_allclose(history["mean_squared_error"], history["loss"], rtol=1e-6)
    assert history["mean_absolute_error"][-1] > 0
