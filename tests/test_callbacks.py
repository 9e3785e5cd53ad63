"""Callbacks: when they stop, what they write, what a terminal and a file get to see."""

import csv
import io
import re
import warnings
from unittest.mock import ANY

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    LiveMetrics,
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


class TestCSVLogger:
    def rows(self, path, separator=","):
        with open(path, newline="") as file:
            return list(csv.reader(file, delimiter=separator))

    def test_one_line_an_epoch_of_what_history_holds(self, tmp_path):
        log = CSVLogger(tmp_path / "log.csv")
        history = small_model().fit(
            X, Y, epochs=3, verbose=0, validation_split=0.5, callbacks=[log]
        )
        header, *rows = self.rows(tmp_path / "log.csv")
        assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
        for column, name in enumerate(header[1:], start=1):
            assert [float(row[column]) for row in rows] == history.history[name]
        assert [row[0] for row in rows] == ["0", "1", "2"]

    def test_separator(self, tmp_path):
        small_model().fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "log", separator=";")])
        assert self.rows(tmp_path / "log", ";") == [
            ["epoch", "loss", "mae", "val_loss", "val_mae"], [ANY, ANY, ANY, "NA", "NA"],
        ]  # fmt: skip

    def test_append_goes_on_with_the_columns_of_the_file(self, tmp_path):
        path = tmp_path / "log.csv"
        small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path, append=True)])
        small_model().fit(
            X,
            Y,
            epochs=4,
            initial_epoch=2,
            verbose=0,
            validation_split=0.5,
            callbacks=[CSVLogger(path, append=True)],
        )
        header, *rows = self.rows(path)
        assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
        assert [row[0] for row in rows] == ["0", "1", "2", "3"]
        assert [row[3] == "NA" for row in rows] == [True, True, False, False]

    def test_begins_anew_with_a_header_at_every_fit(self, tmp_path):
        log = CSVLogger(tmp_path / "log.csv")
        for epochs in (3, 1):
            small_model().fit(X, Y, epochs=epochs, verbose=0, callbacks=[log])
        rows = self.rows(tmp_path / "log.csv")
        assert rows[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
        assert len(rows) == 2

    def test_validation_now_and_then_has_its_columns_from_the_start(self, tmp_path):
        history = small_model().fit(
            X, Y, validation_data=(X, Y), validation_freq=2, epochs=4, verbose=0,
            callbacks=[CSVLogger(tmp_path / "log.csv")],
        )  # fmt: skip
        held_out = [row[3] for row in self.rows(tmp_path / "log.csv")]
        first, second = map(str, history.history["val_loss"])
        assert held_out == ["val_loss", "NA", first, "NA", second]

    def test_several_numbers_are_one_cell(self, tmp_path):
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, "softmax")])
        model.compile("sgd", "mse", metrics=[melpy.metrics.F1Score()])
        log = CSVLogger(tmp_path / "log.csv")
        model.fit(X, np.eye(2)[[0, 1] * 20], verbose=0, callbacks=[log])
        header, row = self.rows(tmp_path / "log.csv")
        assert header[1] == "f1_score"
        assert row[1].startswith('"[')

    def test_the_file_is_whole_after_each_epoch_and_after_an_error(self, tmp_path):
        path = tmp_path / "log.csv"

        class Fail(Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    assert len(path.read_text().splitlines()) == 3
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            small_model().fit(X, Y, epochs=5, verbose=0, callbacks=[CSVLogger(path), Fail()])
        assert len(path.read_text().splitlines()) == 3


class TestTerminateOnNaN:
    @pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
    @pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
    def test_stops_a_training_that_diverges(self, capsys):
        model = small_model(learning_rate=1e12)
        history = model.fit(X, Y, epochs=9, verbose=0, batch_size=4, callbacks=[TerminateOnNaN()])
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
            assert len(states) == 5 + 1  # one a batch, and what stays
            assert [state[:3] for state in states] == ["1/5", "2/5", "3/5", "4/5", "5/5", "5/5"]
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


def dropout_model():
    melpy.random.set_seed(3)
    model = melpy.Sequential(
        [melpy.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)]
    )
    model.compile("adam", loss="mse")
    return model


SMALL = np.random.default_rng(0).normal(size=(40, 4)), np.random.default_rng(1).normal(size=(40, 1))


