"""Images move as Keras moves them, in the values and in the gradients."""

import numpy as np
import pytest

from melpy import ops, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity


FILL_MODES = ["constant", "nearest", "wrap", "reflect"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("interpolation", "data_format"),
    [("bilinear", "channels_last"), ("nearest", "channels_first")],
)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_affine_transform(
    keras, precision, agree, dtype, fill_mode, interpolation, data_format
):  # fmt: skip
    with precision(dtype):
        import jax

        rng = np.random.default_rng(0)
        x = rng.normal(size=(40, 4, 5, 3)).astype(dtype)
        transform = np.zeros((40, 8), dtype)  # 40 moves, some of them far beyond the rim
        transform[:, :6] = rng.normal(size=(40, 6)) * [1, 1, 3, 1, 1, 3]
        options = (transform, interpolation, fill_mode, 0.7, data_format)
        expected, back = jax.vjp(lambda x: keras.ops.image.affine_transform(x, *options), x)
        g = rng.normal(size=x.shape).astype(dtype)
        tensor = Tensor(x, requires_grad=True)
        y = ops.affine_transform(tensor, *options)
        tolerance = 1e-4 if dtype == "float32" else 1e-9
        agree(y, expected, tolerance, "the output")
        [d_x] = tape.gradients(y, [tensor], g)
        agree(d_x, back(g)[0], tolerance, "the gradient")
        assert y.dtype == dtype


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_whole_numbers(keras, precision, fill_mode):
    with precision("float64"):  # in float32 what lies near a half is rounded either way
        rng = np.random.default_rng(0)
        x = rng.integers(0, 256, (2, 5, 4, 3), "uint8")
        transform = np.zeros((2, 8))
        transform[:, :6] = rng.normal(size=(2, 6))
        ours = ops.affine_transform(x, transform, "bilinear", fill_mode, 7)
        theirs = keras.ops.image.affine_transform(x, transform, "bilinear", fill_mode, 7)
        np.testing.assert_array_equal(ours, theirs)
