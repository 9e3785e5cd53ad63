"""What a training has beside its weights is found wherever it is, and goes on where it stood."""

import json
import random
import zipfile

import numpy as np
import pytest
from cutting import CutAfter, StopError

import melpy
from melpy import layers, ops
from melpy.callbacks import BackupAndRestore, Callback
from melpy.errors import ArgumentError, DataError
from melpy.layers.drawing import sources_of, stand, standing
from melpy.layers.inside import things
from melpy.losses import Loss
from melpy.optimizers import SGD, Adam
from melpy.random import SeedGenerator
from melpy.regularizers import Regularizer
from melpy.utils import PyDataset

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)).astype("float32"), RNG.normal(size=(12, 1)).astype("float32")


class CutLast(CutAfter):
    comes_last = True


class Own(melpy.Model):
    """What is trained, by which optimizers and in which order, is a step's of its own."""

    def __init__(self, *optimizers, of=lambda model: [model.trainable_weights]):
        super().__init__()
        self.first, self.last = layers.Dense(2), layers.Dense(1)
        self.compile(optimizers[0], "mse")
        self.others, self.of = list(optimizers[1:]), of

    def call(self, x):
        return self.last(self.first(x))

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        for optimizer, weights in zip([self.optimizer, *self.others], self.of(self), strict=True):
            if optimizer is None:
                for w in weights:
                    w.assign(w - 0.1 * w.grad)
            else:
                optimizer.apply([w.grad for w in weights], weights)
        return {"loss": float(loss)}


def sequential(*middle, **compiled):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, "tanh"), *middle, layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse"} | compiled)
    return model


class Noise(layers.Layer):
    """Draws by a function, which makes its generator where it is called first, or was given it."""

    def __init__(self, draw):
        super().__init__()
        self.draw, self.rngs = draw, {}

    def call(self, x, training=False):
        return x * self.draw(self) if training else x


def at_first_use(layer):
    if not hasattr(layer, "rng"):
        layer.rng = np.random.default_rng(1)
    return layer.rng.uniform(0.5, 1.5)


def at_first_use_in_a_dict(layer):
    key = len(layer.rngs) if len(layer.rngs) < 2 else 0
    rng = layer.rngs.setdefault(key, random.Random(key))
    return rng.uniform(0.5, 1.5)


class Helper:
    def __init__(self, source):
        self.source, self.itself = [{"source": source}], self

    def __call__(self, layer=None):
        source = self.source[0]["source"]
        if isinstance(source, SeedGenerator):
            return melpy.random.uniform((), 0.5, 1.5, seed=source)
        return source.uniform(0.5, 1.5)


class DrawingLoss(Loss):
    def __init__(self):
        super().__init__()
        self.help = Helper(SeedGenerator(5))

    def call(self, y_true, y_pred):
        return ops.mean((y_true - y_pred) ** 2 * self.help(), axis=-1)


class DrawingPenalty(Regularizer):
    def __init__(self):
        self.help = Helper(SeedGenerator(5))

    def __call__(self, w):
        return 0.1 * self.help() * ops.sum(w**2)


