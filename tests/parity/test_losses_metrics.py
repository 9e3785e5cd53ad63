"""Losses and metrics give Keras's numbers: values, gradients, weights, reductions, means."""

import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melpy import losses, metrics, ops, tape
from melpy.tensor import Tensor, set_mask

pytestmark = pytest.mark.parity

N, C = 6, 4
PRECISIONS = [("float32", 1e-5), ("float64", 1e-9)]
both_precisions = pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
few = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def labels(kind, rng):
    """Return labels and the shape of predictions for them."""
    classes = rng.integers(0, C, (N, 5))
    return {
        "one-hot": (np.eye(C)[classes[:, 0]], (N, C)),
        "distributions": (rng.dirichlet(np.ones(C), N), (N, C)),
        "one-hot sequences": (np.eye(C)[classes], (N, 5, C)),
        "one-hot, classes first": (np.eye(C)[classes].swapaxes(1, 2), (N, C, 5)),
        "classes": (classes[:, 0], (N, C)),
        "column of classes": (classes[:, :1], (N, C)),
        "sequences of classes": (classes, (N, 5, C)),
        "spoken": (
            rng.integers(1, C, (N, 3)) * [[1, n % 3 > 0, n % 3 > 1] for n in range(N)],
            (N, 8, C),
        ),
        "bits": (rng.integers(0, 2, (N, C)).astype(float), (N, C)),
        "row of bits": (rng.integers(0, 2, N).astype(float), (N, 1)),
        "column of bits": (rng.integers(0, 2, (N, 1)).astype(float), (N, 1)),
        "bits for a row": (rng.integers(0, 2, (N, 1)).astype(float), (N,)),
        "chances": (rng.uniform(size=(N, C)), (N, C)),
        "signs": (rng.choice([-1.0, 1.0], (N, C)), (N, C)),
        "counts": (rng.poisson(3.0, (N, C)).astype(float), (N, C)),
        "masks": (rng.integers(0, 2, (N, 4, 3, 1)).astype(float), (N, 4, 3, 1)),
        "numbers": (rng.normal(size=(N, 3)), (N, 3)),
        "row of numbers": (rng.normal(size=N), (N, 1)),
        "sequences of numbers": (rng.normal(size=(N, 5)), (N, 5, 1)),
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
    ("CategoricalCrossentropy", {"axis": 1}, "one-hot, classes first", "shares"),
    ("CategoricalCrossentropy", {"axis": 1, "from_logits": True}, "one-hot, classes first",
     "logits"),
    ("SparseCategoricalCrossentropy", {}, "classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "column of classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "sequences of classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {}, "classes", "shares"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "classes", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sequences of classes", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2},
     "sequences of classes", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 0}, "classes",
     "logits"),
    ("BinaryCrossentropy", {}, "bits", "shares"),
    ("BinaryCrossentropy", {}, "row of bits", "shares"),
    ("BinaryCrossentropy", {}, "column of bits", "shares"),
    ("BinaryCrossentropy", {}, "bits for a row", "shares"),
    ("BinaryCrossentropy", {"axis": 1}, "one-hot sequences", "shares"),
    ("BinaryCrossentropy", {"label_smoothing": 0.3}, "bits", "shares"),
    ("BinaryCrossentropy", {"from_logits": True}, "chances", "logits"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, "bits", "logits"),
    ("BinaryFocalCrossentropy", {}, "bits", "shares"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5},
     "row of bits", "shares"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2, "axis": 1},
     "one-hot sequences", "logits"),
    ("CategoricalFocalCrossentropy", {}, "one-hot", "shares"),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 3.0},
     "one-hot sequences", "probabilities"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot",
     "logits"),
    ("CategoricalGeneralizedCrossEntropy", {}, "classes", "probabilities"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, "classes", "shares"),
    ("CTC", {}, "spoken", "logits"),
    ("Circle", {}, "classes", "unit"),
    ("Circle", {"gamma": 4.0, "margin": 0.2, "remove_diagonal": False}, "column of classes",
     "unit"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanSquaredError", {}, "row of numbers", "logits"),
    ("MeanSquaredError", {}, "sequences of numbers", "logits"),
    ("MeanSquaredError", {}, "images", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
    ("MeanAbsoluteError", {}, "images", "logits"),
    ("MeanAbsolutePercentageError", {}, "numbers", "logits"),
    ("MeanSquaredLogarithmicError", {}, "chances", "shares"),
    ("MeanSquaredLogarithmicError", {}, "numbers", "logits"),
    ("Huber", {}, "numbers", "logits"),
    ("Huber", {"delta": 2.5}, "images", "logits"),
    ("LogCosh", {}, "numbers", "logits"),
    ("CosineSimilarity", {}, "numbers", "logits"),
    ("CosineSimilarity", {"axis": 1}, "images", "logits"),
    ("Hinge", {}, "signs", "logits"),
    ("Hinge", {}, "bits", "logits"),
    ("SquaredHinge", {}, "signs", "logits"),
    ("SquaredHinge", {}, "column of bits", "logits"),
    ("CategoricalHinge", {}, "one-hot", "logits"),
    ("KLDivergence", {}, "distributions", "probabilities"),
    ("Poisson", {}, "counts", "shares"),
    ("Dice", {}, "masks", "shares"),
    ("Dice", {"axis": (1, 2, 3)}, "masks", "shares"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, "masks", "shares"),
    ("Tversky", {"axis": (1, 2)}, "masks", "shares"),
]  # fmt: skip
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
    elif kind == "unit":
        z /= np.linalg.norm(z, axis=-1, keepdims=True)
    elif kind == "shares":
        z = 1 / (1 + np.exp(-z))
    return z.astype(dtype)


def public(module, kind):
    return {name for name in module.__all__ if kind(getattr(module, name))}


def test_every_loss_and_metric_has_a_case(keras):
    classes = public(losses, inspect.isclass) - {"Loss"}
    assert classes == {row[0] for row in LOSSES}
    theirs = {name for name in dir(keras.losses) if inspect.isclass(getattr(keras.losses, name))}
    assert theirs - {"Loss"} == classes
    classes = public(metrics, inspect.isclass)
    assert classes - {"Metric", "ConfusionMatrix", "Mean", "Sum", "MeanMetricWrapper"} == {
        row[0] for row in METRICS
    }
    theirs = {name for name in dir(keras.metrics) if inspect.isclass(getattr(keras.metrics, name))}
    assert classes - {"ConfusionMatrix"} == theirs


def compared(keras, agree, loss, arguments, y_true, y_pred, weight, tolerance, mask=None):
    """Hold a loss and its gradient against Keras's."""
    import jax

    dtype = y_pred.dtype
    theirs = getattr(keras.losses, loss)(**arguments)

    def of_predictions(p):
        p = keras.ops.convert_to_tensor(p)
        if mask is not None:
            keras.src.backend.set_keras_mask(p, mask)
        return theirs(y_true, p, weight)

    expected, back = jax.vjp(of_predictions, y_pred)
    assert expected.dtype == dtype
    g = np.random.default_rng(1).normal(size=expected.shape).astype(dtype)
    (expected_gradient,) = back(g)

    ours = getattr(losses, loss)(**arguments, dtype=dtype.name)
    tensor = Tensor(y_pred, requires_grad=True)
    if mask is not None:
        set_mask(tensor, mask)
    value = ours(y_true, tensor, weight)
    assert value.dtype == dtype
    agree(value, expected, tolerance, "the loss")
    if mask is None:
        agree(ours(y_true, y_pred, weight), expected, tolerance, "the loss of an array")
    (gradient,) = tape.gradients(value, [tensor], g)
    agree(gradient, expected_gradient, 10 * tolerance, "the gradient")


REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]


