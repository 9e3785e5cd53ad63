"""What somebody new does wrong, or forgets: one sentence says who, what, and how to mend it."""

import csv
import inspect
import re
import warnings

import numpy as np
import pytest

import melpy
from melpy import callbacks, errors, layers, losses, metrics, viz
from melpy.data.classes import class_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
CLASSES = np.arange(12) % 3
BITS = np.arange(12) % 2


def regression(loss="mse", **options):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile("sgd", loss, **options)
    return model


def classifier(loss="sparse_categorical_crossentropy", activation="softmax", units=3, **options):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(units, activation)])
    model.compile("sgd", loss, **options)
    return model


class TestClassWeight:
    def test_balanced_is_what_scikit_learn_gives(self):
        rare = np.array([0] * 8 + [1] * 3 + [3])
        want = (12 / (3 * np.array([8, 3, np.inf, 1])))[rare]
        np.testing.assert_array_equal(class_weights(rare, "balanced", "fit"), want)
        np.testing.assert_array_equal(class_weights(np.eye(4)[rare], "balanced", "fit"), want)
        np.testing.assert_array_equal(class_weights(rare[:, None] * 1.0, "balanced", "fit"), want)

    @pytest.mark.parametrize("labels", ["numbers", "one-hot"])
    def test_balanced_trains_as_the_same_sample_weights(self, labels):
        rare = np.array([0] * 8 + [1] * 3 + [2])
        numbers = labels == "numbers"
        loss = "sparse_categorical_crossentropy" if numbers else "categorical_crossentropy"
        y, runs = rare if numbers else np.eye(3)[rare], []
        for given in (
            {"class_weight": "balanced"},
            {"sample_weight": class_weights(rare, "balanced", "fit")},
        ):
            melpy.utils.set_random_seed(1)
            runs.append(classifier(loss).fit(X, y, epochs=2, verbose=0, **given).history)
        assert runs[0] == runs[1]

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"class_weight": "balance"}, errors.UnknownNameError, "Did you mean 'balanced'"),
            ({"class_weight": [1.0, 2.0, 3.0]}, errors.DtypeError, r"dict\(enumerate\(weights\)\)"),
            ({"class_weight": {7: 2.0}}, errors.ArgumentError, "names 7.*from 0 to 2"),
            ({"x": iter([(X, CLASSES)]), "y": None, "class_weight": {7: 2.0}},
             errors.ArgumentError, "names 7.*from 0 to 2"),
            ({"x": iter([(X, CLASSES)]), "y": None, "class_weight": "balanced"},
             errors.ArgumentError, "here they come in batches.*samples / "),
            ({"y": BITS + 0.5, "class_weight": "balanced"}, errors.DataError, "row 0 is no class"),
        ],
    )  # fmt: skip
    def test_refused(self, given, error, message):
        arguments = {"x": X, "y": CLASSES, "verbose": 0} | given
        with pytest.raises(error, match=message):
            classifier().fit(**arguments)

    def test_one_batch_is_not_balanced(self):
        with pytest.raises(errors.ArgumentError, match=r"train_on_batch.*come in batches"):
            classifier().train_on_batch(X, CLASSES, class_weight="balanced")

    def test_a_class_without_samples_in_a_stream(self):
        model = classifier("binary_crossentropy", "sigmoid", 1)
        stream = [(X, BITS)] * 2
        with pytest.warns(UserWarning, match="names 4, but no label was above 1"):
            model.fit(iter(stream), verbose=0, class_weight={1: 2.0, 4: 3.0})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(iter(stream), verbose=0, class_weight={0: 2.0, 1: 3.0})

    def test_a_class_without_samples_beside_a_step_of_ones_own(self):
        class Own(melpy.Sequential):
            def train_step(self, data):
                return {"loss": 0.0}

        model = Own([layers.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match="names 5, but no label was above 2"):
            model.fit(X, CLASSES, verbose=0, class_weight={5: 2.0})


class TestForgottenLabels:
    @pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
    @pytest.mark.parametrize(
        "loss", ["mse", "binary_crossentropy", "sparse_categorical_crossentropy"]
    )
    def test_of_a_model(self, method, loss):
        model = regression(loss)
        with pytest.raises(errors.ArgumentError, match=f"^{method}: .*'{loss}'.*Expected y;"):
            getattr(model, method)(X)

    def test_of_a_validation(self):
        with pytest.raises(errors.ArgumentError, match=r"^fit, validation_data: the loss 'mse' "):
            regression().fit(X, Y, validation_data=(X, None), verbose=0)

    def test_that_no_loss_asks_for(self):
        model = melpy.Sequential([layers.Dense(2, activity_regularizer="l2")])
        model.compile("sgd")
        assert model.fit(X, verbose=0).history["loss"][0] > 0

    @pytest.mark.parametrize(
        "loss",
        [*losses.FUNCTIONS.values(), losses.ctc, losses.circle],
        ids=lambda loss: loss.__name__,
    )
    def test_of_each_loss(self, loss):
        made = losses.CLASSES[loss]()
        with pytest.raises(errors.ArgumentError, match=f"{type(made).__name__}: there are no lab"):
            made(None, X)
        with pytest.raises(errors.ArgumentError, match=r"there are no labels.*Was y forgotten"):
            loss(None, X)
        with pytest.raises(errors.ArgumentError, match="there are no predictions"):
            made(Y, None)

    @pytest.mark.parametrize("name", sorted(set(metrics.__all__)))
    def test_of_each_metric(self, name):
        made = getattr(metrics, name)
        if not isinstance(made, type) or made is metrics.Metric:
            return
        needs = {
            "num_classes": 3, "target_class_ids": [0], "recall": 0.5, "precision": 0.5,
            "sensitivity": 0.5, "specificity": 0.5, "fn": losses.mean_squared_error,
        }  # fmt: skip
        required = [
            p.name
            for p in inspect.signature(made).parameters.values()
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        metric = made(**{key: needs[key] for key in required})
        given = (None,) if made in (metrics.Mean, metrics.Sum) else (None, X)
        with pytest.raises(errors.ArgumentError, match="there are no labels"):
            metric.update_state(*given)


class TestLayersInARow:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: melpy.Sequential(layers.Dense(3), layers.Dense(2)), "2 layers came as"),
            (lambda: melpy.Sequential(*map(layers.Dense, range(1, 5))), "4 layers came as"),
            (lambda: melpy.Sequential(melpy.Input((3,)), layers.Dense(2)), "2 layers came as"),
            (lambda: melpy.Sequential(layers.Dense(3)), "come in one list"),
            (lambda: melpy.Sequential("dense"), "come in one list"),
            (lambda: layers.Pipeline(layers.Rescaling(2.0)), r"Write Pipeline\(\[\.\.\.\]\)"),
            (lambda: layers.StackedRNNCells(layers.LSTMCell(3)), r"Write StackedRNNCells\(\["),
        ],
    )
    def test_come_in_one_list(self, make, message):
        with pytest.raises(errors.ArgumentError, match=message):
            make()

    def test_a_class_of_ones_own_takes_what_it_wants(self):
        class Two(melpy.Sequential):
            def __init__(self, first, second):
                super().__init__([first, second])

        assert len(Two(layers.Dense(3), layers.Dense(2)).layers) == 2


