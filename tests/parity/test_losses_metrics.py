"""Losses and metrics give Keras's numbers: values, gradients, weights, reductions, means."""

import numpy as np
import pytest

from melpy import losses, metrics, ops, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

N, C = 6, 4
PRECISIONS = [("float32", 1e-5), ("float64", 1e-9)]
both_precisions = pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
LACKING = {"dtype", "axis", "ignore_class"}


def labels(kind, rng):
    """Return labels and the shape of predictions for them."""
    classes = rng.integers(0, C, (N, 5))
    return {
        "one-hot": (np.eye(C)[classes[:, 0]], (N, C)),
        "distributions": (rng.dirichlet(np.ones(C), N), (N, C)),
        "one-hot sequences": (np.eye(C)[classes], (N, 5, C)),
        "classes": (classes[:, 0], (N, C)),
        "column of classes": (classes[:, :1], (N, C)),
        "sequences of classes": (classes, (N, 5, C)),
        "bits": (rng.integers(0, 2, (N, C)).astype(float), (N, C)),
        "row of bits": (rng.integers(0, 2, N).astype(float), (N, 1)),
        "column of bits": (rng.integers(0, 2, (N, 1)).astype(float), (N, 1)),
        "chances": (rng.uniform(size=(N, C)), (N, C)),
        "numbers": (rng.normal(size=(N, 3)), (N, 3)),
        "row of numbers": (rng.normal(size=N), (N, 1)),
        "images": (rng.normal(size=(N, 3, 4, 2)), (N, 3, 4, 2)),
    }[kind]


# One row a configuration: class, arguments, labels, predictions.
LOSSES = [
    ("CategoricalCrossentropy", {}, "one-hot", "probabilities"),
    ("CategoricalCrossentropy", {}, "distributions", "probabilities"),
    ("CategoricalCrossentropy", {}, "one-hot", "shares"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one-hot", "logits"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot", "logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot", "probabilities"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot sequences", "probabilities"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one-hot sequences", "logits"),
    ("SparseCategoricalCrossentropy", {}, "classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "column of classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "sequences of classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "classes", "shares"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sequences of classes", "logits"),
    ("BinaryCrossentropy", {}, "bits", "shares"),
    ("BinaryCrossentropy", {}, "row of bits", "shares"),
    ("BinaryCrossentropy", {}, "column of bits", "shares"),
    ("BinaryCrossentropy", {"axis": 1}, "one-hot sequences", "shares"),
    ("BinaryCrossentropy", {"label_smoothing": 0.3}, "bits", "shares"),
    ("BinaryCrossentropy", {"from_logits": True}, "chances", "logits"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, "bits", "logits"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanSquaredError", {}, "row of numbers", "logits"),
    ("MeanSquaredError", {}, "images", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
    ("MeanAbsoluteError", {}, "images", "logits"),
]
every_loss = pytest.mark.parametrize(
    ("name", "arguments", "of", "kind"),
    LOSSES,
    ids=[f"{name}-{number}" for number, (name, *_) in enumerate(LOSSES)],
)


def predictions(kind, shape, rng, dtype):
    """Return logits; probabilities; or shares in (0, 1), whose sum is not 1."""
    z = rng.normal(size=shape) * 3
    if kind == "probabilities":
        z = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    elif kind == "shares":
        z = 1 / (1 + np.exp(-z))
    return z.astype(dtype)


def test_every_loss_and_metric_has_a_case():
    assert set(losses.__all__) - {"Loss", "get"} == {row[0] for row in LOSSES}
    assert set(metrics.__all__) - {"Metric", "get", "resolve", "Mean"} == {r[0] for r in METRICS}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "none", None])
@both_precisions
@every_loss
def test_loss(
    keras, precision, agree, name, arguments, of, kind, dtype, tolerance, reduction, weighted
):
    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    y_pred = predictions(kind, shape, rng, dtype)
    weight = rng.uniform(0, 2, N) if weighted else None
    with precision(dtype):
        import jax

        # Where a sample has several losses, Keras wants to see the weight's own axes.
        several = getattr(keras.losses, name)(**arguments, reduction=None)(y_true, y_pred).ndim
        their_weight = None if weight is None else weight.reshape((N,) + (1,) * (several - 1))
        theirs = getattr(keras.losses, name)(**arguments, reduction=reduction)
        expected, back = jax.vjp(lambda p: theirs(y_true, p, their_weight), y_pred)
        assert expected.dtype == np.dtype(dtype)
        g = np.random.default_rng(1).normal(size=expected.shape).astype(dtype)
        (expected_gradient,) = back(g)

        ours = getattr(losses, name)(**arguments, reduction=reduction)
        tensor = Tensor(y_pred, requires_grad=True)
        loss = ours(y_true, tensor, weight)
        assert loss.dtype == np.dtype(dtype)
        agree(loss, expected, tolerance, "the loss")
        agree(ours(y_true, y_pred, their_weight), expected, tolerance, "the loss")
        (gradient,) = tape.gradients(loss, [tensor], g)
        agree(gradient, expected_gradient, 10 * tolerance, "the gradient")


@both_precisions
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("CategoricalCrossentropy", "one-hot"),
        ("SparseCategoricalCrossentropy", "classes"),
        ("BinaryCrossentropy", "bits"),
    ],
)
def test_loss_of_certain_predictions_is_clipped(
    keras, precision, agree, name, of, dtype, tolerance
):
    y_true, _ = labels(of, np.random.default_rng(0))
    y_pred = np.eye(C, dtype=dtype)[[0, 1, 2, 3, 0, 1]]  # some right, some wrong
    with precision(dtype):
        expected = getattr(keras.losses, name)(reduction=None)(y_true, y_pred)
        agree(getattr(losses, name)(reduction=None)(y_true, y_pred), expected, tolerance)


