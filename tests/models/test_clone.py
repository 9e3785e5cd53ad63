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
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3, name="one")])
    again = clone_model(model, input_tensors=x, call_function=call)
    assert again.output_shape == (7, 3)
    assert calls == ["one"]


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
