"""Activations: their options, their names, and the fused path."""

import numpy as np
import pytest

from melpy import Tensor, activations, layers, ops
from melpy.errors import ArgumentError, UnknownNameError

X = np.array([-2.0, -0.5, 0.5, 1.5, 3.0, 9.0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 0.5, 1.5, 3, 9]),
        ({"max_value": 6}, [0, 0, 0.5, 1.5, 3, 6]),
        ({"max_value": 2.0}, [0, 0, 0.5, 1.5, 2, 2]),
        ({"negative_slope": 0.5}, [-1, -0.25, 0.5, 1.5, 3, 9]),
        ({"threshold": 1.0}, [0, 0, 0, 1.5, 3, 9]),
        (
            {"negative_slope": 0.5, "max_value": 6.0, "threshold": 1.0},
            [-1.5, -0.75, -0.25, 1.5, 3, 6],
        ),
    ],
)
def test_options_of_relu(options, expected):
    np.testing.assert_allclose(activations.relu(X, **options), expected)
    x = Tensor(X, requires_grad=True)
    activations.relu(x, **options).sum().backward()
    slopes = [
        (activations.relu(X + h, **options) - activations.relu(X, **options)) / h
        for h in (1e-6, -1e-6)
    ]
    np.testing.assert_allclose(x.grad, slopes[0], atol=1e-8)
    np.testing.assert_allclose(*slopes, atol=1e-8)  # none of these points is a kink


def test_by_name_and_by_value():
    for name, function in activations.ACTIVATIONS.items():
        assert activations.get(name) is function
        assert activations.get(function) is function
        assert activations.deserialize(activations.serialize(function)) is function
    assert activations.get(None) is activations.linear
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.relu


def test_a_function_of_ones_own():
    def cubed(x):
        return x**3

    config = activations.serialize(cubed)
    assert config["config"] == "cubed"
    assert activations.deserialize(config, {"cubed": cubed}) is cubed
    with pytest.raises(UnknownNameError, match="unknown activation 'cubed'"):
        activations.deserialize(config)


def test_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        activations.get("rleu")
    with pytest.raises(ArgumentError, match="this is no activation"):
        activations.get(3)
    with pytest.raises(ArgumentError, match=r"a layer, 'ReLU', given by its config.*layers\.ReLU"):
        activations.get({"class_name": "ReLU", "config": {"max_value": 3.0}})


@pytest.mark.parametrize(
    ("options", "kind", "expected"),
    [
        ({}, "int32", [0, 0, 1, 3]),
        ({"max_value": 2.0}, "int32", [0, 0, 1, 2]),
        ({"threshold": 1.0}, "int32", [0, 0, 0, 3]),  # what is at the threshold is not above it
        ({"threshold": 1.0, "negative_slope": 0.5}, "float32", [-1.5, -0.5, 0, 3]),
        ({"max_value": 2, "negative_slope": 0.5}, "float32", [-1, 0, 1, 2]),
    ],
)
def test_relu_of_whole_numbers(options, kind, expected):
    for x in (np.array([-2, 0, 1, 3], "int32"), [-2, 0, 1, 3]):
        y = activations.relu(x, **options)
        assert y.dtype == kind
        np.testing.assert_array_equal(y, expected)
    layer = layers.ReLU(**{"threshold": 0.0, **options})
    np.testing.assert_array_equal(layer(np.array([-2.0, 0.0, 1.0, 3.0], "float32")), expected)


def test_of_nothing():
    for function in (activations.softmax, activations.log_softmax, activations.sparsemax):
        for shape in ((0, 4), (2, 0)):
            assert function(np.zeros(shape)).shape == shape


def test_the_older_name_of_a_slope():
    with pytest.warns(UserWarning, match="Use negative_slope"):
        layer = layers.LeakyReLU(alpha=0.25)
    assert layer.get_config()["negative_slope"] == 0.25
    np.testing.assert_array_equal(layer(np.array([-4.0, 2.0])), [-1, 2])


@pytest.mark.parametrize(
    "name", ["linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "mish"]
)
def test_add_bias_is_the_sum_and_the_activation(name):
    x, b = np.linspace(-2, 2, 12).reshape(4, 3), np.array([0.1, -0.2, 0.3])
    function = activations.get(name)
    np.testing.assert_allclose(activations.add_bias(x, b, function), function(x + b), rtol=1e-12)
    assert activations.add_bias(x, None, activations.linear) is x
    recorded = activations.add_bias(Tensor(x, requires_grad=True), b, function)
    is_fused = name not in ("gelu", "mish")
    assert (recorded.node.op == "bias_activation") == is_fused


def test_both_relus_are_fused():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    for relu in (activations.relu, ops.relu):
        assert activations.add_bias(x, np.zeros(3), relu).node.op == "bias_activation"
