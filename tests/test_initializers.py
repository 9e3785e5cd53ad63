"""Initializers: what they draw has the variance and the bounds of their formulas."""

import math
import warnings

import numpy as np
import pytest

from melpy import initializers, layers, random
from melpy.errors import ArgumentError, ShapeError, UnknownNameError

SHAPE = (250, 400)  # 100,000 draws
CONV = (3, 3, 64, 174)  # as many, with a field
APART = {"Initializer", "STFT"}  # the one is abstract, the other for kernels of one form only
NAMES = [name for name in initializers.__all__ if name[0].isupper() and name not in APART]
DRAWN = [name for name in NAMES if issubclass(getattr(initializers, name), initializers.Random)]
SCALED = {  # scale, which fan, the law: Keras's table
    "GlorotUniform": (1, "avg", "uniform"),
    "GlorotNormal": (1, "avg", "normal"),
    "HeUniform": (2, "in", "uniform"),
    "HeNormal": (2, "in", "normal"),
    "LecunUniform": (1, "in", "uniform"),
    "LecunNormal": (1, "in", "normal"),
}
CUT = 0.87962566103423978  # the standard deviation of a standard normal cut at +-2


def assert_law(w, mean, std, law):
    """Hold mean, variance and shape of many draws against a law, at five standard errors."""
    z = (w.astype(np.float64).ravel() - mean) / std
    kurtosis = {"uniform": 1.8, "normal": 3.0, "cut": 2.3652}[law]
    assert abs(z.mean()) < 5 / math.sqrt(z.size)
    assert abs((z**2).mean() - 1) < 5 * math.sqrt((kurtosis - 1) / z.size)
    assert abs((z**4).mean() - kurtosis) < 0.12
    if law == "normal":
        assert np.abs(z).max() > 3.5
    else:
        end = math.sqrt(3) if law == "uniform" else 2 / CUT
        assert 0.99 * end < np.abs(z).max() <= end * (1 + 1e-6)


class TestDraws:
    @pytest.mark.parametrize("name", SCALED)
    @pytest.mark.parametrize("shape", [SHAPE, SHAPE[::-1], CONV], ids=str)
    def test_scaled_by_fans(self, name, shape):
        scale, which, law = SCALED[name]
        field = math.prod(shape[:-2])
        fan_in, fan_out = field * shape[-2], field * shape[-1]
        n = fan_in if which == "in" else (fan_in + fan_out) / 2
        w = getattr(initializers, name)(seed=1)(shape)
        assert (w.shape, w.dtype) == (shape, np.float32)
        assert_law(w, 0, math.sqrt(scale / n), "uniform" if law == "uniform" else "cut")

    @pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
    @pytest.mark.parametrize(
        ("distribution", "law"),
        [("uniform", "uniform"), ("truncated_normal", "cut"), ("untruncated_normal", "normal")],
    )
    def test_variance_scaling(self, mode, distribution, law):
        n = {"fan_in": 250, "fan_out": 400, "fan_avg": 325}[mode]
        w = initializers.VarianceScaling(3.0, mode, distribution, seed=2)(SHAPE, "float64")
        assert_law(w, 0, math.sqrt(3 / n), law)

    def test_random_normal(self):
        assert_law(initializers.RandomNormal(2.0, 0.5, seed=1)(SHAPE), 2, 0.5, "normal")

    def test_truncated_normal_is_cut_and_its_stddev_is_that_before_the_cut(self):
        w = initializers.TruncatedNormal(2.0, 0.5, seed=1)(SHAPE)
        assert_law(w, 2, 0.5 * CUT, "cut")
        assert 1 <= w.min() < 1.01
        assert 2.99 < w.max() <= 3

    def test_random_uniform(self):
        w = initializers.RandomUniform(-1.0, 3.0, seed=1)(SHAPE)
        assert_law(w, 1, 4 / math.sqrt(12), "uniform")

    @pytest.mark.parametrize(
        "shape", [(40, 40), (60, 20), (20, 60), (3, 3, 5, 7), (2, 2, 3, 30)], ids=str
    )
    def test_orthogonal(self, shape):
        w = initializers.Orthogonal(gain=3.0, seed=1)(shape, "float64")
        assert w.shape == shape
        flat = w.reshape(-1, shape[-1]) / 3
        gram = flat.T @ flat if len(flat) >= shape[-1] else flat @ flat.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)

    def test_orthogonal_matrices_are_uniform(self):
        """The trace of a uniform orthogonal matrix has mean 0 and variance 1."""
        traces = [np.trace(initializers.Orthogonal(seed=s)((3, 3), "float64")) for s in range(2000)]
        assert abs(np.mean(traces)) < 5 / math.sqrt(2000)
        assert abs(np.var(traces) - 1) < 0.2


