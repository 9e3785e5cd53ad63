"""Callbacks: when they stop, what they write, what a terminal and a file get to see."""

import io
import re
import warnings

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.callbacks import (
    BackupAndRestore,
    Callback,
    EarlyStopping,
    History,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from melpy.errors import ArgumentError, UnknownNameError

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X @ np.array([[1.0], [2.0], [-1.0]])).astype("float32")


def small_model(learning_rate=0.01):
    melpy.random.set_seed(3)
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile(melpy.optimizers.SGD(learning_rate), loss="mse", metrics=["mae"])
    return model


class Played:
    """What a callback needs of a model: its weights are the number of the epoch."""

    stop_training = False

    def __init__(self):
        self.epoch = -1

    def get_weights(self):
        return [np.array(self.epoch)]

    def set_weights(self, values):
        self.epoch = int(values[0])


def play(callback, values):
    """Go through epochs with these values; return (epochs made, epoch whose weights stay)."""
    model = Played()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {callback.monitor: value})
        if model.stop_training:
            break
    made = epoch + 1
    callback.on_train_end()
    return made, model.epoch


class TestEarlyStopping:
    @pytest.mark.parametrize(
        ("options", "values", "made"),
        [
            ({}, [3, 2, 1, 1, 0], 4),  # patience 0: the first epoch that is not better
            ({}, [1, 1, 0], 2),
            ({"patience": 2}, [3, 4, 2, 3, 3, 0], 5),
            ({"patience": 2}, [3, 4, 2, 3, 1, 0], 6),  # never twice in a row
            ({"min_delta": 0.5}, [3, 2.4, 2.0, 1], 3),  # 0.4 better is not better
            ({"min_delta": 0.5}, [3, 2.5, 1, 0], 2),  # nor is 0.5, exactly
            ({"min_delta": -0.5}, [3, 2.4, 2.0, 1], 3),  # its sign does not matter
            ({"mode": "max"}, [1, 2, 3, 2, 5], 4),
            ({"mode": "max", "min_delta": 0.5}, [1, 2, 2.4, 5], 3),
            ({"patience": 2}, [4, 3, 3, 2], 4),
            ({"patience": 2, "baseline": 2}, [4, 3, 3, 2], 3),  # better, but not than the baseline
            ({"patience": 3, "baseline": 2}, [4, 3, 1, 1, 1, 0, 1, 1, 1, 0], 9),
            ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 5),
            ({}, [float("nan"), 3, 2, 4, 1], 4),  # NaN is never the best
            ({"patience": 2}, [3, float("nan"), 2, 3, 3], 5),
        ],
    )
    def test_when_it_stops(self, options, values, made):
        assert play(EarlyStopping(**options), values)[0] == made

    @pytest.mark.parametrize(
        ("options", "values", "kept"),
        [
            ({"patience": 2}, [3, 1, 2, 2, 0], 1),
            ({"patience": 9}, [3, 1, 2], 1),  # also where nothing stopped the training
            ({"patience": 2, "mode": "max"}, [3, 5, 2, 4], 1),
            ({"patience": 2, "baseline": 0}, [3, 2, 2, 1], 1),  # the best, baseline or not
            ({"patience": 1, "start_from_epoch": 2}, [0, 0, 3, 2, 4], 3),
            ({"start_from_epoch": 9}, [1, 2], 1),  # nothing was watched: the last stay
        ],
    )
    def test_restores_the_best_weights(self, options, values, kept):
        assert play(EarlyStopping(restore_best_weights=True, **options), values)[1] == kept

    def test_keeps_the_last_weights_unless_told(self):
        assert play(EarlyStopping(patience=2), [3, 1, 2, 2]) == (4, 3)

    @pytest.mark.parametrize(
        ("monitor", "upward"),
        [
            ("loss", False),
            ("val_loss", False),
            ("val_mean_squared_error", False),
            ("mae", False),
            ("accuracy", True),
            ("val_acc", True),
            ("val_top_k_categorical_accuracy", True),
            ("val_precision", True),
            ("recall", True),
            ("auc_1", True),
            ("f1_score", True),
            ("val_r2_score", True),
        ],
    )
    def test_auto_knows_what_is_better(self, monitor, upward):
        made, _ = play(EarlyStopping(monitor), [1, 2, 3, 2, 1])
        assert made == (4 if upward else 2)

    def test_auto_does_not_guess(self):
        with pytest.raises(ArgumentError, match=r"'colour'.*mode='auto'"):
            play(EarlyStopping("colour"), [1, 2])
        assert play(EarlyStopping("colour", mode="max"), [1, 2, 1])[0] == 3
        with pytest.raises(UnknownNameError, match="Did you mean 'max'"):
            EarlyStopping(mode="maxi")

    def test_auto_asks_the_compiled_metrics(self):
        class Depth(melpy.metrics.Mean):
            direction = "up"

            def update_state(self, y_true, y_pred, sample_weight=None):
                super().update_state(y_pred)

        inputs = melpy.Input((3,))
        model = melpy.Model(inputs, [layers.Dense(1, name="a")(inputs), layers.Dense(1)(inputs)])
        # Another name than a loss has, and another than its own in the logs.
        model.compile("sgd", "mse", metrics=[[Depth("loss_depth")], ["mae"]])
        watch = EarlyStopping("val_a_loss_depth", patience=1)
        model.fit(X, [Y, Y], validation_data=(X, [Y, Y]), verbose=0, callbacks=[watch])
        assert watch.is_better(1.0, 0.5)
        correlation = melpy.metrics.PearsonCorrelation(axis=(0, 1))
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[correlation])
        for callback in (EarlyStopping, ReduceLROnPlateau):
            watch = callback("val_pearson_correlation", patience=5)
            model.fit(X, Y, validation_data=(X, Y), epochs=2, verbose=0, callbacks=[watch])
            assert watch.is_better(0.9, 0.1)
            assert watch.best is not None

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda: EarlyStopping(patience=-1), "patience"),
            (lambda: EarlyStopping(patience=1.5), "patience"),
            (lambda: EarlyStopping(start_from_epoch=-1), "start_from_epoch"),
            (lambda: EarlyStopping(min_delta=np.nan), "min_delta"),
            (lambda: ReduceLROnPlateau(patience=-1), "patience"),
            (lambda: ReduceLROnPlateau(cooldown=-1), "cooldown"),
            (lambda: ReduceLROnPlateau(factor=1.0), "factor"),
            (lambda: ReduceLROnPlateau(factor=-0.5), "factor"),
            (lambda: ReduceLROnPlateau(min_lr=-1.0), "min_lr"),
            (lambda: ModelCheckpoint("a.keras", save_freq=0), "save_freq"),
            (lambda: ModelCheckpoint("a.keras", save_freq="batch"), "save_freq"),
            (lambda: BackupAndRestore("a", save_freq=True), "save_freq"),
            (lambda: BackupAndRestore(""), "backup_dir"),
        ],
    )
    def test_arguments_out_of_range(self, make, name):
        with pytest.raises(ArgumentError, match=f"{name} is"):
            make()

    def test_a_value_that_is_not_there_is_a_warning_and_training_goes_on(self):
        with pytest.warns(UserWarning, match="no 'val_loss'.*one of loss, mae.*validation_data"):
            history = small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[EarlyStopping()])
        assert len(history.epoch) == 2
        with pytest.warns(UserWarning, match="Did you mean 'loss'"):
            small_model().fit(X, Y, verbose=0, callbacks=[EarlyStopping("losss")])

    def test_in_fit(self, capsys):
        class Keep(Callback):
            weights = ()

            def on_epoch_end(self, epoch, logs=None):
                self.weights = (*self.weights, self.model.get_weights())

        keep = Keep()
        watch = EarlyStopping("loss", patience=3, verbose=1, restore_best_weights=True)
        model = small_model(learning_rate=2.5)  # far too large: the loss grows
        for _ in range(2):  # it can be used again
            keep.weights = ()
            history = model.fit(X, Y, epochs=50, verbose=0, batch_size=40, callbacks=[keep, watch])
            assert len(history.epoch) == 4
            assert watch.stopped_epoch == 3
            for mine, best in zip(model.get_weights(), keep.weights[0], strict=True):
                np.testing.assert_array_equal(mine, best)
        out = capsys.readouterr().out
        assert out.count("Epoch 4: early stopping") == 2
        assert out.count("best epoch, 1.") == 2

    @pytest.mark.parity
    def test_stops_where_keras_stops(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keras = pytest.importorskip("keras")
        rng = np.random.default_rng(1)
        for _ in range(200):
            options = {
                "monitor": "loss",
                "mode": str(rng.choice(["min", "max"])),
                "patience": int(rng.integers(4)),
                "min_delta": float(rng.choice([0, 0.25])),
                "baseline": [None, 0.5][rng.integers(2)],
                "restore_best_weights": bool(rng.integers(2)),
                "start_from_epoch": int(rng.integers(4)),
            }
            values = (rng.integers(8, size=12) / 8).tolist()  # exact in float32, which is theirs
            theirs = play(keras.callbacks.EarlyStopping(**options), values)
            assert play(EarlyStopping(**options), values) == theirs, (options, values)


class TestTerminateOnNaN:
    @pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
    def test_stops_a_training_that_diverges(self, capsys):
        model = small_model(learning_rate=1e12)
        with pytest.warns(UserWarning, match="the loss is not finite in epoch 1, batch 3"):
            history = model.fit(
                X, Y, epochs=9, verbose=0, batch_size=4, callbacks=[TerminateOnNaN()]
            )
        assert len(history.epoch) == 1
        assert not np.isfinite(history.history["loss"][0])
        assert capsys.readouterr().out.startswith("Batch ")

    def test_leaves_a_good_training_alone(self, capsys):
        history = small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[TerminateOnNaN()])
        assert len(history.epoch) == 2
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
    def test_each_kind_of_not_finite(self, loss, capsys):
        watch = TerminateOnNaN()
        watch.set_model(Played())
        watch.on_train_batch_end(6, {"loss": 1.0})
        assert not watch.model.stop_training
        watch.on_train_batch_end(7, {"loss": loss})
        assert watch.model.stop_training
        assert "Batch 7" in capsys.readouterr().out


