"""What models take and give: nested lists, tuples and dicts, and None; and what is refused."""

import collections

import numpy as np
import pytest

import melpy
from melpy import errors, layers

Pair = collections.namedtuple("Pair", "a b")
A, B = np.ones((4, 2), "float32"), np.full((4, 2), 2.0, "float32")

NESTINGS = {
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "namedtuple": Pair,
    "dict": lambda a, b: {"b": b, "a": a},
    "deep": lambda a, b: {"more": [{"b": b}], "first": (a,)},
}


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
def test_the_same_nesting_in_and_out(nest):
    a, b = melpy.Input((2,), name="a"), melpy.Input((2,), name="b")
    model = melpy.Model(nest(a, b), nest(a * 3, b + 1))
    for _ in range(2):
        for made in (model(nest(A, B)), model.predict_on_batch(nest(A, B))):
            melpy.tree.assert_same_structure(made, nest(0, 0))
            leaves = {float(np.asarray(x).mean()) for x in melpy.tree.flatten(made)}
            assert leaves == {3.0}
    described = model(nest(melpy.Input((2,)), melpy.Input((2,))))
    melpy.tree.assert_same_structure(described, nest(0, 0))


class TestSequential:
    def test_a_layer_that_takes_a_dict(self):
        class Joined(layers.Layer):
            def call(self, x):
                return x["a"] + x["b"]

        model = melpy.Sequential([Joined(), layers.Dense(1)])
        assert not hasattr(model, "input_shape")
        for _ in range(3):
            assert model.predict({"a": A, "b": B}, verbose=0).shape == (4, 1)
        assert len(model.weights) == 2

    def test_several_outputs(self):
        model = melpy.Sequential([melpy.Input((3, 2)), layers.LSTM(4, return_state=True)])
        assert [shape[1:] for shape in model.output_shape] == [(4,)] * 3
        assert [x.shape for x in model.predict(np.ones((5, 3, 2)), verbose=0)] == [(5, 4)] * 3

    def test_begun_by_a_model(self):
        base = melpy.Sequential([melpy.Input((2,)), layers.Dense(3)])
        model = melpy.Sequential([base, layers.Dense(1)])
        assert model.built
        assert model.output_shape == (None, 1)
        assert model.pop().name == "dense"
        assert melpy.Sequential([melpy.Sequential([melpy.Input((2,))])]).built is False

    def test_other_sizes_where_the_layers_take_them(self):
        model = melpy.Sequential([melpy.Input((5, 2)), layers.LSTM(3)])
        model.compile("sgd", "mse")
        for length in (7, 5):
            x = np.ones((4, length, 2))
            assert model.predict(x, verbose=0).shape == (4, 3)
            model.fit(x, np.ones((4, 3)), verbose=0)
        with pytest.raises(errors.ShapeError, match=r"Expected shape \(N, 5, 2\)"):
            model.predict(np.ones((4, 2, 5)), verbose=0)

    def test_refused(self):
        with pytest.raises(errors.ArgumentError, match="no layers"):
            melpy.Sequential()(A)
        with pytest.raises(errors.ArgumentError, match="no layer"):
            melpy.Sequential().add({})
        with pytest.raises(errors.ArgumentError, match="one required argument"):
            melpy.Sequential([layers.MultiHeadAttention(1, 2)]).build((None, 3, 2))
        model = melpy.Sequential([melpy.Input((2,)), layers.Dense(1)])
        with pytest.raises(errors.ShapeError, match="begins with an Input of another shape"):
            model.build((None, 5))
        model.build((4, 2))
        with pytest.raises(AttributeError, match=r"add\(\)"):
            model.layers = []


