"""Callbacks: checkpoints and backups, learning rates, running means, several as one."""

import csv
from unittest.mock import ANY

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    LiveMetrics,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from melpy.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X @ np.array([[1.0], [2.0], [-1.0]])).astype("float32")


def small_model(learning_rate=0.01):
    melpy.random.set_seed(3)
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile(melpy.optimizers.SGD(learning_rate), loss="mse", metrics=["mae"])
    return model


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

    def test_it_says_how_much_better_a_model_is_and_keeps_it_in_hdf5(self, tmp_path, capsys):
        path = tmp_path / "best.h5"
        keep = ModelCheckpoint(path, "loss", verbose=1, save_best_only=True)
        keep.set_model(small_model())
        for loss in (3.0, 4.0, 2.0):
            keep.on_epoch_end(0, {"loss": loss})
        first, second, third = capsys.readouterr().out.strip().splitlines()
        assert "loss improved from None to 3.00000" in first
        assert "did not improve from 3.0" in second
        assert "loss improved from 3.00000 to 2.00000" in third
        assert melpy.models.load_model(path).count_params() == 4

    @pytest.mark.parametrize("values", [[np.nan, 2.0, 1.0], [3.0, np.nan, 1.0]])
    def test_nan_is_never_the_best(self, tmp_path, values):
        path = tmp_path / "made" / "best.npz"
        keep = ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True)
        keep.set_model(dropout_model())
        for epoch, loss in enumerate(values):
            keep.on_epoch_end(epoch, {"loss": loss})
        assert keep.best == 1.0
        assert path.exists()

    def test_saves_each_where_there_is_no_best(self, tmp_path):
        keep = ModelCheckpoint(tmp_path / "{epoch}.keras", "val_loss", save_best_only=True)
        with pytest.warns(UserWarning, match="no 'val_loss' to watch"):
            small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
        assert len(list(tmp_path.iterdir())) == 2
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, "softmax")])
        model.compile("sgd", "mse", metrics=[melpy.metrics.F1Score()])
        keep = ModelCheckpoint(tmp_path / "f{epoch}.keras", "f1_score", save_best_only=True)
        with pytest.warns(UserWarning, match="is no single number"):
            model.fit(X, np.eye(2)[[0, 1] * 20], verbose=0, callbacks=[keep])
        assert (tmp_path / "f1.keras").exists()

    def test_the_newest_and_the_best_stay(self, tmp_path):
        keep = ModelCheckpoint(
            tmp_path / "{epoch}.npz", "loss", save_weights_only=True, max_to_keep=2
        )
        keep.set_model(dropout_model())
        (tmp_path / "0.npz").write_bytes(b"mine")
        for epoch, loss in enumerate([3.0, 1.0, 2.0, 4.0, 5.0]):
            keep.on_epoch_end(epoch, {"loss": loss})
        assert sorted(p.stem for p in tmp_path.iterdir()) == ["0", "2", "4", "5"]
        with pytest.raises(ArgumentError, match="max_to_keep is out of range"):
            ModelCheckpoint(tmp_path / "{epoch}.keras", max_to_keep=0)

    def test_batches_are_counted_also_where_callbacks_hear_of_some(self, tmp_path):
        keep = ModelCheckpoint(
            tmp_path / "{epoch}-{batch}.npz", save_weights_only=True, save_freq=5
        )
        model = dropout_model()
        model.compile("adam", "mse", steps_per_execution=3)
        model.fit(*SMALL, batch_size=4, epochs=2, verbose=0, callbacks=[keep])
        assert sorted(p.stem for p in tmp_path.iterdir()) == ["1-12", "1-6", "2-12", "2-6"]

    def test_names_that_cannot_be_filled_in(self, tmp_path):
        keep = ModelCheckpoint(tmp_path / "{val_los}.npz", save_weights_only=True)
        with pytest.raises(ArgumentError, match=r"'val_los'.*not among the numbers"):
            dropout_model().fit(*SMALL, verbose=0, callbacks=[keep])
        keep = ModelCheckpoint(tmp_path / "{mae:d}-{mae[0].x:>3}.npz", save_weights_only=True)
        model = dropout_model()
        model.compile("adam", "mse", metrics=["mae"])
        with pytest.raises(ArgumentError, match=r"cannot be filled in \(Unknown format"):
            model.fit(*SMALL, verbose=0, callbacks=[keep])
        with pytest.raises(ArgumentError, match=r"ends in .*\.npz"):
            ModelCheckpoint("weights.txt", save_weights_only=True)

    @pytest.mark.parametrize(
        "name", ["{}", "{0}", "{epoch", "epoch}", "{epoch:s}", "{loss:d}", "{val_loss.x}", "{a!z}"]
    )
    def test_names_that_are_no_pattern(self, name):
        """They are refused before any work."""
        with pytest.raises(ArgumentError, match=r"ModelCheckpoint: .* cannot be filled in .*epoch"):
            ModelCheckpoint(name + ".keras")


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

    def test_plateau_takes_no_nan_for_the_best(self):
        model = dropout_model()
        call = ReduceLROnPlateau("loss", factor=0.5, patience=2)
        call.set_model(model)
        call.on_train_begin()
        for loss in (np.nan, 3.0, 2.0, 1.0):
            call.on_epoch_end(0, {"loss": loss})
        assert float(model.optimizer.learning_rate) == pytest.approx(0.001)

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


class TestSwapEMAWeights:
    def model(self, **options):
        melpy.random.set_seed(3)
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
        model.compile(melpy.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
        return model

    def test_measures_with_the_means(self):
        plain = self.model().fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0).history
        model = self.model()
        found = model.fit(
            X, Y, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[SwapEMAWeights()]
        ).history
        assert found["loss"] == plain["loss"]  # trained as ever
        assert found["val_loss"] != plain["val_loss"]
        assert model.evaluate(X, Y) == pytest.approx(found["val_loss"][-1])  # final: the means
        before = model.get_weights()
        model.evaluate(X, Y, callbacks=[SwapEMAWeights()])
        model.predict(X, callbacks=[SwapEMAWeights()])
        for mine, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, other)

    def test_means_in_checkpoints(self, tmp_path):
        model = self.model()
        calls = [SwapEMAWeights(swap_on_epoch=True), ModelCheckpoint(tmp_path / "{epoch}.keras")]
        model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0, callbacks=calls)
        last = melpy.models.load_model(tmp_path / "2.keras")
        for mine, saved in zip(model.get_weights(), last.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, saved)

    def test_needs_means(self):
        with pytest.raises(ArgumentError, match="keeps no running means"):
            small_model().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[SwapEMAWeights()])
