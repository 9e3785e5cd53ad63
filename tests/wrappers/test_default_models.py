"""The networks of estimators that were given none: shapes, types, and how they train."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.sparse import csr_array

import melpy
from melpy.wrappers import default_autoencoder, default_model

from .shared import X

Y = X[:, :2]


@pytest.mark.parametrize("given", [X, X.astype("float32"), csr_array(X)])
def test_types_and_scales(given):
    kind = "float32" if given.dtype == np.float32 else "float64"
    model = default_model(given, 1000 * Y + 5000, hidden_layer_sizes=(3,))
    assert model.dtype == kind
    assert {w.dtype.name for w in model.weights} == {kind}
    outputs = model(np.tile(X, (10, 1))).value
    assert abs(outputs.mean() - 5000) < 2000
    assert 100 < outputs.std() < 5000


def test_a_table_keeps_all_its_digits():
    model = default_model(X, Y)
    changed = X + 1e-12
    assert not np.array_equal(model(changed), model(X))
    again = melpy.Sequential.from_config(model.get_config())
    assert again.dtype == "float64"


def test_means_and_variances_heed_the_weights():
    weight = np.r_[np.ones(30), np.zeros(60)]
    model, part = default_model(X, Y, sample_weight=weight), default_model(X[:30], Y[:30])
    for name in ("normalization", "normalization_1"):
        one, other = (m.get_layer(name) for m in (model, part))
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12)
        np.testing.assert_allclose(one.variance, other.variance, rtol=1e-12)
    constant = default_model(np.full((9, 2), 0.1), np.full((9, 1), 7.3))
    assert np.asarray(constant.layers[0].variance).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("make", [lambda: default_model(X, Y), lambda: default_autoencoder(X)])
def test_they_train_by_programs(make):
    """Written down once: what is told apart, step by step, takes ten times as long."""
    model = make()
    model.compile("adam", melpy.losses.MeanSquaredError(dtype="float64"))
    model.fit(X, np.zeros((90, model.output_shape[1])), epochs=4, verbose=0)
    programs = [one for one in model._training_programs.known.values() if one is not None]
    assert any(program.is_whole for program in programs)


def test_an_adapted_normalization_is_read_anew_in_each_step():
    layer = melpy.layers.Normalization()
    layer.adapt(X)
    model = melpy.Sequential([melpy.Input((4,)), layer, melpy.layers.Dense(1)])
    model.compile("sgd", "mse")
    losses = []
    for scale in (1, 3):
        layer.adapt(X * scale)
        model.fit(X, Y[:, :1], epochs=4, verbose=0)
        losses.append(model.evaluate(X, Y[:, :1]))
        by_hand = np.mean((model(X).numpy() - Y[:, :1]) ** 2)
        assert losses[-1] == pytest.approx(by_hand, rel=1e-5)