class TestFolders:
    def test_missing_ones_are_made(self, tmp_path):
        deep = tmp_path / "a" / "b"
        calls = [callbacks.CSVLogger(deep / "c" / "log.csv")]
        regression().fit(X, Y, epochs=2, verbose=0, callbacks=calls)
        with open(deep / "c" / "log.csv") as file:
            assert len(list(csv.reader(file))) == 3

    @pytest.mark.parametrize(
        ("make", "who"),
        [
            (lambda p: callbacks.CSVLogger(p / "log.csv"), "CSVLogger"),
            (lambda p: callbacks.LiveMetrics(p / "live.png"), "LiveMetrics"),
            (lambda p: callbacks.ModelCheckpoint(p / "m.keras"), "ModelCheckpoint"),
        ],
    )
    def test_that_cannot_be_made(self, tmp_path, make, who):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(errors.FileError, match=f"{who}: the folder .*a file has its name"):
            regression().fit(X, Y, verbose=0, callbacks=[make(tmp_path / "file")])
        assert (tmp_path / "file").read_text() == "mine"

    def test_a_name_that_no_folder_has(self):
        with pytest.raises(errors.FileError, match=r"CSVLogger: the folder .* cannot be made"):
            callbacks.CSVLogger("a\0b/log.csv").on_train_begin()

    def test_that_cannot_be_written_to(self, tmp_path):
        (tmp_path / "log.csv").mkdir()
        with pytest.raises(errors.FileError, match=r"CSVLogger: .*cannot be written.*Give another"):
            regression().fit(X, Y, verbose=0, callbacks=[callbacks.CSVLogger(tmp_path / "log.csv")])
        (tmp_path / "live.png").mkdir()
        pytest.importorskip("matplotlib")
        with pytest.raises(errors.FileError, match=r"LiveMetrics: .*cannot be written"):
            regression().fit(
                X, Y, verbose=0, callbacks=[callbacks.LiveMetrics(tmp_path / "live.png")]
            )

    def test_a_log_that_is_no_text(self, tmp_path):
        (tmp_path / "log.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(errors.DataError, match="CSVLogger: the file is damaged"):
            callbacks.CSVLogger(tmp_path / "log.csv", append=True).on_train_begin()

    @pytest.mark.parametrize("name", ["m.svg", "m.png", "m.dot"])
    def test_of_pictures_are_the_users_own(self, tmp_path, name):
        if name == "m.png":
            pytest.importorskip("matplotlib")
        model, gone = regression(), tmp_path / "gone" / name

        def draw(path):
            if name == "m.dot":
                viz.model_to_dot(model).write(path)
            else:
                viz.plot_model(model, path)

        with pytest.raises(errors.ArgumentError, match=r"there is no folder.*Make the folder fir"):
            draw(gone)
        (tmp_path / name).mkdir()
        with pytest.raises(errors.FileError, match="cannot be written"):
            draw(tmp_path / name)
        (tmp_path / name).rmdir()
        draw(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100


class TestTables:
    WORDS = "StringLookup.*OneHotEncoder.*FeatureSpace"

    def frame(self, **columns):
        pandas = pytest.importorskip("pandas")
        return pandas.DataFrame({"a": X[:, 0], "b": np.arange(12)} | columns)

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (["m", "f"] * 6, rf"column 'c' holds 'm'.*columns=\['c'\].*{WORDS}"),
            ([1, None] * 6, "row 1 of x holds nan in column 'c'"),
            ([1, "m"] * 6, rf"column 'c' holds 'm'.*{WORDS}"),
            ([{}] * 12, "column 'c' holds {}"),
            (np.array(["2020-01-02"] * 12, "datetime64[s]"), "column 'c' holds 2020.*Make numbers"),
        ],
    )
    def test_the_column_is_named(self, column, message):
        table = self.frame(c=column)
        with pytest.raises(errors.MelpyError, match=message):
            regression().fit(table, Y, verbose=0)
        with pytest.raises(errors.MelpyError, match=message):
            regression().predict(table)
        inputs = {name: melpy.Input((1,), name=name) for name in table}
        model = melpy.Model(inputs, layers.Concatenate()(list(inputs.values())))
        with pytest.raises(errors.MelpyError, match=r"x\['c'\]|input='c'|row 0"):
            model.predict(dict(table))

    def test_numbers_pass_as_arrays_do(self):
        pandas = pytest.importorskip("pandas")
        plain = self.frame(c=X[:, 2])
        for kind in ("float32", "Float64", "boolean", "Int64"):
            table = plain.assign(c=pandas.array((X[:, 2] > 0).astype(int)).astype(kind))
            array = np.column_stack([X[:, 0], np.arange(12), X[:, 2] > 0])
            melpy.utils.set_random_seed(0)
            model = regression()
            y = pandas.Series(Y[:, 0], index=range(5, 17))
            seen = model.fit(table, y, verbose=0).history
            melpy.utils.set_random_seed(0)
            assert seen == regression().fit(array, Y, verbose=0).history
            assert model.predict(table).shape == (12, 1)
        gaps = pandas.Series([1, None] * 6, dtype="Int64")
        with pytest.raises(errors.DataError, match="row 1 of y holds nan"):
            regression().fit(X, gaps, verbose=0)

    def test_words_go_to_layers_that_take_them(self):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame({"a": ["m", "f"] * 6, "b": ["x", "y"] * 6})
        lookup = layers.StringLookup(vocabulary=["m", "f", "x", "y"])
        model = melpy.Sequential([melpy.Input((2,), dtype="string"), lookup])
        assert model.predict(table)[:2].tolist() == [[1, 3], [2, 4]]

    @pytest.mark.parametrize(
        "give",
        [
            lambda table: regression()(table),
            lambda table: layers.Dense(2)(table),
            lambda table: regression().predict_on_batch(table),
            lambda table: regression().fit(iter([(table, Y)]), verbose=0),
            lambda table: layers.Normalization().adapt(table),
            lambda table: melpy.utils.split_dataset(table, 0.5),
            lambda table: regression().evaluate(table, Y),
        ],
    )
    def test_wherever_one_is_given(self, give):
        give(self.frame(c=X[:, 2]))
        with pytest.raises(errors.DtypeError, match=f"column 'c' holds 'm'.*{self.WORDS}"):
            give(self.frame(c=["m", "f"] * 6))

    def test_names_of_classes(self):
        with pytest.raises(errors.DtypeError, match=r"row 0 holds 'cat'.*np\.unique\(y, retur"):
            classifier().fit(X, np.array(["cat", "dog", "eel"] * 4), verbose=0)

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.array([[1, "m", 2.0]] * 12, object), f"row 0, column 1, holds 'm'.*{WORDS}"),
            (np.array([["m", 1, 2.0]] * 12, object), rf"at \[0, 1\] it holds 1\..*{WORDS}"),
            (np.array([[1, 2, None]] * 12, object), "row 0, column 2, holds None.*Fill in or drop"),
            (np.array([[1, 2, 3]] * 12, object), r"Use \.astype\('float32'\)"),
            (np.array([["m", "f", "m"]] * 12), f"input is not an array of numbers.*{WORDS}"),
        ],
    )
    def test_arrays_of_objects_and_words(self, x, message):
        with pytest.raises(errors.DtypeError, match=message):
            regression().fit(x, Y, verbose=0)


