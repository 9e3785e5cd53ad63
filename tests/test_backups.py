"""BackupAndRestore: a training that was stopped goes on to the same bits, by default arguments."""

import os
import random
import warnings

import numpy as np
import pytest
from cutting import CutBefore, StopError

import melpy
from melpy import layers
from melpy.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from melpy.data import Loader
from melpy.errors import DataError, FileError
from melpy.random import SeedGenerator
from melpy.saving import files
from melpy.utils import PyDataset

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(20, 4)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")
STEPS = RNG.normal(size=(20, 4, 3)).astype("float32"), ROWS[1]
IMAGES = RNG.normal(size=(20, 4, 4, 1)).astype("float32"), ROWS[1]


def rows_model():
    inputs = melpy.Input((4,))
    x = layers.Dropout(0.3)(layers.Dense(8, "relu")(inputs))
    return melpy.Model(inputs, layers.Dense(1)(layers.GaussianNoise(0.1)(x)))


def sequences_model():
    return melpy.Sequential([
        melpy.Input((4, 3)), layers.LSTM(3, dropout=0.3, return_sequences=True),
        layers.GRU(3, dropout=0.2, return_sequences=True),
        layers.Bidirectional(layers.RNN(layers.LSTMCell(2, dropout=0.2))), layers.Dense(1),
    ])  # fmt: skip


def attending_model():
    x = melpy.Input((4, 3))
    y = layers.MultiHeadAttention(1, 2, dropout=0.3)(x, x)
    y = layers.TimeDistributed(layers.Dropout(0.2))(
        layers.MultiHeadAttention(1, 2, dropout=0.3)(y, y)
    )
    y = layers.TimeDistributed(layers.Dropout(0.2))(y)
    return melpy.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y)))


def augmenting_model():
    def part():
        return melpy.Sequential([
            melpy.Input((4, 4, 1)), layers.RandomFlip(name="flip"),
            layers.RandomTranslation(0.2, 0.2),
            layers.Conv2D(2, 3, padding="same"), layers.SpatialDropout2D(0.2, name="drop"),
        ])  # fmt: skip

    x = melpy.Input((4, 4, 1))
    both = layers.Add()([part()(x), part()(x)])
    return melpy.Model(x, layers.Dense(1)(layers.Flatten()(both)))


class OwnModel(melpy.Model):
    """Subclassed, without an Input, with generators of its own."""

    def __init__(self):
        super().__init__()
        self.dense, self.out = layers.Dense(4, "relu"), layers.Dense(1)
        self.seeds, self.numpys = SeedGenerator(), [{"mine": melpy.random.generator()}]

    def call(self, x, training=False):
        x = self.dense(x)
        if training:
            x = melpy.random.dropout(x, 0.3, seed=self.seeds) * float(
                self.numpys[0]["mine"].normal()
            )
        return self.out(x)


