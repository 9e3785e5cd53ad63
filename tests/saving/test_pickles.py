"""Models in pickles: all losses and metrics, states, classes of one's own, and what is refused."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import melpy
from melpy import layers, losses, metrics, optimizers, random
from melpy.errors import MelpyError, UnknownClassError

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
BOTH = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
}


def net(*inside, width=3, activation="softmax"):
    return melpy.Sequential([melpy.Input((4,)), *inside, layers.Dense(width, activation)])


def classes_of(room, base):
    made = [thing for name in room.__all__ if inspect.isclass(thing := getattr(room, name))]
    return [one for one in made if issubclass(one, base) and one is not base]


ARGUMENTS = {
    "IoU": {"num_classes": 3, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
    "BinaryIoU": {"target_class_ids": [0, 1]},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "MeanMetricWrapper": {"fn": metrics.mean_squared_error},
    "ConfusionMatrix": {"num_classes": 3},
}
NO_PAIRS = {"Mean", "Sum", "MeanMetricWrapper", "Metric"}
OF_CODES = {"ConfusionMatrix", "CategoricalGeneralizedCrossEntropy", "Circle"}


def made(kind):
    return kind(**ARGUMENTS.get(kind.__name__, {}))


def labels_for(name):
    codes = np.arange(12) % 3
    if "IoU" in name and "OneHot" not in name:
        return codes, 1
    if name in OF_CODES or name.startswith("Sparse"):
        return codes, 3
    return np.eye(3, dtype="float32")[codes], 3


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("kind", classes_of(metrics, metrics.Metric), ids=lambda c: c.__name__)
def test_every_metric(kind, trained):
    assert type(pickle.loads(pickle.dumps(made(kind)))) is kind  # alone
    if kind.__name__ in NO_PAIRS:
        return
    y, width = labels_for(kind.__name__)
    activation = "softmax" if width > 1 else "sigmoid"
    model = net(width=width, activation=activation)
    loss = "sparse_categorical_crossentropy" if y.ndim == 1 and width == 3 else "mse"
    model.compile("adam", loss, metrics=[made(kind)])
    same(model, y, trained)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("kind", classes_of(losses, losses.Loss), ids=lambda c: c.__name__)
def test_every_loss(kind, trained):
    assert type(pickle.loads(pickle.dumps(made(kind)))) is kind
    if kind is losses.CTC:
        return
    y, width = labels_for(kind.__name__)
    model = net(width=width)
    model.compile("sgd", made(kind))
    same(model, y, trained)


def same(model, y, trained):
    """Fail unless a model's copies train on to the same numbers, from the same weights."""
    for _ in range(2 * trained):
        model.train_on_batch(X, y)
    copies = [model, *(way(model) for way in BOTH.values())]
    told = [repr(one.train_on_batch(X, y, return_dict=True)) for one in copies]
    for one, logs in zip(copies[1:], told[1:], strict=True):
        assert logs == told[0]
        for a, b in zip(model.weights, one.weights, strict=True):
            np.testing.assert_array_equal(a.value, b.value)


@pytest.mark.parametrize("kind", classes_of(optimizers, optimizers.Optimizer))
def test_every_optimizer(kind):
    model = net()
    model.compile(kind(0.01), "mse")
    same(model, labels_for("")[0], trained=True)


def test_what_draws_goes_on_where_it_stood():
    model = net(layers.Dropout(0.5), layers.GaussianNoise(0.1))
    model.compile("adam", "mse")
    same(model, labels_for("")[0], trained=True)


def test_models_that_are_not_built_or_not_compiled():
    model = melpy.Sequential([layers.Dense(2)])
    for way in BOTH.values():
        again = way(model)
        assert not again.built
        assert not again.compiled
        assert again(X).shape == (12, 2)
    x = melpy.Input((4,))
    functional = melpy.Model(x, [layers.Dense(2)(x), melpy.ops.exp(x)])
    for a, b in zip(functional(X), BOTH["pickle"](functional)(X), strict=True):
        np.testing.assert_array_equal(a, b)


