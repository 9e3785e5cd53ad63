"""Classifiers: labels of all kinds, models of all kinds, weights, stopping, probabilities."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.sparse import csr_array
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import melpy
from melpy import layers, losses, random
from melpy.errors import DataError, MelpyError
from melpy.kernels import dispatch
from melpy.wrappers import SKLearnClassifier, batches

from .shared import CODES, NAMES, X, build, net

QUICK = {"epochs": 12, "learning_rate": 0.02, "random_state": 0}


def bits(estimator):
    return [w.tobytes() for w in estimator.model_.get_weights()]


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_the_default_network_is_as_good_as_scikit_learns(load):
    X, y = load(return_X_y=True)
    *data, y_train, y_test = train_test_split(X[:500], y[:500], random_state=1)
    ours = SKLearnClassifier(random_state=0).fit(data[0], y_train)
    theirs = MLPClassifier(random_state=0, max_iter=60, tol=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(data[0], y_train)
    assert ours.score(data[1], y_test) >= max(0.93, theirs.score(data[1], y_test) - 0.03)
    assert ours.predict_proba(data[1]).sum(axis=1) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    "labels",
    [CODES, CODES * 5 - 7, NAMES, NAMES.astype(object), CODES.astype(float), NAMES.tolist()],
    ids=["codes", "ints", "str", "object", "floats", "list"],
)
def test_labels_of_any_kind(labels):
    estimator = SKLearnClassifier(**QUICK).fit(X, labels)
    np.testing.assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.predict(X).dtype == np.asarray(labels).dtype
    assert estimator.score(X, labels) > 0.9
    chosen = estimator.classes_[estimator.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(chosen, estimator.predict(X))
    decided = estimator.decision_function(X)
    np.testing.assert_allclose(decided, np.log(estimator.predict_proba(X)))
    log = estimator.predict_log_proba(X)
    np.testing.assert_array_equal(log, np.log(estimator.predict_proba(X)))


MODELS = {
    "one-hot": lambda: net(3, "softmax", "categorical_crossentropy"),
    "numbers": lambda: net(3, "softmax", "sparse_categorical_crossentropy"),
    "fitting": lambda: net(3, "softmax", "crossentropy"),
    "listed": lambda: net(3, "softmax", ["sparse_categorical_crossentropy"]),
    "logits": lambda: net(3, None, losses.SparseCategoricalCrossentropy(from_logits=True)),
    "one-hot logits": lambda: net(3, None, losses.CategoricalCrossentropy(from_logits=True)),
    "not compiled": lambda: net(3, "softmax"),
    "of Keras's docs": lambda: build,
    "sigmoids": lambda: net(3, "sigmoid", "binary_crossentropy"),
}


@pytest.mark.parametrize("model", MODELS)
def test_models_of_any_kind(model):
    estimator = SKLearnClassifier(MODELS[model](), **{**QUICK, "epochs": 25}).fit(X, NAMES)
    assert estimator.score(X, NAMES) > 0.85
    assert estimator.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert estimator.n_iter_ == len(estimator.history_.history["loss"]) == 25


@pytest.mark.parametrize(
    "model",
    [
        lambda: net(1, "sigmoid", "binary_crossentropy"),
        lambda: net(1, None, losses.BinaryCrossentropy(from_logits=True)),
        lambda: net(1, "sigmoid"),
        lambda: net(2, "softmax"),
        lambda: net(1, "tanh", "hinge"),
    ],
)
def test_two_classes(model):
    y = np.where(CODES == 0, "yes", "no")
    estimator = SKLearnClassifier(model(), **{**QUICK, "epochs": 25}).fit(X, y)
    assert estimator.predict(X).shape == y.shape
    assert estimator.score(X, y) > 0.9
    decided = estimator.decision_function(X) > 0
    np.testing.assert_array_equal(estimator.classes_[decided.astype(int)], estimator.predict(X))
    if estimator.model_.loss != "hinge":
        p = estimator.predict_proba(X)
        assert p.shape == (90, 2)
        np.testing.assert_array_equal(estimator.classes_[p.argmax(axis=1)], estimator.predict(X))
    else:
        with pytest.raises(DataError, match="outputs are no probabilities"):
            estimator.predict_proba(X)


def test_a_model_with_a_call_of_its_own():
    class Own(melpy.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.last = layers.Dense(3, "softmax")

        def call(self, inputs):
            return self.last(inputs)

    assert SKLearnClassifier(Own(), **QUICK).fit(X, NAMES).score(X, NAMES) > 0.85


def test_labels_in_columns():
    y = (X[:, :3] > 0).astype(np.int32)
    for given in (y, csr_array(y)):
        estimator = SKLearnClassifier(**QUICK).fit(X, given)
        assert estimator.predict(X).dtype == np.int32
        assert (estimator.predict(X) == y).mean() > 0.95
        assert estimator.predict_proba(X).shape == (90, 3)
        np.testing.assert_array_equal(estimator.decision_function(X) > 0, estimator.predict(X))
        np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
    with pytest.raises(ValueError, match="y has other columns"):
        estimator.partial_fit(X, y[:, :2])


def test_images_meet_convolutions():
    images = np.zeros((60, 8, 8), np.uint8)
    y = np.arange(60) % 2
    images[y == 0, 2:4] = images[y == 1, :, 2:4] = 255
    for x in (images, images[..., np.newaxis]):
        estimator = SKLearnClassifier(epochs=3, learning_rate=0.01, random_state=0).fit(x, y)
        assert "Conv2D" in {type(layer).__name__ for layer in estimator.model_.layers}
        assert estimator.score(x, y) == 1
    with pytest.raises(ValueError, match=r"samples of another shape"):
        estimator.predict(np.zeros((2, 8, 9, 1)))
    boxes = np.stack([images] * 2, axis=3)[..., np.newaxis]
    assert SKLearnClassifier(epochs=2, random_state=0).fit(boxes, y).predict(boxes).shape == (60,)


def test_the_seed_settles_all_and_disturbs_nothing():
    stream = random.stream_state()
    first, again, other = (
        SKLearnClassifier(**{**QUICK, "epochs": 2, "random_state": seed}).fit(X, NAMES)
        for seed in (1, 1, np.random.RandomState(1))
    )
    assert random.stream_state() == stream
    assert bits(first) == bits(again) == bits(other)
    by_melpys_own = []
    for _ in range(2):
        melpy.utils.set_random_seed(5)
        by_melpys_own.append(bits(SKLearnClassifier(epochs=2).fit(X, NAMES)))
    assert by_melpys_own[0] == by_melpys_own[1] != bits(first)


def test_what_is_given_stays_as_it_is():
    model, kwargs = net(3, "softmax", "categorical_crossentropy"), {"epochs": 2}
    before = [w.tobytes() for w in model.get_weights()]
    for warm_start in (False, True):
        estimator = SKLearnClassifier(model, warm_start=warm_start, fit_kwargs=kwargs)
        estimator.fit(X, NAMES, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == before
    assert kwargs == {"epochs": 2}
    assert not model.optimizer.built


def test_warm_starts_go_on():
    pretrained = net(3, "softmax", "categorical_crossentropy")
    pretrained.fit(X, np.eye(3)[CODES], epochs=60, verbose=0)
    cold = SKLearnClassifier(pretrained, random_state=0).fit(X, NAMES)
    warm = SKLearnClassifier(pretrained, warm_start=True, random_state=0).fit(X, NAMES)
    assert warm.history_.history["loss"][0] < cold.history_.history["loss"][0] / 2
    loss, model = warm.history_.history["loss"][0], warm.model_
    warm.fit(X, NAMES)
    assert warm.model_ is model
    assert warm.history_.history["loss"][0] < loss
    assert warm.n_iter_ == 2
    with pytest.raises(ValueError, match=r"none of the known classes.*'dog'"):
        warm.fit(X, np.where(CODES == 0, "dog", "bee"))


def test_partial_fits():
    estimator = SKLearnClassifier(learning_rate=0.02, random_state=0)
    for _ in range(10):
        for rows in np.array_split(np.argsort(CODES), 5):  # a class after another
            estimator.partial_fit(X[rows], NAMES[rows], classes=np.unique(NAMES))
    assert estimator.n_iter_ == 50
    assert estimator.score(X, NAMES) > 0.9
    with pytest.raises(ValueError, match=r"classes=\.\.\."):
        SKLearnClassifier().partial_fit(X, NAMES).partial_fit(X, ["emu"] * 90)
    with pytest.raises(ValueError, match=r"partial_fit: .*\"balanced\" needs all labels"):
        SKLearnClassifier(class_weight="balanced").partial_fit(X, NAMES)


def test_weights_weigh():
    y = np.where(X[:, 0] > 1, "rare", "usual")
    noisy = X + np.random.default_rng(1).normal(size=X.shape)
    plain, balanced, named, weighted = (
        SKLearnClassifier(class_weight=of, **QUICK).fit(noisy, y, sample_weight=w)
        for of, w in (
            (None, None),
            ("balanced", None),
            ({"rare": 1000, "usual": 1}, None),
            (None, np.where(y == "rare", 1000, 1)),
        )
    )
    rare = [np.mean(e.predict(noisy) == "rare") for e in (plain, balanced, named)]
    assert rare[0] < rare[1] < rare[2]
    np.testing.assert_allclose(named.predict_proba(noisy), weighted.predict_proba(noisy))
    twice = SKLearnClassifier(**QUICK).fit(noisy, y, sample_weight=np.full(90, 7.0))
    np.testing.assert_allclose(twice.predict_proba(noisy), plain.predict_proba(noisy), rtol=1e-6)


@pytest.mark.parametrize("own", [False, True])
def test_early_stopping(own):
    options = {"epochs": 200, "learning_rate": 0.05, "random_state": 0, "early_stopping": True}
    y = np.where(np.random.default_rng(2).random(90) < 0.4, NAMES[::-1], NAMES)  # not to be learnt
    more = {"validation_data": (X[:30], y[:30])} if own else {}
    estimator = SKLearnClassifier(n_iter_no_change=3, **options).fit(X, y, **more)
    told = estimator.history_.history["val_loss"]
    assert len(told) == estimator.n_iter_ == int(np.argmin(told)) + 4 < 200
    if own:
        codes = np.searchsorted(estimator.classes_, y[:30])
        best = estimator.model_.evaluate(X[:30], codes)
        assert best == pytest.approx(min(told))


def test_a_flat_loss_stops_the_default_network():
    estimator = SKLearnClassifier(epochs=5000, learning_rate=0.1, random_state=0).fit(X, NAMES)
    assert estimator.n_iter_ < 500


def test_arguments_given_last_count():
    estimator = SKLearnClassifier(epochs=2, fit_kwargs={"epochs": 3})
    assert estimator.fit(X, NAMES).n_iter_ == 3
    assert estimator.fit(X, NAMES, epochs=4).n_iter_ == 4
    seen = []
    noting = melpy.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    estimator.fit(X, NAMES, callbacks=noting)
    assert seen == [0, 1, 2]
    deep = SKLearnClassifier(model_kwargs={"hidden_layer_sizes": (7, 5)}, epochs=1).fit(X, NAMES)
    assert [layer.units for layer in deep.model_.layers[1:]] == [7, 5, 3]
    made = SKLearnClassifier(build, model_kwargs={"hidden": 6}, learning_rate=0.5).fit(X, NAMES)
    assert made.model_.layers[0].units == 6
    assert float(made.model_.optimizer.learning_rate) == 0.5


def test_sparse_matrices_in_batches(monkeypatch):
    rows = csr_array(np.where(np.abs(X) > 0.3, X, 0))
    whole = SKLearnClassifier(**QUICK).fit(rows, NAMES)
    np.testing.assert_array_equal(whole.predict(rows), whole.predict(rows.toarray()))
    monkeypatch.setattr(batches, "SMALL_BYTES", 0)
    weight = np.random.default_rng(0).random(90)
    for more in ({}, {"sample_weight": weight}, {"early_stopping": True}):
        options = {**QUICK, "early_stopping": more.pop("early_stopping", False)}
        estimator = SKLearnClassifier(**options).fit(rows, NAMES, **more)
        assert estimator.score(rows, NAMES) > 0.85
        assert estimator.predict_proba(rows.tocsc()).shape == (90, 3)
    again = SKLearnClassifier(**options).fit(rows, NAMES)
    assert bits(again) == bits(estimator)


def test_data_frames_have_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    estimator = SKLearnClassifier(epochs=1).fit(frame, pandas.Series(NAMES))
    assert estimator.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame[list("dcba")])
    assert SKLearnClassifier(epochs=1).fit(frame.astype("float32"), NAMES).model_.dtype == "float32"


def two_outputs(X, y):
    x = melpy.Input((4,))
    return melpy.Model(x, [layers.Dense(3)(x), layers.Dense(3)(x)])


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        (lambda X, y: None, {}, "SKLearnClassifier: this makes no model. .*'NoneType'"),
        ("mlp", {}, "this makes no model. .*model='str'"),
        (two_outputs, {}, "the model has several outputs. Expected a model with one output"),
        (lambda X, y: net(5), {}, "another number of outputs than .* classes. Expected 3; .*=5"),
        (None, {"model_kwargs": {"hiden_layer_sizes": 3}}, "Did you mean 'hidden_layer_sizes'"),
        (None, {"fit_kwargs": {"epoch": 3}}, "fit: unknown argument 'epoch'"),
        (None, {"epochs": 0}, "SKLearnClassifier: epochs is out of range. .*=0"),
        (None, {"batch_size": 0}, "SKLearnClassifier: batch_size is out of range"),
        (None, {"n_iter_no_change": 0}, "n_iter_no_change is out of range"),
        (None, {"validation_fraction": 0.0}, "validation_fraction is out of range. .*=0.0"),
        (None, {"validation_fraction": 1}, "validation_fraction is out of range. .*=1"),
        (None, {"model_kwargs": [("a", 1)]}, "model_kwargs is no dict"),
        (None, {"fit_kwargs": 1}, "fit_kwargs is no dict"),
        (build, {"model_kwargs": {"hiden": 3}}, "does not take X, y and model_kwargs .*'hiden'"),
        (lambda X: net(3), {}, "does not take X, y and model_kwargs"),
        (lambda X, y, hidden: net(3), {}, "does not take .*'hidden'"),
        (net(3), {"model_kwargs": {"hidden": 3}}, "and this is a model. Expected no model_kwargs"),
    ],
)
def test_what_cannot_be_trained(model, options, expected):
    with pytest.raises(MelpyError, match=expected):
        SKLearnClassifier(model, **options).fit(X, NAMES)  # the constructor refuses nothing


@pytest.mark.parametrize(
    ("options", "kwargs", "is_said"),
    [
        ({}, {}, True),
        ({"fit_kwargs": {"verbose": 0}}, {}, False),
        ({}, {"verbose": 0}, False),
        ({"fit_kwargs": {"verbose": 0}}, {"verbose": 2}, True),
    ],
)
def test_what_is_compiled_is_said_once(options, kwargs, is_said, monkeypatch, capsys):
    """As Model.fit says it: else the first fit takes long without a word."""
    pytest.importorskip("numba")
    from numba.core import event

    monkeypatch.setattr(dispatch, "_said", set())
    estimator = SKLearnClassifier(epochs=1, **options)
    own = estimator._fitted

    def compiling(*args):
        told = {"dispatcher": SimpleNamespace(py_func=dispatch.find)}  # as Numba tells of ours
        event.start_event("numba:compile", told)
        event.end_event("numba:compile", told)
        return own(*args)

    monkeypatch.setattr(estimator, "_fitted", compiling)
    for _ in range(2):
        estimator.fit(X, NAMES, **kwargs)
    assert capsys.readouterr().out.count(dispatch.what_is_compiled()) == is_said


@pytest.mark.parametrize(
    ("y", "weight", "expected"),
    [
        (NAMES[CODES == 0], None, "all labels are of one class, 'ant'. Expected at least 2"),
        (NAMES, CODES == 0, "all labels are of one class"),
        (X[:, 0], None, "Unknown label type: continuous.* regressor"),
        (np.stack([CODES, CODES + 1], axis=1), None, "Unknown label type: multiclass-multioutput"),
        (NAMES, np.zeros(90), "[Ww]eight.* zero|non-zero"),
        (NAMES, -np.ones(90), "[Nn]egative"),
    ],
)
def test_labels_and_weights_that_say_nothing(y, weight, expected):
    with pytest.raises(ValueError, match=expected):
        SKLearnClassifier(epochs=1).fit(X[: len(y)], y, sample_weight=weight)


def test_all_weights_zero_by_their_classes():
    weights = dict.fromkeys(np.unique(NAMES), 0.0)
    with pytest.raises(DataError, match="the weights of all samples are zero"):
        SKLearnClassifier(class_weight=weights).fit(X, NAMES)
