"""How weights start. Each is named, and computes, as in Keras; its source is in its docstring."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import config, random
from melpy.configurable import find, plain, widened
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.initializers.base import Initializer
from melpy.initializers.stft import STFT
from melpy.tape import Variable

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]

Seed = int | random.SeedGenerator | None
Shape = tuple[int, ...]
Axes = Sequence[int] | None


class Random(Initializer):
    """An initializer that draws. Abstract.

    Parameters
    ----------
    seed : int, whose values are the same at every call; a `random.SeedGenerator`, whose values are
        new ones; or None, for an int of the process's stream
    """

    _seed: Any

    def __init__(self, seed: Seed = None) -> None:
        if isinstance(seed, Mapping):  # as a config has it
            seed = random.SeedGenerator(**seed["config"])
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not (whole or seed is None or isinstance(seed, random.SeedGenerator)):
            raise ArgumentError(
                type(self).__name__,
                "this is no seed",
                expected="an int, a random.SeedGenerator, or None",
                received={"seed": seed},
            )
        self._seed = seed

    @property
    def seed(self) -> Any:
        """The seed; one of the process's stream is taken when it is needed first."""
        if self._seed is None:
            self._seed = random.next_seed()
        return self._seed

    def _rng(self) -> np.random.Generator:
        return random.generator(self.seed)

    def _floats(self, values: Any, dtype: str | None) -> np.ndarray:
        if np.dtype(dtype or config.floatx()).kind != "f":
            raise ArgumentError(
                type(self).__name__,
                "it draws floats only",
                expected="a float type",
                received={"dtype": dtype},
            )
        return _array(values, dtype)


class Constant(Initializer):
    """w = value."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        return np.full(shape, self.value, dtype or config.floatx())


class Zeros(Constant):
    """w = 0."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """w = 1."""

    def __init__(self) -> None:
        super().__init__(1.0)


class Identity(Initializer):
    """w = gain I, for square or oblong matrices."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        if len(shape) != 2:
            raise ShapeError(
                "Identity", "only a matrix can be one", expected="2 axes", received={"shape": shape}
            )
        return _array((self.gain * np.eye(*shape)), dtype)


