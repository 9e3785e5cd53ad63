"""BackupAndRestore with steps, layers and data of one's own, as scripts for Keras have them."""

import warnings

import numpy as np
import pytest
from cutting import CutBefore, StopError

import melpy
from melpy import layers, ops
from melpy.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback, Standing
from melpy.data import Loader, source_of
from melpy.data.process import process_state, restore_process

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")
STEPS = RNG.normal(size=(20, 4, 3)).astype("float32")
ARRAYS = {"x": X, "y": Y, "batch_size": 4}


class Noted(melpy.Model):
    """A step of one's own, whose numbers no metric holds."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([w.grad for w in weights], weights)
        return {"loss": float(loss), "norms": np.array([float(ops.norm(w)) for w in weights])}


class Autoencoder(Noted):
    """A step that takes no labels, for which there is no test_step."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def train_step(self, x):
        self.zero_grad()
        made = self(x, training=True)
        ops.mean((made - x) ** 2).backward()
        weights = self.trainable_weights
        self.optimizer.apply([w.grad for w in weights], weights)
        return self.compute_metrics(x, x, made)


class Stateful(layers.Layer):
    """Says that it is stateful, and has no ``states``."""

    stateful = True

    def call(self, x):
        return x


class Carrying(Stateful):
    """Adds the batches before, of which there are none at first."""

    def call(self, x, training=False):
        if not training:
            return x
        if hasattr(self, "states"):
            x = x + 0.1 * self.states
        self.states = np.asarray(x)
        return x


class Scaled(layers.Layer):
    """Draws from NumPy's own generator."""

    def call(self, x, training=False):
        return x * np.random.uniform(0.5, 1.5) if training else x  # noqa: NPY002


class Passes:
    """Batches in an order that each pass draws."""

    def __iter__(self):
        for row in np.random.permutation(20)[:5]:  # noqa: NPY002
            yield X[row : row + 1] + np.random.normal(), Y[row : row + 1]  # noqa: NPY002


def passes():
    """Yield batches of one pass after another."""
    while True:
        yield from Passes()


def noise():
    """Yield batches, each of which draws."""
    while True:
        rows = np.random.normal(size=(4, 4))  # noqa: NPY002
        yield rows, rows[:, :1]


def noisy(x, y):
    return x + np.random.normal(size=x.shape), y  # noqa: NPY002


def own_generator():
    rng = np.random.default_rng(5)
    while True:
        rows = rng.permutation(20)[:4]
        yield X[rows], Y[rows]


def known(*inside, metrics=None):
    """Return a model whose inputs are known before the first batch."""
    return compiled(melpy.Sequential([melpy.Input((4,)), *inside, layers.Dense(1)]), metrics)


def late(*inside, metrics=None):
    return compiled(melpy.Sequential([*inside, layers.Dense(1)]), metrics)


def compiled(model, metrics=None, loss="mse"):
    model.compile("adam", loss, metrics=metrics)
    return model


def bidirectional():
    inside = layers.Bidirectional(layers.LSTM(2, stateful=True))
    return compiled(melpy.Sequential([melpy.Input((4, 3), batch_size=4), inside, layers.Dense(1)]))


def distilled():
    """Return a model whose loss asks another one, which was trained before, without a draw."""
    teacher = compiled(melpy.Sequential([layers.Dense(1, kernel_initializer="ones")]))
    teacher.fit(X, Y, shuffle=False, verbose=0)

    def loss(y_true, y_pred):
        return ops.mean((y_pred - y_true) ** 2) + 0.1 * ops.mean((y_pred - teacher(X[:1])) ** 2)

    model = known()
    model.compile("adam", loss)
    return model


def drawing():
    return LambdaCallback(on_train_batch_end=lambda batch, logs: np.random.normal())  # noqa: NPY002


def stopping():
    return EarlyStopping("loss", min_delta=-0.5, patience=2, restore_best_weights=True)


def endless(data):
    return lambda: {"x": data(), "steps_per_epoch": 5}


KINDS = {
    "numbers that no metric holds": (lambda: compiled(Noted()), ARRAYS, stopping),
    "a step without labels": (
        lambda: compiled(Autoencoder(), ["mae"], loss=None), {"x": X, "batch_size": 4},
    ),
    "a stateful Bidirectional": (bidirectional, ARRAYS | {"x": STEPS}),
    "stateful without states": (lambda: late(Stateful()), ARRAYS),
    "a loss that asks another model": (distilled, ARRAYS),
    "states that the first batch makes": (lambda: late(Stateful(), Carrying()), ARRAYS),
    "noise, inputs unknown": (lambda: late(metrics=["mae"]), endless(noise)),
    "passes": (known, endless(passes)),
    "passes, metrics unknown": (lambda: known(metrics=["mae"]), endless(passes)),
    "passes, another draws": (lambda: late(metrics=["mae"]), lambda: {"x": Passes()}, drawing),
    "a Loader, a layer draws": (
        lambda: known(Scaled()), lambda: {"x": Loader(X, Y, batch_size=4)},
    ),
    "a dataset that draws, a layer draws": (
        lambda: known(Scaled()), lambda: {"x": Loader(X, Y, batch_size=4).map(noisy)},
    ),
}  # fmt: skip


