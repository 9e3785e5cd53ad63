"""Files go both ways: what one library saves, the other loads, and goes on training alike."""

import io
import random
import zlib

import numpy as np
import pytest
from drawn_layers import LAYERS

import melpy
from melpy import losses, metrics, optimizers, schedules, tree

pytestmark = pytest.mark.parity

# Layers that no graph calls by themselves, or that are code, or not of a known class.
NOT_ALONE = {
    "Lambda", "Layer", "Wrapper", "SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells",
}  # fmt: skip


def holds_an_array(option):
    """Return whether an option is a batch's own (a mask, states), which no graph can hold."""
    return any(isinstance(leaf, np.ndarray) for leaf in tree.flatten(option))


def libraries(keras, ours_first):
    return (melpy, keras) if ours_first else (keras, melpy)


@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
@pytest.mark.parametrize("name", sorted(set(LAYERS) - NOT_ALONE))
def test_a_layer_comes_back_from_a_file(name, ours_first, keras, tmp_path):
    chooser = random.Random(zlib.crc32(name.encode()))
    case = LAYERS[name](lambda *values: chooser.choice(values))
    here, there = libraries(keras, ours_first)
    kind = "int32" if case.whole else "float32"
    symbols = [here.Input(shape[1:], dtype=kind) for shape in case.shapes]
    layer = case.layer(here.layers, name, "float32")
    options = {key: o for key, o in case.options.items() if not holds_an_array(o)}
    given = [symbols] if case.form == "list" else symbols
    model = here.Model(symbols, layer(*given, **options))
    rng = np.random.default_rng(0)
    weights = [
        rng.uniform(0.5, 1, np.shape(w)).astype(np.asarray(w).dtype) for w in model.get_weights()
    ]
    model.set_weights(weights)
    model.save(tmp_path / "model.keras")
    again = there.models.load_model(tmp_path / "model.keras")
    for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    x = case.inputs("float32")
    theirs = [np.asarray(y) for y in tree.flatten(again(x, training=False))]
    ours = [np.asarray(y) for y in tree.flatten(model(x, training=False))]
    for before, after in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
def test_a_lambda_layer_comes_back_by_the_name_of_its_function(ours_first, ending, keras, tmp_path):
    def times(x, factor=2):
        return x * factor

    here, there = libraries(keras, ours_first)
    layer = here.layers.Lambda(times, arguments={"factor": 3})
    here.Sequential([here.Input((4,)), layer]).save(tmp_path / f"model.{ending}")
    again = there.models.load_model(
        tmp_path / f"model.{ending}", {"times": times}, compile=False, safe_mode=True
    )
    np.testing.assert_array_equal(np.asarray(again(np.ones((1, 4)))), [[3, 3, 3, 3]])


def small(library, optimizer, loss="mse", metrics=()):
    model = library.Sequential(
        [
            library.Input((4,)),
            library.layers.Dense(3, activation="tanh"),
            library.layers.BatchNormalization(),
            library.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def goes_on_alike(keras, ours_first, make, tmp_path):
    """Train, save, load elsewhere, train on in both, and compare the losses."""
    here, there = libraries(keras, ours_first)
    model = small(here, make(here))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)), np.eye(2)[rng.integers(0, 2, 8)]
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    again = there.models.load_model(tmp_path / "model.keras")
    for n, (before, after) in enumerate(
        zip(model.optimizer.variables, again.optimizer.variables, strict=True)
    ):
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after), err_msg=str(n))
    for _ in range(3):
        losses = [np.ravel(m.train_on_batch(x, y))[0] for m in (model, again)]
        np.testing.assert_allclose(*losses, rtol=1e-4)
    for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(before, after, rtol=2e-3, atol=1e-4)


OPTIMIZERS = sorted(
    name
    for name in optimizers.__all__
    if isinstance(getattr(optimizers, name), type)
    and name not in ("Optimizer", "LossScaleOptimizer")
)


@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_on_where_it_was(name, ours_first, keras, tmp_path):
    if not hasattr(keras.optimizers, name):
        pytest.skip(f"this Keras has no {name}")
    goes_on_alike(
        keras, ours_first, lambda library: getattr(library.optimizers, name)(0.01), tmp_path
    )


SCHEDULES = {
    "CosineDecay": (0.1, 100), "CosineDecayRestarts": (0.1, 10), "ExponentialDecay": (0.1, 10, 0.5),
    "InverseTimeDecay": (0.1, 10, 0.5), "PiecewiseConstantDecay": ([2, 5], [0.1, 0.05, 0.01]),
    "PolynomialDecay": (0.1, 10),
}  # fmt: skip


def test_every_schedule_is_here():
    made = {n for n in schedules.__all__ if isinstance(getattr(schedules, n), type)}
    assert made - {"LearningRateSchedule"} == set(SCHEDULES)


