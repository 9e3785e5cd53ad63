"""clone_model: the same layers, weights of their own."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers
from melpy.models import clone_model


def two_inputs():
    a, b = melpy.Input((4,), name="a"), melpy.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, name="deep")], name="inner")
    return melpy.Model([a, b], inner(shared(a) * 2.0 + shared(b)))


def test_a_graph_with_a_shared_layer():
    model = two_inputs()
    again = clone_model(model)
    x = [np.ones((2, 4), "float32")] * 2
    assert not np.allclose(model(x), again(x))
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(x), again(x))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.layers[-1].set_weights([np.zeros_like(w) for w in again.layers[-1].get_weights()])
    assert not np.allclose(model(x), again(x))


def test_other_layers_in_their_places():
    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "units": config["units"] * 2})

    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3), layers.Dense(5)])
    assert clone_model(model, clone_function=wider).count_params() == 5 * 6 + 7 * 10
    seen = []

    def noted(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone_model(two_inputs(), clone_function=noted, recursive=True)
    assert seen == ["shared", "deep"]


def test_new_inputs_and_calls():
    calls = []

    def call(layer, *args, **kwargs):
        calls.append(layer.name)
        return layer(*args, **kwargs)

    x = melpy.Input((4,), batch_size=7)
    first = melpy.Input((4,))
    model = melpy.Model(first, layers.Dense(3, name="one")(first))
    again = clone_model(model, input_tensors=x, call_function=call)
    assert again.output_shape == (7, 3)
    assert calls == ["one"]
    row = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
    assert clone_model(row, input_tensors=[x]).output_shape == (7, 3)
    with pytest.raises(errors.ArgumentError, match="in a row"):
        clone_model(row, call_function=call)
    with pytest.raises(errors.ArgumentError, match="not symbolic"):
        clone_model(row, input_tensors=np.ones((7, 4)))


def test_inputs_without_names_and_their_nesting():
    a, b = melpy.Input((2,)), melpy.Input((3,))
    model = melpy.Model({"a": a, "more": (b,)}, [a * 1, {"b": b * 1}])
    again = clone_model(model)
    assert melpy.tree.map_structure(lambda x: x.shape[1], again.input) == {"a": 2, "more": (3,)}
    melpy.tree.assert_same_structure(again.output, model.output)
    assert len(set(again.input_names)) == 2
    with pytest.raises(errors.ArgumentError, match="structure of the model's inputs"):
        clone_model(model, input_tensors=[a, b])


def test_what_was_compiled_is_compiled_anew():
    def own_loss(y, y_pred):
        return melpy.ops.mean((y - y_pred) ** 2)

    x = melpy.Input((2,))
    for loss in ("mse", own_loss, lambda y, y_pred: own_loss(y, y_pred), melpy.losses.Huber()):
        model = melpy.Model(x, layers.Dense(1)(x))
        assert not clone_model(model).compiled
        model.compile(melpy.optimizers.Adam(0.5), loss, metrics=["mae", melpy.metrics.R2Score()])
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
        again = clone_model(model)
        assert float(again.optimizer.learning_rate) == 0.5
        assert int(again.optimizer.iterations) == 0
        again.set_weights(model.get_weights())
        measured = [
            m.evaluate(np.ones((4, 2)), np.zeros((4, 1)), return_dict=True) for m in (model, again)
        ]
        assert measured[0] == measured[1]
        assert model.metrics[1] is not again.metrics[1]


def test_a_class_with_a_graph_stays_that_class():
    class Own(melpy.Model):
        pass

    x = melpy.Input((2,))
    assert type(clone_model(Own(x, layers.Dense(1)(x)))) is Own


def test_a_layer_inside_and_outside_a_model_stays_one():
    dense, x = layers.Dense(3), melpy.Input((3,))
    inner = melpy.Model(x, dense(x))
    model = melpy.Model(x, inner(dense(x)))
    assert len(clone_model(model, recursive=True).weights) == 2


def test_a_class_of_ones_own():
    class Own(melpy.Model):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

    again = clone_model(Own(5))
    assert again(np.zeros((1, 3))).shape == (1, 5)
    with pytest.raises(errors.ArgumentError, match="no graph"):
        clone_model(Own(5), clone_function=lambda layer: layer)