@pytest.mark.parametrize("weighted", [False, True])
@every_loss
def test_loss(keras, precision, agree, name, arguments, of, kind, weighted):
    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    y_pred = predictions(kind, shape, rng, "float64")
    with precision("float64"):
        # Where a sample has several losses, Keras wants to see the weight's own axes.
        several = getattr(keras.losses, name)(**arguments, reduction=None)(y_true, y_pred).ndim
        weight = rng.uniform(0, 2, (N,) + (1,) * (several - 1)) if weighted and several else None
        for reduction in REDUCTIONS:
            given = arguments | {"reduction": reduction}
            compared(keras, agree, name, given, y_true, y_pred, weight, 1e-9)


@pytest.mark.parametrize(
    "row", {r[0]: r for r in LOSSES}.values(), ids=list({r[0]: 0 for r in LOSSES})
)
def test_loss_in_float32(keras, precision, agree, row):
    name, arguments, of, kind = row
    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    y_pred = predictions(kind, shape, rng, "float32")
    with precision("float32"):
        compared(keras, agree, name, arguments, y_true, y_pred, None, 1e-5)


@few
@given(
    row=st.sampled_from(
        [r for r in LOSSES if r[2].startswith(("seq", "one-hot seq")) and "axis" not in r[1]]
    ),
    reduction=st.sampled_from(REDUCTIONS),
    weighted=st.booleans(),
    seed=st.integers(0, 99),
)
def test_masked_loss(keras, precision, agree, row, reduction, weighted, seed):
    name, arguments, of, kind = row
    rng = np.random.default_rng(seed)
    y_true, shape = labels(of, rng)
    y_pred = predictions(kind, shape, rng, "float64")
    with precision("float64"):
        rank = getattr(keras.losses, name)(**arguments, reduction=None)(y_true, y_pred).ndim
        mask = rng.integers(0, 2, (N, 5)[:rank]).astype(bool)
        mask[0] = seed % 5 != 0 and mask[0]
        weight = rng.uniform(0, 2, (N,) + (1,) * (rank - 1)) if weighted else None
        compared(
            keras, agree, name, arguments | {"reduction": reduction}, y_true, y_pred, weight, 1e-9,
            mask,
        )  # fmt: skip