class Batches(PyDataset):
    """Batches by number, of rows whose order it draws itself at each epoch's end."""

    def __init__(self):
        super().__init__()
        self.rng, self.order = melpy.random.generator(), np.arange(20)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = self.order[4 * index : 4 * index + 4]
        return ROWS[0][rows] + self.rng.normal(size=(4, 4)), ROWS[1][rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(20)

    def state_dict(self):
        return {"order": self.order.tolist()}

    def load_state_dict(self, state):
        self.order = np.array(state["order"])


class Shuffled(PyDataset):
    """Batches as scripts for Keras make them: NumPy's and Python's own generators draw."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(20)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = self.order[4 * index : 4 * index + 4]
        return ROWS[0][rows] + np.random.rand(4, 4) + random.random(), ROWS[1][rows]  # noqa: NPY002

    def on_epoch_end(self):
        np.random.shuffle(self.order)  # noqa: NPY002


def noisy(x, y):
    """Draw from what all share: a thread ahead would be at work still when a run was cut."""
    return x + np.random.rand(*x.shape) * random.random(), y  # noqa: NPY002


def endless_noise():
    while True:
        rows = np.random.permutation(20)[:4]  # noqa: NPY002
        yield noisy(ROWS[0][rows], ROWS[1][rows])


def endless():
    rng = np.random.default_rng(5)
    while True:
        rows = rng.permutation(20)[:4]
        yield ROWS[0][rows], ROWS[1][rows]


def mapped():
    noise, scale = layers.GaussianNoise(0.5), np.float32(2)
    pairs = Loader(*ROWS, batch_size=None).shuffle(8)
    return pairs.batch(4).map(lambda x, y: (scale * noise(x, training=True), y)).prefetch(2)


def arrays(x, y):
    return lambda: {"x": x, "y": y, "batch_size": 4}


KINDS = {
    "rows": (rows_model, arrays(*ROWS)),
    "sequences": (sequences_model, arrays(*STEPS)),
    "attention": (attending_model, arrays(*STEPS)),
    "augmentation": (augmenting_model, arrays(*IMAGES)),
    "a model of one's own": (OwnModel, arrays(*ROWS)),
    "shuffled within batches": (rows_model, lambda: arrays(*ROWS)() | {"shuffle": "batch"}),
    "epochs of half the data": (
        rows_model,
        lambda: arrays(*ROWS)() | {"batch_size": 2, "steps_per_epoch": 5},
    ),
    "several steps at once": (rows_model, arrays(*ROWS)),
    "PyDataset": (rows_model, lambda: {"x": Batches()}),
    "Loader": (rows_model, lambda: {"x": Loader(*ROWS, batch_size=4, workers=2)}),
    "datasets": (rows_model, lambda: {"x": mapped()}),
    "PyDataset of NumPy's draws": (rows_model, lambda: {"x": Shuffled()}),
    "datasets of NumPy's draws": (
        rows_model,
        lambda: {"x": Loader(*ROWS, batch_size=4).map(noisy)},
    ),
    "generator of NumPy's draws": (OwnModel, lambda: {"x": endless_noise(), "steps_per_epoch": 5}),
    "generator": (OwnModel, lambda: {"x": endless(), "steps_per_epoch": 5}),
}


def trained(kind, seed, *callbacks, epochs=3, optimizer="adam"):
    """Return the model and the history of a training whose seed tells all that it draws."""
    melpy.utils.set_random_seed(seed)
    make, data = KINDS[kind]
    model = make()
    together = 2 if kind == "several steps at once" else 1
    model.compile(optimizer, "mse", metrics=["mae"], steps_per_execution=together)
    history = model.fit(
        **data(),
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
        validation_data=KINDS_OF[kind],
    )
    return model, history


KINDS_OF = {
    kind: {"sequences": STEPS, "attention": STEPS, "augmentation": IMAGES}.get(kind, ROWS)
    for kind in KINDS
}


def assert_same(one, other):
    model, history = one
    again, kept = other
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert history.epoch == kept.epoch
    assert history.history == kept.history
    for mine, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.value, theirs.value)


class TestAStoppedTrainingGoesOn:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(("save_freq", "step"), [("epoch", 7), (2, 3), (1, 5), (3, 8)])
    def test_to_the_same_bits_without_a_seed(self, tmp_path, kind, save_freq, step):
        """The second process draws otherwise until it finds the backup."""
        whole = trained(kind, 1)
        backup = tmp_path / "backup"
        with pytest.raises(StopError):
            trained(kind, 1, CutBefore(step), BackupAndRestore(backup, save_freq))
        # A generator that has drawn before fit began cannot be put back: it begins as it did.
        seed = 1 if kind == "generator of NumPy's draws" else 2
        assert_same(whole, trained(kind, seed, BackupAndRestore(backup, save_freq)))
        assert not backup.exists()

    def test_cut_many_times(self, tmp_path):
        whole = trained("rows", 1)
        for seed in range(1, 15):
            backup = BackupAndRestore(tmp_path / "backup", save_freq=1)
            try:
                found = trained("rows", seed, CutBefore(2), backup)
            except StopError:
                continue
            break
        assert seed > 5
        assert_same(whole, found)

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
    def test_whatever_stopped_it(self, tmp_path, error):
        class Fail(Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise error

        whole = trained("rows", 1)
        with pytest.raises(error):
            trained("rows", 1, Fail(), BackupAndRestore(tmp_path / "backup"))
        assert_same(whole, trained("rows", 2, BackupAndRestore(tmp_path / "backup")))

    def test_where_stop_training_left_an_epoch(self, tmp_path):
        class StopAt(Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = self.model.optimizer.iterations.item() == 8

        whole = trained("rows", 1)
        trained("rows", 1, StopAt(), BackupAndRestore(tmp_path / "backup"))
        assert_same(whole, trained("rows", 2, BackupAndRestore(tmp_path / "backup")))

    def test_with_what_callbacks_remember(self, tmp_path):
        class Count(Callback):
            remembers = ("batches",)

            def on_train_begin(self, logs=None):
                self.batches = 0

            def on_batch_end(self, batch, logs=None):
                self.batches += 1

        def callbacks(folder):
            return [
                CSVLogger(folder / "log.csv"), Count(),
                ReduceLROnPlateau("loss", patience=1, min_delta=10.0, cooldown=1),
                ModelCheckpoint(folder / "{epoch}.npz", "mae", save_weights_only=True, save_freq=3,
                                max_to_keep=2),
                ModelCheckpoint(folder / "best.keras", save_best_only=True),
                EarlyStopping("loss", min_delta=10.0, patience=5, restore_best_weights=True),
            ]  # fmt: skip

        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        first = callbacks(tmp_path / "a")
        whole = trained("rows", 1, *first, epochs=8)
        backup = tmp_path / "backup"
        with pytest.raises(StopError):
            trained("rows", 1, BackupAndRestore(backup, 4), *callbacks(tmp_path / "b"),
                    CutBefore(17), epochs=8)  # fmt: skip
        second = callbacks(tmp_path / "b")
        assert_same(whole, trained("rows", 2, BackupAndRestore(backup, 4), *second, epochs=8))
        for one, other in zip(first, second, strict=True):
            mine, theirs = one.get_state(), other.get_state()
            for key in ("best_weights", "written", "best_path"):
                mine.pop(key, None), theirs.pop(key, None)
            assert mine == theirs
        assert whole[1].epoch[-1] == 5  # stopped early, by what it counted before
        names = sorted(path.name for path in (tmp_path / "a").iterdir())
        assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
        assert (tmp_path / "a/log.csv").read_text() == (tmp_path / "b/log.csv").read_text()

    def test_that_carries_states(self, tmp_path):
        def fitted(seed, *callbacks):
            melpy.utils.set_random_seed(seed)
            model = melpy.Sequential(
                [melpy.Input((4, 3), batch_size=4), layers.LSTM(3, stateful=True), layers.Dense(1)]
            )
            model.compile("sgd", "mse")
            return model, model.fit(*STEPS, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)

        whole = fitted(1)
        with pytest.raises(StopError):
            fitted(1, CutBefore(7), BackupAndRestore(tmp_path / "backup", 1))
        assert_same(whole, fitted(2, BackupAndRestore(tmp_path / "backup", 1)))

    def test_that_had_come_to_its_end(self, tmp_path):
        def epochs():
            calls = [
                EarlyStopping("loss", patience=1, min_delta=5.0),
                BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
            ]
            return trained("rows", 1, *calls, epochs=9)[1].epoch

        assert epochs() == epochs() == epochs() == [0, 1]

    def test_whose_epoch_began_once(self, tmp_path):
        """What beginning an epoch does is not done twice to the one that goes on."""

        class Drawing(Batches):
            def on_epoch_begin(self):
                self.order = self.rng.permutation(20)

        KINDS["drawing"] = rows_model, lambda: {"x": Drawing()}
        KINDS_OF["drawing"] = ROWS
        calls = [LearningRateScheduler(lambda epoch, rate: rate * 0.5)]
        whole = trained("drawing", 1, *calls)
        assert whole[1].history["learning_rate"] == pytest.approx([5e-4, 2.5e-4, 1.25e-4])
        backup = tmp_path / "backup"
        with pytest.raises(StopError):
            trained("drawing", 1, *calls, CutBefore(8), BackupAndRestore(backup, 1))
        assert_same(whole, trained("drawing", 2, *calls, BackupAndRestore(backup, 1)))
        del KINDS["drawing"], KINDS_OF["drawing"]

    @pytest.mark.parametrize("kind", ["generator", "datasets"])
    @pytest.mark.parametrize("save_freq", ["epoch", 1])
    def test_and_so_does_what_it_is_measured_on(self, tmp_path, kind, save_freq):
        def fitted(seed, *callbacks):
            melpy.utils.set_random_seed(seed)
            model = rows_model()
            model.compile("sgd", "mse")
            valid = endless() if kind == "generator" else Loader(*ROWS, batch_size=4).shuffle(3)
            return model, model.fit(
                *ROWS, batch_size=4, epochs=4, verbose=0, callbacks=list(callbacks),
                validation_data=valid, validation_steps=2,
            )  # fmt: skip

        whole = fitted(1)
        with pytest.raises(StopError):
            fitted(1, CutBefore(13), BackupAndRestore(tmp_path / "backup", save_freq))
        assert_same(whole, fitted(2, BackupAndRestore(tmp_path / "backup", save_freq)))

    def test_with_values_of_every_kind(self, tmp_path):
        class Notes(Callback):
            remembers = ("kept",)

            def on_train_begin(self, logs=None):
                self.kept = {
                    0: (1, 2.5), "a": {3, 4}, (1, 2): [None, True], "b": b"xy", "c": np.arange(3),
                    "inf": -np.inf,
                }  # fmt: skip

        backup = BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        trained("rows", 1, Notes(), backup)
        again = Notes()
        trained("rows", 1, again, backup)
        array = again.kept.pop("c")
        np.testing.assert_array_equal(array, np.arange(3))
        assert again.kept == {
            0: (1, 2.5), "a": {3, 4}, (1, 2): [None, True], "b": b"xy", "inf": -np.inf,
        }  # fmt: skip

        class Wrong(Callback):
            remembers = ("kept",)
            kept = object()

        with pytest.raises(DataError, match=r"callbacks/Wrong 0.* cannot keep"):
            trained("rows", 1, Wrong(), BackupAndRestore(tmp_path / "other"))

    def test_that_diverged(self, tmp_path):
        """It stops amidst an epoch, and its weights can be looked at."""
        backup = BackupAndRestore(tmp_path / "backup")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trained("rows", 1, TerminateOnNaN(), backup, optimizer=melpy.optimizers.SGD(1e30))
            model = rows_model()
            model.compile(melpy.optimizers.SGD(0.0), "mse")
            backup.set_model(model)
            backup.on_train_begin()
        assert not all(np.isfinite(w).all() for w in model.get_weights())

    def test_and_a_second_fit_begins_anew(self, tmp_path):
        backup = BackupAndRestore(tmp_path / "backup")
        model, _ = trained("rows", 1, backup)
        assert model.fit(*ROWS, verbose=0, callbacks=[backup]).epoch == [0]


class TestDamage:
    def cut(self, folder, save_freq=2):
        with pytest.raises(StopError):
            trained("rows", 1, CutBefore(9), BackupAndRestore(folder, save_freq))
        return sorted(folder.iterdir())

    @pytest.mark.parametrize(
        "damage",
        [
            lambda path: path.write_bytes(path.read_bytes()[:-100]),
            lambda path: path.write_bytes(b""),
            lambda path: path.write_bytes(path.read_bytes()[:500] + b"x" + path.read_bytes()[501:]),
            lambda path: path.unlink(),
        ],
    )
    def test_the_one_before_counts(self, tmp_path, damage):
        whole = trained("rows", 1)
        before, newest = self.cut(tmp_path / "backup")
        damage(newest)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = trained("rows", 2, BackupAndRestore(tmp_path / "backup", 2))
        told = [str(w.message) for w in told]
        if newest.name in "".join(told):
            assert len(told) == 1
            assert f"goes on from {before.name}" in told[0]
        assert_same(whole, found)

    def test_none_is_whole(self, tmp_path):
        for path in self.cut(tmp_path / "backup"):
            path.write_bytes(b"PK")
        with pytest.raises(DataError, match=r"no backup is whole.*Delete the folder"):
            trained("rows", 1, BackupAndRestore(tmp_path / "backup"))

    def test_of_another_model_or_of_other_data(self, tmp_path):
        self.cut(tmp_path / "backup")
        with pytest.raises(DataError, match="another model: the shapes of the weights"):
            trained("sequences", 1, BackupAndRestore(tmp_path / "backup"))
        model = rows_model()
        model.compile("adam", "mse", metrics=["mae"])
        with pytest.raises(DataError, match="after 3 batches, of other data"):
            model.fit(
                *ROWS, batch_size=2, epochs=3, callbacks=[BackupAndRestore(tmp_path / "backup")]
            )

    def test_of_another_optimizer(self, tmp_path):
        """The model is as it was, and is told which optimizer it would need."""
        self.cut(tmp_path / "backup")
        for other in ("rmsprop", melpy.optimizers.SGD(0.01)):
            model = rows_model()
            model.compile(other, "mse")
            before = model.get_weights()
            with pytest.raises(DataError, match=r"another optimizer\. Expected Adam"):
                model.fit(*ROWS, callbacks=[BackupAndRestore(tmp_path / "backup")])
            for mine, theirs in zip(model.get_weights(), before, strict=True):
                np.testing.assert_array_equal(mine, theirs)

    def test_beyond_its_epoch(self, tmp_path):
        self.cut(tmp_path / "backup")
        model = rows_model()
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(
            *ROWS, batch_size=4, epochs=4, initial_epoch=3, verbose=0,
            callbacks=[BackupAndRestore(tmp_path / "backup", 2)],
        )  # fmt: skip
        assert history.epoch == [0, 3]
        assert model.optimizer.iterations.item() == 8 + 5

    def test_folders_of_numbers_are_the_users(self, tmp_path):
        (tmp_path / "backup/2").mkdir(parents=True)
        (tmp_path / "backup/2/weights.npz").write_text("mine")
        (tmp_path / "backup/2024").mkdir()
        (tmp_path / "backup/2024/notes.txt").write_text("mine")
        trained("rows", 1, BackupAndRestore(tmp_path / "backup"))
        assert len(list((tmp_path / "backup").rglob("*.*"))) == 2

    @pytest.mark.parametrize("state", [
        {}, {"epoch": 1e400, "batch": 0}, {"epoch": 1, "batch": 0, "generators": 7},
        {"epoch": 1, "batch": 0, "generators": [[1, 2], ["a"]]},
        {"epoch": 1, "batch": 0, "generators": [[1, 2]]},
        {"epoch": 1, "batch": 0, "generators": [[1, 2], [3, 4]], "source": {"order": 3}},
        {"epoch": 1, "batch": 0, "generators": [[1, 2], [3, 4]], "process": {"stream": []}},
    ])  # fmt: skip
    def test_what_cannot_be(self, tmp_path, state):
        backup = BackupAndRestore(tmp_path / "backup")
        model, _ = trained("rows", 1)
        backup.set_model(model)
        _, arrays = backup._standing.state()
        backup.backups.write(state, arrays)
        with pytest.raises(DataError, match="BackupAndRestore: "):
            trained("rows", 1, backup)
        backup.backups.write(state | {"batch": 2}, arrays)
        with pytest.raises(DataError, match="BackupAndRestore: "):
            trained("rows", 1, backup)

    def test_two_are_kept_and_strangers_left_alone(self, tmp_path):
        (tmp_path / "backup").mkdir()
        mine = tmp_path / "backup" / "notes.txt"
        mine.write_text("mine")
        names = [path.name for path in self.cut(tmp_path / "backup")]
        assert [name[:7] for name in names] == ["000002-", "000003-", "notes.t"]
        trained("rows", 2, BackupAndRestore(tmp_path / "backup"))
        assert list((tmp_path / "backup").iterdir()) == [mine]

    @pytest.mark.parametrize("failing", ["open", "fsync", "replace", "utime"])
    def test_a_disk_that_fails(self, tmp_path, failing):
        """The training ends with one sentence, and goes on from the backup before."""
        whole = trained("rows", 1)
        self.cut(tmp_path / "backup")
        names = sorted(path.name for path in (tmp_path / "backup").iterdir())

        def fail(*args, **kwargs):
            raise OSError(28, "No space left on device")

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(files.os, failing, fail)
            with pytest.raises(FileError, match=r"BackupAndRestore: .*No space left on device"):
                trained("rows", 1, BackupAndRestore(tmp_path / "backup", 2))
        assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == names
        assert_same(whole, trained("rows", 2, BackupAndRestore(tmp_path / "backup", 2)))

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_read_only(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(FileError, match=r"BackupAndRestore.*cannot be written"):
            trained("rows", 1, BackupAndRestore(tmp_path / "backup"))
