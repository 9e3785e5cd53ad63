"""Dropout and noise: layers that act while training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops, random, regularizers
from melpy.errors import ArgumentError
from melpy.layers.activation import SameShape
from melpy.layers.base import known_format, require_rank
from melpy.layers.checks import not_negative

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Dropout(SameShape):
    """While training, set each value to 0 with probability rate and scale the rest up.

    Parameters
    ----------
    rate : float in [0, 1]; 1 leaves nothing
    noise_shape : shape of the mask, broadcast to the input's; None for the input's shape
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input of any shape, output of the same shape. Every call while training draws anew: whether a
    value stays follows from the seed, how many calls were before, the sample's place in the batch
    and the value's in the sample. So layers that were given one seed drop the same values of inputs
    of one shape.

    Source
    ------
    N. Srivastava et al. 2014, section 4 (inverted: scaled by 1 / (1 - rate) while training).
    """

    whole = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ArgumentError(
                type(self).__name__,
                "rate is out of range",
                expected="a float in [0, 1]",
                received={"rate": rate},
            )
        self.noise_shape: Any = _noise_shape(noise_shape, type(self).__name__)
        self.rate, self.seed = rate, seed
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the thinned input while training, else the input."""
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


def _noise_shape(shape: Any, who: str) -> tuple[int | None, ...] | None:
    """Return a mask's shape as a tuple, or refuse it."""
    if shape is None:
        return None
    is_list = isinstance(shape, list | tuple)
    if not is_list or not all(
        size is None or (isinstance(size, int | np.integer) and size > 0) for size in shape
    ):
        raise ArgumentError(
            who,
            "noise_shape is no shape",
            expected="a tuple of ints > 0, None for an axis of the input's size",
            received={"noise_shape": shape},
        )
    return tuple(shape)


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1 of what a selu gives: y = a (x or -1.7581) + b.

    Parameters
    ----------
    rate : float in [0, 1), the probability of the selu's lower limit in x's place
    noise_shape : shape of the mask, broadcast to the input's; None for the input's shape
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input of any shape, output of the same shape.

    Source
    ------
    G. Klambauer et al. 2017, section 3, "new dropout technique".
    """

    whole = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, noise_shape, seed, **kwargs)
        _require_below_one(rate, "AlphaDropout")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the thinned input while training, else the input."""
        if not training or self.rate == 0:
            return inputs
        seed = self.seed_generator.next()
        return ops.alpha_dropout(inputs, rate=self.rate, seed=seed, noise_shape=self.noise_shape)


class SpatialDropout(Dropout):
    """Dropout of whole channels: all values of a channel go or stay together. Abstract."""

    rank: int  # how many axes the input has

    def __init__(self, rate: float, data_format: str, seed: int | None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = data_format
        ones = (1,) * (self.rank - 2)
        first = data_format == "channels_first"
        self.noise_shape = (None, None, *ones) if first else (None, *ones, None)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the thinned input while training, else the input."""
        require_rank(inputs.shape, self.rank, "(N, T, C)" if self.rank == 3 else "of images")
        return super().call(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; without ``trainable``, which Keras's classes do not take."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of sequences (N, T, C). J. Tompson et al. 2014.

    Parameters
    ----------
    rate : float in [0, 1]
    seed : int or None
    name, dtype : as of every layer

    Notes
    -----
    Input (N, T, C), output of the same shape.
    """

    whole = True
    rank = 3

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, "channels_last", seed, name=name, dtype=dtype, **kwargs)


class PlacedDropout(SpatialDropout):
    """Dropout of whole channels, first or last; arguments as in `SpatialDropout2D`. Abstract."""

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        place = known_format(data_format, type(self).__name__)
        super().__init__(rate, place, seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout2D(PlacedDropout):
    """Dropout of whole channels of images. J. Tompson et al. 2014.

    Parameters
    ----------
    rate : float in [0, 1]
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None
    name, dtype : as of every layer

    Notes
    -----
    Input (N, H, W, C), output of the same shape.
    """

    whole = True
    rank = 4


class SpatialDropout3D(PlacedDropout):
    """Dropout of whole channels of volumes (N, D, H, W, C); parameters as in `SpatialDropout2D`.

    Notes
    -----
    Input (N, D, H, W, C), output of the same shape.
    """

    whole = True
    rank = 5


class GaussianNoise(SameShape):
    """While training, y = x + e, with e from the normal distribution of mean 0.

    Parameters
    ----------
    stddev : float >= 0, of e
    seed : int or None

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev, self.seed = not_negative(stddev, "stddev", "GaussianNoise"), seed
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the noisy input while training, else the input."""
        if not training or self.stddev == 0:
            return inputs
        seed = self.seed_generator.next()
        return ops.gaussian_noise(inputs, deviation=self.stddev, seed=seed)


def _require_below_one(rate: float, who: str) -> None:
    if not 0 <= rate < 1:
        raise ArgumentError(
            who, "rate is out of range", expected="a float in [0, 1)", received={"rate": rate}
        )


class GaussianDropout(SameShape):
    """While training, y = x e, with e of mean 1 and variance rate / (1 - rate).

    Parameters
    ----------
    rate : float in [0, 1)
    seed : int or None

    Notes
    -----
    Input of any shape, output of the same shape.

    Source
    ------
    N. Srivastava et al. 2014, section 10.
    """

    whole = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _require_below_one(rate, "GaussianDropout")
        self.rate, self.seed = rate, seed
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the noisy input while training, else the input."""
        if not training or self.rate == 0:
            return inputs
        return ops.gaussian_dropout(inputs, rate=self.rate, seed=self.seed_generator.next())


class ActivityRegularization(SameShape):
    """y = x, and l1 sum |x| + l2 sum x^2 is added to the loss.

    Parameters
    ----------
    l1, l2 : floats >= 0

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs
