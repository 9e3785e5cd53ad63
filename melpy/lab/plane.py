"""Points in the plane, and small networks for them, whose decisions can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from melpy import layers, losses, models, random
from melpy.errors import lookup
from melpy.lab.asked import refused
from melpy.lab.task import Task

__all__ = ["SETS", "points", "task"]

COUNT = 400  # half of them held out
NOISE = 0.08
ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")


def _circles(t: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    radius = np.where(y, 0.8, 0.35)
    return radius[:, None] * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], axis=1)


def _moons(t: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    turn, side = np.pi * t, np.where(y, -1.0, 1.0)
    x = np.stack([np.cos(turn) * side + np.where(y, 0.5, -0.5), np.sin(turn) * side], axis=1)
    return 0.6 * (x - np.where(y, -0.25, 0.25)[:, None] * np.array([0.0, 1.0]))


def _quadrants(t: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    x = draw.uniform(0.1, 0.9, (len(t), 2))
    left = draw.random(len(t)) < 0.5
    signs = np.where(left, -1.0, 1.0)
    return x * np.stack([signs, np.where(y, -signs, signs)], axis=1)


def _spirals(t: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    radius, turn = 0.1 + 0.8 * t, 3 * np.pi * t + np.pi * y
    return radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _halves(t: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    x = draw.uniform(-0.9, 0.9, (len(t), 2))
    distance = np.abs(x @ np.array([0.6, 0.8])) + 0.12
    along = x @ np.array([0.8, -0.6])
    signed = np.where(y, distance, -distance)
    return signed[:, None] * np.array([0.6, 0.8]) + along[:, None] * np.array([0.8, -0.6])


SETS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "halves": _halves, "circles": _circles, "moons": _moons, "quadrants": _quadrants,
    "spirals": _spirals,
}  # fmt: skip


def points(name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points of two classes in a square from about -1 to 1.

    Parameters
    ----------
    name : one of `SETS`
    seed : int >= 0

    Returns
    -------
    x : float32 (400, 2); y : int64 (400,), as many of 0 as of 1, in turn

    Examples
    --------
    >>> x, y = points("circles")
    >>> x.shape, y[:4].tolist()
    ((400, 2), [0, 1, 0, 1])
    """
    make = lookup("set of points", name, SETS, "live training")
    draw = np.random.default_rng(seed)
    y = np.arange(COUNT) % 2
    noise = NOISE / 2 if name in ("spirals", "halves", "quadrants") else NOISE
    x = make(draw.random(COUNT), y, draw) + draw.normal(0, noise, (COUNT, 2))
    return x.astype(np.float32), y


def task(name: str, hidden: Sequence[int] = (8, 8), activation: str = "tanh") -> Task:
    """Return a small dense network and points for it.

    Parameters
    ----------
    name : one of `SETS`
    hidden : the units of the layers before the last one; at most 4 of at most 64
    activation : one of "relu", "tanh", "sigmoid", "linear"

    Raises
    ------
    UnknownNameError, ArgumentError : there is no such set, or the network would be another
    """
    x, y = points(name)
    is_small = (
        isinstance(hidden, list | tuple)
        and len(hidden) <= 4
        and all(type(n) is int and 1 <= n <= 64 for n in hidden)
    )
    if not is_small or activation not in ACTIVATIONS:
        raise refused(
            "network", [hidden, activation], "there is no such small network",
            f"at most 4 layers of 1 to 64 units, and {', '.join(ACTIVATIONS)}", "live training",
        )  # fmt: skip
    with random.stream(0):
        model = models.Sequential(
            [
                layers.Input((2,)),
                *(
                    layers.Dense(units, activation, name=f"hidden_{n}")
                    for n, units in enumerate(hidden, 1)
                ),
                layers.Dense(2, "softmax", name="output"),
            ],
            name=name,
        )
    half = COUNT // 2
    return Task(
        model, x[:half], y[:half], x[half:], y[half:], losses.SparseCategoricalCrossentropy(),
        ("0", "1"), name,
    )  # fmt: skip