def test_history():
    mine = History()
    model = small_model()
    history = model.fit(X, Y, epochs=5, initial_epoch=2, verbose=0, callbacks=[mine])
    assert history.epoch == mine.epoch == [2, 3, 4]
    assert history.history == mine.history
    assert list(history.history) == ["loss", "mae"]
    losses = history.history["loss"]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"

    def write(self, text):
        text.encode("ascii")
        return super().write(text)


class TestProgbarLogger:
    def shown(self, stream, monkeypatch, verbose=1):
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr(ProgbarLogger, "INTERVAL_S", 0.0)
        small_model().fit(X, Y, epochs=2, batch_size=8, verbose=verbose)
        return stream.getvalue()

    @pytest.mark.parametrize("verbose", [1, "auto"])
    def test_a_bar_on_a_terminal(self, monkeypatch, verbose):
        lines = self.shown(Terminal(), monkeypatch, verbose).split("\n")
        assert [line for line in lines if "\r" not in line] == ["Epoch 1/2", "Epoch 2/2", ""]
        for bar in (lines[1], lines[3]):
            states = bar.split("\r")[1:]
            made = [int(state[0]) for state in states]  # some batches are made in a row
            assert made == sorted(made)
            assert made[-2:] == [5, 5]  # the last batch, and what stays
            assert all(state[1:3] == "/5" for state in states)
            assert all(" - loss: " in state and " - mae: " in state for state in states)

    def test_a_terminal_without_those_signs(self, monkeypatch):
        assert "=====" in self.shown(AsciiTerminal(), monkeypatch)

    @pytest.mark.parametrize(
        ("stream", "verbose"), [(io.StringIO, 1), (io.StringIO, "auto"), (Terminal, 2)]
    )
    def test_one_line_an_epoch_in_a_file_and_where_asked_for(self, monkeypatch, stream, verbose):
        lines = self.shown(stream(), monkeypatch, verbose).splitlines()
        assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
        for line in lines[1::2]:
            assert re.fullmatch(r"5/5 - \d+s - \d+.?s/step - loss: [\d.]+ - mae: [\d.]+", line)

    def test_evaluate_and_predict_show_theirs_where_asked_for(self, monkeypatch):
        stream = io.StringIO()
        monkeypatch.setattr("sys.stdout", stream)
        model = small_model()
        model.evaluate(X, Y)
        model.predict(X)
        assert stream.getvalue() == ""
        model.evaluate(X, Y, verbose=2)
        model.predict(X, verbose=1)
        first, second = stream.getvalue().splitlines()
        assert first.startswith("2/2 - ")
        assert first.count(" - ") == 4
        assert second.startswith("2/2 - ")

    def test_verbose_0_is_silent(self, monkeypatch):
        assert self.shown(Terminal(), monkeypatch, verbose=0) == ""


def test_who_looks_at_single_batches(tmp_path):
    class Own(melpy.callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

    path = tmp_path / "m.keras"
    for callback, looks in (
        (melpy.callbacks.ModelCheckpoint(path), False),
        (melpy.callbacks.ModelCheckpoint(path, save_freq=3), True),
        (melpy.callbacks.BackupAndRestore(tmp_path), False),
        (melpy.callbacks.BackupAndRestore(tmp_path, save_freq=3), True),
        (melpy.callbacks.TensorBoard(tmp_path), False),
        (melpy.callbacks.TensorBoard(tmp_path, update_freq=2), True),
        (melpy.callbacks.EarlyStopping(), False),
        (TerminateOnNaN(), True),
        (melpy.callbacks.LambdaCallback(on_train_batch_end=print), True),
        (Own(path), True),
    ):
        assert callback.needs_each_batch is looks, callback
