"""fit by programs: the same bits as step by step, for every kind of model, after every change."""

from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import layers, ops
from melpy.layers.drawing import sources_of
from melpy.models import program as room

B, N = 8, 8 * 6 + 3
RNG = np.random.default_rng(0)
X, IMAGES = (RNG.normal(size=(N, *s)).astype(np.float32) for s in ((6,), (6, 6, 2)))
CLASSES = RNG.integers(0, 3, N)
ONE_HOT, NUMBERS = np.eye(3, dtype=np.float32)[CLASSES], X[:, :1] * 2
FIRST = {"x": X, "y": ONE_HOT, "loss": "categorical_crossentropy", "metrics": ["accuracy"]}


class Doubled(layers.Layer):
    """A layer of one's own, which looks at arrays."""

    def call(self, inputs):
        return inputs * (1 + float(np.mean(np.abs(np.asarray(inputs)))))


class Thin(layers.Dense):
    """A subclass of a layer of the library."""

    def call(self, inputs):
        return super().call(inputs) * 0.5


class Halves(layers.Layer):
    """A layer of one's own with two outputs."""

    def call(self, inputs):
        return [inputs[:, :3] * 1.0, inputs[:, 3:] * 2.0]


def halves():
    inputs = melpy.Input((6,))
    x, y = Halves()(layers.Dense(6)(inputs))
    return melpy.Model(inputs, layers.Dense(3, activation="softmax")(layers.Add()([x, y])))


def texts():
    first = layers.Embedding(9, 4, mask_zero=True)
    return melpy.Sequential([first, layers.LSTM(4), layers.Dense(3, activation="softmax")])


def residual():
    inputs = melpy.Input((6,))
    x = layers.Dense(6, activation="relu")(inputs)
    x = layers.Add()([x, inputs])
    return melpy.Model(inputs, layers.Dense(3, activation="softmax")(ops.tanh(x)))


class Dropping(layers.Layer):
    """A layer of one's own that draws, from a generator of each kind and from the process's."""

    def __init__(self):
        super().__init__()
        self.mine = {"numpy": [np.random.default_rng(1)], "seeds": melpy.random.SeedGenerator(2)}

    def call(self, inputs, training=False):
        if not training:
            return inputs
        inputs = melpy.random.dropout(inputs, 0.2, seed=self.mine["seeds"])
        noise = self.mine["numpy"][0].normal() + melpy.random.normal((), seed=None)
        return inputs * (1 + 0.1 * float(noise))


def drawing():
    seeds = melpy.random.SeedGenerator(3)

    def thinned(x):
        return melpy.random.dropout(x, 0.3, seed=seeds)

    return rows(layers.Dense(5, activation=thinned), layers.Lambda(thinned))


def twice_dropped():
    drop, inputs = layers.Dropout(0.4), melpy.Input((6,))
    x = drop(layers.Dense(6, activation="tanh")(drop(inputs)))
    return melpy.Model(inputs, layers.Dense(3, activation="softmax")(x))


def attending():
    inputs = melpy.Input((6, 12))
    x = layers.MultiHeadAttention(2, 4, dropout=0.3)(inputs, inputs)
    return melpy.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def rows(*made, shape=(6,), last=None):
    end = last or layers.Dense(3, activation="softmax")
    return melpy.Sequential([melpy.Input(shape), *made, end])


def image(*made):
    return rows(*made, layers.Flatten(), shape=(6, 6, 2))


