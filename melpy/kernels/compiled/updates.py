"""One optimizer step over flat arrays in one sweep, compiled; see `melpy.kernels.spec.updates`."""

from __future__ import annotations

import numpy as np

from melpy.kernels import threads
from melpy.kernels.compiled.jit import FLOATS, compiled
from melpy.kernels.spec import updates as spec


def sgd(
    p: np.ndarray,
    g: np.ndarray,
    velocity: np.ndarray | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """See `melpy.kernels.spec.updates.sgd`."""
    if velocity is None or not _fits(p, g, velocity):
        return spec.sgd(p, g, velocity, learning_rate, momentum, nesterov)
    numbers = _in(p, learning_rate, momentum)
    blocks = threads.groups(p.size)
    threads.run(
        lambda n: _momentum(*_cut(blocks[n], p, g, velocity), *numbers, nesterov),
        len(blocks),
        p.size,
    )


def rmsprop(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    buffer: np.ndarray | None,
    mean_g: np.ndarray | None,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    """See `melpy.kernels.spec.updates.rmsprop`."""
    if buffer is not None or mean_g is not None or not _fits(p, g, v):
        return spec.rmsprop(p, g, v, buffer, mean_g, learning_rate, rho, momentum, epsilon)
    numbers = _in(p, learning_rate, rho, 1.0 - rho, epsilon)
    blocks = threads.groups(p.size)
    threads.run(lambda n: _rmsprop(*_cut(blocks[n], p, g, v), *numbers), len(blocks), p.size)


def adam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step_size: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """See `melpy.kernels.spec.updates.adam`."""
    if not _fits(p, g, m, v):
        return spec.adam(p, g, m, v, step_size, beta_1, beta_2, epsilon)
    numbers = _in(p, step_size, 1.0 - beta_1, 1.0 - beta_2, epsilon)
    blocks = threads.groups(p.size)
    threads.run(lambda n: _adam(*_cut(blocks[n], p, g, m, v), *numbers), len(blocks), p.size)


def _fits(*arrays: np.ndarray) -> bool:
    """Whether all are flat, contiguous and of one float type: what is written in place must be."""
    return all(
        x.dtype == arrays[0].dtype and x.dtype in FLOATS and x.flags.c_contiguous and x.ndim == 1
        for x in arrays
    )


def _in(p: np.ndarray, *numbers: float) -> list:
    """Give Python floats the type of the parameters, so that the loop mixes no types."""
    return [p.dtype.type(number) for number in numbers]


def _cut(block: tuple[int, int], *arrays: np.ndarray) -> list[np.ndarray]:
    return [x[slice(*block)] for x in arrays]


@compiled
def _momentum(p, g, u, learning_rate, momentum, nesterov):
    for n in range(p.size):
        step = learning_rate * g[n]
        u[n] = momentum * u[n] - step
        p[n] += momentum * u[n] - step if nesterov else u[n]


@compiled
def _rmsprop(p, g, v, learning_rate, rho, rest, epsilon):
    for n in range(p.size):
        v[n] = rho * v[n] + rest * (g[n] * g[n])
        p[n] -= learning_rate * g[n] / np.sqrt(v[n] + epsilon)


@compiled
def _adam(p, g, m, v, step_size, rest_1, rest_2, epsilon):
    for n in range(p.size):
        m[n] += (g[n] - m[n]) * rest_1
        v[n] += (g[n] * g[n] - v[n]) * rest_2
        p[n] -= step_size * m[n] / (np.sqrt(v[n]) + epsilon)