@pytest.mark.parametrize("name", sorted(losses.FUNCTIONS))
def test_functions_of_losses(keras, precision, agree, name):
    function = losses.FUNCTIONS[name]
    of, kind = next(row[2:] for row in LOSSES if row[0] == losses.CLASSES[function].__name__)
    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    y_pred = predictions(kind, shape, rng, "float64")
    with precision("float64"):
        agree(function(y_true, y_pred), keras.losses.get(name)(y_true, y_pred), 1e-9)


@both_precisions
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("CategoricalCrossentropy", "one-hot"),
        ("SparseCategoricalCrossentropy", "classes"),
        ("BinaryCrossentropy", "bits"),
        ("BinaryFocalCrossentropy", "bits"),
        ("KLDivergence", "one-hot"),
    ],
)
def test_loss_of_certain_predictions_is_clipped(
    keras, precision, agree, name, of, dtype, tolerance
):
    y_true, _ = labels(of, np.random.default_rng(0))
    y_pred = np.eye(C, dtype=dtype)[[0, 1, 2, 3, 0, 1]]  # some right, some wrong
    with precision(dtype):
        expected = getattr(keras.losses, name)(reduction=None)(y_true, y_pred)
        agree(
            getattr(losses, name)(reduction=None, dtype=dtype)(y_true, y_pred), expected, tolerance
        )


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
        loss = getattr(losses, name)(dtype=dtype)(y_true, ops.softmax(logits))
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
        loss = losses.SparseCategoricalCrossentropy(dtype=dtype)(y_true, ops.softmax(logits))
        agree(loss, expected, tolerance, "the loss")
        agree(tape.gradients(loss, [logits])[0], expected_gradient, tolerance, "the gradient")


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
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "classes", "probabilities"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "sequences of classes", "probabilities"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "classes", "ranks"),
    ("MeanSquaredError", {}, "numbers", "logits"),
    ("MeanSquaredError", {}, "row of numbers", "logits"),
    ("MeanSquaredError", {}, "images", "logits"),
    ("RootMeanSquaredError", {}, "numbers", "logits"),
    ("RootMeanSquaredError", {}, "row of numbers", "logits"),
    ("MeanAbsoluteError", {}, "numbers", "logits"),
    ("MeanAbsolutePercentageError", {}, "numbers", "logits"),
    ("MeanSquaredLogarithmicError", {}, "chances", "shares"),
    ("LogCoshError", {}, "numbers", "logits"),
    ("CosineSimilarity", {}, "numbers", "logits"),
    ("CosineSimilarity", {"axis": 1}, "images", "logits"),
    ("PearsonCorrelation", {}, "numbers", "logits"),
    ("ConcordanceCorrelation", {}, "numbers", "logits"),
    ("ConcordanceCorrelation", {"axis": 1}, "numbers", "logits"),
    ("R2Score", {}, "numbers", "logits"),
    ("R2Score", {}, "row of numbers", "logits"),
    ("R2Score", {"class_aggregation": None}, "numbers", "logits"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "numbers", "logits"),
    ("R2Score", {"num_regressors": 2}, "numbers", "logits"),
    ("BinaryCrossentropy", {}, "bits", "shares"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "bits", "logits"),
    ("CategoricalCrossentropy", {}, "one-hot", "probabilities"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot", "logits"),
    ("CategoricalCrossentropy", {"axis": 1}, "one-hot, classes first", "shares"),
    ("SparseCategoricalCrossentropy", {}, "classes", "probabilities"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1},
     "sequences of classes", "logits"),
    ("KLDivergence", {}, "distributions", "probabilities"),
    ("Poisson", {}, "counts", "shares"),
    ("Hinge", {}, "signs", "logits"),
    ("SquaredHinge", {}, "bits", "logits"),
    ("CategoricalHinge", {}, "one-hot", "logits"),
    ("TruePositives", {}, "bits", "shares"),
    ("FalsePositives", {"thresholds": [0.7, 0.2]}, "column of bits", "shares"),
    ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, "bits", "shares"),
    ("FalseNegatives", {"thresholds": 0.3}, "bits", "shares"),
    ("Precision", {}, "bits", "shares"),
    ("Precision", {"thresholds": [0.2, 0.9, 0.5]}, "row of bits", "shares"),
    ("Precision", {"top_k": 2}, "one-hot", "probabilities"),
    ("Precision", {"class_id": 1}, "bits", "shares"),
    ("Precision", {"class_id": 1, "top_k": 2}, "one-hot", "probabilities"),
    ("Recall", {}, "bits", "shares"),
    ("Recall", {"top_k": 3}, "one-hot", "logits"),
    ("Recall", {"thresholds": [0.0, 0.5, 1.0], "class_id": 2}, "bits", "shares"),
    ("AUC", {}, "bits", "shares"),
    ("AUC", {"curve": "PR"}, "column of bits", "shares"),
    ("AUC", {"curve": "PRGAIN"}, "bits", "shares"),
    ("AUC", {"summation_method": "minoring", "curve": "PR", "num_thresholds": 20}, "bits",
     "shares"),
    ("AUC", {"summation_method": "majoring", "num_thresholds": 20}, "bits", "shares"),
    ("AUC", {"thresholds": [0.1, 0.8, 0.45]}, "bits", "shares"),
    ("AUC", {"multi_label": True, "num_labels": C}, "bits", "shares"),
    ("AUC", {"multi_label": True, "curve": "PR", "thresholds": [0.3, 0.9], "num_labels": C,
             "label_weights": [0.1, 0.2, 0.3, 0.4]}, "bits", "shares"),
    ("AUC", {"from_logits": True, "label_weights": [0.1, 0.2, 0.3, 0.4]}, "bits", "logits"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "bits", "shares"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 30}, "bits", "shares"),
    ("PrecisionAtRecall", {"recall": 0.6}, "bits", "shares"),
    ("RecallAtPrecision", {"precision": 0.4, "class_id": 1}, "bits", "shares"),
    ("F1Score", {}, "one-hot", "probabilities"),
    ("F1Score", {"average": "macro", "threshold": 0.4}, "bits", "shares"),
    ("FBetaScore", {"beta": 2.0}, "one-hot", "probabilities"),
    ("FBetaScore", {"beta": 0.5, "average": "micro"}, "one-hot", "probabilities"),
    ("FBetaScore", {"average": "weighted", "threshold": 0.3}, "bits", "shares"),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 2]}, "classes", "classes"),
    ("IoU", {"num_classes": C, "target_class_ids": [0, 3], "sparse_y_pred": False,
             "ignore_class": 1}, "classes", "probabilities"),
    ("BinaryIoU", {}, "bits", "shares"),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, "bits", "shares"),
    ("MeanIoU", {"num_classes": C}, "classes", "classes"),
    ("MeanIoU", {"num_classes": C, "sparse_y_true": False, "sparse_y_pred": False},
     "one-hot sequences", "shares"),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1]}, "one-hot sequences", "shares"),
    ("OneHotMeanIoU", {"num_classes": C}, "one-hot", "shares"),
]  # fmt: skip
METRIC_IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(METRICS)]


