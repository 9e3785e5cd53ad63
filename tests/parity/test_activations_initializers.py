"""Activations and initializers are Keras's, by name, argument and number."""

import numpy as np
import pytest

import melpy
from melpy import activations, initializers
from melpy.configurable import snake_case

pytestmark = pytest.mark.parity

NAMES = sorted(activations.ACTIVATIONS)
NEEDED = {"threshold": (0.5, 7.0)}  # arguments without a default
OPTIONS = [
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"max_value": 2.5, "threshold": 1.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 2.5, "threshold": 1.0}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("squareplus", {"b": 1.0}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("glu", {"axis": 0}),
    ("soft_shrink", {"threshold": 2.0}),
    ("hard_shrink", {"threshold": 2.0}),
]
FAMILIES = sorted(
    name for name in initializers.__all__ if name[0].isupper() and name != "Initializer"
)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize(
    ("name", "options"),
    # what Keras's sparsemax gives for several rows does not add up to 1: ours is tested by itself
    [(name, {}) for name in NAMES if name != "sparsemax"] + OPTIONS,
)
def test_activation(keras, precision, name, options, dtype, tolerance):
    x = np.linspace(-9, 9, 60).reshape(6, 10).astype(dtype)
    needed = NEEDED.get(name, ())
    with precision(dtype):
        x_theirs = keras.ops.convert_to_tensor(x)
        expected = np.asarray(keras.activations.get(name)(x_theirs, *needed, **options))
    y = np.asarray(activations.get(name)(x, *needed, **options))
    assert y.dtype == expected.dtype == np.dtype(dtype)
    np.testing.assert_allclose(y, expected, rtol=10 * tolerance, atol=tolerance)


def test_every_activation_of_keras(keras):
    functions = {name for name in dir(keras.activations) if not name.startswith("_")}
    assert functions <= set(activations.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_activation_configs(keras, name):
    config = keras.activations.serialize(getattr(keras.activations, name))
    assert activations.serialize(getattr(activations, name)) == config
    assert activations.get(config) is activations.get(name)


@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 100, 150)])
@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"Identity", "STFT"}))
def test_distribution(keras, name, shape):
    keras.utils.set_random_seed(0)
    ours = getattr(initializers, name)()(shape).astype(np.float64)
    theirs = np.asarray(getattr(keras.initializers, name)()(shape), np.float64)
    if name in ("Constant", "Zeros", "Ones"):
        np.testing.assert_array_equal(ours, theirs)
        return
    scale, count = theirs.std(), theirs.size
    assert abs(ours.mean() - theirs.mean()) < 6 * scale / np.sqrt(count)
    assert ours.std() == pytest.approx(scale, rel=6 / np.sqrt(count))
    # Limits: both stop at the same value, which many draws come close to; normal draws have none.
    if name not in ("RandomNormal", "Orthogonal"):
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=5e-3)
    quantiles = np.linspace(0.05, 0.95, 7)  # each is known to about 0.005 of the deviation
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.03 * scale
    )


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
def test_variance_scaling(keras, mode, distribution):
    shape = (3, 3, 40, 80)
    made = [
        np.asarray(library.initializers.VarianceScaling(1.7, mode, distribution, seed=1)(shape))
        for library in (keras, melpy)
    ]
    assert made[1].std() == pytest.approx(made[0].std(), rel=6 / np.sqrt(made[0].size))
    if distribution != "untruncated_normal":
        assert np.abs(made[1]).max() == pytest.approx(np.abs(made[0]).max(), rel=2e-3)


def test_identity_and_orthogonal(keras):
    ours = initializers.Identity(2.0)((3, 5))
    np.testing.assert_array_equal(ours, np.asarray(keras.initializers.Identity(2.0)((3, 5))))
    for shape in ((6, 4), (2, 2, 3, 20)):
        for library in (initializers, keras.initializers):
            w = np.asarray(library.Orthogonal(gain=3.0, seed=1)(shape)).reshape(-1, shape[-1])
            small = w if w.shape[0] <= w.shape[1] else w.T
            np.testing.assert_allclose(small @ small.T, 9 * np.eye(len(small)), atol=1e-5)


# By its name alone Keras cannot make a Constant: the value is missing.
@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"Constant"}))
def test_names(keras, name):
    for spelled in (name, snake_case(name)):
        assert type(keras.initializers.get(spelled)) is getattr(keras.initializers, name)
        assert type(initializers.get(spelled)) is getattr(initializers, name)
