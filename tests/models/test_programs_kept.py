"""Programs that a model keeps from one call to the next: none is stale, none is in the way."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import layers, ops
from melpy.errors import DataError
from melpy.kernels import memory
from melpy.kernels.program import recorded
from melpy.models import program as room
from melpy.models import step_program

B, N = 8, 8 * 4 + 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, N)]


def made(optimizer="adam", by_steps=False, make=None):
    melpy.utils.set_random_seed(1)
    model = make() if make else melpy.Sequential([
        melpy.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(4),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    metrics = ["accuracy", melpy.metrics.BinaryAccuracy(threshold=0.4)]
    loss = melpy.losses.CategoricalCrossentropy()
    model.compile(optimizer, loss, metrics=metrics, run_eagerly=by_steps)
    return model


def frozen():
    first = layers.Dense(5)
    first.trainable = False
    return melpy.Sequential([melpy.Input((6,)), first, layers.Dense(3, activation="softmax")])


@pytest.fixture
def written(monkeypatch):
    """Return the shapes of batches for which a program was written down."""
    known, init = [], room.StepProgram.__init__

    def noting(self, *args):
        init(self, *args)
        known.append(len(self.own[0]))

    monkeypatch.setattr(room.StepProgram, "__init__", noting)
    return known


def test_a_second_fit_writes_nothing_down(written):
    model = made()
    model.fit(X, Y, batch_size=B, epochs=4, verbose=0)
    assert sorted(written) == [3, B]
    for _ in range(3):
        for _ in range(3):
            model.fit(X, Y, batch_size=B, verbose=0, validation_data=(X, Y))
            model.evaluate(X, Y, batch_size=4, verbose=0)
            model.predict(X, verbose=0)
        assert sorted(written) == [3, 3, 4, B, B]  # the validation's and the evaluation's too


def test_steps_on_single_batches_become_programs(written):
    by_program, by_steps = made(), made(by_steps=True)
    for n in range(12):
        rows = slice(n, n + B)
        logs = [m.train_on_batch(X[rows], Y[rows]) for m in (by_program, by_steps)]
        assert logs[0] == logs[1]
    assert written == [B]
    for a, b in zip(by_program.get_weights(), by_steps.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


CHANGES = {
    "nothing": lambda m: None,
    "a weight": lambda m: m.layers[0].kernel.assign(np.full((6, 5), 0.1)),
    "all weights": lambda m: m.set_weights([w * 0.5 for w in m.get_weights()]),
    "the optimizer's state": lambda m: m.optimizer.set_weights(
        [v.numpy() * 0 for v in m.optimizer.variables]
    ),
    "the rate": lambda m: setattr(m.optimizer, "learning_rate", 0.5),
    "a schedule": lambda m: setattr(
        m.optimizer, "learning_rate", melpy.schedules.ExponentialDecay(0.1, 2, 0.5)
    ),
    "the activation": lambda m: setattr(m.layers[0], "activation", ops.tanh),
    "a layer's training": lambda m: setattr(m.layers[1], "trainable", False),
    "a weight's training": lambda m: setattr(m.layers[1].bias, "trainable", False),
    "a frozen layer, changed": lambda m: (
        setattr(m.layers[1], "trainable", False),
        m.fit(X, Y, batch_size=B, epochs=3, verbose=0),
        m.layers[1].kernel.assign(np.ones((5, 4))),
    ),
    "a limit": lambda m: setattr(m.optimizer, "clipvalue", 1e-3),
    "decay": lambda m: setattr(m.optimizer, "weight_decay", 0.1),
    "beta": lambda m: setattr(m.optimizer, "beta_1", 0.5),
    "the kernels": lambda m: melpy.config.set_kernels("numpy"),
    "threads": lambda m: melpy.config.set_threads(1),
    "epsilon": lambda m: melpy.config.set_epsilon(0.1),
    "the float type": lambda m: melpy.config.set_floatx("float64"),
    "a penalty": lambda m: setattr(m.layers[0].kernel, "regularizer", melpy.regularizers.L2(0.1)),
    "an activity's penalty": lambda m: setattr(
        m.layers[0], "activity_regularizer", melpy.regularizers.L2(0.1)
    ),
    "a constraint": lambda m: setattr(m.layers[0].kernel, "constraint", melpy.constraints.NonNeg()),
    "the loss": lambda m: m.compile("adam", "mse"),
    "the metric": lambda m: m.compile("adam", m.loss, metrics=["mae"]),
    "a metric's threshold": lambda m: setattr(m._compile_metrics.metrics[1], "threshold", 0.9),
    "the optimizer": lambda m: setattr(m, "optimizer", melpy.optimizers.SGD(0.1)),
    "a step of one's own": lambda m: setattr(m, "train_step", lambda data: {"loss": 1.0}),
    "a call of one's own": lambda m: setattr(m.layers[0], "call", lambda x: ops.zeros((len(x), 5))),
    "a layer more": lambda m: (
        m.add(layers.Dense(3, activation="softmax")), m.compile("adam", "mse"),
    ),
    "a layer less": lambda m: (m.pop(), m.compile("adam", "mse")),
    "a copy": lambda m: copy.copy(m).fit(X, Y, batch_size=B, epochs=3, verbose=0),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_stale_between_two_calls(change):
    """Whatever is set between two calls of fit and predict, they see it."""
    settings, results = dict(melpy.config._settings), []
    for by_steps in (False, True):
        model = made(by_steps=by_steps)
        model.fit(X, Y, batch_size=B, epochs=3, verbose=0)
        model.predict(X[:2], verbose=0)
        model.predict(X[:2], verbose=0)
        CHANGES[change](model)
        y = Y[:, :2] if model.output_shape[-1] == 2 else Y
        if model.output_shape[-1] == 4:
            y = np.ones((N, 4), np.float32)
        model.run_eagerly = by_steps
        logs = model.fit(X, y, batch_size=B, epochs=3, verbose=0).history
        one = model.train_on_batch(X[:B], y[:B], return_dict=True)
        results.append((logs, one, model.predict(X[:2], verbose=0), *model.get_weights()))
        melpy.config._settings.clear()
        melpy.config._settings.update(settings)
    assert results[0][:2] == results[1][:2]
    for a, b in zip(results[0][2:], results[1][2:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_weights_are_read_where_they_are():
    results = []
    for by_steps in (False, True):
        model = made(by_steps=by_steps, make=frozen)
        for n in range(3):
            model.fit(X, Y, batch_size=B, epochs=2, verbose=0)
            model.layers[0].kernel.assign(np.full((6, 5), 0.1 * n))
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_labels_are_checked_in_each_fit():
    model = melpy.Sequential([layers.Dense(5), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, np.zeros(N, int), batch_size=B, epochs=3, verbose=0)
    with pytest.raises(DataError, match="out of range"):
        model.fit(X, np.full(N, 3), batch_size=B, verbose=0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_programs_of_their_own(copied):
    model = made()
    model.fit(X, Y, batch_size=B, epochs=3, verbose=0)
    other, before = copied(model), model.get_weights()
    other.fit(X, Y, batch_size=B, epochs=3, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(other.get_weights()[0], before[0])


def test_programs_keep_neither_the_model_nor_data():
    model, x = made(), X.copy()
    data = weakref.ref(x)
    model.fit(x, Y, batch_size=B, epochs=3, verbose=0)
    kernel, gone = weakref.ref(model.layers[0].kernel), weakref.ref(model)
    del x
    gc.collect()
    assert data() is None
    del model
    gc.collect()
    assert gone() is None
    assert kernel() is None


def test_an_exception_in_the_middle_leaves_a_model_that_trains_on():
    class Stop(melpy.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    results = []
    for by_steps in (False, True):
        model = made(by_steps=by_steps)
        model.fit(X, Y, batch_size=B, epochs=3, verbose=0)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, batch_size=B, callbacks=[Stop()], verbose=0)
        model.fit(X, Y, batch_size=B, epochs=2, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("most", [0, 1 << 10])
def test_large_programs_are_written_down_once_and_not_kept(most, monkeypatch, written):
    monkeypatch.setattr(step_program, "MOST_BYTES", most)
    results = []
    for by_steps in (False, True):
        model = made(by_steps=by_steps)
        for _ in range(2):
            model.fit(X[: B * 4], Y[: B * 4], batch_size=B, epochs=2, verbose=0)
        for _ in range(4):
            model.train_on_batch(X[:B], Y[:B])
        results.append(model.get_weights())
        assert written == [B]
        assert not any(model._training_programs.known.values())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_too_large_for_a_program_is_everyones():
    with recorded(most_bytes=1000) as program:
        kept = [memory.empty((n,), np.dtype(np.float32)) for n in (100, 100, 100, 50)]
        assert [program.pool.owns(x) for x in kept] == [True, True, False, True]
        assert program.pool.is_full
    assert program.pool.size_bytes == 1000
    assert program.missed


def test_shapes_that_are_of_no_use_any_more_make_room(written):
    model = made()
    for size in (2, 4, 5, 6, 8, 16):
        model.fit(X[:32], Y[:32], batch_size=size, epochs=2, verbose=0)
    assert {2, 4, 8, 16} <= set(written)


FACTOR = {"value": 1.0}


class Penalized(layers.Layer):
    """A layer of one's own that adds a loss."""

    def call(self, inputs):
        self.add_loss(ops.sum(ops.square(inputs)) * 0.01)
        return inputs * 1.0