def trained(kind, seed, *callbacks, data=None):
    """Return the weights and the history of a training; ``data`` to go on with the same ones."""
    melpy.utils.set_random_seed(seed)
    make, given, *others = KINDS[kind]
    model, data = make(), data or (given() if callable(given) else given)
    callbacks = [*(other() for other in others), *callbacks]
    history = model.fit(**data, epochs=4, verbose=0, callbacks=callbacks)
    return model.get_weights(), history.history


def assert_same(one, other):
    for mine, theirs in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert one[1].keys() == other[1].keys()
    for name, values in one[1].items():
        np.testing.assert_array_equal(values, other[1][name])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("save_freq", "step"), [("epoch", 7), (5, 5), (1, 8)])
def test_it_goes_on_to_the_same_bits_without_a_seed(tmp_path, kind, save_freq, step):
    whole = trained(kind, 1)
    with pytest.raises(StopError):
        trained(kind, 1, CutBefore(step), BackupAndRestore(tmp_path / "backup", save_freq))
    assert_same(whole, trained(kind, 2, BackupAndRestore(tmp_path / "backup", save_freq)))


def test_an_order_that_the_first_batch_drew_before_the_backup_was_read(tmp_path):
    """A model without an Input looks at it to know its shapes: here the seed has to be the same."""
    KINDS["late passes"] = late, endless(passes)
    whole = trained("late passes", 1)
    with pytest.raises(StopError):
        trained("late passes", 1, CutBefore(8), BackupAndRestore(tmp_path / "backup", 1))
    assert_same(whole, trained("late passes", 1, BackupAndRestore(tmp_path / "backup", 1)))
    del KINDS["late passes"]


def test_what_a_thread_draws_ahead():
    """What it had ready when the backup was written is made again, and not passed over."""

    def source():
        melpy.utils.set_random_seed(1)
        return source_of(Loader(X, Y, batch_size=4).map(noisy).prefetch(2))

    whole = list(source().epoch())
    cut = source()
    coming = cut.epoch()
    for _ in range(2):
        next(coming)
    position, process = cut.position(), process_state()
    coming.close(), cut.restart()  # which ends the thread
    other = source()
    np.random.seed(9)  # noqa: NPY002
    left = other.go_to(position, process, within_epoch=True)
    if left is not None:
        restore_process(left)
    for one, expected in zip(other.epoch(), whole[2:], strict=True):
        np.testing.assert_array_equal(one[0], expected[0])


@pytest.mark.parametrize("kind", ["a step without labels", "passes, metrics unknown"])
def test_a_backup_of_an_earlier_version(tmp_path, kind, monkeypatch):
    now = Standing.state

    def then(self):
        plain, arrays = now(self)
        del plain["logs"]
        places = dict(plain["source"]["dict"])
        places["gone"] = places.pop("read", 0)
        plain["source"]["dict"] = [[name, place] for name, place in places.items()]
        return plain, arrays

    whole = trained(kind, 1)
    monkeypatch.setattr(Standing, "state", then)
    with pytest.raises(StopError):
        trained(kind, 1, CutBefore(8), BackupAndRestore(tmp_path / "backup", 1))
    monkeypatch.undo()
    assert_same(whole, trained(kind, 2, BackupAndRestore(tmp_path / "backup", 1)))


class TestTheSameGeneratorAgain:
    """In the process that was stopped; what was read of it is gone."""

    def again(self, folder, save_freq, stop, data=None):
        """Return a training that goes on after an exception."""
        data = data or {"x": own_generator(), "steps_per_epoch": 5}
        with pytest.raises(StopError):
            self.fitted(data, BackupAndRestore(folder, save_freq), stop)
        return self.fitted(data, BackupAndRestore(folder, save_freq))

    def fitted(self, data, *callbacks):
        melpy.utils.set_random_seed(1)
        model = known()
        history = model.fit(**data, epochs=3, verbose=0, callbacks=callbacks)
        return model.get_weights(), history.history

    def test_goes_on_where_it_stands(self, tmp_path):
        class Stop(Callback):
            comes_last = True  # after the backup
            left = 8

            def on_train_batch_end(self, batch, logs=None):
                self.left -= 1
                if not self.left:
                    raise StopError

        whole = self.fitted({"x": own_generator(), "steps_per_epoch": 5})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_same(whole, self.again(tmp_path / "backup", 1, Stop()))

    def test_says_what_is_lost(self, tmp_path):
        with pytest.warns(UserWarning, match=r"fit: of the generator, 3 elements .* are gone"):
            self.again(tmp_path / "backup", "epoch", CutBefore(7))

    def test_says_so_of_what_it_is_measured_on(self, tmp_path):
        class Stop(Callback):
            def on_test_end(self, logs=None):
                raise StopError

        with pytest.warns(UserWarning, match=r"validation_data: of the generator, 2 elements"):
            self.again(
                tmp_path / "backup", 1, Stop(),
                ARRAYS | {"validation_data": own_generator(), "validation_steps": 2},
            )  # fmt: skip


def test_an_optimizer_of_what_the_model_does_not_hold(tmp_path):
    """It says so with the first backup, not when that is needed."""
    model = known()
    model.optimizer.build([*model.weights, melpy.Variable(np.ones(3, np.float32), name="scale")])
    with pytest.raises(melpy.errors.DataError, match=r"model.optimizer was built for 'scale' too"):
        model.fit(**ARRAYS, verbose=0, callbacks=[BackupAndRestore(tmp_path / "backup")])
