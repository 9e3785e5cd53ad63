"""BackupAndRestore and numbers that are no weights: what callbacks set, what own steps count."""

import collections
import dataclasses
import enum

import numpy as np
import pytest
from cutting import CutBefore, StopError

import melpy
from melpy import layers, ops
from melpy.callbacks import BackupAndRestore, Callback, Standing
from melpy.callbacks.changes import Changes
from melpy.data import PyDataset, source_of

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


@pytest.mark.parametrize("kind", [*KINDS])
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


class Own(melpy.Model):
    """A step whose gradients a factor of the user's scales."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.setup()

    def setup(self):
        pass

    def factor(self, loss):
        return 1.0

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x, training=True))
        (loss * self.factor(loss)).backward()
        self.optimizer.apply([w.grad for w in self.trainable_weights], self.trainable_weights)
        return {"loss": loss}


class Aside(Own):
    """Layers that the step calls and `call` does not: their Sequential has no input at first."""

    def setup(self):
        inside = [layers.Rescaling(3.0), layers.Dropout(0.1), layers.Dropout(0.2)]
        self.aside = melpy.Sequential([*inside, layers.Rescaling(0.5)])

    def train_step(self, data):
        return super().train_step((self.aside(data[0], training=True), data[1]))


class Rebound(Own):
    """Values that others had too, of which one is replaced; one that is not written to."""

    def setup(self):
        self.first = self.now = np.zeros(1, int)
        self.start = self.there = [0.0]
        self.dense.build((None, 4))
        self.before = np.asarray(self.dense.kernel)

    def factor(self, loss):
        self.now = 0.9 * self.now + 0.1
        self.there = [self.there[0] + 1]
        self.before = np.asarray(self.dense.kernel)
        past = self.now[0] - self.first[0] + self.there[0] - self.start[0]
        return float(1 / (1 + past + abs(self.before).sum()))


class Phase(enum.Enum):
    WARM, MAIN = 1.0, 0.1


class Many(Own):
    """Values of many kinds."""

    def setup(self):
        self.phase, self.mean = Phase.WARM, melpy.Tensor(0.0)
        self.past = collections.deque([0.0], 3)
        self.shadows, self.seen = {"kernel": np.zeros((4, 1), np.float32)}, {0}
        self.counted, self.pairs = collections.Counter(), [(0, 0.0)]
        self.ready = False

    def factor(self, loss):
        step = len(self.pairs)
        self.phase = Phase.MAIN if step > 6 else Phase.WARM
        self.mean = 0.9 * self.mean + 0.1 * ops.stop_gradient(loss)
        self.past.append(float(loss))
        self.shadows["kernel"] = 0.5 * self.shadows["kernel"] + self.dense.kernel.numpy()
        self.seen.add(step % 5)
        self.counted["steps"] += 1
        self.pairs.append((step, float(loss)))
        if not self.ready:
            self.late, self.ready = [1.0], True
        self.late[0] += 0.1
        size = abs(self.shadows["kernel"]).sum() + sum(self.past) + sum(b for _, b in self.pairs)
        size += self.counted["steps"] + len(self.seen) + float(self.mean) + self.late[0]
        return self.phase.value / float(size)


@dataclasses.dataclass(frozen=True)
class Settings:
    beta: float = 0.0


class Frozen(Own):
    """Objects that let nobody set them, a property, and one that has its class's attributes."""

    class Seen:
        count = 0

    def setup(self):
        self.settings, self.seen, self.__dict__["n"] = Settings(), self.Seen(), 0
        self.words = AttributeDict(rate=1.0)

    @property
    def n(self):
        return self.__dict__["n"]

    def factor(self, loss):
        object.__setattr__(self.settings, "beta", self.settings.beta + 0.1)
        self.seen.count += 1
        self.__dict__["n"] += 1
        return self.words.rate / (1 + self.settings.beta + self.seen.count + self.n)


class Exchanged(Own):
    """Objects in whose place others of their class are put."""

    def setup(self):
        self.settings, self.seen = Settings(), Seen()

    def factor(self, loss):
        self.settings = dataclasses.replace(self.settings, beta=self.settings.beta + 0.1)
        self.seen = Seen(self.seen.batches + 1, [float(loss)])
        return 1 / (self.settings.beta + self.seen.batches + self.seen._norms[0])


Cut = collections.namedtuple("Cut", "at")


class Doubled:
    def __get__(self, thing, kind):
        return thing.__dict__["factor"]

    def __set__(self, thing, value):
        thing.__dict__["factor"] = 2 * value


class Scaled:
    factor = Doubled()