@both_precisions
@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize(
    ("name", "of"),
    [("CategoricalCrossentropy", "one-hot"), ("SparseCategoricalCrossentropy", "classes")],
)
def test_loss_after_softmax(keras, precision, agree, name, of, scale, dtype, tolerance):
    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    z = (scale * rng.normal(size=shape)).astype(dtype)
    with precision(dtype):
        import jax

        theirs = getattr(keras.losses, name)()
        expected, expected_gradient = jax.value_and_grad(
            lambda z: theirs(y_true, keras.ops.softmax(z))
        )(z)
        logits = Tensor(z, requires_grad=True)
        loss = getattr(losses, name)()(y_true, ops.softmax(logits))
        agree(loss, expected, tolerance, "the loss")
        agree(tape.gradients(loss, [logits])[0], expected_gradient, 10 * tolerance, "the gradient")


@both_precisions
def test_loss_after_a_softmax_without_doubt(keras, precision, agree, dtype, tolerance):
    # Beyond epsilon the clipped loss is flat, in Keras too: such a sample has no gradient.
    z = np.array([[40.0, 0.0, -3.0], [0.0, 30.0, 5.0], [1.0, 2.0, 3.0]], dtype)
    y_true = np.array([1, 1, 2])
    with precision(dtype):
        import jax

        theirs = keras.losses.SparseCategoricalCrossentropy()
        expected, expected_gradient = jax.value_and_grad(
            lambda z: theirs(y_true, keras.ops.softmax(z))
        )(z)
        assert not expected_gradient[:2].any()
        assert expected_gradient[2].all()
        logits = Tensor(z, requires_grad=True)
        loss = losses.SparseCategoricalCrossentropy()(y_true, ops.softmax(logits))
        agree(loss, expected, tolerance, "the loss")
        agree(tape.gradients(loss, [logits])[0], expected_gradient, tolerance, "the gradient")


@pytest.mark.parametrize("name", sorted({row[0] for row in LOSSES}))
def test_loss_arguments(keras, same_signature, name):
    same_signature(getattr(losses, name).__init__, getattr(keras.losses, name).__init__, LACKING)


# One row a configuration: class, arguments, labels, predictions.
METRICS = [
    ("Accuracy", {}, "classes", "guesses"),
    ("Accuracy", {}, "bits", "guesses"),
    ("BinaryAccuracy", {}, "bits", "shares"),
    ("BinaryAccuracy", {}, "row of bits", "shares"),
    ("BinaryAccuracy", {"threshold": 0.8}, "column of bits", "shares"),
    ("CategoricalAccuracy", {}, "one-hot", "probabilities"),
    ("CategoricalAccuracy", {}, "one-hot sequences", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "classes", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "column of classes", "probabilities"),
    ("SparseCategoricalAccuracy", {}, "sequences of classes", "probabilities"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot", "probabilities"),
    ("TopKCategoricalAccuracy", {"k": 1}, "one-hot sequences", "probabilities"),
    ("TopKCategoricalAccuracy", {}, "one-hot", "probabilities"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanSquaredError", {}, "row of numbers", "logits"),
    ("MeanSquaredError", {}, "images", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
]
METRIC_IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(METRICS)]


@pytest.mark.parametrize("weighted", [False, True])
@both_precisions
@pytest.mark.parametrize(("name", "arguments", "of", "kind"), METRICS, ids=METRIC_IDS)
def test_metric(keras, precision, name, arguments, of, kind, dtype, tolerance, weighted):
    with precision(dtype):
        ours = getattr(metrics, name)(**arguments)
        theirs = getattr(keras.metrics, name)(**arguments)
        assert ours.name == theirs.name
        for seed in range(4):
            rng = np.random.default_rng(seed)
            y_true, shape = labels(of, rng)
            if kind == "guesses":
                y_pred = rng.integers(0, 2, y_true.shape).astype(dtype)
            else:
                y_pred = predictions(kind, shape, rng, dtype)
            weight = rng.uniform(0, 2, N) if weighted else None
            rows = slice(0, N - seed)  # batches of several sizes
            batch = (y_true[rows], y_pred[rows], None if weight is None else weight[rows])
            ours.update_state(*batch)
            theirs.update_state(*batch)
            assert ours.result() == pytest.approx(float(theirs.result()), rel=tolerance)
            if seed == 1:
                assert ours.result() != 0, "nothing to compare"
        ours.reset_state()
        theirs.reset_state()
        assert ours.result() == float(theirs.result()) == 0


def test_mean_metric(keras):
    ours, theirs = metrics.Mean(), keras.metrics.Mean()
    for values, weight in [
        ([1.0, 2.0, 4.0], None),
        ([3.0, 5.0], [0.2, 1.4]),
        (7.0, None),
        (2.0, 3),
    ]:
        ours.update_state(values, weight)
        theirs.update_state(values, weight)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)


@pytest.mark.parametrize("name", sorted({row[0] for row in METRICS} | {"Mean"}))
def test_metric_arguments(keras, same_signature, name):
    same_signature(
        getattr(metrics, name).__init__, getattr(keras.metrics, name).__init__, {"dtype"}
    )
