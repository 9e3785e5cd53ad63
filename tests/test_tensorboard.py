"""TensorBoard's files, read by its own reader; and trials that Optuna prunes."""

import builtins
import io
import warnings

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.callbacks import OptunaPruning, TensorBoard, events
from melpy.errors import ArgumentError, DependencyError, DtypeError, FileError

X = np.random.default_rng(0).normal(size=(24, 8, 8, 1)).astype("float32")
Y = np.arange(24) % 3


def model():
    """A model inside a model, a layer used twice, and an op."""
    melpy.utils.set_random_seed(0)
    image = melpy.Input((8, 8, 1), name="image")
    seeing = melpy.Sequential(
        [melpy.Input((8, 8, 1)), layers.Conv2D(2, 3, activation="relu"), layers.Flatten()],
        name="seeing",
    )
    twice = layers.Dense(72, name="twice")
    h = twice(twice(seeing(image))) * 0.5
    made = melpy.Model(image, layers.Dense(3, "softmax", name="class")(h))
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture
def read(tmp_path):
    """A function that returns TensorBoard's reader of a run below tmp_path."""
    with warnings.catch_warnings():  # its own imports'
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(run):
        found = reader.EventAccumulator(str(tmp_path / run), size_guidance={"scalars": 0})
        return found.Reload()

    return read


@pytest.fixture
def without(monkeypatch):
    """A function that hides a package."""
    whole = builtins.__import__

    def hide(package):
        def imported(name, *args, **kwargs):
            if name.partition(".")[0] == package:
                raise ImportError(name)
            return whole(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", imported)

    return hide


class TestTensorBoard:
    def test_what_a_training_leaves(self, tmp_path, read):
        log = TensorBoard(
            tmp_path / "a" / "run", histogram_freq=2, write_images=True, update_freq=2,
            write_steps_per_second=True,
            hparams={"units": np.int64(72), "rate": 0.01, "deep": True, "act": "relu", "x": (1,)},
        )  # fmt: skip
        trained = model()
        history = trained.fit(
            X, Y, batch_size=6, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[log]
        ).history
        train, held_out, own = read("a/run/train"), read("a/run/validation"), read("a/run")
        for reader, prefix in ((train, ""), (held_out, "val_")):
            for name in ("loss", "accuracy"):
                told = reader.Scalars(f"epoch_{name}")
                assert [one.step for one in told] == [0, 1, 2]
                np.testing.assert_allclose([t.value for t in told], history[prefix + name], 1e-6)
        assert [one.step for one in train.Scalars("batch_loss")] == [2, 4, 6, 8, 10, 12]
        assert all(one.value > 0 for one in train.Scalars("epoch_steps_per_second"))
        assert train.Scalars("epoch_learning_rate")[0].value == pytest.approx(0.01)

        paths = [weight.path for weight in trained.weights]
        assert sorted(train.Tags()["histograms"]) == sorted(paths)
        assert sorted(train.Tags()["images"]) == sorted(f"{path}/image" for path in paths)
        (told,) = train.Histograms("class/kernel")  # of the second epoch alone
        assert (told.step, told.histogram_value.num) == (1, 72 * 3)
        (told,) = train.Images("seeing/conv2d/kernel/image")
        assert (told.height, told.width) == (3, 7)  # two windows of 3x3, a line between
        pillow = pytest.importorskip("PIL.Image")
        pixels = np.asarray(pillow.open(io.BytesIO(told.encoded_image_string)))
        assert (pixels.shape, pixels.min(), pixels.max()) == ((3, 7), 0, 255)

        nodes = {node.name: node for node in train.Graph().node}
        assert [(name, node.op, list(node.input)) for name, node in nodes.items()] == [
            ("image", "Input", []),
            ("seeing/conv2d", "Conv2D", ["image"]),
            ("seeing/flatten", "Flatten", ["seeing/conv2d"]),
            ("twice", "Dense", ["seeing/flatten"]),
            ("twice_call_1", "Dense", ["twice"]),
            ("multiply", "multiply", ["twice_call_1"]),
            ("class", "Dense", ["multiply"]),
        ]
        (shape,) = nodes["seeing/conv2d"].attr["_output_shapes"].list.shape
        assert [dim.size for dim in shape.dim] == [-1, 6, 6, 2]
        assert nodes["class"].attr["parameters"].i == 72 * 3 + 3

        from tensorboard.plugins.hparams import metadata

        def content(tag):
            return own.SummaryMetadata(tag).plugin_data.content

        began = metadata.parse_session_start_info_plugin_data(
            content(metadata.SESSION_START_INFO_TAG)
        )
        held = {k: v.WhichOneof("kind") for k, v in began.hparams.items()}
        assert held == {
            "units": "number_value", "rate": "number_value", "deep": "bool_value",
            "act": "string_value", "x": "string_value",
        }  # fmt: skip
        assert began.hparams["units"].number_value == 72
        ended = metadata.parse_session_end_info_plugin_data(content(metadata.SESSION_END_INFO_TAG))
        assert ended.status == 1  # success

    def test_what_is_not_asked_for_is_not_written(self, tmp_path, read):
        log = TensorBoard(tmp_path, write_graph=False)
        model().fit(X, Y, epochs=1, verbose=0, callbacks=[log])
        found = read("train").Tags()
        assert sorted(found["scalars"]) == ["epoch_accuracy", "epoch_learning_rate", "epoch_loss"]
        assert not found["graph"]
        assert not found["histograms"]
        assert [path.name for path in tmp_path.iterdir()] == ["train"]

    def test_batches_count_where_a_call_makes_several(self, tmp_path, read):
        trained = model()
        trained.compile("sgd", "sparse_categorical_crossentropy", steps_per_execution=2)
        log = TensorBoard(tmp_path, update_freq=3)
        trained.fit(X, Y, batch_size=6, epochs=3, verbose=0, callbacks=[log])
        assert [one.step for one in read("train").Scalars("batch_loss")] == [4, 8, 12]

    @pytest.mark.parametrize("kind", ["row", "own"])
    def test_models_without_a_graph(self, tmp_path, read, kind):
        class Own(melpy.Model):
            def __init__(self):
                super().__init__(name="own")
                self.last = layers.Dense(3, "softmax")

            def call(self, x):
                return self.last(melpy.ops.reshape(x, (-1, 64)))

        row = [layers.Flatten(), layers.Dense(3, "softmax")]
        made = Own() if kind == "own" else melpy.Sequential(row)
        made.compile("sgd", "sparse_categorical_crossentropy")
        made.fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
        names = [node.op for node in read("train").Graph().node]
        assert names == (["Own"] if kind == "own" else ["Input", "Flatten", "Dense"])

    def test_an_interruption_leaves_what_was_written(self, tmp_path, read):
        class Stop(melpy.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            model().fit(X, Y, epochs=9, verbose=0, callbacks=[TensorBoard(tmp_path), Stop()])
        assert len(read("train").Scalars("epoch_loss")) == 2

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"update_freq": "epochs"}, ArgumentError, 'update_freq.*"epoch", "batch" or an int'),
            ({"update_freq": 0}, ArgumentError, "update_freq is out of range"),
            ({"histogram_freq": -1}, ArgumentError, "histogram_freq is out of range"),
            ({"hparams": ["units"]}, DtypeError, "hparams is no dict"),
        ],
    )
    def test_refused(self, given, error, message):
        with pytest.raises(error, match=message):
            TensorBoard("logs", **given)

    def test_a_folder_that_cannot_be(self, tmp_path, read):
        (tmp_path / "file").touch()
        with pytest.raises(FileError, match="TensorBoard: the file cannot be written"):
            model().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path / "file")])

    def test_without_the_package(self, tmp_path, without):
        without("tensorboard")
        with pytest.raises(DependencyError, match=r"tensorboard is not installed.*\[tensorboard\]"):
            model().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])