class Sharing(Own):
    """One object in several places; members of enumerations; what goes, and what converts."""

    def setup(self):
        self.past, self.also, self.phase, self.first = [], None, None, True
        self.phases = [Seen(), Seen(5)]
        self.now, self.counted = self.phases[0], collections.defaultdict(int)
        self.mask, self.scaled = 1 << 20_000, Scaled()
        self.scaled.factor = 0.1

    def factor(self, loss):
        self.past.append(1.0)
        self.also = self.past if self.also is None else self.also
        self.counted["steps"] += 1
        if len(self.past) == 6:
            self.phase, self.now = Phase.MAIN, self.phases[1]
            self.scaled.factor = self.scaled.factor * 0.6
        if len(self.past) == 2:
            del self.first
        self.now.batches += 1
        size = sum(self.also) + sum(seen.batches for seen in self.phases) + self.counted["steps"]
        size += hasattr(self, "first") + (self.phase is Phase.MAIN)
        return self.scaled.factor / size


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    beta: float = 0.0


class Unkept(Own):
    """Objects that come to be in ways that no backup can follow."""

    def setup(self):
        self.cut, self.slots, self.memory = Cut(0), Slots(), []

    def factor(self, loss):
        self.cut, self.slots = self.cut._replace(at=self.cut.at + 1), Slots(1.0)
        self.memory.append(Cut(1))
        return 1.0


class AttributeDict(dict):
    """As many scripts have one: it raises another error than Python's for what is not there."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


class MaskedMean(Own):
    """Something that no backup can keep."""

    def factor(self, loss):
        self.masked = np.ma.masked_array([1.0], [False])
        return 1.0


class Annealed(melpy.losses.Loss):
    """A loss with a variable, which a callback sets."""

    def __init__(self):
        super().__init__()
        self.beta = melpy.Variable(0.0, trainable=False)

    def call(self, y_true, y_pred):
        return ops.mean((y_true - y_pred) ** 2 + self.beta * ops.absolute(y_pred), axis=-1)


class Annealing(Own):
    def compile(self, optimizer, loss):
        super().compile(optimizer, Annealed())

    def factor(self, loss):
        self.loss.beta.assign_add(0.1)
        return 1.0


class LateWeights(Own):
    """Two nets whose weights the first step makes."""

    call = melpy.Model.call

    def setup(self):
        inside = layers.Dense(4, "tanh"), layers.Dense(1)
        self.nets = [melpy.Sequential([layer]) for layer in inside]

    def train_step(self, data):
        self.zero_grad()
        loss = ops.mean((self.nets[1](self.nets[0](data[0])) - data[1]) ** 2)
        loss.backward()
        weights = [w for net in self.nets for w in net.weights]
        self.optimizer.apply([w.grad for w in weights], weights)
        return {"loss": loss}


class Scheduled(Own):
    """A schedule that is set amidst a training."""

    def setup(self):
        self.steps = 0

    def factor(self, loss):
        self.steps += 1
        if self.steps == 7:
            rate = melpy.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
            self.optimizer.learning_rate = rate
        return 1.0


OWN = [
    Aside, Rebound, Many, Frozen, Exchanged, Sharing, MaskedMean, Annealing, LateWeights, Scheduled,
]  # fmt: skip
for one in OWN:
    KINDS[one.__name__] = (lambda one=one: _compiled(one()), {})


def _compiled(model):
    model.compile(melpy.optimizers.SGD(0.05), "mse")
    return model


@pytest.mark.parametrize("kind", [one.__name__ for one in OWN])
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_what_own_steps_keep(tmp_path, kind, save_freq):
    whole = trained(kind, 1)
    with pytest.raises(StopError):
        trained(kind, 1, CutBefore(17), BackupAndRestore(tmp_path / "backup", save_freq))
    assert_same(whole, trained(kind, 2, BackupAndRestore(tmp_path / "backup", save_freq)))


class Remembering(Own):
    """An object that is made when it is first needed, of which nobody knows before."""

    seen = None

    def setup(self):
        self.seen = None

    def factor(self, loss):
        self.seen = self.seen or Seen()
        self.seen.batches += 1
        return 1.0


class Features(Own):
    """Features that are drawn, and no weights."""

    def setup(self):
        self.drawn = np.random.normal(size=(4, 4)).astype("float32")  # noqa: NPY002

    def call(self, x):
        return self.dense(ops.cos(x @ self.drawn))


@pytest.mark.parametrize(
    ("kind", "what"),
    [(Remembering, "model.seen"), (Features, "model.drawn"), (Unkept, "model.(slots|cut|memory)")],
)
def test_what_cannot_come_back_is_said(tmp_path, kind, what):
    KINDS["unknown"] = lambda: _compiled(kind()), {}
    with pytest.raises(StopError):
        trained("unknown", 1, CutBefore(17), BackupAndRestore(tmp_path / "backup"))
    with pytest.warns(UserWarning, match=f"{what} is not what it was where the training was"):
        trained("unknown", 2, BackupAndRestore(tmp_path / "backup"))
    del KINDS["unknown"]


class Lazy(melpy.metrics.Metric):
    """A metric that makes its variable when it is first asked."""

    def __init__(self):
        super().__init__(name="lazy")
        self.ready = False

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.ready:
            self.total, self.ready = self.add_variable((), "zeros", name="total"), True
        self.total.assign_add(ops.sum(y_pred))

    def result(self):
        return ops.sum(self.total) if self.ready else 0.0


class OwnR2(melpy.metrics.R2Score):
    pass


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_flags_come_back_with_what_they_speak_of(tmp_path, save_freq):
    def fitted(*callbacks):
        melpy.utils.set_random_seed(1)
        model = plain("sgd", melpy.Input((4,)))
        model.compile("sgd", "mse", metrics=[Lazy(), OwnR2()])
        fit = model.fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=callbacks)
        return list(fit.history.values())

    whole = fitted()
    with pytest.raises(StopError):
        fitted(CutBefore(17), BackupAndRestore(tmp_path / "backup", save_freq))
    assert_same(whole, fitted(BackupAndRestore(tmp_path / "backup", save_freq)))


def test_in_the_same_process_what_stood_at_first_stands_there_again(tmp_path):
    """After two steps of each the flag is what it was, and after one more it is not."""

    class Odd(Own):
        odd = None

        def setup(self):
            self.odd = False

        def factor(self, loss):
            self.odd = not self.odd
            return 0.3 if self.odd else 1.0

    KINDS["odd"] = lambda: _compiled(Odd()), {}
    whole, backup = trained("odd", 1), BackupAndRestore(tmp_path / "backup", 2)
    with pytest.raises(StopError):
        trained("odd", 1, CutBefore(13), backup)
    assert_same(whole, fitted(backup.model, "odd", BackupAndRestore(tmp_path / "backup", 2)))
    del KINDS["odd"]


class Shuffled(PyDataset):
    """The usual dataset, which replaces its arrays: they are the script's too."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.settings = x, y, AttributeDict(size=4)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = slice(self.settings.size * index, self.settings.size * (index + 1))
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        order = np.random.default_rng(int(1000 * abs(self.x[0, 0]))).permutation(20)
        self.x, self.y = self.x[order], self.y[order]