class Watched(layers.Dense):
    """A layer of the library's, with a penalty on what comes out, in a class of one's own."""

    def __init__(self, units):
        super().__init__(units, activity_regularizer="l2")


MIDDLES = {
    "adds a loss": lambda: [layers.Dense(5), Penalized()],
    "in a class of one's own": lambda: [Watched(5)],
    "a layer of penalties": lambda: [layers.Dense(5), layers.ActivityRegularization(0.01, 0.02)],
    "a regularizer that reads": lambda: [
        layers.Dense(5, kernel_regularizer=lambda w: FACTOR["value"] * ops.sum(w * w))
    ],
    "an activation that reads": lambda: [layers.Dense(5, activation=lambda x: x * FACTOR["value"])],
}  # fmt: skip


@pytest.mark.parametrize("name", MIDDLES)
def test_what_is_added_or_read_is_that_of_the_step(name, monkeypatch):
    results = []
    for by_steps in (False, True):
        monkeypatch.setitem(FACTOR, "value", 0.1)
        model = made("sgd", by_steps, lambda: melpy.Sequential([
            melpy.Input((6,)), *MIDDLES[name](), layers.Dense(3, activation="softmax"),
        ]))  # fmt: skip
        logs = [model.fit(X, Y, batch_size=B, epochs=3, verbose=0).history]
        monkeypatch.setitem(FACTOR, "value", 2.0)
        logs += [model.fit(X, Y, batch_size=B, epochs=3, verbose=0).history]
        results.append((logs, model.get_weights()))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_softmax_inside_a_layer_of_ones_own_is_seen_by_the_loss():
    class Halved(layers.Dense):
        def call(self, inputs):
            return super().call(inputs * 0.5)

    results = []
    for by_steps in (False, True):
        model = made("sgd", by_steps, lambda: melpy.Sequential([
            melpy.Input((6,)), layers.Dense(5), Halved(3, activation="softmax"),
        ]))  # fmt: skip
        logs = model.fit(X, Y, batch_size=B, epochs=3, verbose=0).history
        results.append((logs, model.get_weights()))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_how_many_steps_fill_a_moment_is_learnt_for_each_shape(monkeypatch):
    model = made()
    model.fit(X, Y, batch_size=B, epochs=3, verbose=0)
    (fast,) = (p for p in model._training_programs.known.values() if len(p.own[0]) == B)
    fast.count = 1
    for steps, seconds, expected in (
        (1, 0.001, 2), (64, 0.001, 128), (64, 0.001, 128), (128, 0.04, 128), (128, 0.001, 256),
        (100, 1.0, 50), (9, 1.0, 4), (1, 1.0, 1), (1 << 12, 0.001, step_program.MOST_STEPS),
    ):  # fmt: skip
        fast.note_time(steps, seconds)
        assert fast.count == expected
    many = []
    monkeypatch.setattr(
        room.StepProgram, "run_over", lambda self, leaves, rows, look: many.append(len(rows))
    )
    model.fit(X, Y, batch_size=B, verbose=0)
    assert many == [1, 3, 1]  # one first: who knows what else is in the way
    many.clear()
    model.fit(X, Y, batch_size=16, epochs=4, verbose=0)  # what is learnt of 8 says nothing of 16
    assert max(many) <= 2