MODELS = {
    "dense": (lambda: rows(layers.Dense(5, activation="relu")), {}),
    "without Input": (
        lambda: melpy.Sequential([layers.Dense(4), layers.Dense(3, activation="softmax")]), {},
    ),
    "activations as layers": (
        lambda: rows(
            layers.Dense(5), layers.LeakyReLU(), layers.Dense(5), layers.Activation("gelu")
        ),
        {},
    ),
    "residual": (residual, {}),
    "dropout": (lambda: rows(layers.Dense(5, activation="elu"), layers.Dropout(0.5, seed=3)), {}),
    "noise": (
        lambda: rows(
            layers.GaussianNoise(0.1), layers.Dense(5), layers.GaussianDropout(0.2),
            layers.AlphaDropout(0.2, noise_shape=(None, 1)), layers.Dropout(0.2),
        ),
        {},
    ),
    "whole channels": (
        lambda: image(layers.SpatialDropout2D(0.4), layers.Conv2D(4, 3), layers.Dropout(0.3)),
        {"x": IMAGES},
    ),
    "draws of a generator that no layer holds": (drawing, {}),
    "one dropout, twice": (twice_dropped, {}),
    "dropout in a layer of one's own": (lambda: rows(Dropping(), layers.Dropout(0.3)), {}),
    "thinned sequences": (
        lambda: rows(layers.LSTM(4, dropout=0.3, recurrent_dropout=0.2), shape=(6, 12)),
        {"x": IMAGES.reshape(N, 6, 12)},
    ),
    "thinned attention": (attending, {"x": IMAGES.reshape(N, 6, 12)}),
    "normalized": (
        lambda: rows(layers.Dense(5), layers.BatchNormalization(), layers.LayerNormalization()),
        {},
    ),
    "held in": (lambda: rows(layers.Dense(5, kernel_constraint="max_norm")), {}),
    "one's own": (lambda: rows(layers.Dense(5), Doubled(), Thin(4)), {}),
    "nested": (lambda: rows(rows(layers.Dense(4)), layers.Dense(4)), {}),
    "regularized": (lambda: rows(layers.Dense(5, kernel_regularizer="l2")), {}),
    "convolution": (
        lambda: image(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)),
        {"x": IMAGES},
    ),
    "convolutions that join what follows": (
        lambda: image(
            layers.Conv2D(4, 2), layers.Activation("gelu"), layers.MaxPooling2D((1, 2)),
            layers.DepthwiseConv2D(2), layers.BatchNormalization(), layers.ReLU(),
            layers.DepthwiseConv2D(2, padding="same"), layers.ELU(),
        ),
        {"x": IMAGES},
    ),
    "recurrent": (lambda: rows(layers.LSTM(4), shape=(6, 12)), {"x": IMAGES.reshape(N, 6, 12)}),
    "classes": (
        lambda: rows(layers.Dense(5)), {"y": CLASSES, "loss": "sparse_categorical_crossentropy"},
    ),
    "numbers": (
        lambda: rows(last=layers.Dense(1)), {"y": NUMBERS, "loss": "mse", "metrics": ["mae"]},
    ),
    "bits": (
        lambda: rows(last=layers.Dense(1, activation="sigmoid")),
        {"y": (NUMBERS > 0).astype(int), "loss": "binary_crossentropy", "metrics": ["AUC"]},
    ),
    "two outputs": (halves, {}),
    "texts": (texts, {"x": RNG.integers(0, 9, (N, 5))}),
    "a loss of one's own": (
        lambda: rows(layers.Dense(5)), {"loss": lambda t, p: ops.mean((t - p) ** 2, axis=-1)},
    ),
    "doubles": (lambda: rows(layers.Dense(5, activation="relu")), {"x": X.astype(np.float64)}),
    "weighted": (
        lambda: rows(layers.Dense(5)), {"sample_weight": np.linspace(0, 1, N, dtype=np.float32)},
    ),
}  # fmt: skip
BY_STEPS = {  # what a program cannot do, or what code of one's own might do otherwise if it did
    "two outputs", "texts", "one's own", "a loss of one's own", "dropout in a layer of one's own",
    "draws of a generator that no layer holds",
}  # fmt: skip


def trained(make, given, optimizer="adam", by_steps=False, callbacks=(), epochs=3):
    """Return a model's history and weights after training, and how many programs it had."""
    given = FIRST | given
    x, loss, metrics = given.pop("x"), given.pop("loss"), given.pop("metrics")
    melpy.utils.set_random_seed(1)
    model = make()
    model.compile(optimizer, loss, metrics=metrics, run_eagerly=by_steps)
    history = model.fit(
        x, batch_size=B, epochs=epochs, verbose=0, callbacks=list(callbacks), **given
    ).history
    return history, model.get_weights(), model


@pytest.fixture
def proofs(monkeypatch):
    """Return what came of each program's proof."""
    made, proved = [], room.StepProgram.proved

    def noting(self, *given):
        result = proved(self, *given)
        made.append(result[1])
        return result

    monkeypatch.setattr(room.StepProgram, "proved", noting)
    return made


