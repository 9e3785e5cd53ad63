"""Programs beside other threads, interruptions, code of one's own and data that came unchecked."""

import threading
import warnings

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import layers, ops
from melpy.errors import MelpyError
from melpy.kernels import threads

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6)).astype("float32")
CLASSES = RNG.integers(0, 3, 100)
SPARSE = "sparse_categorical_crossentropy"


def made(*inner, by_steps=False, loss=SPARSE, metrics=()):
    melpy.utils.set_random_seed(1)
    end = layers.Dense(3, activation="softmax")
    model = melpy.Sequential([melpy.Input((6,)), *inner, end])
    model.compile("adam", loss, metrics=list(metrics), run_eagerly=by_steps)
    return model


@pytest.mark.parametrize("way", ["evaluate", "test_on_batch", "fit"])
def test_two_threads_with_one_model(way):
    model = made(layers.Dense(64, activation="relu"))
    call = getattr(model, way)
    more = {} if way == "test_on_batch" else {"verbose": 0}

    def work():
        for _ in range(15):
            call(X, CLASSES, **more)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    before = model.evaluate(X, CLASSES, verbose=0)
    assert before == model.evaluate(X, CLASSES, verbose=0)


def test_an_interruption_before_a_program_runs_loses_nothing(monkeypatch):
    losses = []
    for by_steps in (False, True):
        model = made(layers.Dense(256, activation="relu"), by_steps=by_steps)
        many, labels = np.tile(X, (4, 1)), np.tile(CLASSES, 4)
        seen = [model.train_on_batch(many, labels) for _ in range(4)]
        if not by_steps:
            share = threads.share

            def stop(*_):
                raise KeyboardInterrupt

            monkeypatch.setattr(threads, "share", stop)
            for _ in range(5):
                with pytest.raises(KeyboardInterrupt):
                    model.train_on_batch(many, labels)
            monkeypatch.setattr(threads, "share", share)
            model.optimizer.iterations.assign(4)  # counted ahead of the step that did not come
        seen += [model.train_on_batch(many, labels) for _ in range(3)]
        losses.append(seen)
    assert losses[0] == losses[1]


def test_penalties_of_the_call_before_are_forgotten():
    model = made(layers.Dense(4, activity_regularizer="l2"))
    measured = [model.evaluate(X, CLASSES, verbose=0) for _ in range(4)]
    assert measured == [measured[-1]] * 4


@pytest.mark.parametrize("wrong", [3, -1])
@pytest.mark.parametrize("way", ["fit", "evaluate"])
def test_labels_of_a_stream_are_checked(way, wrong):
    model = made(layers.Dense(4))

    def batches():
        for n in range(8):
            labels = CLASSES[:10].copy()
            labels[3] = wrong if n == 6 else labels[3]
            yield X[:10], labels

    call = getattr(model, way)
    with pytest.raises(MelpyError, match="label"):
        call(batches(), verbose=0)


def test_variables_of_nobody_are_read_anew():
    results = []
    for by_steps in (False, True):
        scale = melpy.Variable(1.0)
        melpy.utils.set_random_seed(1)
        inputs = melpy.Input((6,))
        model = melpy.Model(inputs, layers.Dense(1)(layers.Dense(4)(inputs) * scale))
        model.compile("sgd", "mse", run_eagerly=by_steps)
        found = [model.fit(X, X[:, :1], epochs=3, verbose=0).history["loss"]]
        scale.assign(3.0)
        found.append(model.fit(X, X[:, :1], epochs=3, verbose=0).history["loss"])
        found.append(model.evaluate(X, X[:, :1], verbose=0))
        results.append(found)
    assert results[0] == results[1]


class Scaling:
    def __init__(self):
        self.by = 1.0

    def __call__(self, x):
        return ops.tanh(x) * self.by


