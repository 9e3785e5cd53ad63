"""What a backup keeps comes back as it was, and what it cannot keep is refused before it lies."""

import json
import os
import re
import warnings
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest
from cutting import CutAfter, StopError

import melpy
from melpy import layers
from melpy.callbacks import BackupAndRestore, Callback, TerminateOnNaN
from melpy.callbacks.plain import from_plain
from melpy.errors import ArgumentError, DataError

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Remembers(Callback):
    remembers = ("kept",)

    def __init__(self, kept):
        self.kept = kept


def fit(*callbacks, optimizer="sgd", epochs=3):
    melpy.utils.set_random_seed(0)
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    history = model.fit(X, Y, 8, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model, history


def stopped(folder, *callbacks, at=3):
    """Leave a folder with the backup of the first epoch."""
    with pytest.raises(StopError):
        fit(*callbacks, CutAfter(at), BackupAndRestore(folder))


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list | tuple | deque):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert_same(mine, theirs)
    elif isinstance(one, np.ndarray | np.generic):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    elif isinstance(one, melpy.Tensor):
        assert_same(one.numpy(), other.numpy())
    else:
        assert one == other


class TestWhatIsRemembered:
    def test_comes_back(self, tmp_path):
        """By type and bits, whatever the resumed script begins with."""
        kept = [
            *(None, True, 3, 0.1, 2j, "é", b"\0a", (1, (2.5,)), {1, 2}, frozenset([3])),
            {1: "a", (2, 3): {"b": [np.ones(2), np.float32(0.1)]}},
            *(Counter("aab"), OrderedDict(b=1, a=2), deque([1, 2], maxlen=3)),
            *(np.float32(0.1), np.int8(3), np.bool_(True), np.complex64(1j), np.str_("ab")),
            *(np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.str_("")),
            *(np.array(["cat", "é"]), np.array([b"a"]), np.array([1j]), np.zeros((0, 2), "M8[s]")),
            *(np.arange(3, dtype=">i2"), np.array(2.0), np.array([], "U1"), melpy.Tensor([1.0])),
        ]  # fmt: skip
        stopped(tmp_path / "b", Remembers(kept))
        again = Remembers(None)
        fit(again, BackupAndRestore(tmp_path / "b"))
        assert_same(kept, again.kept)

    def test_numbers_of_the_logs_come_back(self, tmp_path):
        _, whole = fit()
        stopped(tmp_path / "b")
        _, resumed = fit(BackupAndRestore(tmp_path / "b"))
        assert_same(whole.history, resumed.history)

    @pytest.mark.parametrize(
        ("kept", "named"),
        [
            (defaultdict(lambda: 1), "defaultdict"),
            (namedtuple("Point", "x")(1), "Point"),
            (np.array([None, 1], dtype=object), "array of object"),
            (np.zeros(2, "i4,f4"), "array of"),
            (np.ma.array([1, 2], mask=[0, 1]), "MaskedArray"),
            (layers.Dense(1), "Dense"),
        ],
    )
    def test_nothing_else_is_written(self, tmp_path, kept, named):
        with pytest.raises(DataError, match=f"a backup cannot keep.*{named}.*set_state"):
            fit(Remembers([kept]), BackupAndRestore(tmp_path / "b"))
        assert not list((tmp_path / "b").iterdir())

    def test_of_earlier_backups(self):
        """As they lie in files that are there."""
        text = """{"dict": [["a", {"tuple": [1, {"bytes": "6162"}]}], [{"tuple": [1, 2]}, null],
            ["s", {"set": [1]}], ["x", [{"array": "source/0"}, 0.5]]]}"""
        found = from_plain(json.loads(text), {"source/0": X})
        assert_same(found, {"a": (1, b"ab"), (1, 2): None, "s": {1}, "x": [X, 0.5]})


class TestTheFolder:
    def test_is_one_trainings(self, tmp_path):
        """Another one is refused, and what lies there stays; the next fit goes on."""
        folder = tmp_path / "b"

        class Other(Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    with pytest.raises(ArgumentError, match="another training is at work in"):
                        fit(BackupAndRestore(folder))

        stopped(folder, Other(), at=5)
        assert len(list(folder.iterdir())) == 2
        _, history = fit(BackupAndRestore(folder))
        assert history.epoch == [0, 1, 2]
        assert not folder.exists()

    @pytest.mark.skipif(os.name != "posix", reason="a pipe with a name")
    def test_may_hold_what_is_no_file(self, tmp_path):
        """Nothing waits for a pipe that has a backup's name."""
        os.mkfifo(tmp_path / "000009-0123456789abcdef.npz")
        stopped(tmp_path)
        assert fit(BackupAndRestore(tmp_path))[1].epoch == [0, 1, 2]


def test_a_diverged_backup_says_so(tmp_path):
    """The rate of the script, which was made smaller, is not the one that it goes on with."""
    told = []
    for rate in (1e30, 1e-3):
        with warnings.catch_warnings(record=True) as of_this:
            warnings.simplefilter("always")
            watching = TerminateOnNaN(), BackupAndRestore(tmp_path / "b")
            fit(*watching, optimizer=melpy.optimizers.SGD(rate))
        told.append([str(one.message) for one in of_this if "BackupAndRestore" in str(one.message)])
    assert [len(of_this) for of_this in told] == [0, 1]
    assert re.search(r"not finite \(.*dense/kernel is .* learning rate .* Delete", told[1][0])
