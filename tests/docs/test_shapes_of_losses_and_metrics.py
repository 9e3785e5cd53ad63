"""Every loss and every metric says its shapes, and a call with such shapes gives what is said.

The sentence is "Labels (N, ...), predictions (N, ..., C), losses (N, ...)", with "values" for what
a metric's function gives and "result" for a metric's own; "Labels and predictions" where alike.
"""

import inspect
import re

import numpy as np
import pytest

from melpy import losses, metrics

SIZES = {"N": 4, "...": 3, "C": 5, "D": 6, "S": 2, "T": 8, "1": 1}
SENTENCE = re.compile(
    r"Labels (?:(?P<labels>\(.*?\)).*? )??(?:and )?predictions (?P<predictions>\(.*?\))"
    r".*?(?P<kind>losses|values|result) (?P<out>\(.*?\))",
    re.DOTALL,
)
WITHOUT = {
    "Loss": "abstract: each subclass has shapes of its own",
    "Metric": "abstract: each subclass has shapes of its own",
    "Mean": "of numbers, without labels: tested below",
    "Sum": "of numbers, without labels: tested below",
    "MeanMetricWrapper": "of any function of labels and predictions: tested below",
    "deserialize": "of configs, not arrays",
    "get": "of names, not arrays",
    "resolve": "of names, not arrays",
    "serialize": "to configs, not arrays",
}
ARGUMENTS = {
    "categorical_generalized_cross_entropy": {"q": 0.5},
    "ConfusionMatrix": {"num_classes": 5},
    "IoU": {"num_classes": 5, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 5},
    "OneHotIoU": {"num_classes": 5, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
ENTRIES = {
    f"{room.__name__}.{name}": getattr(room, name)
    for room in (losses, metrics)
    for name in room.__all__
    if name not in WITHOUT
}
LOSSES = [name for name in ENTRIES if name.startswith("melpy.losses.")]
LOSSES = [name for name in LOSSES if inspect.isclass(ENTRIES[name])]
AXES = [  # those with the last axis as a default
    name
    for name, value in ENTRIES.items()
    if getattr(inspect.signature(value).parameters.get("axis"), "default", None) == -1
    and "IoU" not in name
]


def text(value):
    """Return a docstring without its examples, in one line."""
    return " ".join((inspect.getdoc(value) or "").split("\nExamples\n")[0].split())


def sizes(shape):
    """Return a shape in letters as sizes: "(N, ..., 1)" is (4, 3, 1)."""
    return tuple(SIZES[x] for x in re.findall(r"\.{3}|\w+", shape))


def drawn(shape):
    """Return numbers in (0, 1)."""
    return np.random.default_rng(0).random(shape).astype(np.float32)


def labels(shape):
    """Return one-hot labels (..., C), amounts (..., D), or the classes 0 and 1 in other shapes."""
    x = drawn(sizes(shape))
    if shape.endswith("C)"):
        return (x == x.max(axis=-1, keepdims=True)).astype(np.float32)
    return x if shape.endswith("D)") else (x > 0.5).astype(np.int64)


def shape_of_call(value, y_true, y_pred, **arguments):
    """Return the shape of what a function, a loss that reduces nothing, or a metric gives."""
    if not inspect.isclass(value):
        return np.shape(value(y_true, y_pred, **arguments))
    if issubclass(value, losses.Loss):
        arguments["reduction"] = "none"
    return np.shape(value(**arguments)(y_true, y_pred))


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_said_is_what_comes(name):
    value, found = ENTRIES[name], SENTENCE.search(text(ENTRIES[name]))
    assert found, f"{name} lacks its shapes, as in: Labels and predictions (N, C), losses (N,)"
    y_pred = drawn(sizes(found["predictions"]))
    arguments = ARGUMENTS.get(value.__name__, {})
    taken = [found["labels"] or found["predictions"]]
    if f"{taken[0]} or (N, ..., 1), predictions" in text(value):
        taken.append("(N, ..., 1)")
    for shape in taken:
        assert shape_of_call(value, labels(shape), y_pred, **arguments) == sizes(found["out"])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_reduced_to_a_number(name):
    value, found = ENTRIES[name], SENTENCE.search(text(ENTRIES[name]))
    assert "; () once reduced" in text(value)
    y_true = labels(found["labels"] or found["predictions"])
    assert np.shape(value()(y_true, drawn(sizes(found["predictions"])))) == ()


@pytest.mark.parametrize("name", AXES)
def test_the_axis_is_gone(name):
    value, found = ENTRIES[name], SENTENCE.search(text(ENTRIES[name]))
    assert found["kind"] == "result" or "the shape without the axis" in text(value)
    y_true, y_pred = labels(found["predictions"]), drawn(sizes(found["predictions"]))
    y_true, y_pred = np.swapaxes(y_true, 1, 2), np.swapaxes(y_pred, 1, 2)
    if found["labels"]:
        y_true = y_true.argmax(axis=1)
    assert shape_of_call(value, y_true, y_pred, axis=1) == sizes(found["out"])


MORE = [  # what an option changes: the entry, its words for it, a call, and the shape
    (losses.dice, "without ``axis``", {"axis": (1, 2)}, (4, 3, 6), (4, 3, 6), (4,)),
    (losses.Dice, "without ``axis``", {"axis": 2}, (4, 3, 6), (4, 3, 6), (4, 3)),
    (losses.tversky, "without ``axis``", {"axis": (1, 2)}, (4, 3, 6), (4, 3, 6), (4,)),
    (losses.Tversky, "without ``axis``", {"axis": 2}, (4, 3, 6), (4, 3, 6), (4, 3)),
    (losses.circle, "ref_embeddings (M, D)",
     {"ref_labels": np.arange(7), "ref_embeddings": drawn((7, 6))}, (4, 1), (4, 6), (4,)),
    (metrics.AUC, "(N, L)", {"multi_label": True}, (4, 6), (4, 6), ()),
    (metrics.F1Score, "()", {"average": "macro"}, (4, 6), (4, 6), ()),
    (metrics.FBetaScore, "()", {"average": "micro"}, (4, 6), (4, 6), ()),
    (metrics.R2Score, "(D,)", {"class_aggregation": None}, (4, 6), (4, 6), (6,)),
    (metrics.ConfusionMatrix, "(N, ..., C)", {"num_classes": 6}, (4, 3), (4, 3, 6), (6, 6)),
    (metrics.MeanIoU, "each (N, ..., C)", {"num_classes": 6, "sparse_y_pred": False},
     (4, 3), (4, 3, 6), ()),
    (metrics.OneHotMeanIoU, "predictions (N, ...)", {"num_classes": 6, "sparse_y_pred": True},
     (4, 3, 6), (4, 3), ()),
    *(
        (getattr(metrics, name), "(P,)", {"thresholds": [0.1, 0.5]}, (4, 3), (4, 3), (2,))
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives",
                     "Precision", "Recall")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("value", "words", "options", "y_true", "y_pred", "expected"), MORE)
def test_options_change_what_comes(value, words, options, y_true, y_pred, expected):
    assert words in text(value)
    y_true = (drawn(y_true) > 0.5).astype(np.int64)
    assert shape_of_call(value, y_true, drawn(y_pred), **options) == expected


@pytest.mark.parametrize("value", [metrics.Mean, metrics.Sum])
@pytest.mark.parametrize("shape", [(), (4,), (4, 3)])
def test_numbers_of_any_shape_give_one(value, shape):
    assert "numbers (N, ...) or ()" in text(value)
    assert "result ()" in text(value)
    assert np.shape(value()(drawn(shape))) == ()


def test_a_functions_mean():
    assert "values (N, ...)" in text(metrics.MeanMetricWrapper)
    assert "Result ()" in text(metrics.MeanMetricWrapper)
    metric = metrics.MeanMetricWrapper(losses.mean_squared_error)
    assert np.shape(metric(drawn((4, 3, 6)), drawn((4, 3, 6)))) == ()


WEIGHTS = [(), (4,), (4, 1), (3,), (4, 3), (4, 3, 1)]


@pytest.mark.parametrize("shape", WEIGHTS)
def test_weights_of_losses(shape):
    assert "Sample weights are (), (N,), (N, 1), or of the losses' first or last axes" in text(
        losses.Loss
    )
    loss, x = losses.MeanAbsoluteError(reduction="none"), drawn((4, 3, 6))
    assert loss(x, x, sample_weight=drawn(shape)).shape == (4, 3)


@pytest.mark.parametrize("shape", WEIGHTS[:-1])
@pytest.mark.parametrize("name", ["R2Score", "F1Score", "Precision", "RootMeanSquaredError"])
def test_weights_of_metrics(name, shape):
    assert "(), (N,), (N, 1), or of the first or last axes" in " ".join(metrics.__doc__.split())
    y_true, y_pred = labels("(N, C)")[:, :3], drawn((4, 3))
    assert np.isfinite(getattr(metrics, name)()(y_true, y_pred, drawn(shape))).all()


def test_weights_of_r2_score_that_fit_no_axis():
    with pytest.raises(ValueError, match=r"R2Score: the sample weights do not fit the samples"):
        metrics.R2Score()(drawn((4, 3)), drawn((4, 3)), drawn((5,)))


@pytest.mark.parametrize("axis", [1, -1])
def test_one_hot_labels_are_weighed_as_classes_are(axis):
    y_true, y_pred = labels("(N, ..., C)"), drawn((4, 3, 5))
    weight = np.arange(1.0, 5.0)  # a sample has one, for all its places
    classes = metrics.MeanIoU(5)(y_true.argmax(-1), y_pred.argmax(-1), weight)
    y_true, y_pred = (np.moveaxis(y, -1, axis) for y in (y_true, y_pred))
    assert metrics.OneHotMeanIoU(5, axis=axis)(y_true, y_pred, weight) == classes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [((4,), (4, 1), (4, 1)), ((4, 1), (4,), (4, 1)), ((4, 3), (4, 3, 1), (4, 3)),
     ((4, 3, 1), (4, 3), (4, 3))],
)  # fmt: skip
def test_a_last_axis_that_only_one_has(y_true, y_pred, expected, dtype):
    given = drawn(y_pred).astype(dtype)  # float32 goes to a kernel, float64 does not
    assert metrics.binary_accuracy(np.ones(y_true), given).shape == expected