def guesses(kind, y_true, shape, rng, dtype):
    """Return predictions for metrics: some of them are no outputs of a model."""
    if kind == "guesses":
        return rng.integers(0, 2, y_true.shape).astype(dtype)
    if kind == "classes":
        return rng.integers(0, C, y_true.shape).astype(dtype)
    if kind == "ranks":
        return np.array([rng.permutation(C) for _ in range(N)]).astype(dtype)
    return predictions(kind, shape, rng, dtype)


def weights(name, arguments, shape, rng):
    """Return weights of samples, in the shape that Keras asks for."""
    if "ignore_class" in arguments and "Crossentropy" in name:
        return rng.uniform(0, 2, (N, 1))
    if name == "BinaryIoU":
        return rng.uniform(0, 2, shape)
    return rng.uniform(0, 2, shape[:-1] if "IoU" in name else N)


def held_against_keras(keras, agree, row, weighted, dtype, tolerance, sizes):
    """Update both metrics with several batches, and compare after each; then reset them."""
    name, arguments, of, kind = row
    if "IoU" in name:
        tolerance = max(tolerance, 1e-6)  # Keras divides in float32 there
        if weighted:
            arguments = arguments | {"dtype": dtype}  # else it cuts weights to whole numbers
    elif name == "AUC" and dtype == "float32":
        tolerance = 1e-4  # Keras takes differences of sums, both in float32
    ours = getattr(metrics, name)(**arguments)
    theirs = getattr(keras.metrics, name)(**arguments)
    if inspect.signature(type(ours)).parameters["name"].default is not None:
        assert ours.name == theirs.name
    seen = []
    for seed, size in enumerate(sizes):
        rng = np.random.default_rng(seed)
        y_true, shape = labels(of, rng)
        y_pred = guesses(kind, y_true, shape, rng, dtype)
        weight = weights(name, arguments, shape, rng) if weighted else None
        batch = [None if x is None else x[:size] for x in (y_true, y_pred, weight)]
        ours.update_state(*batch)
        theirs.update_state(*batch)
        seen.append(ours.result())
        agree(seen[-1], np.asarray(theirs.result()), tolerance)
    assert np.any(seen), "nothing to compare"
    ours.reset_state()
    assert not any(np.asarray(v).any() for v in ours.variables)
    ours.update_state(*batch)
    theirs.reset_state()
    theirs.update_state(*batch)
    agree(ours.result(), np.asarray(theirs.result()), tolerance)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("row", METRICS, ids=METRIC_IDS)
