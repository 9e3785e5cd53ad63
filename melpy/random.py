"""Seeds and generators. No op draws from a hidden global: what draws holds its own generator.

A layer or an initializer that was given no seed takes the next one of this process's stream, so
`set_seed` at the start of a script makes the whole script repeatable.

The functions that draw are keras.random's. Their ``seed`` is an int, which draws the same each
time; a `SeedGenerator`, which draws anew each time and repeats from its seed; or None, for the
process's stream.

Layers of noise, `dropout`, `uniform` and `normal` draw from counters: a source's seed, its step,
the sample's index along the first axis and the element within it (`melpy.kernels.spec.philox`).
All else draws from a generator of NumPy's that begins with seed and step. A layer's seed is its
own, the process's next where it was given none. It stands in the place of the layer's path, which
says how many layers the process made before: with it in the key, a model that is made twice would
draw two ways. The step counts the draws. Both are the `state` of the layer's `SeedGenerator`, and
all that a backup needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from melpy import config, generators, ops, part, tape
from melpy.configurable import Configurable
from melpy.errors import ArgumentError
from melpy.kernels import dispatch as kernels
from melpy.kernels import program, threads
from melpy.kernels.spec.noise import truncated
from melpy.tensor import Tensor

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "counted", "dropout", "gamma",
    "generator", "next_seed", "normal", "randint", "remembered", "restore", "restore_stream",
    "set_seed", "shuffle", "state_of", "stream", "stream_state", "truncated", "truncated_normal",
    "uniform",
]  # fmt: skip

_64_BITS = 2**64 - 1  # of a negative seed, which is one too
Seed = Any  # int, SeedGenerator or None

_stream = np.random.default_rng()
_own: ContextVar[np.random.Generator | None] = ContextVar("stream", default=None)


def _current() -> np.random.Generator:
    return _own.get() or _stream


@contextmanager
def stream(seed: int | None = None) -> Iterator[None]:
    """Draw seeds from another stream in a ``with`` block, in this thread; None for any seed.

    Examples
    --------
    >>> with stream(7):
    ...     first = next_seed()
    >>> with stream(7):
    ...     next_seed() == first
    True
    """
    _require_seed(0 if seed is None else seed, "stream")
    token = _own.set(np.random.default_rng(seed))
    try:
        yield
    finally:
        _own.reset(token)


def set_seed(seed: int) -> None:
    """Restart the stream of seeds.

    Parameters
    ----------
    seed : int >= 0

    Examples
    --------
    >>> set_seed(1)
    >>> first = next_seed()
    >>> set_seed(1)
    >>> next_seed() == first
    True
    """
    _require_seed(seed, "set_seed")
    _current().bit_generator.state = np.random.default_rng(int(seed)).bit_generator.state


def _require_seed(seed: Any, who: str) -> None:
    if not isinstance(seed, int | np.integer):
        raise ArgumentError(
            who, "a seed is a whole number", expected="an int >= 0", received={"seed": seed}
        )
    if seed < 0:
        raise ArgumentError(
            who, "a seed is not negative", expected="an int >= 0", received={"seed": seed}
        )


def next_seed() -> int:
    """Return the next seed of the stream, an int in [0, 2^32)."""
    return int(_current().integers(2**32))


class SeedGenerator(Configurable):
    """A source of seeds of its own: the n-th one is the pair (seed, n).

    Parameters
    ----------
    seed : int >= 0, or None for the next one of the process's stream
    name : str or None

    Attributes
    ----------
    state : tensor (2,) of int64, the seed and how many were asked for

    Examples
    --------
    >>> from melpy import random
    >>> first, again = random.SeedGenerator(7), random.SeedGenerator(7)
    >>> a, b = random.uniform((2,), seed=first), random.uniform((2,), seed=first)
    >>> bool((a == b).any()), bool((a == random.uniform((2,), seed=again)).all())
    (False, True)
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None:
            _require_seed(seed, "SeedGenerator")
        self.name = name or "seed_generator"
        start = next_seed() if seed is None else int(seed) & _64_BITS
        pair = np.array([start, 0], np.uint64).view(np.int64)
        self.state = Tensor(pair, name="seed_generator_state")

    def next(self, ordered: bool = True) -> np.ndarray:
        """Return the next seed, two ints: (seed, n), or nearly unique ones if not ``ordered``."""
        seed = self.state.array
        if not ordered:
            threads.missed("a seed that is not the next one")
            tape.overwrite(self.state, (seed + 1) * 5387 % 933199)
        elif threads.is_noted():  # in a program, each step draws anew
            state = program.state_of(self, lambda: self.state.array, self._stand)
            seed = kernels.next_seed(state)
            self._stand(state)
        else:
            tape.overwrite(self.state, np.add(seed, (0, 1)))
        return seed

    def _stand(self, state: np.ndarray) -> None:
        tape.overwrite(self.state, np.array(state, np.int64))


def generator(seed: Seed = None) -> np.random.Generator:
    """Return a generator of its own, from ``seed`` or from the next one of the stream."""
    if isinstance(seed, SeedGenerator):
        return np.random.default_rng(seed.next())
    if seed is None:
        return np.random.default_rng(next_seed())
    given = _known(seed)
    return np.random.default_rng(
        [int(n) & _64_BITS for n in given] if given.ndim else int(given) & _64_BITS
    )


def _known(seed: Any) -> np.ndarray:
    """Return a seed that was given, an int, or the two that `SeedGenerator.next` gives."""
    given = np.asarray(seed)
    if given.dtype.kind not in "iu":
        raise ArgumentError(
            "random",
            "this is no seed",
            expected="an int, a SeedGenerator, or None",
            received={"seed": seed},
        )
    return given


def counted(seed: Seed = None) -> np.ndarray:
    """Return what the next draw from counters begins with: a source's seed, and the step."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    given = _known(next_seed() if seed is None else seed)
    pair = [int(n) & _64_BITS for n in (given if given.ndim else (given, 0))]
    return np.array(pair, np.uint64).view(np.int64)


def state_of(source: Any) -> Any:
    """Return where a generator stands, a `SeedGenerator`, NumPy's or Python's, in plain values."""
    if isinstance(source, SeedGenerator):
        return source.state.array.tolist()
    return generators.state_of(source)


def stream_state() -> Any:
    """Return where the process's stream stands, in plain values."""
    return state_of(_current())


def restore_stream(state: Any) -> None:
    """Put the process's stream where it stood."""
    restore(_current(), state)


def restore(source: Any, state: Any) -> None:
    """Put a generator where another one of its kind stood."""
    if isinstance(source, SeedGenerator):
        pair = np.asarray(state)
        if pair.shape != (2,) or pair.dtype.kind not in "iu":
            raise ArgumentError(
                "SeedGenerator", "this is no state of one", expected="two whole numbers",
                received={"state": state},
            )  # fmt: skip
        source._stand(pair)
    else:
        generators.restore(source, state)


def remembered(sources: Sequence[Any]) -> Callable[[], None]:
    """Return what puts generators, and the process's stream, back where they stand now."""
    standing = [(source, state_of(source)) for source in (*sources, _current())]

    def put_back() -> None:
        for source, state in standing:
            restore(source, state)

    return put_back


def _kind(dtype: Any, who: str, kinds: str = "f") -> np.dtype:
    """Return the type to draw in, a float type or one of whole numbers as ``kinds`` says."""
    usual = config.floatx() if kinds == "f" else "int32"
    try:
        found = np.dtype(dtype or usual)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in kinds:
        raise ArgumentError(
            who,
            "it does not draw in this type",
            expected="a float type" if kinds == "f" else "a type of whole numbers",
            received={"dtype": dtype},
        )
    return found