class TestSparse:
    def test_trains_as_the_dense_one(self):
        sparse = pytest.importorskip("scipy.sparse")
        runs = []
        for made in (X, sparse.csr_matrix(X), sparse.coo_array(X)):
            melpy.utils.set_random_seed(0)
            model = regression()
            runs.append([model.fit(made, Y, verbose=0).history, model.predict(made).tolist()])
        assert runs[0] == runs[1] == runs[2]
        batches = [(sparse.csr_matrix(X), Y)]
        assert np.isfinite(regression().fit(iter(batches), verbose=0).history["loss"][0])

    def test_too_large_for_memory(self):
        sparse = pytest.importorskip("scipy.sparse")
        with pytest.raises(errors.DataError, match=r"no memory.*gigabytes=800000\.0.*toarray\(\)"):
            regression().predict(sparse.csr_matrix((10**7, 10**7)))

    def test_given_to_layers_and_loaders(self):
        sparse = pytest.importorskip("scipy.sparse")
        made, model = sparse.csr_matrix(X), regression()
        np.testing.assert_array_equal(model(made), model(X))
        np.testing.assert_array_equal(layers.Flatten()(made), X)
        np.testing.assert_array_equal(model.predict_on_batch(made), model(X))
        loader = melpy.data.Loader(made, batch_size=5, shuffle=False)
        np.testing.assert_array_equal(np.concatenate(list(loader)), X)
        left, _ = melpy.utils.split_dataset(made, 0.5)
        np.testing.assert_array_equal(np.stack(list(left)), X[:6])


