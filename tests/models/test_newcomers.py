"""What those who come from Keras rely on beside the numbers: hooks, names, refusals."""

import warnings

import numpy as np
import pytest

import melpy
from melpy import callbacks, errors, layers

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def regression():
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Notes(callbacks.Callback):
    """Writes down each hook and the names in its logs."""

    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if not name.startswith("on_") or name in ("on_batch_begin", "on_batch_end"):
            return object.__getattribute__(self, name)
        return lambda *args: self.seen.append((name, dict(args[-1])))


class TestHooks:
    def test_every_hook_gets_logs(self):
        notes, model = Notes(), regression()
        model.fit(X, Y, batch_size=12, epochs=1, validation_data=(X, Y), callbacks=[notes])
        model.predict(X, callbacks=[notes])
        made = {name: sorted(logs) for name, logs in notes.seen}
        assert made == {
            "on_train_begin": [], "on_epoch_begin": [], "on_train_batch_begin": [],
            "on_train_batch_end": ["loss"], "on_test_begin": [], "on_test_batch_begin": [],
            "on_test_batch_end": ["loss"], "on_test_end": ["loss"],
            "on_epoch_end": ["loss", "val_loss"], "on_train_end": ["loss", "val_loss"],
            "on_predict_begin": [], "on_predict_batch_begin": [],
            "on_predict_batch_end": ["outputs"], "on_predict_end": [],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("given", "message"),
        [(callbacks.TerminateOnNaN, r"Make one: TerminateOnNaN\(\)"), ("stop", "no callback")],
    )
    def test_what_is_no_callback(self, given, message):
        with pytest.raises(errors.DtypeError, match=message):
            regression().fit(X, Y, callbacks=[given])


class TestData:
    def test_weights_of_classes_and_of_samples_are_one_too_many(self):
        labels, weight = (X[:, 0] > 0).astype(int), np.ones(12)
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        for data in ({"x": X, "y": labels, "sample_weight": weight}, {"x": [(X, labels, weight)]}):
            if isinstance(data["x"], list):
                data["x"] = iter(data["x"])
            with pytest.raises(ValueError, match="class_weight and sample_weight"):
                model.fit(**data, class_weight={0: 2.0}, verbose=0)

    def test_a_generator_that_has_ended(self):
        batches = ((X, Y) for _ in range(3))
        with pytest.warns(UserWarning, match="came to its end"):
            history = regression().fit(batches, epochs=4, verbose=0)
        assert history.epoch == [0]
        assert len(history.history["loss"]) == 1

    def test_a_loader_makes_more_ready(self):
        loader = melpy.data.Loader(X, Y, batch_size=5, shuffle=False)
        for one, other in zip(loader, loader.prefetch(4), strict=True):
            np.testing.assert_array_equal(one[0], other[0])


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "suggestion"),
        [
            (lambda: melpy.optimizers.Adam(lr=0.1), "'learning_rate'"),
            (lambda: melpy.losses.BinaryCrossentropy(logits=True), "'from_logits'"),
            (lambda: melpy.metrics.Accuracy(nam="a"), "'name'"),
            (lambda: callbacks.EarlyStopping(patient=3), "'patience'"),
            (lambda: layers.Dense(2, activaton="relu"), "'activation'"),
            (lambda: regression().compile("sgd", metric=["mae"]), "'metrics'"),
            (lambda: regression().fit(X, Y, epoch=3), "'epochs'"),
            (lambda: regression().predict(X, batchsize=3), "'batch_size'"),
            (lambda: melpy.optimizers.get("adam_"), "'adam'"),
        ],
    )
    def test_the_right_name_is_suggested(self, call, suggestion):
        with pytest.raises(ValueError, match=f"Did you mean {suggestion}"):
            call()

    @pytest.mark.parametrize(
        "call", [lambda: melpy.optimizers.Adam(lr=0.1), lambda: regression().fit(X, Y, epoch=3)]
    )
    def test_it_is_a_type_error_as_pythons_own(self, call):
        with pytest.raises(TypeError, match="unknown argument"):
            call()

    def test_a_missing_argument_beside_a_right_one(self):
        with pytest.raises(TypeError, match=r"missing 1 required .*'units'"):
            layers.Dense(name="a")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: layers.Dense(3)(), "Dense 'dense': the argument 'inputs' is missing"),
            (lambda: layers.MultiHeadAttention(2, 4)(np.ones((2, 3, 4))), "'value' is missing"),
        ],
    )
    def test_a_call_without_an_argument(self, call, message):
        with pytest.raises(TypeError, match=message):
            call()

    @pytest.mark.parametrize("name", ["a/b", 3])
    def test_what_is_no_name_of_a_layer(self, name):
        with pytest.raises(ValueError, match="no name of a layer"):
            layers.Dense(3, name=name)

    @pytest.mark.parametrize("base", [layers.Layer, melpy.Model])
    def test_a_forgotten_init_of_the_base(self, base):
        class Forgetful(base):
            def __init__(self):
                self.inner = layers.Dense(3)

            def call(self, inputs):
                return self.inner(inputs)

        with pytest.raises(RuntimeError, match=r"Forgetful: .*super\(\).__init__\(\)"):
            Forgetful()(X)
        assert not hasattr(Forgetful(), "name")

    @pytest.mark.parametrize("method", ["fit", "evaluate"])
    def test_x_and_y_in_one_tuple(self, method):
        with pytest.raises(ValueError, match=rf"x is a tuple.*Write {method}\(x, y\)"):
            getattr(regression(), method)((X, Y))

    def test_recurrent_layers_one_after_another(self):
        with pytest.raises(ValueError, match="return_sequences=True"):
            melpy.Sequential([layers.LSTM(3), layers.LSTM(3)])(np.ones((2, 5, 4)))

    def test_parameters_that_are_not_made_yet(self):
        layer = layers.Dense(2)
        with pytest.raises(ValueError, match="its weights are not made yet"):
            layer.count_params()
        layer(X)
        assert layer.count_params() == 8

    def test_a_summary_says_what_is_not_built(self, capsys):
        melpy.Sequential([layers.Dense(2)]).summary()
        assert "unbuilt" in capsys.readouterr().out

    def test_a_name_that_is_not_here(self):
        with pytest.raises(AttributeError, match=r"no attribute 'StatelessTensor'.*docs/keras.md"):
            melpy.StatelessTensor  # noqa: B018
        assert {"utils", "datasets", "data", "preprocessing", "testing"} <= set(dir(melpy))


