"""Categories and bins beside Keras; what needs TensorFlow there is in tests/layers."""

import numpy as np
import pytest

import melpy

pytestmark = pytest.mark.parity

X = {
    "vector": np.array([1, 2, 2]),
    "column": np.array([[1], [2]]),
    "table": np.array([[1, 2], [0, 9]]),
    "block": np.array([[[1, 2], [0, 0]], [[3, 3], [1, -1]]]),
    "floats": np.array([[1.0, 2.0]]),
}


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("kind", [kind for kind in X if kind != "floats"])  # JAX warns of them
def test_rows_of_numbers(keras, kind, mode):
    x = X[kind]
    ours, theirs = (library.layers.CategoryEncoding(4, mode) for library in (melpy, keras))
    y, expected = ours(x), theirs(x)
    assert y.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("kind", X)
def test_bins_of_floats(keras, kind, mode):
    x = X[kind]
    ours, theirs = (
        library.layers.Discretization([0.1, 1.0, 2.5], output_mode=mode)
        for library in (melpy, keras)
    )
    y, expected = ours(x / 10), theirs(x / 10)
    assert y.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(y, expected)
    assert ours.compute_output_shape(x.shape) == theirs.compute_output_shape(x.shape)
    assert ours.get_config()["bin_boundaries"] == theirs.get_config()["bin_boundaries"]


def test_files_both_ways(keras, tmp_path):
    for writer, reader in ((melpy, keras), (keras, melpy)):
        L = writer.layers
        x, categories = writer.Input((3,)), writer.Input((2,), dtype="int32")
        bins = L.Discretization([0.1, 1.0], output_mode="count")(x)
        rows = L.CategoryEncoding(4)(categories)
        model = writer.Model([x, categories], L.Dense(1)(L.Concatenate()([bins, rows])))
        model.save(tmp_path / "model.keras")
        twin = reader.saving.load_model(tmp_path / "model.keras")
        data = [np.array([[0.0, 0.1, 2.0]], "float32"), np.array([[1, 3]], "int32")]
        expected = np.asarray(model(data))
        np.testing.assert_allclose(np.asarray(twin(data)), expected, rtol=1e-6)