def test_metric(keras, precision, agree, row, weighted):
    with precision("float64"):
        held_against_keras(keras, agree, row, weighted, "float64", 1e-9, (N, N))


ONE_A_ROOM = (  # the sums are float64 for both types: what differs is what is summed
    "BinaryAccuracy", "SparseCategoricalAccuracy", "RootMeanSquaredError", "R2Score", "Precision",
    "SparseCategoricalCrossentropy", "AUC", "F1Score", "BinaryIoU",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")
@pytest.mark.parametrize("name", ONE_A_ROOM)
def test_metric_in_float32(keras, precision, agree, name):
    row = next(row for row in METRICS if row[0] == name)
    with precision("float32"):
        held_against_keras(keras, agree, row, True, "float32", 1e-5, (N, 4))


@few
@given(
    name=st.sampled_from(["Precision", "Recall", "AUC", "TruePositives", "FalseNegatives"]),
    points=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 0.1]), min_size=1, max_size=5),
    ties=st.booleans(),
    seed=st.integers(0, 99),
)
def test_counts_where_predictions_are_at_the_thresholds(
    keras, precision, agree, name, points, ties, seed
):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, (8, 2))
    y_pred = rng.integers(0, 5, (8, 2)) / 4 if ties else rng.uniform(size=(8, 2))
    with precision("float64"):
        ours = getattr(metrics, name)(thresholds=points)
        theirs = getattr(keras.metrics, name)(thresholds=points)
        agree(ours(y_true, y_pred), np.asarray(theirs(y_true, y_pred)), 1e-9)