class TestOutputsAndLosses:
    @pytest.mark.parametrize(
        ("loss", "activation", "units", "y", "message"),
        [
            ("binary_crossentropy", "softmax", 1, BITS, "softmax over one unit.*Dense\\(1, 'sigm"),
            ("mse", "softmax", 1, BITS, "MeanSquaredError: .*always 1: nothing can be learnt"),
            ("crossentropy", "softmax", 1, BITS, "softmax over one unit"),
            (losses.BinaryCrossentropy(True), "sigmoid", 1, BITS, "Set from_logits=False"),
            (losses.SparseCategoricalCrossentropy(True), "softmax", 3, CLASSES, "logits=False"),
            ("sparse_categorical_crossentropy", "relu", 3, CLASSES, "out of a relu.*in a softmax"),
            ("binary_focal_crossentropy", "relu", 1, BITS, "out of a relu"),
            ("binary_crossentropy", "tanh", 1, BITS, "come out of a tanh"),
            (losses.SparseCategoricalCrossentropy(True), "relu", 3, CLASSES, "without an activat"),
        ],
    )
    def test_that_do_not_go_together_are_told_once(self, loss, activation, units, y, message):
        model = classifier(loss, activation, units)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.evaluate(X * 1e-4, y)  # an inference does not see what makes the predictions
            model.fit(X * 0.1, y, epochs=3, verbose=0)
        (one,) = told
        assert re.search(message, str(one.message))
        assert one.filename == __file__

    @pytest.mark.parametrize(
        ("loss", "activation", "units", "y"),
        [
            ("binary_crossentropy", "sigmoid", 1, BITS),
            ("binary_crossentropy", "softmax", 2, np.eye(2)[BITS]),
            (losses.BinaryCrossentropy(True), None, 1, BITS),
            ("mse", "relu", 1, BITS),
            (losses.SparseCategoricalCrossentropy(True), "log_softmax", 3, CLASSES),
            (losses.CategoricalCrossentropy(True), "tanh", 3, np.eye(3)[CLASSES]),
        ],
    )
    def test_that_do_pass_in_silence(self, loss, activation, units, y):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            classifier(loss, activation, units).fit(X, y, epochs=2, verbose=0)

    def test_labels_that_are_no_classes_of_a_loss_called_by_hand(self):
        with pytest.raises(errors.DataError, match="CTC: label of row 0 is no whole number"):
            losses.CTC()(np.array([[1.5]]), np.zeros((1, 2, 3)))
        loss = losses.CategoricalGeneralizedCrossEntropy()
        with pytest.raises(errors.DataError, match="row 1 is no whole number"):
            loss(np.array([0, 1.5]), np.full((2, 3), 1 / 3))


