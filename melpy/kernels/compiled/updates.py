"""One optimizer step over flat arrays in one sweep, compiled; see `melpy.kernels.spec.updates`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from melpy.kernels import threads
from melpy.kernels.compiled.jit import FLOATS
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import updates as spec


def scale(p: np.ndarray, factor: float) -> None:
    """See `melpy.kernels.spec.updates.scale`."""
    if not fits(p):
        return spec.scale(p, factor)
    _sweep(_scale, (p,), (factor,))


def average(average: np.ndarray, p: np.ndarray, momentum: float, is_onto: bool) -> None:
    """See `melpy.kernels.spec.updates.average`."""
    if not fits(average, p):
        return spec.average(average, p, momentum, is_onto)
    _sweep(_average, (average, p), (momentum, 1.0 - momentum, float(is_onto)))


def sgd(
    p: np.ndarray,
    g: np.ndarray,
    velocity: np.ndarray | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """See `melpy.kernels.spec.updates.sgd`."""
    if not fits(p, g, *(() if velocity is None else (velocity,))):
        return spec.sgd(p, g, velocity, learning_rate, momentum, nesterov)
    if velocity is None:
        return _sweep(_sgd, (p, g), (learning_rate,))
    return _sweep(_momentum, (p, g, velocity), (learning_rate, momentum, float(nesterov)))


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
    more = [x for x in (buffer, mean_g) if x is not None]
    if not fits(p, g, v, *more):
        return spec.rmsprop(p, g, v, buffer, mean_g, learning_rate, rho, momentum, epsilon)
    if not more:
        return _sweep(_rmsprop, (p, g, v), (learning_rate, rho, 1.0 - rho, epsilon))
    is_moving, is_centered = buffer is not None, mean_g is not None
    slots = (v if buffer is None else buffer, v if mean_g is None else mean_g)  # v: not looked at
    numbers = (learning_rate, rho, 1.0 - rho, epsilon, momentum, is_moving, is_centered)
    _sweep(_rmsprop_more, (p, g, v, *slots), numbers)


def adam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step_size: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    v_hat: np.ndarray | None = None,
) -> None:
    """See `melpy.kernels.spec.updates.adam`."""
    slots = (m, v) if v_hat is None else (m, v, v_hat)
    if not fits(p, g, *slots):
        return spec.adam(p, g, m, v, step_size, beta_1, beta_2, epsilon, v_hat)
    loop = _adam if v_hat is None else _amsgrad
    _sweep(loop, (p, g, *slots), (step_size, 1.0 - beta_1, 1.0 - beta_2, epsilon))


def nadam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    weight_m: float,
    weight_g: float,
    correction: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """See `melpy.kernels.spec.updates.nadam`."""
    if not fits(p, g, m, v):
        return spec.nadam(
            p, g, m, v, weight_m, weight_g, correction, beta_1, beta_2, epsilon
        )  # fmt: skip
    numbers = (weight_m, weight_g, correction, 1.0 - beta_1, 1.0 - beta_2, epsilon)
    _sweep(_nadam, (p, g, m, v), numbers)


def adamax(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    u: np.ndarray,
    step_size: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """See `melpy.kernels.spec.updates.adamax`."""
    if not fits(p, g, m, u):
        return spec.adamax(p, g, m, u, step_size, beta_1, beta_2, epsilon)
    _sweep(_adamax, (p, g, m, u), (step_size, 1.0 - beta_1, beta_2, epsilon))


def adagrad(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, learning_rate: float, epsilon: float
) -> None:
    """See `melpy.kernels.spec.updates.adagrad`."""
    if not fits(p, g, v):
        return spec.adagrad(p, g, v, learning_rate, epsilon)
    _sweep(_adagrad, (p, g, v), (learning_rate, epsilon))


def adadelta(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    moved: np.ndarray,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """See `melpy.kernels.spec.updates.adadelta`."""
    if not fits(p, g, v, moved):
        return spec.adadelta(p, g, v, moved, learning_rate, rho, epsilon)
    _sweep(_adadelta, (p, g, v, moved), (learning_rate, rho, 1.0 - rho, epsilon))


def lion(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
) -> None:
    """See `melpy.kernels.spec.updates.lion`."""
    if not fits(p, g, m):
        return spec.lion(p, g, m, learning_rate, beta_1, beta_2)
    _sweep(_lion, (p, g, m), (learning_rate, beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2))


def ftrl(
    p: np.ndarray,
    g: np.ndarray,
    n: np.ndarray,
    z: np.ndarray,
    learning_rate: float,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
) -> None:
    """See `melpy.kernels.spec.updates.ftrl`."""
    if not fits(p, g, n, z):
        return spec.ftrl(p, g, n, z, learning_rate, power, l1, l2, shrinkage)
    numbers = (learning_rate, power, l1, 2.0 * l2, 2.0 * shrinkage)
    _sweep(_ftrl, (p, g, n, z), numbers)


def _sweep(loop: Callable[..., bool], arrays: Sequence[np.ndarray], numbers: Sequence) -> None:
    """Run a loop over all places of the arrays, cut into blocks for the team."""
    size = arrays[0].size
    threads.share(loop, size, size, *arrays, threads.numbers(numbers, arrays[0].dtype))


def fits(*arrays: np.ndarray) -> bool:
    """Whether all are flat, contiguous and of one float type: what is written in place must be."""
    fits = all(
        x.dtype == arrays[0].dtype and x.dtype in FLOATS and x.flags.c_contiguous and x.ndim == 1
        for x in arrays
    )
    if not fits:
        threads.missed("an update of arrays that are not flat")
    return fits


# The numbers of a step are an array, of the type of the parameters: a program that goes on to the
# next step writes others there.


@for_team
def _scale(p, numbers, part, first, last):
    factor = numbers[0]
    p = p[first:last]
    for n in range(p.size):
        p[n] *= factor


@for_team
def _sgd(p, g, numbers, part, first, last):
    learning_rate = numbers[0]
    p, g = p[first:last], g[first:last]
    for n in range(p.size):
        p[n] -= learning_rate * g[n]


@for_team
def _momentum(p, g, u, numbers, part, first, last):
    learning_rate, momentum, nesterov = numbers[0], numbers[1], numbers[2]
    p, g, u = p[first:last], g[first:last], u[first:last]
    for n in range(p.size):
        step = learning_rate * g[n]
        u[n] = momentum * u[n] - step
        p[n] += momentum * u[n] - step if nesterov != 0 else u[n]


@for_team
def _rmsprop(p, g, v, numbers, part, first, last):
    learning_rate, rho, rest, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    p, g, v = p[first:last], g[first:last], v[first:last]
    for n in range(p.size):
        v[n] = rho * v[n] + rest * (g[n] * g[n])
        p[n] -= learning_rate * g[n] / np.sqrt(v[n] + epsilon)


@for_team
def _rmsprop_more(p, g, v, buffer, mean_g, numbers, part, first, last):
    learning_rate, rho, rest, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    momentum, is_moving, is_centered = numbers[4], numbers[5] != 0, numbers[6] != 0
    p, g, v = p[first:last], g[first:last], v[first:last]
    buffer, mean_g, zero = buffer[first:last], mean_g[first:last], p.dtype.type(0)
    for n in range(p.size):
        v[n] = rho * v[n] + rest * (g[n] * g[n])
        moment = v[n]
        if is_centered:
            mean_g[n] = rho * mean_g[n] + rest * g[n]
            moment = max(v[n] - mean_g[n] * mean_g[n], zero)  # rounding may give < 0
        step = learning_rate * g[n] / np.sqrt(moment + epsilon)
        if is_moving:
            buffer[n] = momentum * buffer[n] + step
            step = buffer[n]
        p[n] -= step


@for_team
def _average(average, p, numbers, part, first, last):
    momentum, rest, is_onto = numbers[0], numbers[1], numbers[2] != 0
    average, p = average[first:last], p[first:last]
    for n in range(p.size):
        average[n] = momentum * average[n] + rest * p[n]
        p[n] = average[n] if is_onto else p[n]


@for_team
def _adam(p, g, m, v, numbers, part, first, last):
    step_size, rest_1, rest_2, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    p, g, m, v = p[first:last], g[first:last], m[first:last], v[first:last]
    for n in range(p.size):
        m[n] += (g[n] - m[n]) * rest_1
        v[n] += (g[n] * g[n] - v[n]) * rest_2
        p[n] -= step_size * m[n] / (np.sqrt(v[n]) + epsilon)


@for_team
def _amsgrad(p, g, m, v, v_hat, numbers, part, first, last):
    step_size, rest_1, rest_2, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    p, g, m, v, v_hat = (
        p[first:last],
        g[first:last],
        m[first:last],
        v[first:last],
        v_hat[first:last],
    )
    for n in range(p.size):
        m[n] += (g[n] - m[n]) * rest_1
        v[n] += (g[n] * g[n] - v[n]) * rest_2
        v_hat[n] = max(v_hat[n], v[n])
        p[n] -= step_size * m[n] / (np.sqrt(v_hat[n]) + epsilon)


@for_team
def _nadam(p, g, m, v, numbers, part, first, last):
    weight_m, weight_g, correction, rest_1, rest_2, epsilon = (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
    )
    p, g, m, v = p[first:last], g[first:last], m[first:last], v[first:last]
    for n in range(p.size):
        m[n] += (g[n] - m[n]) * rest_1
        v[n] += (g[n] * g[n] - v[n]) * rest_2
        p[n] -= (weight_m * m[n] + weight_g * g[n]) / (np.sqrt(v[n] / correction) + epsilon)


@for_team
def _adamax(p, g, m, u, numbers, part, first, last):
    step_size, rest_1, beta_2, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    p, g, m, u = p[first:last], g[first:last], m[first:last], u[first:last]
    for n in range(p.size):
        m[n] += (g[n] - m[n]) * rest_1
        u[n] = max(beta_2 * u[n], abs(g[n]))
        p[n] -= step_size * m[n] / (u[n] + epsilon)


@for_team
def _adagrad(p, g, v, numbers, part, first, last):
    learning_rate, epsilon = numbers[0], numbers[1]
    p, g, v = p[first:last], g[first:last], v[first:last]
    for n in range(p.size):
        v[n] += g[n] * g[n]
        p[n] -= learning_rate * g[n] / np.sqrt(v[n] + epsilon)


@for_team
def _adadelta(p, g, v, moved, numbers, part, first, last):
    learning_rate, rho, rest, epsilon = numbers[0], numbers[1], numbers[2], numbers[3]
    p, g, v, moved = p[first:last], g[first:last], v[first:last], moved[first:last]
    for n in range(p.size):
        v[n] = rho * v[n] + rest * (g[n] * g[n])
        d = g[n] * np.sqrt(moved[n] + epsilon) / np.sqrt(v[n] + epsilon)
        moved[n] = rho * moved[n] + rest * (d * d)
        p[n] -= learning_rate * d


@for_team
def _lion(p, g, m, numbers, part, first, last):
    learning_rate, beta_1, rest_1, beta_2, rest_2 = (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
    )
    p, g, m = p[first:last], g[first:last], m[first:last]
    for n in range(p.size):
        p[n] -= learning_rate * np.sign(m[n] * beta_1 + g[n] * rest_1)
        m[n] = m[n] * beta_2 + g[n] * rest_2


@for_team
def _ftrl(p, g, n, z, numbers, part, first, last):
    learning_rate, power, l1, twice_l2, twice_shrinkage = (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
    )
    p, g, n, z = p[first:last], g[first:last], n[first:last], z[first:last]
    for k in range(p.size if learning_rate != 0 else 0):
        scale = n[k] ** power
        n[k] += g[k] * g[k]
        new_scale = n[k] ** power
        z[k] += g[k] + twice_shrinkage * p[k] - (new_scale - scale) / learning_rate * p[k]
        beyond = min(max(z[k], -l1), l1) - z[k]
        p[k] = beyond / (new_scale / learning_rate + twice_l2)