@few
@given(
    row=st.sampled_from(
        [r for r in METRICS if issubclass(getattr(metrics, r[0]), metrics.MeanMetricWrapper)]
    ),
    weighted=st.booleans(),
    seed=st.integers(0, 99),
)
def test_masked_metric(keras, precision, agree, row, weighted, seed):
    name, arguments, of, kind = row
    rng = np.random.default_rng(seed)
    y_true, shape = labels(of, rng)
    y_pred = guesses(kind, y_true, shape, rng, "float64")
    mask = rng.integers(0, 2, N).astype(bool)
    weight = rng.uniform(0, 2, N) if weighted else None
    with precision("float64"):
        tensor, theirs = Tensor(y_pred), keras.ops.convert_to_tensor(y_pred)
        set_mask(tensor, mask)
        keras.src.backend.set_keras_mask(theirs, mask)
        agree(
            getattr(metrics, name)(**arguments)(y_true, tensor, weight),
            np.asarray(getattr(keras.metrics, name)(**arguments)(y_true, theirs, weight)),
            1e-9,
        )


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_mean_and_sum(keras, name):
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for values, weight in [
        ([1.0, 2.0, 4.0], None),
        ([3.0, 5.0], [0.2, 1.4]),
        (7.0, None),
        (2.0, 3),
        ([[1.0, 2.0], [5.0, 9.0]], [0.5, 2.0]),
        ([[1.0, 2.0], [5.0, 9.0]], [[0.5], [2.0]]),
        ([[1.0, 2.0], [5.0, 9.0]], [[0.5, 1.0], [2.0, 0.0]]),
        ([3.0, 5.0], 0.5),
    ]:
        ours.update_state(values, weight)
        theirs.update_state(values, weight)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)


@pytest.mark.parametrize("identifier", ["accuracy", "acc", "mse", "MeanAbsoluteError", "AUC"])
@pytest.mark.parametrize(
    ("of", "kind"), [("one-hot", "shares"), ("classes", "shares"), ("row of bits", "shares")]
)
def test_a_named_metric_is_the_one_that_compile_chooses(keras, agree, identifier, of, kind):
    from keras.src.trainers.compile_utils import get_metric

    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    if of == "classes" and "acc" not in identifier:
        return
    y_pred = predictions(kind, shape, rng, "float32")
    ours, theirs = metrics.resolve(identifier), get_metric(identifier, y_true, y_pred)
    assert ours.name == theirs.name == identifier
    agree(ours(y_true, y_pred), np.asarray(theirs(y_true, y_pred)), 1e-5)


@pytest.mark.parametrize("identifier", ["crossentropy", "ce", "mse", "KLD", "Huber"])
@pytest.mark.parametrize("of", ["one-hot", "classes", "row of bits"])
def test_a_named_loss_is_the_one_that_compile_chooses(keras, agree, identifier, of):
    from keras.src.trainers.compile_utils import get_loss

    rng = np.random.default_rng(0)
    y_true, shape = labels(of, rng)
    if of == "classes" and identifier not in ("crossentropy", "ce"):
        return
    y_pred = predictions("shares", shape, rng, "float32")
    ours, theirs = losses.resolve(identifier), get_loss(identifier, y_true, y_pred)
    assert identifier in ("crossentropy", "ce") or ours.name == theirs.name
    agree(ours(y_true, y_pred), theirs(y_true, y_pred), 1e-5)