def test_kinds_of_floats_layers_that_are_frozen_vocabularies_and_notes():
    double = melpy.Sequential(
        [
            melpy.Input((4,), dtype="float64"),
            layers.Normalization(mean=[0.0] * 4, variance=[2.0] * 4, dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    double.layers[1].trainable = False
    melpy.saving.note(double, unit="mm")
    again = BOTH["pickle"](double)
    assert again.dtype == double.dtype == "float64"
    fine = X.astype("float64") + 1e-12
    np.testing.assert_array_equal(again(fine), double(fine))
    assert not np.array_equal(double(fine), double(X.astype("float64")))
    assert again.trainable_weights == []
    assert melpy.saving.notes_of(again) == {"unit": "mm"}
    words = melpy.Sequential([
        melpy.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a", "b"])
    ])  # fmt: skip
    np.testing.assert_array_equal(BOTH["pickle"](words)(np.array([["b"]])), [[2]])


def test_nothing_is_drawn_and_the_bytes_are_the_same():
    model, stream = net(), random.stream_state()
    assert pickle.dumps(model) == pickle.dumps(pickle.loads(pickle.dumps(model)))
    assert random.stream_state() == stream


def test_a_copy_shares_the_layers_and_a_tuple_keeps_each_model_once():
    model = net()
    shallow = copy.copy(model)
    assert shallow is not model
    assert shallow.layers[0] is model.layers[0]
    one, other = pickle.loads(pickle.dumps((model, model)))
    assert one is other


# Of one's own.


class Dense(layers.Dense):  # of the same name as the library's
    def call(self, inputs):
        return super().call(inputs) + 1


class Own(melpy.Model):
    def __init__(self, units, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.last = inner, layers.Dense(units)

    def call(self, inputs):
        return self.last(self.inner(inputs))


def cubed(y_true, y_pred):
    return melpy.ops.mean(abs(y_pred - y_true) ** 3, axis=-1)


class Holds(layers.Layer):
    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model

    def call(self, inputs):
        return self.model(inputs)


@pytest.mark.parametrize("way", BOTH)
def test_classes_and_functions_of_ones_own(way):
    model = Own(2, net(Dense(4), layers.Dense(5, cubed_root)))
    wrapped = [metrics.MeanMetricWrapper(fn, "of") for fn in (cubed, metrics.huber)]
    model.compile("adam", cubed, metrics=[cubed, *wrapped])
    model.fit(X, X[:, :2], verbose=0)
    again = BOTH[way](model)
    assert type(again) is Own
    assert type(again.inner.layers[0]) is Dense
    np.testing.assert_array_equal(again(X), model(X))
    assert again.evaluate(X, X[:, :2]) == model.evaluate(X, X[:, :2])


def cubed_root(x):
    return melpy.ops.sign(x) * abs(x) ** (1 / 3)


@pytest.mark.parametrize("way", BOTH)
def test_a_layer_that_holds_a_model(way):
    layer = Holds(net())
    layer(X)
    again = BOTH[way](layer)
    assert [id(w) for w in again.weights] == [id(w) for w in again.model.weights]
    np.testing.assert_array_equal(again(X), layer(X))


def test_what_is_registered_is_found_by_its_name():
    @melpy.saving.register_keras_serializable("here")
    class Local(layers.Layer):
        def call(self, inputs):
            return inputs * 3

    model = melpy.Sequential([melpy.Input((4,)), Local()])
    content = pickle.dumps(model)
    np.testing.assert_array_equal(pickle.loads(content)(X), X * 3)
    del melpy.saving.get_custom_objects()["here>Local"]
    with pytest.raises(UnknownClassError, match="unknown layer 'Local'"):
        pickle.loads(content)


def local(y_true, y_pred):
    raise AssertionError


LOCAL, local = local, None  # not found any more by its name


class NotPlain(layers.Layer):
    def __init__(self, thing, **kwargs):
        super().__init__(**kwargs)
        self.thing = thing


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda m: m.compile("sgd", lambda y, p: p), r"pickle, <lambda>: nobody can find it again"),
        (
            lambda m: m.compile("sgd", LOCAL),
            r"pickle, local: .*Expected classes and functions of a",
        ),
        (lambda m: m.add(layers.Lambda(lambda x: x)), r"pickle, .*'lambda' is a Lambda"),
        (lambda m: m.add(NotPlain(object())), r"pickle, get_config: an object cannot be written"),
    ],
)
def test_what_cannot_be_written_down_says_so_and_is_copied_all_the_same(spoil, expected):
    model = net()
    spoil(model)
    with pytest.raises(MelpyError, match=expected):
        pickle.dumps(model)
    copy.deepcopy(model)