class TestNamesAndNumbers:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: callbacks.EarlyStopping("val_los"),
            lambda: callbacks.ReduceLROnPlateau("val_los"),
            lambda: callbacks.ModelCheckpoint("{epoch}.keras", "val_los", save_best_only=True),
        ],
    )
    def test_a_misspelt_monitor(self, make, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.warns(UserWarning, match="no 'val_los' to watch.*Did you mean 'val_loss'"):
            regression().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[make()])

    @pytest.mark.parametrize("where", ["metrics", "weighted_metrics"])
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (["mae", "accurracy"], "Did you mean 'accuracy'"),
            ({"dense": "accurracy"}, "Did you mean 'accuracy'"),
            ([3], "this is no metric"),
        ],
    )
    def test_a_misspelt_metric_is_found_when_the_model_is_compiled(self, where, given, message):
        with pytest.raises(errors.ArgumentError, match=message):
            regression(**{where: given})

    @pytest.mark.parametrize("verbose", ["non", 3, -1, None, 0.5])
    @pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
    def test_verbose(self, method, verbose, capsys):
        given = (X,) if method == "predict" else (X, Y)
        with pytest.raises(errors.ArgumentError, match=f"^{method}: verbose is out of range"):
            getattr(regression(), method)(*given, verbose=verbose)
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize(
        "make",
        [
            lambda **o: callbacks.EarlyStopping(**o),
            lambda **o: callbacks.ReduceLROnPlateau(**o),
            lambda **o: callbacks.LearningRateScheduler(float, **o),
            lambda **o: callbacks.ModelCheckpoint("a.keras", **o),
            lambda **o: callbacks.CallbackList([callbacks.ProgbarLogger()], **o),
            lambda **o: melpy.utils.Progbar(3, **o),
        ],
    )
    def test_verbose_of_callbacks(self, make):
        for verbose in (0, 1, 2, True, np.int64(1), "auto"):
            make(verbose=verbose)
        with pytest.raises(errors.ArgumentError, match=r'verbose is out of range.*or "auto"'):
            make(verbose="non")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: melpy.im2col(np.zeros((2, 28, 28, 1)), 3, 1), r"transpose\(0, 3, 1, 2\)"),
            (lambda: melpy.im2col(np.zeros((28, 28)), 3, 1), r"Expected shape \(N, C, H, W\)"),
            (lambda: melpy.im2col(np.zeros((1, 1, 4, 4)), 0, 1), "window_shape is out of range"),
            (lambda: melpy.im2col(np.zeros((1, 1, 4, 4)), 2, 1.5), "stride is out of range"),
            (lambda: melpy.im2col(np.zeros((1, 1, 4, 4)), (2, 2, 2), 1), "window_shape is out"),
            (lambda: melpy.get_indices((1, 1, 4, 4), 2, 1, -1), "dilation is out of range"),
            (lambda: melpy.get_indices((4, 4), 2, 1), "these are no images"),
            (lambda: melpy.col2im(np.zeros((4, 8)), (1, 1, 4, 4), 2, 1), r"shape \(4, 9\)"),
        ],
    )
    def test_im2col(self, call, message):
        with pytest.raises(errors.MelpyError, match=message):
            call()