class Penalized(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight((2,), "ones", regularizer=DrawingPenalty())

    def call(self, x):
        return x * self.w


class DrawingSGD(SGD):
    def __init__(self):
        super().__init__(0.1)
        self.help = Helper(np.random.RandomState(3))

    def apply(self, grads, trainable_variables=None):
        super().apply([self.help() * np.asarray(g) for g in grads], trainable_variables)


def by_a_function():
    rng = np.random.default_rng(3)
    return sequential(loss=lambda t, p: ops.mean((t - p) ** 2, axis=-1) * rng.uniform(0.5, 1.5))


class Batches(PyDataset):
    """Batches whose generator is made for the first of them, or in __init__."""

    def __init__(self, rng=None):
        super().__init__()
        self.rng, self.order = rng, list(range(12))

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if self.rng is None:
            self.rng = np.random.default_rng(3)
        rows = self.order[4 * index : 4 * index + 4]
        return X[rows] + self.rng.normal(size=(4, 3)), Y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


class Stream:
    """An iterable that draws from a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __iter__(self):
        for n in range(3):
            yield X[4 * n : 4 * n + 4] + self.rng.normal(size=(4, 3)), Y[4 * n : 4 * n + 4]


class Freeze(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.layers[0].trainable = False


def rows():
    return {"x": X, "y": Y, "batch_size": 4}


def numpys(seed):
    return np.random.RandomState(seed)


def head(model):
    return [model.last.trainable_weights]


def one_each(model):
    return [model.first.trainable_weights, model.last.trainable_weights]


def all_and_some(model):
    return [model.trainable_weights, model.last.trainable_weights]


KINDS = {
    "some weights": (lambda: Own("adam", of=head), rows),
    "weights in another order": (
        lambda: Own("adam", of=lambda model: [model.trainable_weights[::-1]]),
        rows,
    ),
    "an optimizer each": (lambda: Own("adam", Adam(0.1), of=one_each), rows),
    "an optimizer beside": (lambda: Own(Adam(0.01), Adam(0.05), of=all_and_some), rows),
    "optimizers that are none of compile's": (
        lambda: Own(None, Adam(0.1), of=lambda m: [[], m.trainable_weights]),
        rows,
    ),
    "no optimizer": (lambda: Own(None), rows),
    "a generator made at first use": (lambda: sequential(Noise(at_first_use)), rows),
    "generators made one by one": (lambda: sequential(Noise(at_first_use_in_a_dict)), rows),
    "a helper's": (lambda: sequential(Noise(Helper(SeedGenerator(3)))), rows),
    "NumPy's older kind": (lambda: sequential(Noise(Helper(numpys(3)))), rows),
    "Python's kind": (lambda: sequential(Noise(Helper(random.Random(3)))), rows),
    "a loss": (lambda: sequential(loss=DrawingLoss()), rows),
    "a loss that is a function": (by_a_function, rows),
    "a regularizer": (
        lambda: sequential(layers.Dense(2, kernel_regularizer=DrawingPenalty())),
        rows,
    ),
    "a weight's regularizer": (lambda: sequential(Penalized()), rows),
    "an optimizer that draws": (lambda: sequential(optimizer=DrawingSGD()), rows),
    "a PyDataset's, made at first use": (sequential, lambda: {"x": Batches()}),
    "a PyDataset's, of NumPy's older kind": (sequential, lambda: {"x": Batches(numpys(3))}),
    "an iterable's": (sequential, lambda: {"x": Stream()}),
}


def fitted(kind, seed, *callbacks):
    melpy.utils.set_random_seed(seed)
    make, data = KINDS.get(kind, kind)
    model = make()
    history = model.fit(**data(), epochs=3, verbose=0, callbacks=list(callbacks))
    return history.history, [w.tolist() for w in model.get_weights()]


def assert_goes_on(folder, kind, callbacks=list, save_freq="epoch", step=5):
    whole = fitted(kind, 1, *callbacks())
    with pytest.raises(StopError):
        fitted(kind, 1, *callbacks(), BackupAndRestore(folder, save_freq), CutLast(step))
    assert fitted(kind, 2, *callbacks(), BackupAndRestore(folder, save_freq)) == whole


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("save_freq", "step"), [("epoch", 5), (1, 4)])
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, kind, save_freq, step):
    assert_goes_on(tmp_path / "backup", kind, save_freq=save_freq, step=step)


def test_what_was_frozen_stays_so(tmp_path):
    assert_goes_on(tmp_path / "backup", (sequential, rows), lambda: [Freeze()], step=8)


@pytest.mark.parametrize(
    "make", [SeedGenerator, np.random.default_rng, np.random.RandomState, random.Random]
)
def test_generators_that_callbacks_remember(tmp_path, make):
    class Jump(Callback):
        remembers = ("rng",)

        def __init__(self):
            self.rng = make(3)

        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.1 * float(Helper(self.rng)())

    assert_goes_on(tmp_path / "backup", (sequential, rows), lambda: [Jump()])


def as_it_was(plain, arrays):
    """Return a state as the version before wrote it."""
    new = "optimizers", "trainable", "trainable weights"
    plain = {key: value for key, value in plain.items() if key not in new}
    plain["optimizer"] = "Adam"
    plain["generators"] = list(plain["generators"]["by path"].values())
    arrays = {key.replace("model.optimizer/", "optimizer/"): a for key, a in arrays.items()}
    return plain, arrays


def test_backups_of_the_version_before(tmp_path):
    def made():
        return sequential(layers.Dropout(0.3), layers.GaussianNoise(0.1), optimizer="adam")

    kind = made, rows
    whole = fitted(kind, 1)
    backup = BackupAndRestore(tmp_path / "backup")
    write = backup.backups.write
    backup.backups.write = lambda *state: write(*as_it_was(*state))
    with pytest.raises(StopError):
        fitted(kind, 1, backup, CutLast(5))
    assert fitted(kind, 2, BackupAndRestore(tmp_path / "backup")) == whole


def test_what_is_found_and_what_is_passed_over():
    """Where it is, in each process alike; once each, whatever holds itself."""
    model = sequential(layers.Dropout(0.3), Noise(Helper(random.Random(1))), loss=DrawingLoss())
    model.note, model.ours, model.text = json.JSONEncoder(), {("a", 1): SeedGenerator(0)}, "x"
    model.note.rng = random.Random(2)  # of Python's own, whose insides are nobody's business
    model.note.safe = random.SystemRandom()
    sources = set(map(id, sources_of(model)))
    paths = [path for path, thing in things(model, "model") if id(thing) in sources]
    assert paths == [
        "model.loss.help.source[0]['source']", "model.ours[#0]", "model[2].seed_generator",
        "model[3].draw.source[0]['source']",
    ]  # fmt: skip


def test_states_in_their_order():
    """As earlier versions kept them, of layers' own attributes alone."""
    model = sequential(layers.Dropout(0.3), Noise(Helper(SeedGenerator(5))), layers.Dropout(0.3))
    stand(model, [[1, 2], [3, 4]], "test")
    found = standing(model)["by path"].values()
    assert [state for state in found if state != [5, 0]] == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match=r"test: .*draws from others \(1 generators\)"):
        stand(model, [[1, 2]], "test")


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("model[2].rng", {"bit_generator": "None"}), ("model[2].call", [1, 2]),
        ("model[1].kernel_regularizer", [1, 2]), ("model[9].rng", [1, 2]), ("", [1, 2]),
        ("model[2].rngs[1", [1, 2]), ("x]", [1, 2]), ("model[2].rng", 3), ("model[2].rng", [1]),
    ],
)  # fmt: skip
def test_what_cannot_be_made(path, state):
    model = sequential(Noise(at_first_use))
    before = [sorted(vars(layer)) for layer in model.layers]
    with pytest.raises(DataError, match=r"draws from others.* Make generators where"):
        stand(model, {"by path": {path: state}}, "test")
    assert [sorted(vars(layer)) for layer in model.layers] == before