class TestWarnings:
    def test_they_show_the_line_of_the_user(self, tmp_path):
        keep = callbacks.ModelCheckpoint(tmp_path / "a.keras", "val_loss", save_best_only=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regression().fit(X, Y, verbose=0, callbacks=[keep])
            melpy.losses.get("mse")(np.ones((3, 1)), np.ones((3, 4)))
            melpy.Sequential([layers.Dense(1)]).save(tmp_path / "b.keras")
        assert len(caught) >= 2
        assert {warning.filename for warning in caught} == {__file__}


class TestNames:
    def test_a_model_of_a_graph_is_called_functional(self):
        x = melpy.Input((3,))
        assert melpy.Model(x, layers.Dense(1)(x)).name == "functional"

        class Mine(melpy.Model):
            pass

        assert Mine(x, layers.Dense(1)(x)).name == "mine"

    def test_layers_show_themselves(self):
        assert repr(layers.Dense(2)) == "<Dense name=dense, built=False>"


class TestFiles:
    @pytest.mark.parametrize(
        "compare",
        [lambda a: a > 0, lambda a: a >= 0, lambda a: a < 0, lambda a: a <= 0, lambda a: a == 0,
         lambda a: a != 0],
    )  # fmt: skip
    def test_comparisons_are_written(self, compare, tmp_path):
        x = melpy.Input((3,))
        model = melpy.Model(x, melpy.ops.cast(compare(x), "float32"))
        model.save(tmp_path / "m.keras")
        data = np.array([[-1.0, 0.0, 1.0]], "float32")
        got = melpy.models.load_model(tmp_path / "m.keras").predict(data)
        np.testing.assert_array_equal(got, compare(data).astype("float32"))

    def test_a_model_made_of_models_without_a_config_of_its_own(self, tmp_path):
        @melpy.saving.register_keras_serializable("newcomers")
        class Chain(melpy.Model):
            def __init__(self, first, second, **kwargs):
                super().__init__(**kwargs)
                self.first, self.second = first, second

            def call(self, inputs):
                return self.second(self.first(inputs))

        parts = [melpy.Sequential([layers.Dense(n)], name=f"part_{n}") for n in (4, 2)]
        model = Chain(*parts)
        want = model.predict(X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.save(tmp_path / "m.keras")
        got = melpy.models.load_model(tmp_path / "m.keras").predict(X)
        np.testing.assert_array_equal(got, want)