class RandomNormal(Random):
    """w ~ N(mean, stddev^2)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        return self._floats(self._rng().normal(self.mean, self.stddev, shape), dtype)


class RandomUniform(Random):
    """w ~ U(minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        return self._floats(self._rng().uniform(self.minval, self.maxval, shape), dtype)


class TruncatedNormal(Random):
    """w ~ N(mean, stddev^2), drawn again where it is farther than 2 stddev from the mean."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        return self._floats(self.mean + self.stddev * random.truncated(self._rng(), shape), dtype)


class VarianceScaling(Random):
    """w of variance scale / n, n = fan_in, fan_out or their mean.

    Parameters
    ----------
    scale : float > 0
    mode : "fan_in", "fan_out" or "fan_avg"
    distribution : "truncated_normal", "untruncated_normal" or "uniform" (on +-sqrt(3 scale / n))
    seed : int, `random.SeedGenerator`, or None for the next int of the process's stream
    input_axes, output_axes : ints or None: fan_in and fan_out are the products of the sizes of
        these axes; None for those of a dense or a convolution kernel

    Source
    ------
    K. He et al. 2015, Delving deep into rectifiers, section 2.2, which it generalizes.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        if not scale > 0:
            raise ArgumentError(
                "VarianceScaling",
                "scale must be positive",
                expected="a float > 0",
                received={"scale": scale},
            )
        lookup("mode", mode, _FANS, "VarianceScaling")
        distribution = {"normal": "truncated_normal"}.get(distribution, distribution)
        lookup("distribution", distribution, _DRAWS, "VarianceScaling")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        variance = self.scale / max(1.0, _FANS[self.mode](*self._fans(shape)))
        return self._floats(
            _DRAWS[self.distribution](self._rng(), shape, math.sqrt(variance)), dtype
        )

    def _fans(self, shape: Shape) -> tuple[int, int]:
        if self.input_axes is None or self.output_axes is None:
            return fans(shape)
        fan_in, fan_out = (
            math.prod(shape[axis] for axis in axes) for axes in (self.input_axes, self.output_axes)
        )
        return fan_in, fan_out


class GlorotUniform(VarianceScaling):
    """w ~ U(-l, l), l = sqrt(6 / (fan_in + fan_out)). X. Glorot, Y. Bengio 2010, eq. 16."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """w of variance 2 / (fan_in + fan_out). X. Glorot, Y. Bengio 2010, eq. 12."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """w ~ U(-l, l), l = sqrt(6 / fan_in). K. He et al. 2015, eq. 10."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """w of variance 2 / fan_in. K. He et al. 2015, eq. 10."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """w ~ U(-l, l), l = sqrt(3 / fan_in). Y. LeCun et al. 1998, Efficient backprop, eq. 16."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """w of variance 1 / fan_in. Y. LeCun et al. 1998, Efficient backprop, eq. 16."""

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(Random):
    """w with orthonormal rows or columns, times gain. A. Saxe et al. 2014, section 3."""

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        if len(shape) < 2:
            raise ShapeError(
                "Orthogonal",
                "a vector cannot be orthogonal",
                expected="at least 2 axes",
                received={"shape": shape},
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = self._rng().normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))  # makes the distribution uniform over orthogonal matrices
        return self._floats((self.gain * (q if rows >= columns else q.T)).reshape(shape), dtype)


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan_in, fan_out): how many values a unit sums, and how many units a value feeds.

    Examples
    --------
    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _array(values: Any, dtype: str | None) -> np.ndarray:
    return np.asarray(values, dtype or config.floatx())


# The standard deviation of a normal cut at +-2 is 0.8796...: dividing restores the variance.
_TRUNCATED_STDDEV = 0.87962566103423978

_FANS = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
_DRAWS: dict[str, Any] = {
    "truncated_normal": lambda rng, shape, std: (
        random.truncated(rng, shape) * std / _TRUNCATED_STDDEV
    ),
    "untruncated_normal": lambda rng, shape, std: rng.normal(0.0, std, shape),
    "uniform": lambda rng, shape, std: rng.uniform(-1.0, 1.0, shape) * math.sqrt(3) * std,
}


# Keras's other names.
_ALIASES = {
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "zero": "Zeros",
    "one": "Ones",
    "identityinitializer": "Identity",
    "orthogonalinitializer": "Orthogonal",
    "stftinitializer": "STFT",
}


constant, identity, ones, zeros = Constant, Identity, Ones, Zeros
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
orthogonal, variance_scaling = Orthogonal, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
STFTInitializer = stft = STFT  # in the place of the file of that name


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Return an initializer as plain values, which `deserialize` reads."""
    return plain(initializer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Initializer:
    """Return the initializer of a `serialize` result; ``custom_objects`` names further classes."""
    return find("initializer", config, Initializer, widened(globals(), custom_objects), _ALIASES)


def get(identifier: Any) -> Callable[..., np.ndarray] | None:
    """Return the initializer that an identifier stands for.

    Parameters
    ----------
    identifier : a name ("glorot_uniform", "GlorotUniform"), a config, a class, a function of
        (shape, dtype), an array of starting values, or None, which stays None
    """
    if identifier is None:
        return None
    if isinstance(identifier, np.ndarray | np.generic | Variable):
        return _values_of(np.asarray(getattr(identifier, "value", identifier)))
    if callable(identifier):
        return identifier() if isinstance(identifier, type) else identifier
    return find("initializer", identifier, Initializer, globals(), _ALIASES)


def _values_of(values: np.ndarray) -> Callable[..., np.ndarray]:
    def start(shape: Shape, dtype: str | None = None) -> np.ndarray:
        if tuple(shape) != values.shape:
            raise ShapeError(
                "initializers.get",
                "the array of starting values has another shape than the weight",
                expected=f"shape {tuple(shape)}",
                received={"shape": values.shape},
            )
        return np.array(values, dtype or config.floatx())

    return start