@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_where_it_was(name, ours_first, keras, tmp_path):
    def make(library):
        rate = getattr(library.optimizers.schedules, name)(*SCHEDULES[name])
        return library.optimizers.SGD(rate, momentum=0.9, use_ema=True, clipnorm=1.0)

    goes_on_alike(keras, ours_first, make, tmp_path)


def classes(room, base):
    made = [getattr(room, name) for name in room.__all__]
    return sorted({c.__name__ for c in made if isinstance(c, type) and issubclass(c, base)})


ARGUMENTS = {
    "MeanIoU": (2,), "IoU": (2, [0]), "OneHotIoU": (2, [0]), "OneHotMeanIoU": (2,),
    "SensitivityAtSpecificity": (0.5,), "SpecificityAtSensitivity": (0.5,),
    "PrecisionAtRecall": (0.5,), "RecallAtPrecision": (0.5,), "MeanRelativeError": ([1.0, 2.0],),
}  # fmt: skip
OURS_ALONE = {
    "Loss",
    "Metric",
    "FittingCrossentropy",
    "ConfusionMatrix",
    "MeanMetricWrapper",
    "Reduction",
}


@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
@pytest.mark.parametrize("room", ["losses", "metrics"])
def test_losses_and_metrics_come_back_from_files(room, ours_first, keras, tmp_path):
    here, there = libraries(keras, ours_first)
    base = {"losses": losses.Loss, "metrics": metrics.Metric}[room]
    names = classes(getattr(melpy, room), base)
    names = [n for n in names if n not in OURS_ALONE and hasattr(getattr(keras, room), n)]
    assert len(names) > 15
    for name in names:
        made = getattr(getattr(here, room), name)(*ARGUMENTS.get(name, ()))
        model = small(here, "sgd", *((made, ()) if room == "losses" else ("mse", [made])))
        model.save(tmp_path / "model.keras")
        again = there.models.load_model(tmp_path / "model.keras")
        found = again.loss if room == "losses" else again._compile_config
        if room == "losses":
            assert type(found).__name__ == name
            before, after = made.get_config(), found.get_config()
            common = before.keys() & after.keys()  # Keras leaves out some that its classes take
            assert {key: after[key] for key in common} == {key: before[key] for key in common}


def test_weights_alone_go_both_ways(keras, tmp_path):
    for here, there in ((melpy, keras), (keras, melpy)):
        model, other = small(here, "adam"), small(there, "adam")
        model.save_weights(tmp_path / "w.weights.h5")
        other.load_weights(tmp_path / "w.weights.h5")
        for before, after in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.parametrize("ours_first", [True, False], ids=["saved here", "saved by Keras"])
@pytest.mark.parametrize("kind", ["h5", "folder", "open file"])
@pytest.mark.parametrize("shape", ["graph", "sequential"])
def test_other_kinds_of_files(shape, kind, ours_first, keras, tmp_path):
    here, there = libraries(keras, ours_first)
    L = here.layers
    if shape == "graph":
        x = here.Input((4,), name="x")
        inner = here.Sequential([here.Input((3,)), L.Dense(3, trainable=False)])
        h = L.BatchNormalization()(L.Dense(3, "relu", kernel_regularizer="l2")(x))
        model = here.Model(x, L.Dense(2)(inner(h)))
    else:
        model = here.Sequential([L.Dense(3), L.Activation("tanh"), L.Dense(2)])
    model.compile(here.optimizers.Adam(0.01), "mse", metrics=["mae"])
    data, labels = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
    fit = {"y": labels[:, :2], "shuffle": False, "verbose": 0}
    model.fit(data, **fit)
    source = tmp_path / {"h5": "m.h5", "folder": "m", "open file": "m.keras"}[kind]
    if kind == "open file" and ours_first:
        with open(source, "wb") as file:
            model.save(file)
    else:
        model.save(source, zipped=False if kind == "folder" else None)
    if kind == "open file" and not ours_first:
        source = io.BytesIO(source.read_bytes())
    again = there.models.load_model(source)
    goes_on = kind != "h5" or not ours_first  # Keras does not go on from its own .h5 files either
    for one in (model, again) if goes_on else ():
        one.fit(data, **fit)
    ours, theirs = (np.asarray(m.predict(data, verbose=0)) for m in (model, again))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert int(np.asarray(again.optimizer.iterations)) == 1 + goes_on


def test_weights_over_several_files_both_ways(keras, tmp_path):
    def net(library):
        return library.Sequential(
            [library.Input((8,)), library.layers.Dense(30), library.layers.Dense(3)]
        )

    ours, theirs = net(melpy), net(keras)
    ours.save_weights(tmp_path / "m.weights.json", max_shard_size=2**-20)
    theirs.load_weights(tmp_path / "m.weights.json")
    for one, same in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    theirs.set_weights([w + 1 for w in theirs.get_weights()])
    theirs.save_weights(tmp_path / "k.weights.json", max_shard_size=2**-20)
    ours.load_weights(tmp_path / "k.weights.json")
    for one, same in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
