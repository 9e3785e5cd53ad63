"""fit, evaluate and predict give Keras's numbers, from the same weights in the same order."""

import numpy as np
import pytest

import melpy

pytestmark = pytest.mark.parity

N, SHAPE, C = 50, (8, 8, 2), 3
TOLERANCE = 1e-4


def data(seed=0, count=N):
    """Return images of three kinds, class numbers, weights."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, C, count)
    x = rng.normal(size=(count, *SHAPE)) + y[:, None, None, None] * 0.5
    return x.astype("float32"), y, rng.uniform(0.2, 2, count).astype("float32")


def one_hot(y):
    return np.eye(C, dtype="float32")[y]


def network(library, outputs=C, activation="softmax", **regularizers):
    layers = library.layers
    return library.Sequential(
        [
            library.Input(SHAPE),
            layers.Conv2D(4, 3, padding="same", activation="leaky_relu", **regularizers),
            layers.BatchNormalization(momentum=0.8),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(8, activation="tanh", **regularizers),
            layers.Dense(outputs, activation=activation),
        ]
    )


@pytest.fixture
def twins(keras):
    """Return a maker of two compiled networks with the same weights."""

    def make(loss, optimizer="Adam", metrics=("accuracy",), weighted=(), network=network, **kwargs):
        ours, theirs = network(melpy, **kwargs), network(keras, **kwargs)
        theirs.set_weights(ours.get_weights())
        for library, model in ((melpy, ours), (keras, theirs)):
            model.compile(
                getattr(library.optimizers, optimizer)(learning_rate=0.01),
                loss=loss,
                metrics=list(metrics),
                weighted_metrics=list(weighted),
            )
        return ours, theirs

    return make


def assert_same_history(ours, theirs, epochs=3):
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert len(values) == epochs
        assert values == pytest.approx(theirs[name], rel=TOLERANCE), name


def assert_same_models(ours, theirs, agree):
    for mine, keras_own in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        agree(mine, keras_own, 1e-3, "a weight")


@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_fit_with_validation_data(twins, agree, optimizer):
    ours, theirs = twins("categorical_crossentropy", optimizer, weighted=["mae"])
    x, y, _ = data()
    valid = data(1, 21)
    given = {
        "batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0,
        "validation_data": (valid[0], one_hot(valid[1])),
    }  # fmt: skip
    mine = ours.fit(x, one_hot(y), **given).history
    keras_own = theirs.fit(x, one_hot(y), **given).history
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "mae", "val_mae"} == mine.keys()
    assert mine["loss"][-1] < mine["loss"][0]
    assert_same_history(mine, keras_own)
    assert_same_models(ours, theirs, agree)
    x, y, weight = valid
    for w in (None, weight):
        mine = ours.evaluate(x, one_hot(y), batch_size=8, verbose=0, sample_weight=w)
        keras_own = theirs.evaluate(x, one_hot(y), batch_size=8, verbose=0, sample_weight=w)
        assert mine == pytest.approx(keras_own, rel=TOLERANCE)
        named = ours.evaluate(x, one_hot(y), 8, verbose=0, sample_weight=w, return_dict=True)
        keras_own = theirs.evaluate(x, one_hot(y), 8, verbose=0, sample_weight=w, return_dict=True)
        assert named == pytest.approx(keras_own, rel=TOLERANCE)
    agree(ours.predict(x, 8), theirs.predict(x, 8, verbose=0), TOLERANCE)
    agree(ours.predict_on_batch(x), theirs.predict_on_batch(x), TOLERANCE)


@pytest.mark.parametrize("weights", ["class_weight", "sample_weight", "both sides"])
def test_fit_with_weights(twins, agree, weights):
    weighted = ["sparse_categorical_accuracy"]
    ours, theirs = twins("sparse_categorical_crossentropy", weighted=weighted)
    x, y, weight = data()
    valid = data(1, 21)
    given = {
        "class_weight": {"class_weight": {0: 0.3, 2: 2.5}},
        "sample_weight": {"sample_weight": weight, "validation_data": valid[:2]},
        "both sides": {"sample_weight": weight, "validation_data": valid},
    }[weights]
    given |= {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **given).history, theirs.fit(x, y, **given).history)
    assert_same_models(ours, theirs, agree)


def test_class_weight_of_one_hot_labels(twins):
    ours, theirs = twins("categorical_crossentropy")
    x, y, _ = data()
    given = {"class_weight": {0: 0.3, 1: 1.5, 2: 2.5}, "epochs": 3, "shuffle": False, "verbose": 0}
    mine, keras_own = ours.fit(x, one_hot(y), **given), theirs.fit(x, one_hot(y), **given)
    assert_same_history(mine.history, keras_own.history)


@pytest.mark.parametrize("split", [0.2, 0.33])
def test_validation_split(twins, split):
    ours, theirs = twins("sparse_categorical_crossentropy")
    x, y, weight = data()
    given = {"validation_split": split, "sample_weight": weight, "batch_size": 16, "epochs": 3}
    given |= {"shuffle": False, "verbose": 0}
    start = ours.get_weights()
    mine, keras_own = ours.fit(x, y, **given).history, theirs.fit(x, y, **given).history
    assert_same_history(mine, keras_own)
    # The samples split off are the last: without them the training is the same, bit for bit.
    again, _ = twins("sparse_categorical_crossentropy")
    again.set_weights(start)
    kept = int(N * (1 - split))
    again.fit(x[:kept], y[:kept], 16, 3, sample_weight=weight[:kept], shuffle=False, verbose=0)
    for whole, part in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(whole, part)


@pytest.mark.parametrize("kind", ["l1", "l2", "l1_l2"])
def test_regularizers(keras, twins, kind):
    def regularized(library):
        made = {
            "l1": lambda: library.regularizers.L1(0.02),
            "l2": lambda: library.regularizers.L2(0.05),
            "l1_l2": lambda: library.regularizers.L1L2(0.01, 0.03),
        }[kind]()
        return network(library, kernel_regularizer=made, bias_regularizer=made)

    # SGD: the steps of Adam, as long for a small gradient, let weights flip about l1's kink at 0.
    ours, theirs = twins("sparse_categorical_crossentropy", "SGD", network=regularized)
    weights = [w + w.dtype.type(0.1) for w in ours.get_weights()]  # biases that are not 0
    ours.set_weights(weights)
    theirs.set_weights(weights)
    assert len(ours.losses) == len(theirs.losses) == 4
    for penalty, keras_own in zip(ours.losses, theirs.losses, strict=True):
        assert float(penalty) == pytest.approx(float(keras_own), rel=TOLERANCE)
    x, y, _ = data()
    given = {"validation_data": data(1, 21)[:2], "batch_size": 16, "epochs": 3}
    given |= {"shuffle": False, "verbose": 0}
    mine = ours.fit(x, y, **given).history
    assert_same_history(mine, theirs.fit(x, y, **given).history)


# "accuracy" is chosen by the shapes of labels and predictions, whatever the loss.
@pytest.mark.parametrize(
    ("loss", "outputs", "activation", "of"),
    [
        ("mse", C, "softmax", one_hot),
        ("mae", 1, "linear", lambda y: y[:, None].astype("float32")),
        ("binary_crossentropy", 1, "sigmoid", lambda y: (y > 0).astype("float32")),
        ("binary_crossentropy", 1, "sigmoid", lambda y: (y > 0).astype("float32")[:, None]),
        ("binary_crossentropy", C, "sigmoid", one_hot),
        ("mse", 1, "sigmoid", lambda y: (y > 0).astype("float32")[:, None]),
        ("sparse_categorical_crossentropy", C, "softmax", lambda y: y[:, None]),
    ],
)
def test_accuracy_fits_the_labels(twins, loss, outputs, activation, of):
    ours, theirs = twins(loss, outputs=outputs, activation=activation, metrics=("accuracy", "mse"))
    x, y, weight = data()
    given = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    given |= {"sample_weight": weight, "validation_data": (data(1)[0], of(data(1)[1]))}
    assert_same_history(ours.fit(x, of(y), **given).history, theirs.fit(x, of(y), **given).history)


def test_single_batches(twins, agree):
    ours, theirs = twins("sparse_categorical_crossentropy")
    x, y, weight = data()
    for options in ({}, {"sample_weight": weight}, {"class_weight": {0: 0.5, 1: 2.0}}):
        theirs.reset_metrics()  # Keras's numbers run on over batches
        mine = ours.train_on_batch(x, y, **options, return_dict=True)
        keras_own = theirs.train_on_batch(x, y, **options, return_dict=True)
        assert mine == pytest.approx({k: float(v) for k, v in keras_own.items()}, rel=TOLERANCE)
    for w in (None, weight):
        theirs.reset_metrics()
        mine, keras_own = ours.test_on_batch(x, y, w), theirs.test_on_batch(x, y, w)
        assert len(mine) == 2
        assert mine == pytest.approx([float(v) for v in keras_own], rel=TOLERANCE)
    assert_same_models(ours, theirs, agree)


def test_frozen_layers_stay(twins, agree):
    ours, theirs = twins("sparse_categorical_crossentropy")
    for model in (ours, theirs):
        model.layers[0].trainable = model.layers[1].trainable = False
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert [w.shape for w in ours.trainable_weights] == [
        tuple(w.shape) for w in theirs.trainable_weights
    ]
    before = ours.get_weights()
    x, y, _ = data()
    given = {"epochs": 3, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **given).history, theirs.fit(x, y, **given).history)
    for kept, mine in zip(before[:6], ours.get_weights(), strict=False):
        np.testing.assert_array_equal(mine, kept)
    assert_same_models(ours, theirs, agree)


def together(ops):
    return lambda y, p: ops.mean((y[0] - p[0]) ** 2) + ops.mean(ops.abs(y[1] - p[1]))


@pytest.mark.parametrize(
    "compiled",
    [
        lambda ops: {"loss": "mse", "metrics": [["mae", "mse"], "mae"]},
        lambda ops: {"loss": {"p": "mse", "q": "mae"}, "loss_weights": {"p": 0.5, "q": 2.0}},
        lambda ops: {"loss": [["mse", "mae"], "mae"], "loss_weights": [[1.0, 0.5], 3.0]},
        lambda ops: {"loss": (together(ops), ["mse", "mae"]), "weighted_metrics": ["mae", None]},
        lambda ops: {"loss": ["mse", None], "metrics": {"q": ["mae"], "p": ["mae"]}},
    ],
)
def test_losses_nested_over_outputs(keras, compiled):
    def model(library):
        x = library.Input((3,))
        outputs = [library.layers.Dense(n, name=name)(x) for n, name in ((1, "p"), (2, "q"))]
        made = library.Model(x, outputs)
        made.compile("sgd", **compiled(library.ops))
        return made

    ours, theirs = model(melpy), model(keras)
    theirs.set_weights(ours.get_weights())
    rng = np.random.default_rng(0)
    x, *y = (rng.normal(size=(10, n)).astype("float32") for n in (3, 1, 2))
    given = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    mine = ours.fit(x, y, validation_data=(x, y), **given)
    keras_own = theirs.fit(x, y, validation_data=(x, y), **given)
    assert list(mine.history) == list(keras_own.history)  # in one order too
    assert_same_history(mine.history, keras_own.history)
    assert ours.metrics_names == theirs.metrics_names
    values = ours.evaluate(x, y, verbose=0)
    assert values == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=TOLERANCE)
    assert ours.get_metrics_result().keys() == theirs.get_metrics_result().keys()