def _place(shape: Sequence[int], seed: Seed) -> int:
    """Return the place in the whole batch of the first sample that a layer draws for."""
    return part.first_sample(shape[0]) if len(shape) and isinstance(seed, SeedGenerator) else 0


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Seed = None,
) -> np.ndarray:
    """Draw from the normal distribution.

    Examples
    --------
    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    kind = _kind(dtype, "normal")
    drawn = kernels.drawn(counted(seed), tuple(shape), kind, True, _place(shape, seed))
    return np.asarray(mean + stddev * drawn).astype(kind, copy=False)


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Seed = None,
) -> np.ndarray:
    """Draw from the normal distribution, those beyond two deviations again."""
    kind = _kind(dtype, "truncated_normal")
    return np.asarray(mean + stddev * truncated(generator(seed), tuple(shape))).astype(kind)


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: Seed = None,
) -> np.ndarray:
    """Draw evenly from [minval, maxval)."""
    kind = _kind(dtype, "uniform")
    # a float32 may round up to maxval, which is excluded
    limit = np.nextafter(kind.type(maxval), kind.type(minval))
    shares = kernels.drawn(counted(seed), tuple(shape), kind, False, _place(shape, seed))
    drawn = np.asarray(minval + (maxval - minval) * shares).astype(kind, copy=False)
    return np.minimum(drawn, limit) if maxval > minval else drawn


def randint(
    shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = "int32", seed: Seed = None
) -> np.ndarray:
    """Draw whole numbers evenly from minval to before maxval."""
    kind = _kind(dtype, "randint", "iu")
    return np.asarray(generator(seed).integers(minval, maxval, shape)).astype(kind)


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None
) -> np.ndarray:
    """Draw classes with probabilities softmax(logits), (N, C) -> (N, num_samples).

    Examples
    --------
    >>> categorical(np.array([[0.0, 90.0]]), 3, seed=1)
    array([[1, 1, 1]], dtype=int32)
    """
    logits = ops.convert_to_numpy(logits)
    if logits.ndim != 2:
        raise ArgumentError(
            "categorical",
            "the logits are no matrix",
            expected="shape (N, C)",
            received={"shape": logits.shape},
        )
    # Gumbel's trick: the largest of logits + Gumbel noise is so distributed
    noise = generator(seed).gumbel(size=(len(logits), num_samples, logits.shape[1]))
    return np.argmax(logits[:, np.newaxis] + noise, axis=-1).astype(dtype)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Draw from the gamma distribution of shape ``alpha`` and scale 1."""
    kind = _kind(dtype, "gamma")
    return generator(seed).gamma(ops.convert_to_numpy(alpha), size=shape).astype(kind)


def beta(
    shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None
) -> np.ndarray:
    """Draw from the beta distribution, with density ~ x^(alpha - 1) (1 - x)^(beta - 1)."""
    a, b = ops.convert_to_numpy(alpha), ops.convert_to_numpy(beta)
    return generator(seed).beta(a, b, shape).astype(_kind(dtype, "beta"))


def binomial(
    shape: Sequence[int],
    counts: Any,
    probabilities: Any,
    dtype: Any = None,
    seed: Seed = None,
) -> np.ndarray:
    """Draw how many of ``counts`` trials succeed, each with a probability."""
    n, p = (ops.convert_to_numpy(x) for x in (counts, probabilities))
    kind = _kind(dtype, "binomial")
    return generator(seed).binomial(n.astype(np.int64), p, shape).astype(kind)


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Any:
    """Return x with its entries along an axis in a random order.

    Examples
    --------
    >>> sorted(shuffle(np.arange(4), seed=1).tolist())
    [0, 1, 2, 3]
    """
    sizes = ops.shape(x)
    if not -len(sizes) <= axis < len(sizes):
        raise ArgumentError(
            "shuffle",
            "there is no such axis",
            expected=f"an int from {-len(sizes)} to {len(sizes) - 1}",
            received={"axis": axis},
        )
    return ops.take(x, generator(seed).permutation(sizes[axis]), axis=axis)


def dropout(
    inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Any:
    """Return inputs of which a share is 0 and the rest divided by 1 - rate.

    Parameters
    ----------
    inputs : array or tensor, any shape
    rate : float in [0, 1], the share
    noise_shape : shape of the draw, which broadcasts to that of inputs; None in it for the same
        size, None as a whole for one draw an entry
    """
    if rate == 0:
        return inputs
    return ops.dropout(inputs, rate=rate, seed=counted(seed), noise_shape=noise_shape)