def test_of_another_optimizer_beside(tmp_path):
    def fit(*optimizers, cut=()):
        kind = lambda: Own(*optimizers, of=lambda m: [*one_each(m), []][: len(optimizers)]), rows
        fitted(kind, 1, BackupAndRestore(tmp_path / "backup"), *cut)

    with pytest.raises(StopError):
        fit("adam", Adam(), cut=[CutLast(5)])
    with pytest.raises(DataError, match=r"another optimizer. Expected Adam.*others\[0\].*SGD"):
        fit("adam", SGD())
    with pytest.warns(UserWarning, match=r"knows nothing of model.others\[1\]"):
        fit("adam", Adam(), SGD())


def test_a_step_without_an_optimizer():
    model = sequential(optimizer=None)
    with pytest.raises(ArgumentError, match="no optimizer"):
        model.fit(X, Y, verbose=0)
    assert model.evaluate(X, Y) > 0


class TestFiles:
    def saved(self, path, *middle, **compiled):
        model = sequential(*middle, **compiled)
        model.fit(X, Y, verbose=0)
        model.save(path)
        return model

    def test_a_generator_made_at_first_use(self, tmp_path):
        class Lazy(Noise):
            def __init__(self, **options):
                super().__init__(at_first_use)

            def get_config(self):
                return {}

        model = self.saved(tmp_path / "m.keras", Lazy())
        again = melpy.models.load_model(tmp_path / "m.keras", custom_objects={"Lazy": Lazy})
        assert again.layers[1].rng.bit_generator.state == model.layers[1].rng.bit_generator.state

    def test_not_compiled(self, tmp_path):
        self.saved(tmp_path / "m.keras", layers.Dropout(0.3), loss=DrawingLoss())
        again = melpy.models.load_model(tmp_path / "m.keras", compile=False)
        assert again.layers[1].seed_generator.state.value[1] == 1

    def test_of_the_version_before(self, tmp_path):
        self.saved(tmp_path / "m.keras", layers.Dropout(0.3))
        with zipfile.ZipFile(tmp_path / "m.keras") as file:
            parts = {name: file.read(name) for name in file.namelist()}
        parts["seeds.json"] = b"[[7, 5]]"
        with zipfile.ZipFile(tmp_path / "old.keras", "w") as file:
            for name, content in parts.items():
                file.writestr(name, content)
        again = melpy.models.load_model(tmp_path / "old.keras")
        assert again.layers[1].seed_generator.state.value.tolist() == [7, 5]


def test_layers_of_a_sequential_that_is_not_called_yet_have_the_numbers_they_will_have():
    """Files of earlier versions number them from 0; an input that is still to come is 0 now."""
    net = melpy.Sequential([layers.Dropout(0.5), layers.Dropout(0.5)])
    early = standing(net)
    paths = [*early["by path"]]
    net(np.ones((1, 2), np.float32))
    assert [*standing(net)["by path"]] == paths
    other = melpy.Sequential([layers.Dropout(0.5), layers.Dropout(0.5)])
    zero_based = {path.replace("[1]", "[0]").replace("[2]", "[1]"): state
                  for path, state in early["by path"].items()}  # fmt: skip
    stand(other, {"by path": zero_based}, "test")
    assert standing(other) == early