@pytest.mark.parametrize("kind", ["object", "in a cell"])
def test_functions_of_ones_own_are_asked_at_each_step(kind):
    results = []
    for by_steps in (False, True):
        scaling = Scaling()
        rows = [layers.Dense(4, activation=scaling)]
        if kind == "in a cell":
            rows = [layers.Reshape((3, 2)), layers.LSTM(4, activation=lambda x, s=scaling: s(x))]
        model = made(*rows, by_steps=by_steps)
        found = [model.fit(X, CLASSES, epochs=2, verbose=0).history["loss"]]
        found.append(model.predict(X, verbose=0))
        scaling.by = 0.3
        found.append(model.fit(X, CLASSES, epochs=2, verbose=0).history["loss"])
        found.append(model.predict(X, verbose=0))
        results.append(found)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_code_of_ones_own_runs_once_a_batch():
    class Seen(melpy.metrics.Metric):
        def __init__(self):
            super().__init__(name="seen")
            self.count = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count += len(np.asarray(y_pred))

        def result(self):
            return float(self.count)

        def reset_state(self):
            self.count = 0

    calls = []

    class Noting(layers.Layer):
        def call(self, inputs):
            calls.append(1)
            return inputs * 1.0

    model = made(Noting(), metrics=[Seen()])
    calls.clear()
    assert model.fit(X, CLASSES, epochs=3, verbose=0).history["seen"] == [100.0] * 3
    assert len(calls) == 3 * 4
    assert [model.evaluate(X, CLASSES, verbose=0)[1] for _ in range(3)] == [100.0] * 3


def test_dicts_and_lists_of_equal_shapes_have_programs_of_their_own():
    """A dict's leaves come in the order of its keys, a list's as they are."""
    rng = np.random.default_rng(0)
    p, q, y = (rng.normal(size=(32, n)).astype("float32") for n in (6, 6, 1))
    a, b = melpy.Input((6,), name="b_in"), melpy.Input((6,), name="a_in")
    model = melpy.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile(melpy.optimizers.SGD(0.0), "mse")
    forms = {"b_in": p, "a_in": q}, [p, q]
    for act in (
        lambda x: model.evaluate(x, y, batch_size=8, verbose=0),
        lambda x: model.test_on_batch(x, y),
        lambda x: model.train_on_batch(x, y),
        lambda x: model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history["loss"][0],
        lambda x: model.predict(x, verbose=0)[3, 0],
    ):
        assert len({float(act(x)) for _ in range(5) for x in forms}) == 1


def test_a_layer_that_assigns_a_trained_weight_as_it_is_called():
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(20, n)).astype("float32") for n in (6, 1))

    def losses(**options):
        melpy.utils.set_random_seed(5)
        model = melpy.Sequential(
            [melpy.Input((6,)), layers.SpectralNormalization(layers.Dense(3)), layers.Dense(1)]
        )
        model.compile(melpy.optimizers.SGD(0.1), "mse", **options)
        return [model.train_on_batch(x, y) for _ in range(8)]

    assert losses() == losses(run_eagerly=True)


@pytest.mark.filterwarnings("ignore:.*threads take turns:RuntimeWarning")
@pytest.mark.parametrize("threads", [2, 3, 9, 12])
def test_many_threads_and_a_loss_that_is_not_finite_at_any_batch(threads):
    """More than eight threads go through a table in parts; each batch is told by its number."""
    rng = np.random.default_rng(0)
    x, clean = (rng.normal(size=(640, n)).astype("float32") for n in (20, 1))

    def fitted(y, count):
        melpy.config.set_threads(count)
        melpy.utils.set_random_seed(1)
        model = melpy.Sequential([
            melpy.Input((20,)), layers.Dense(256, "relu"), layers.BatchNormalization(),
            layers.Dropout(0.3), layers.Dense(256), layers.Dense(1),
        ])  # fmt: skip
        model.compile(melpy.optimizers.SGD(1e-3, momentum=0.9), "mse")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            each = melpy.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
            model.fit(x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[each])
        said = [str(w.message) for w in told if "not finite" in str(w.message)]
        return model.get_weights(), said

    for mine, theirs in zip(fitted(clean, threads)[0], fitted(clean, 1)[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for at in range(3, 40, 4 if threads == 2 else 12):
        y = clean.copy()
        y[16 * at] = 3e38
        (told,) = fitted(y, threads)[1]
        assert f"batch {at + 1}." in told