class TestFixed:
    def test_constants(self):
        np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
        np.testing.assert_array_equal(initializers.Ones()((2, 3)), np.ones((2, 3)))
        np.testing.assert_array_equal(initializers.Constant(0.5)((2,)), [0.5, 0.5])

    def test_identity(self):
        np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])
        assert initializers.Identity(np.float64(2))((2, 2)).dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
class TestEach:
    def test_type_and_shape(self, name):
        made = initializers.get(name)
        for dtype in ("float32", "float64"):
            w = made((3, 4), dtype)
            assert type(w) is np.ndarray
            assert (w.shape, w.dtype) == ((3, 4), dtype)
            assert w.flags.writeable

    def test_every_spelling(self, name):
        made = getattr(initializers, name)
        snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
        for spelling in (name, snake, name.lower(), name.upper(), made, made()):
            assert type(initializers.get(spelling)) is made

    def test_config_round_trip(self, name):
        made = getattr(initializers, name)(**({"seed": 3} if name in DRAWN else {}))
        again = type(made).from_config(made.get_config())
        by_name = initializers.get({"class_name": name, "config": made.get_config()})
        for other in (again, by_name):
            assert type(other) is type(made)
            np.testing.assert_array_equal(other((4, 4)), made((4, 4)))
            assert other.get_config() == made.get_config()


@pytest.mark.parametrize("name", DRAWN)
class TestSeeds:
    def test_repeat(self, name):
        made = getattr(initializers, name)
        a = made(seed=4)
        np.testing.assert_array_equal(a((5, 5)), a((5, 5)))
        np.testing.assert_array_equal(a((5, 5)), made(seed=4)((5, 5)))
        assert not np.array_equal(a((5, 5)), made(seed=5)((5, 5)))

    def test_without_one_each_is_another_and_the_stream_repeats_them(self, name, monkeypatch):
        monkeypatch.setattr(random, "_stream", random._stream)

        def two():
            random.set_seed(8)
            return [getattr(initializers, name)()((5, 5)) for _ in range(2)]

        (a, b), (c, d) = two(), two()
        assert not np.array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)

    def test_layers_made_by_name_differ(self, name):
        values = []
        for _ in range(2):
            layer = layers.Dense(5, kernel_initializer=name)
            layer(np.ones((1, 5)))
            values.append(layer.get_weights()[0])
        assert not np.array_equal(*values)


def test_scalars_and_vectors_have_keras_fans():
    assert initializers.fans(()) == (1, 1)
    assert initializers.fans((7,)) == (7, 7)
    assert initializers.fans((7, 5)) == (7, 5)
    assert initializers.fans((4, 7, 5)) == (28, 20)
    assert initializers.fans((3, 2, 7, 5)) == (42, 30)
    for name in NAMES:
        if name not in ("Identity", "Orthogonal"):
            for shape in ((), (6,)):
                w = initializers.get(name)(shape)
                assert (type(w), w.shape, w.dtype) == (np.ndarray, shape, np.float32)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("normal", "RandomNormal"),
        ("uniform", "RandomUniform"),
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("IdentityInitializer", "Identity"),
        ("OrthogonalInitializer", "Orthogonal"),
    ],
)
def test_keras_other_names(alias, name):
    assert type(initializers.get(alias)).__name__ == name


def test_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(ArgumentError, match="no initializer"):
        initializers.get(3)
    with pytest.raises(ArgumentError, match="scale=0"):
        initializers.VarianceScaling(0)
    with pytest.raises(UnknownNameError, match="Did you mean 'fan_in'"):
        initializers.VarianceScaling(mode="fanin")
    with pytest.raises(UnknownNameError, match="one of truncated_normal"):
        initializers.VarianceScaling(distribution="cauchy")
    with pytest.raises(ShapeError, match=r"shape=\(3,\)"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ShapeError, match=r"shape=\(3, 3, 3\)"):
        initializers.Identity()((3, 3, 3))


@pytest.mark.parity
def test_fans_limits_and_configs_are_keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("keras").initializers
        compute_fans = __import__(
            "keras.src.initializers.random_initializers", fromlist=["compute_fans"]
        ).compute_fans
    for shape in [(), (7,), (7, 5), (4, 7, 5), (3, 2, 7, 5), (2, 3, 2, 7, 5)]:
        assert initializers.fans(shape) == compute_fans(shape)
    for name in NAMES:
        options = {"seed": 3} if name in DRAWN else {}
        mine, other = getattr(initializers, name)(**options), getattr(theirs, name)(**options)
        if name in DRAWN:
            assert mine.get_config().items() <= other.get_config().items(), name
            a, b = mine(SHAPE), np.asarray(other(SHAPE))
            assert a.std() == pytest.approx(b.std(), rel=0.02), name
            if name in SCALED:
                assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.01), name


@pytest.mark.parametrize("option", ["side", "scaling", "window"])
def test_stft_names_what_it_does_not_know(option):
    with pytest.raises(ValueError, match="loud"):
        initializers.STFT(**{option: "loud"})