class TestGraphs:
    def test_what_follows_a_layer_begins_with_an_input_of_its_own(self):
        x = melpy.Input((2,))
        h = layers.Dense(3, name="before")(x)
        model = melpy.Model(h, layers.Dense(1, name="after")(h))
        assert [layer.name for layer in model.layers] == ["input_layer", "after"]
        assert model.input_shape == (None, 3)
        assert len(model.weights) == 2
        whole = melpy.Model(x, layers.Dense(1)(h))
        assert whole.get_layer("before").output is h
        assert melpy.Model(whole.input, whole.get_layer("before").output).output_shape == (None, 3)

    def test_attributes_that_are_not_there_yet(self):
        class Own(melpy.Model):
            def call(self, x):
                return x

        for model in (Own(), melpy.Sequential([layers.Dense(1)])):
            for name in ("input", "output", "inputs", "outputs", "input_shape", "output_shape"):
                assert not hasattr(model, name)

    def test_names_are_told_apart(self):
        a, b = melpy.Input((2,)), melpy.Input((2,))
        model = melpy.Model([a, b], a - b)
        assert model.input_names == ["input_layer", "input_layer_1"]
        made = model({"input_layer_1": A, "input_layer": B})
        np.testing.assert_array_equal(np.asarray(made), B - A)

    def test_keys_that_no_input_has(self):
        a = melpy.Input((2,), name="a")
        model = melpy.Model({"a": a}, a * 2)
        with pytest.warns(UserWarning, match=r"no input is called \['0'\]"):
            np.testing.assert_array_equal(np.asarray(model({"0": B, "a": A})), A * 2)
        with pytest.raises(errors.ArgumentError, match="'a' is missing"):
            model({"b": A})

    def test_a_list_in_the_place_of_a_dict(self):
        a, b = melpy.Input((2,)), melpy.Input((2,))
        with pytest.warns(UserWarning, match=r"in the order \['x', 'y'\]"):
            melpy.Model({"x": a, "y": b}, a - b)([A, B])
        with pytest.raises(errors.ArgumentError, match="values without names"):
            melpy.Model({"y": a, "x": b}, a - b)([A, B])

    def test_an_input_that_may_be_none(self):
        class Maybe(layers.Layer):
            def call(self, x, other=None):
                return x if other is None else x + other

        a, b = melpy.Input((2,), name="a"), melpy.Input((2,), name="b", optional=True)
        for inputs, given in (([a, b], [A, None]), ({"a": a, "b": b}, {"a": A, "b": None})):
            model = melpy.Model(inputs, Maybe()(a, b))
            np.testing.assert_array_equal(np.asarray(model(given)), A)
        with pytest.raises(errors.ArgumentError, match="not optional"):
            melpy.Model([a, b], Maybe()(a, b))([None, B])

    def test_an_input_of_two_shapes(self):
        with pytest.raises(errors.ArgumentError, match="say the same"):
            melpy.Input(shape=(3,), batch_shape=(2, 5))
        with pytest.raises(errors.ArgumentError, match="begins with the batch size"):
            melpy.Input(batch_size=2, batch_shape=(2, 5))

    def test_a_last_axis_of_one_is_added_or_taken_away(self):
        images = melpy.Sequential([melpy.Input((3, 3, 1)), layers.Flatten()])
        assert images.predict(np.ones((4, 3, 3)), verbose=0).shape == (4, 9)
        rows = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
        assert rows.predict(np.ones((4, 3, 1)), verbose=0).shape == (4, 1)


class Canary(layers.Layer):
    """Says itself what its outputs are; its call is not to be tried."""

    def call(self, x, training=False):
        assert training
        return {"same": x, "sum": melpy.ops.sum(x, axis=-1)}

    def compute_output_spec(self, x, training=False):
        x = melpy.KerasTensor(x.shape, dtype=x.dtype)
        return {"same": x, "sum": melpy.KerasTensor(x.shape[:-1], dtype=x.dtype)}


def test_a_layer_that_says_what_its_outputs_are():
    x = melpy.Input((2,))
    model = melpy.Model(x, Canary()(x))
    shapes = {key: made.shape for key, made in model.output.items()}
    assert shapes == {"same": (None, 2), "sum": (None,)}
    np.testing.assert_array_equal(model(A, training=True)["sum"], A.sum(axis=-1))


def test_it_may_ask_the_layer_below():
    class Doubling(layers.Dense):
        def compute_output_spec(self, inputs):
            return super().compute_output_spec(inputs)

    assert Doubling(3)(melpy.Input((2,))).shape == (None, 3)


def test_a_class_of_ones_own_may_call_two_layers_alike(tmp_path):
    @melpy.saving.register_keras_serializable("alike")
    class Alike(melpy.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.one, self.other = layers.Dense(2, name="d"), layers.Dense(3, name="d")

        def call(self, x):
            return self.other(self.one(x))

    model = Alike()
    y = model(A)
    assert len(model.layers) == 2
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(melpy.models.load_model(tmp_path / "m.keras")(A), y)
    del melpy.saving.get_custom_objects()["alike>Alike"]


class TestLossesByName:
    @pytest.fixture
    def model(self):
        x = melpy.Input((2,))
        outputs = {"b": layers.Dense(1, name="y")(x), "a": layers.Dense(1, name="z")(x)}
        return melpy.Model(x, outputs)

    @pytest.mark.parametrize("loss", [{"a": "mse", "c": "mae"}, {"a": {"d": "mse"}}])
    def test_losses_of_no_output(self, model, loss):
        model.compile("sgd", loss)
        with pytest.raises(KeyError) as caught:
            model.fit(A, {"a": A[:, :1], "b": A[:, :1]}, verbose=0)
        assert isinstance(caught.value, errors.ArgumentError)
        assert "compile: loss" in str(caught.value)

    def test_a_loss_of_several_outputs_is_called_by_their_keys(self, model):
        def both(y, y_pred):
            return melpy.ops.abs(y["a"] - y_pred["a"]) + melpy.ops.abs(y["b"] - y_pred["b"])

        model.compile("sgd", [both, {"a": "mse", "b": "mae"}])
        history = model.fit(A, {"a": A[:, :1], "b": A[:, :1]}, verbose=0).history
        assert set(history) == {"loss", "a_b_loss", "a_loss", "b_loss"}
