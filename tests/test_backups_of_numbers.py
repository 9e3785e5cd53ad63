"""BackupAndRestore and numbers that are no weights: what callbacks set, what own steps count."""

import dataclasses

import numpy as np
import pytest
from cutting import CutBefore, StopError

import melpy
from melpy import layers, ops
from melpy.callbacks import BackupAndRestore, Callback, Standing
from melpy.data import PyDataset, source_of
from melpy.layers.changing import Changes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")


@dataclasses.dataclass
class Seen:
    """What an own step counts apart from the model."""

    batches: int = 0
    _norms: list = dataclasses.field(default_factory=list)


class Counting(melpy.Model):
    """A step that follows from how many there were, and from what it saw in them."""

    def __init__(self):
        super().__init__()
        self.dense, self.drop = layers.Dense(1), layers.Dropout(0.1)
        self.odd, self._steps, self.last = False, 0, {"loss": 0.0}
        self.center, self.seen = np.zeros(1, np.float32), Seen()
        self.also, self.norms, self.said = self.center, self.seen._norms, self.last

    def call(self, x):
        return self.drop(self.dense(x))

    def train_step(self, data):
        x, y = data
        self._steps += 1
        self.odd = not self.odd
        self.seen.batches += 1
        self.seen._norms.append(float(ops.norm(self.dense.kernel)))
        self.zero_grad()
        pull = 0.1 * self.said["loss"] + sum(self.norms) / self.seen.batches
        made = self(x, training=True) - self.also + pull / self._steps
        loss = self.compute_loss(x, y, made if self.odd else 2 * made)
        loss.backward()
        self.optimizer.apply([w.grad for w in self.trainable_weights], self.trainable_weights)
        self.center[...] = 0.9 * self.center + 0.1 * np.mean(y)
        self.last["loss"] = float(loss)
        return {"loss": loss, **self.compute_metrics(x, y, made)}


class Dense(layers.Dense):
    """A layer of one's own, of the library's class, with a factor."""

    factor = 1.0

    def call(self, x):
        return self.factor * super().call(x)


class Sets(Callback):
    """Sets attributes once, as the third epoch begins."""

    def __init__(self, **values):
        self.values = values

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            for path, value in self.values.items():
                *steps, name = path.split("__")
                thing = self.model
                for step in steps:
                    thing = thing.layers[int(step)] if step.isdigit() else getattr(thing, step)
                setattr(thing, name, value)


def counting():
    model = Counting()
    model.compile("adam", "mse", metrics=["mae"])
    return model


def plain(optimizer, *inside):
    model = melpy.Sequential([*inside, Dense(3, "tanh"), layers.Dropout(0.2), Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


KINDS = {
    "a step that counts": (counting, {}),
    "momentum": (
        lambda: plain(melpy.optimizers.SGD(0.1, momentum=0.1)), {"optimizer__momentum": 0.9},
    ),
    "decay": (lambda: plain("adamw", melpy.Input((4,))), {"optimizer__weight_decay": 0.5}),
    "a limit": (lambda: plain("adam"), {"optimizer__clipnorm": 1e-3}),
    "a rate": (lambda: plain("adam", melpy.Input((4,))), {"1__rate": 0.7}),
    "an own layer": (lambda: plain("adam"), {"0__factor": 0.5}),
}  # fmt: skip


def trained(kind, seed, *callbacks):
    """Return the weights after six epochs of five batches."""
    melpy.utils.set_random_seed(seed)
    return fitted(KINDS[kind][0](), kind, *callbacks)


def fitted(model, kind, *callbacks):
    callbacks = [Sets(**KINDS[kind][1]), *callbacks]
    model.fit(X, Y, batch_size=4, epochs=6, verbose=0, callbacks=callbacks)
    return model.get_weights()


def assert_same(one, other):
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("save_freq", "step"), [("epoch", 17), (3, 14), (1, 22)])
def test_it_goes_on_to_the_same_bits(tmp_path, kind, save_freq, step):
    whole = trained(kind, 1)
    with pytest.raises(StopError):
        trained(kind, 1, CutBefore(step), BackupAndRestore(tmp_path / "backup", save_freq))
    assert_same(whole, trained(kind, 2, BackupAndRestore(tmp_path / "backup", save_freq)))


@pytest.mark.parametrize("kind", ["a step that counts", "momentum"])
def test_after_an_exception_and_then_in_another_process(tmp_path, kind):
    """What counts as changed is what the first process changed, not what the second fit saw."""
    whole, backup = trained(kind, 1), BackupAndRestore(tmp_path / "backup", 1)
    with pytest.raises(StopError):
        trained(kind, 1, CutBefore(17), backup)
    with pytest.raises(StopError):
        fitted(backup.model, kind, CutBefore(4), BackupAndRestore(tmp_path / "backup", 1))
    assert_same(whole, trained(kind, 2, BackupAndRestore(tmp_path / "backup", 1)))


class Order(PyDataset):
    """Batches in an order of its own, which each epoch shifts."""

    def __init__(self):
        super().__init__()
        self.rows, self.shift = np.arange(20), 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = self.rows[4 * index : 4 * index + 4]
        return X[rows] + self.shift, Y[rows]

    def on_epoch_end(self):
        self.rows, self.shift = np.roll(self.rows, 3), self.shift + 1


def test_a_dataset_after_an_exception_and_then_in_another_process(tmp_path):
    def fitted(data, *callbacks, epochs=4):
        melpy.utils.set_random_seed(1)
        model = plain("sgd")
        model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
        return model.get_weights()

    whole, data = fitted(Order()), Order()
    for step in (12, 1):
        with pytest.raises(StopError):
            fitted(data, CutBefore(step), BackupAndRestore(tmp_path / "backup", 1))
    assert_same(whole, fitted(Order(), BackupAndRestore(tmp_path / "backup", 1)))


def test_a_backup_of_a_version_that_looked_at_the_dataset_itself_alone():
    source = source_of(Order())
    position = source.position()
    position["state"]["changed"] = {"shift": 7}
    del position["state"]["numbers"]
    source.go_to(position, None, within_epoch=False)
    assert source.data.shift == 7


class Own:
    """Classes of one's own of everything that a model is made of."""

    class Optimizer(melpy.optimizers.Adam):
        pass

    class Loss(melpy.losses.MeanSquaredError):
        pass

    class Metric(melpy.metrics.MeanAbsoluteError):
        pass

    class Start(melpy.initializers.GlorotUniform):
        pass

    class Limit(melpy.regularizers.L2):
        pass

    class Cell(layers.LSTM):
        pass

    class Layer(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((1,), Own.Start(), regularizer=Own.Limit(0.1))

        def call(self, x):
            return self.w * x

    class Model(melpy.Model):
        def __init__(self):
            super().__init__()
            self.inside = [Own.Cell(3, dropout=0.1), Own.Layer(), layers.BatchNormalization()]

        def call(self, x):
            for layer in self.inside:
                x = layer(x)
            return x


def test_what_the_library_itself_keeps_is_not_taken_for_the_users():
    """``built`` and its kind, given back too early, would leave a layer without weights."""
    model = Own.Model()
    model.compile(Own.Optimizer(), Own.Loss(), metrics=[Own.Metric()])
    changes = Changes(model, "model")
    model.fit(X[:, :, None], np.repeat(Y, 3, axis=1), epochs=2, verbose=0)
    assert changes.made() == {}
    model.optimizer.epsilon = 0.5
    assert changes.made() == {"model.optimizer": {"epsilon": 0.5}}


def test_without_a_backup_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr(Standing, "note", lambda self: pytest.fail("fit became slower"))
    trained("momentum", 1)