@pytest.mark.parametrize("name", MODELS)
def test_programs_give_the_bits_of_steps(name, proofs):
    history, weights, _ = trained(*MODELS[name])
    assert bool(proofs) == (name not in BY_STEPS)
    assert all(proofs)
    steps_history, steps_weights, _ = trained(*MODELS[name], by_steps=True)
    assert history == steps_history
    for one, other in zip(weights, steps_weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd", melpy.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "rmsprop", "adamw", "nadam",
        "adamax", "adagrad", "adadelta", "lion", "ftrl",
        melpy.optimizers.Adam(melpy.schedules.CosineDecay(0.1, 20)),
        melpy.optimizers.Adam(0.1, clipnorm=0.5), melpy.optimizers.SGD(0.1, use_ema=True),
    ],
    ids=lambda o: o if isinstance(o, str) else None,
)  # fmt: skip
def test_programs_of_every_optimizer(optimizer):
    made = [
        trained(*MODELS["dense"], optimizer=config(optimizer), by_steps=by_steps)
        for by_steps in (False, True)
    ]
    assert made[0][0] == made[1][0]
    for one, other in zip(made[0][1], made[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


def config(optimizer):
    """Return the same optimizer, new."""
    known = optimizer if isinstance(optimizer, str) else type(optimizer).from_config
    return known if isinstance(known, str) else known(optimizer.get_config())


CHANGES = {
    "nothing": lambda model: None,
    "a weight": lambda model: model.layers[0].kernel.assign(np.ones((6, 5))),
    "all weights": lambda model: model.set_weights([w * 0.5 for w in model.get_weights()]),
    "the rate": lambda model: setattr(model.optimizer, "learning_rate", 0.5),
    "the activation": lambda model: setattr(model.layers[0], "activation", ops.tanh),
    "what is trained": lambda model: setattr(model.layers[0], "trainable", False),
    "a limit": lambda model: setattr(model.optimizer, "clipvalue", 1e-3),
    "beta": lambda model: setattr(model.optimizer, "beta_1", 0.5),
    "the kernels": lambda model: melpy.config.set_kernels("numpy"),
    "epsilon": lambda model: melpy.config.set_epsilon(0.1),
    "the end": lambda model: setattr(model, "stop_training", True),
    "a look": lambda model: setattr(model, "held", [w.numpy() for w in model.weights]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["on_epoch_end", "on_train_batch_end"])
def test_nothing_is_stale_after_a_change(change, when, restored):
    class Changing(melpy.callbacks.Callback):
        count = 0

    def event(self, number, logs=None):
        self.count += 1
        if self.count == (1 if when == "on_epoch_end" else 10):
            CHANGES[change](self.model)

    setattr(Changing, when, event)
    made = []
    for by_steps in (False, True):
        with restored():
            made.append(trained(*MODELS["dense"], by_steps=by_steps, callbacks=[Changing()]))
    assert made[0][0] == made[1][0]
    for one, other in zip(made[0][1], made[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def restored():
    @contextmanager
    def around():
        before = dict(melpy.config._settings)
        yield
        melpy.config._settings.clear()
        melpy.config._settings.update(before)

    return around


def test_weights_read_out_stay_as_they_were():
    _, _, model = trained(*MODELS["dense"], epochs=1)
    held = model.layers[0].kernel.numpy(), np.asarray(model.layers[0].kernel)
    copies = [x.copy() for x in held]
    model.fit(X, ONE_HOT, batch_size=B, epochs=3, verbose=0)
    for x, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_callbacks_that_look_at_batches_see_each():
    seen = []
    watch = melpy.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: seen.append(n))
    trained(*MODELS["dense"], callbacks=[watch])
    assert seen == list(range(7)) * 3


def test_a_program_that_is_wrong_is_dropped(monkeypatch, proofs):
    monkeypatch.setattr(Doubled, "whole", True, raising=False)  # which is not true
    history, _weights, _ = trained(*MODELS["one's own"])
    assert not any(proofs)
    assert history == trained(*MODELS["one's own"], by_steps=True)[0]


@pytest.mark.parametrize("name", ["dropout", "noise", "whole channels", "one dropout, twice"])
def test_noise_is_drawn_without_python(name):
    *_, model = trained(*MODELS[name])
    programs = [p for p in model._training_programs.known.values() if p is not None]
    assert programs
    assert all(program.is_trusted and program.is_whole for program in programs)
    drawn = [s.state.value[1] for layer in model.layers_inside for s in sources_of(layer)]
    assert drawn
    assert all(count == 7 * 3 * (2 if "twice" in name else 1) for count in drawn)