def test_the_scripts_own_arrays_stay(tmp_path):
    def fitted(*callbacks):
        melpy.utils.set_random_seed(1)
        model, data = plain("sgd"), Shuffled(X, Y)
        more = {"validation_data": (X[:8], Y[:8]), "shuffle": False, "verbose": 0}
        fit = model.fit(data, epochs=4, callbacks=callbacks, **more)
        return list(fit.history.values())

    x, whole = X.copy(), fitted()
    with pytest.raises(StopError):
        fitted(CutBefore(12), BackupAndRestore(tmp_path / "backup", 1))
    assert_same(whole, fitted(BackupAndRestore(tmp_path / "backup", 1)))
    np.testing.assert_array_equal(x, X)


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
    source.go_to(position, None, within_epoch=False)
    assert source.data.shift == 7


class Classes:
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
            self.w = self.add_weight((1,), Classes.Start(), regularizer=Classes.Limit(0.1))

        def call(self, x):
            return self.w * x

    class Model(melpy.Model):
        def __init__(self):
            super().__init__()
            cell = Classes.Cell(3, dropout=0.1)
            self.inside = [cell, Classes.Layer(), layers.BatchNormalization()]

        def call(self, x):
            for layer in self.inside:
                x = layer(x)
            return x


def test_what_the_library_itself_keeps_is_not_taken_for_the_users():
    """``built`` and its kind, given back too early, would leave a layer without weights."""
    model = Classes.Model()
    model.compile(Classes.Optimizer(), Classes.Loss(), metrics=[Classes.Metric()])
    changes = Changes(model, "model", model.weights)
    model.fit(X[:, :, None], np.repeat(Y, 3, axis=1), epochs=2, verbose=0)
    assert changed(changes) == {}
    model.optimizer.epsilon = 0.5
    assert changed(changes) == {"model.optimizer": {"epsilon": ("new", 0.5)}}


def changed(changes):
    """Return what counts as changed, by path."""
    made = {
        path: {name: (way, x) for name, (way, x) in told["values"].items() if way != "stood"}
        for path, told in changes.made().items()
    }
    return {path: values for path, values in made.items() if values}


def test_without_a_backup_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr(Standing, "note", lambda self: pytest.fail("fit became slower"))
    trained("momentum", 1)
