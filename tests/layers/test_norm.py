"""Normalizations by hand: batch renormalization, mean squares, lengths."""

import numpy as np
import pytest

from melpy import errors, layers


class TestRenorm:
    def test_first_step_by_hand(self):
        """The moving averages are 0 and 1: r = 2, d = 5, so y = x; the batch's own y is (-1, 1)."""
        layer = layers.BatchNormalization(
            renorm=True, epsilon=0.0, momentum=0.9, renorm_momentum=0.5
        )
        y = layer(np.array([[3.0], [7.0]]), training=True)
        np.testing.assert_allclose(y, [[3.0], [7.0]], rtol=1e-6)
        found = {w.name: float(w.value[0]) for w in layer.non_trainable_weights}
        assert found == pytest.approx(
            {"moving_mean": 0.5, "moving_variance": 1.1**2, "moving_stddev": 1.1,
             "renorm_mean": 2.5, "renorm_stddev": 1.5}
        )  # fmt: skip

    def test_clipping_by_hand(self):
        limits = {"rmin": 0.5, "rmax": 1.5, "dmax": 0.25}
        layer = layers.BatchNormalization(renorm=True, epsilon=0.0, renorm_clipping=limits)
        y = layer(np.array([[3.0], [7.0]]), training=True)
        np.testing.assert_allclose(y, [[-1.5 + 0.25], [1.5 + 0.25]], rtol=1e-6)

    def test_padding_does_not_count(self):
        layer = layers.BatchNormalization(renorm=True, epsilon=0.0, momentum=0.0)
        x = np.array([[[3.0], [7.0], [99.0]]])
        layer(x, training=True, mask=np.array([[True, True, False]]))
        assert layer.moving_mean.value[0] == pytest.approx(5.0)
        assert layer.moving_variance.value[0] == pytest.approx(4.0)

    def test_config(self):
        layer = layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 3.0})
        again = layers.BatchNormalization.from_config(layer.get_config())
        again.build((None, 2))
        assert again.renorm_clipping == {"rmax": 3.0}
        assert len(again.weights) == 7

    @pytest.mark.parametrize("wrong", [{"rmin": 2, "rmax": 1}, {"dmax": -1}, {"rmix": 1}])
    def test_limits_that_cannot_be_kept(self, wrong):
        with pytest.raises(errors.ArgumentError, match="sets no limits"):
            layers.BatchNormalization(renorm=True, renorm_clipping=wrong)


def test_layer_normalization_takes_axes_in_any_order():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    plain = layers.LayerNormalization(axis=[1, 2])
    expected = plain(x)
    for axes in ([2, 1], [-1, 1], [-1, -2]):
        layer = layers.LayerNormalization(axis=axes)
        np.testing.assert_array_equal(layer(x), expected)
    assert layer.gamma.shape == (3, 4)


class TestByLength:
    def test_rms_by_hand(self):
        """The root of the mean square of (1, 7) is 5."""
        layer = layers.RMSNormalization(epsilon=0.0)
        np.testing.assert_allclose(layer(np.array([[1.0, 7.0]])), [[0.2, 1.4]], rtol=1e-6)
        layer.set_weights([np.array([5.0, 10.0])])
        np.testing.assert_allclose(layer(np.array([[1.0, 7.0]])), [[1.0, 14.0]], rtol=1e-6)

    def test_rms_over_an_axis_that_is_not_the_last(self):
        layer = layers.RMSNormalization(axis=1, epsilon=0.0)
        x = np.array([[[1.0, 3.0], [7.0, 3.0]]])
        layer.ensure_built((None, 2, 2))
        layer.set_weights([np.array([5.0, 10.0])])
        np.testing.assert_allclose(layer(x), [[[1.0, 5.0], [14.0, 10.0]]], rtol=1e-6)

    def test_unit_by_hand(self):
        x = np.array([[[3.0, 0.0], [4.0, 0.0]]])
        y = np.asarray(layers.UnitNormalization(axis=1)(x))
        np.testing.assert_allclose(y, [[[0.6, 0.0], [0.8, 0.0]]], rtol=1e-6)

    def test_messages(self):
        with pytest.raises(errors.ShapeError, match=r"UnitNormalization 'unit.*no axis 2"):
            layers.UnitNormalization(axis=2)(np.ones((2, 3)))
        with pytest.raises(errors.ShapeError, match=r"no axis \[1, 5\]"):
            layers.RMSNormalization(axis=[1, 5])(np.ones((2, 3)))
        with pytest.raises(errors.DtypeError, match="axis is no axis"):
            layers.UnitNormalization(axis="last")


def test_alpha_dropout_keeps_mean_and_variance():
    layer = layers.AlphaDropout(0.3, seed=1)
    x = np.random.default_rng(0).normal(size=(500, 400)).astype("float32")
    y = np.asarray(layer(x, training=True))
    assert y.mean() == pytest.approx(0, abs=0.01)
    assert y.var() == pytest.approx(1, abs=0.02)
    values, counts = np.unique(y, return_counts=True)
    assert counts.max() / y.size == pytest.approx(0.3, abs=0.01)  # a (-1.7581) + b
    a = (0.7 * (1 + 0.3 * 1.7580993**2)) ** -0.5
    assert values[counts.argmax()] == pytest.approx(-1.7580993 * a * 0.7, rel=1e-5)
    np.testing.assert_array_equal(layer(x), x)
    with pytest.raises(errors.ArgumentError, match=r"Expected a float in \[0, 1\)"):
        layers.AlphaDropout(1.0)