class TestFiles:
    def test_checkpoints_after_epochs_and_batches(self, tmp_path):
        by_epoch = ModelCheckpoint(tmp_path / "{epoch:02d}-{loss:.3f}.npz", save_weights_only=True)
        by_batch = ModelCheckpoint(
            tmp_path / "b{epoch}-{batch}.npz", save_weights_only=True, save_freq=3
        )
        model = dropout_model()
        calls = [by_epoch, by_batch]
        model.fit(*SMALL, batch_size=10, epochs=2, verbose=0, callbacks=calls)
        names = sorted(p.name for p in tmp_path.iterdir())
        assert [n[:2] for n in names] == ["01", "02", "b1", "b2"]
        last = dropout_model()
        last.load_weights(tmp_path / names[1])
        for mine, other in zip(last.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)

    def test_only_the_best(self, tmp_path):
        path = tmp_path / "best.npz"
        keep = ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True)
        keep.set_model(dropout_model())
        keep.on_train_begin()
        for loss, written in ((3.0, True), (4.0, False), (2.0, True)):
            path.unlink(missing_ok=True)
            keep.on_epoch_end(0, {"loss": loss})
            assert path.exists() == written

    def test_names_that_cannot_be_filled_in(self, tmp_path):
        keep = ModelCheckpoint(tmp_path / "{val_los}.npz", save_weights_only=True)
        with pytest.raises(ArgumentError, match=r"'val_los'.*not among the numbers"):
            dropout_model().fit(*SMALL, verbose=0, callbacks=[keep])
        with pytest.raises(ArgumentError, match=r"ends in .*\.npz"):
            ModelCheckpoint("weights.txt", save_weights_only=True)

    def test_a_training_that_was_cut_off_ends_with_the_same_bits(self, tmp_path):
        whole = dropout_model()
        whole.fit(*SMALL, batch_size=10, epochs=5, verbose=0)

        class Cut(Callback):
            def on_train_batch_begin(self, batch, logs=None):
                if self.model.optimizer.iterations.item() == 10:
                    raise KeyboardInterrupt

        kept = {"backup_dir": tmp_path / "backup", "delete_checkpoint": False}
        cut = dropout_model()
        with pytest.raises(KeyboardInterrupt):
            cut.fit(
                *SMALL, batch_size=10, epochs=5, verbose=0,
                callbacks=[BackupAndRestore(**kept), Cut()],
            )  # fmt: skip
        again = dropout_model()
        history = again.fit(
            *SMALL, batch_size=10, epochs=5, verbose=0,
            callbacks=[BackupAndRestore(tmp_path / "backup")],
        )  # fmt: skip
        assert history.epoch == [2, 3, 4]
        for mine, other in zip(again.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert not (tmp_path / "backup").exists()


class TestRates:
    def test_scheduler(self):
        model = dropout_model()
        history = model.fit(
            *SMALL, epochs=3, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.1 / (e + 1))]
        )
        assert history.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])

    def test_plateau(self):
        model = dropout_model()
        call = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_lr=0.0004)
        call.set_model(model)
        call.on_train_begin()
        rates = []
        for loss in (1.0, 1.0, 1.0, 1.0, 1.0, 0.5):
            call.on_epoch_end(0, {"loss": loss})
            rates.append(float(model.optimizer.learning_rate))
        assert rates == pytest.approx([0.001, 0.001, 0.0005, 0.0005, 0.0004, 0.0004])

    def test_a_schedule_must_give_a_rate(self):
        with pytest.raises(ArgumentError, match="did not return a rate"):
            dropout_model().fit(
                *SMALL, verbose=0, callbacks=[LearningRateScheduler(lambda e, r: "0.1")]
            )


def test_lambda_callback_and_live_metrics(tmp_path):
    seen = []
    pytest.importorskip("matplotlib")
    calls = [
        LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs)))),
        LiveMetrics(tmp_path / "live.png"),
    ]
    dropout_model().fit(*SMALL, epochs=2, validation_data=SMALL, verbose=0, callbacks=calls)
    assert seen == [(0, ["loss", "val_loss"]), (1, ["loss", "val_loss"])]
    assert (tmp_path / "live.png").read_bytes()[:4] == b"\x89PNG"


def test_several_callbacks_are_one():
    seen = []
    calls = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, logs)))
    several = CallbackList([calls], add_history=True, add_progbar=True, epochs=3)
    assert [type(x).__name__ for x in several.callbacks] == [
        "LambdaCallback", "History", "ProgbarLogger",
    ]  # fmt: skip
    assert calls.params == {"epochs": 3}
    model = melpy.Sequential([melpy.Input((1,)), layers.Dense(1)])
    several.set_model(model)
    assert calls.model is model
    assert model.history is several.callbacks[1]
    several.callbacks.pop()  # the bar prints
    several.on_epoch_end(1, {"loss": 2.0})
    assert seen == [(1, {"loss": 2.0})]
    assert model.history.history == {"loss": [2.0]}
    again = CallbackList(several.callbacks, add_history=True)
    assert again.callbacks == several.callbacks


def test_what_is_asked_of_callbacks_between_epochs():
    assert EarlyStopping("loss").get_monitor_value({"loss": 0.5}) == 0.5
    rate = ReduceLROnPlateau("loss", patience=2, cooldown=2)
    rate.set_model(small_model())
    rate.on_train_begin()
    resting = []
    for epoch in range(5):
        rate.on_epoch_end(epoch, {"loss": 1.0})
        resting.append(rate.in_cooldown())
    assert resting == [False, False, True, True, False]
