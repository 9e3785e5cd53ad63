"""Categories as rows and floats in bins; the boundaries are those that Keras 3.15.1 learns."""

import numpy as np
import pytest

from melpy import Input, errors, layers

X = np.array([[3, 0, 0], [1, 2, 9]])


class TestCategoryEncoding:
    @pytest.mark.parametrize(
        ("mode", "x", "expected"),
        [
            ("multi_hot", X, [[1, 0, 0, 1], [0, 1, 1, 0]]),
            ("count", X, [[2, 0, 0, 1], [0, 1, 1, 0]]),
            ("one_hot", X[:1, :2], [[[0, 0, 0, 1], [1, 0, 0, 0]]]),
            ("one_hot", X[:, :1], [[0, 0, 0, 1], [0, 1, 0, 0]]),
            ("multi_hot", X[0], [1, 0, 0, 1]),
            ("one_hot", X[0, :2], [[0, 0, 0, 1], [1, 0, 0, 0]]),
        ],
    )
    def test_rows(self, mode, x, expected):
        layer = layers.CategoryEncoding(4, output_mode=mode)
        y = layer(x)
        assert y.numpy().tolist() == expected
        assert layer.compute_output_shape(x.shape) == y.shape
        symbol = layer(Input(batch_shape=x.shape, dtype="int32"))
        assert (symbol.shape, symbol.dtype) == (y.shape, y.dtype)

    def test_weighted_counts_have_gradients(self):
        import melpy

        weights = melpy.Tensor(np.array([[0.5, 1.0], [2.0, 3.0]], "float32"), requires_grad=True)
        layer = layers.CategoryEncoding(3, output_mode="count")
        y = layer(np.array([[0, 1], [1, 1]]), count_weights=weights)
        assert y.numpy().tolist() == [[0.5, 1.0, 0.0], [0.0, 5.0, 0.0]]
        y[1, 1].backward()
        assert weights.grad.tolist() == [[0, 0], [1, 1]]

    def test_refusals(self):
        with pytest.raises(errors.ArgumentError, match="num_tokens is missing"):
            layers.CategoryEncoding()
        with pytest.raises(errors.ArgumentError, match="num_tokens must be a positive"):
            layers.CategoryEncoding(0)
        with pytest.raises(errors.ArgumentError, match="unknown output_mode 'int'"):
            layers.CategoryEncoding(3, output_mode="int")
        with pytest.raises(errors.ArgumentError, match="sparse outputs"):
            layers.CategoryEncoding(3, sparse=True)
        with pytest.raises(errors.ArgumentError, match="count_weights are for another mode"):
            layers.CategoryEncoding(4)(X, count_weights=np.ones(X.shape))
        with pytest.raises(errors.DtypeError, match="categories here are whole numbers"):
            layers.CategoryEncoding(4)(np.array([["a"]]))


class TestDiscretization:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("int", [[1, 2, 2, 3]]),
            ("one_hot", [[[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]),
            ("multi_hot", [[0, 1, 1, 1]]),
            ("count", [[0, 1, 2, 1]]),
        ],
    )
    def test_given_boundaries(self, mode, expected):
        layer = layers.Discretization([0.0, 0.35, 1.0], output_mode=mode)
        x = np.array([[0.1, 0.35, 0.9, np.inf]])  # the second is no larger in float32
        y = layer(x)
        assert y.numpy().tolist() == expected
        assert y.dtype == (np.int32 if mode == "int" else np.float32)
        assert layer.compute_output_shape((None, 4)) == (None, *y.shape[1:])
        symbol = layer(Input((4,)))
        assert (symbol.shape[1:], symbol.dtype) == (y.shape[1:], y.dtype)

    @pytest.mark.parametrize(
        ("options", "whole", "in_batches"),
        [
            ({"num_bins": 4}, [2.5, 16.0, 42.5], [2.5, 16.0, 42.5]),
            ({"num_bins": 4, "epsilon": 0.25}, [3.0, 17.0, 43.0], [5.25, 22.0, 46.833332]),
        ],
    )
    def test_learned_boundaries(self, options, whole, in_batches):
        x = np.arange(10.0) ** 2
        for data, expected in ((x, whole), (iter([x[:4], x[4:]]), in_batches)):
            layer = layers.Discretization(**options)
            layer.adapt(data)
            np.testing.assert_allclose(layer.bin_boundaries, expected, rtol=1e-6)

    def test_ties_and_configurations(self):
        layer = layers.Discretization(num_bins=4)
        layer.adapt(np.array([1, 1, 1, 1, 1, 2, 2, 2, 3.0]))
        assert layer.bin_boundaries == [1.0, 1.0, 2.0]
        config = layer.get_config()
        twin = layers.Discretization.from_config(config)
        assert twin.get_config() == config
        assert twin(np.array([1.0, 2.5])).numpy().tolist() == [2, 3]

    def test_refusals(self):
        for options in ({}, {"num_bins": 3, "bin_boundaries": [1.0]}):
            with pytest.raises(errors.ArgumentError, match="either bin_boundaries or num_bins"):
                layers.Discretization(**options)
        with pytest.raises(errors.ArgumentError, match="do not ascend"):
            layers.Discretization([1.0, 0.0])
        with pytest.raises(errors.ArgumentError, match="epsilon is"):
            layers.Discretization(num_bins=3, epsilon=0)
        with pytest.raises(errors.ArgumentError, match="boundaries are not known"):
            layers.Discretization(num_bins=3)(np.ones(3))
        with pytest.raises(errors.ArgumentError, match="given its boundaries"):
            layers.Discretization([1.0]).adapt(np.ones(3))
        with pytest.raises(errors.DataError, match="nothing to adapt to"):
            layers.Discretization(num_bins=3).adapt([])
        with pytest.raises(errors.DtypeError, match="bins are of numbers"):
            layers.Discretization([1.0])(np.array(["a"]))