class TestPictures:
    @pytest.mark.parametrize(
        ("shape", "size"),
        [
            ((5,), (1, 5)),
            ((3, 7), (3, 7)),
            ((7, 3), (3, 7)),
            ((3, 2, 4), (1 * 2 + 1, 4 * 4 - 1)),  # a kernel of one dimension: two rows of windows
            ((3, 3, 2, 4), (7, 15)),
            ((2, 3, 3, 2, 4), (2 * (2 * 3 + 1) - 1, 15)),  # of a volume: one upon the other
            ((4, 3000), (4, 1024)),
        ],
    )
    def test_sizes(self, shape, size):
        assert events.picture(np.random.default_rng(0).normal(size=shape)).shape == size

    def test_what_is_not_finite_or_all_the_same(self):
        assert events.picture(np.full((2, 2), 3.0)).max() == 0
        assert events.picture(np.array([np.nan, np.inf, 1.0])).tolist() == [[0, 0, 255]]


class TestOptuna:
    def study(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optuna = pytest.importorskip("optuna")
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            return optuna, optuna.create_study()

    def test_a_trial_that_does_not_look_promising_ends(self):
        optuna, study = self.study()
        study.pruner = optuna.pruners.ThresholdPruner(upper=10.0, n_warmup_steps=1)
        made = []

        def objective(trial):
            trained = melpy.Sequential([melpy.Input((2,)), layers.Dense(1)])
            trained.compile("sgd", "mse")
            y = np.full((4, 1), 100.0 if trial.number else 0.0)
            history = melpy.callbacks.History()
            made.append(history)
            trained.fit(
                np.zeros((4, 2)), y, epochs=4, verbose=0,
                callbacks=[history, OptunaPruning(trial, "loss")],
            )  # fmt: skip
            return history.history["loss"][-1]

        study.optimize(objective, n_trials=2)
        good, bad = study.trials
        assert (good.state.name, bad.state.name) == ("COMPLETE", "PRUNED")
        assert list(good.intermediate_values.values()) == made[0].history["loss"]
        assert list(bad.intermediate_values) == [0, 1]
        assert len(made[1].epoch) == 2

    def test_an_epoch_without_the_number(self):
        _, study = self.study()
        prune = OptunaPruning(study.ask(), "val_loss")
        with pytest.warns(UserWarning, match="OptunaPruning: there is no 'val_loss'"):
            prune.on_epoch_end(0, {"loss": 1.0})

    def test_what_is_no_trial(self):
        with pytest.raises(DtypeError, match="OptunaPruning: this is no trial"):
            OptunaPruning("val_loss")

    def test_without_the_package(self, without):
        class Trial:
            def report(self, value, step):
                assert (value, step) == (1.0, 0)

            def should_prune(self):
                return True

        without("optuna")
        with pytest.raises(DependencyError, match=r"optuna is not installed.*pip install optuna"):
            OptunaPruning(Trial(), "loss").on_epoch_end(0, {"loss": 1.0})