class TestLiveMetrics:
    def drawn(self, monkeypatch, **options):
        """Return what `viz.curves` was asked to draw last, and the axes that it made."""
        pytest.importorskip("matplotlib")
        seen, draw = [], viz.curves

        def curves(*args, **kwargs):
            seen.append(draw(*args, **kwargs))
            return seen[-1]

        monkeypatch.setattr(viz, "curves", curves)
        regression(metrics=["mae"]).fit(X, Y, verbose=0, **options)
        return seen[-1].axes

    def test_epochs_begin_with_1_and_what_is_held_out_is_a_validation(self, tmp_path, monkeypatch):
        live = callbacks.LiveMetrics(tmp_path / "new" / "live.png")
        axes = self.drawn(monkeypatch, validation_data=(X, Y), epochs=3, callbacks=[live])
        assert [one.get_ylabel() for one in axes] == ["loss", "mae"]
        for one in axes:
            assert one.lines[0].get_xdata().tolist() == [1, 2, 3]
            texts = [text.get_text() for text in one.get_legend().get_texts()]
            assert texts[:2] == ["training", "validation"]
            assert texts[2].startswith("best validation ")
        assert (tmp_path / "new" / "live.png").stat().st_size > 1000

    def test_a_validation_now_and_then_and_a_later_start(self, tmp_path, monkeypatch):
        axes = self.drawn(
            monkeypatch, validation_data=(X, Y), validation_freq=2, initial_epoch=3, epochs=7,
            callbacks=[callbacks.LiveMetrics(tmp_path / "live.png", frequency=3)],
        )  # fmt: skip
        training, held_out = axes[0].lines[:2]
        assert training.get_xdata().tolist() == [4, 5, 6, 7]
        assert held_out.get_xdata().tolist() == [4, 6]

    def test_frequency(self):
        with pytest.raises(errors.ArgumentError, match="frequency is out of range"):
            callbacks.LiveMetrics(frequency=0)
