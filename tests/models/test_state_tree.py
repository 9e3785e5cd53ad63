"""Variables as a tree, by the names on the way to each, and the scopes that give names."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers


def net():
    model = melpy.Sequential(
        [layers.Input((3,)), layers.Dense(2, name="a"), layers.BatchNormalization(name="b")],
        name="net",
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_a_tree_there_and_back():
    model, other = net(), net()
    before = model.get_state_tree("numpy_array")
    model.fit(np.arange(12.0).reshape(4, 3) ** 2, np.ones((4, 2)), verbose=0)
    after = model.get_state_tree()
    assert set(after) == {
        "trainable_variables", "non_trainable_variables", "optimizer_variables",
        "metrics_variables",
    }  # fmt: skip
    assert after["optimizer_variables"]["adam"]["iteration"].numpy() == 1
    assert set(after["metrics_variables"]) == {"loss", "mean_absolute_error"}
    assert [v.path for v in model.optimizer.variables][:2] == [
        "adam/iteration",
        "adam/learning_rate",
    ]
    kernels = [t["trainable_variables"]["net"]["a"]["kernel"] for t in (before, after)]
    assert isinstance(kernels[0], np.ndarray)
    assert not np.array_equal(*map(np.asarray, kernels))
    np.testing.assert_array_equal(kernels[1], model.layers[0].kernel)
    other.set_state_tree(after)
    pairs = zip(model.optimizer.variables, other.optimizer.variables, strict=True)
    for one, same in [*pairs, *zip(model.weights, other.weights, strict=True)]:
        np.testing.assert_array_equal(one, same)
    model.set_state_tree({"trainable_variables": before["trainable_variables"]})
    np.testing.assert_array_equal(kernels[0], model.layers[0].kernel)


def test_trees_that_are_refused():
    model = net()
    with pytest.raises(KeyError, match="'net/c/kernel'"):
        model.set_state_tree({"trainable_variables": {"net": {"c": {"kernel": 0}}}})
    with pytest.raises(KeyError, match="no 'weights'"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="unknown kind of leaves"):
        model.get_state_tree("list")
    model.extra = [layers.Dense(1, name="c"), layers.Dense(1, name="c")]
    for layer in model.extra:
        layer.build((None, 2))
    twins = melpy.Model()
    twins.parts = model.extra
    with pytest.raises(errors.ArgumentError, match="'c/kernel'"):
        twins.get_state_tree()


def test_name_scopes():
    dense, opener = layers.Dense(1), object()
    with melpy.name_scope("outer"), melpy.name_scope("inner", caller=opener):
        with melpy.name_scope("inner", caller=opener):
            dense(np.ones((1, 2)))
        with melpy.name_scope("else", override_parent="/far/away"):
            apart = melpy.Variable([1.0], name="w")
    assert dense.kernel.path == "outer/inner/dense/kernel"
    assert apart.path == "far/away/else/w"
    for name in ("a/b", 3):
        with pytest.raises(errors.ArgumentError, match="name_scope"):
            melpy.name_scope(name)


def test_devices():
    with melpy.device("cpu"), melpy.device("CPU:0"):
        pass
    for name in ("gpu:0", "cpu:1", None):
        with pytest.raises(errors.ArgumentError, match="no such device"), melpy.device(name):
            pass
