"""Looking up values between the places where there are some, and beyond the rim."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.indexing import add_rows
from melpy.ops.registry import op

__all__ = ["map_coordinates"]

KERAS_ROOM = "image"

Place = Callable[[np.ndarray, int], np.ndarray]

# Which old pixel stands for one beyond the rim: from any whole number to one in [0, size).
FILL_MODES: dict[str, Place] = {
    "constant": lambda i, size: np.clip(i, 0, size - 1),  # its weight will be 0
    "nearest": lambda i, size: np.clip(i, 0, size - 1),
    "wrap": lambda i, size: i % size,
    "reflect": lambda i, size: np.minimum(i % (2 * size), (-1 - i) % (2 * size)),
    "mirror": lambda i, size: (
        np.minimum(i % (2 * size - 2), -i % (2 * size - 2)) if size > 1 else 0 * i
    ),
}
INTERPOLATIONS = {name: name for name in ("nearest", "bilinear")}


def _neighbours(at: np.ndarray, interpolation: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the old pixels around each position along one axis, and their weights."""
    if interpolation == "nearest":  # halves away from 0, as in Keras
        return [(np.trunc(at + np.copysign(0.5, at)).astype(np.int64), np.ones_like(at))]
    first = np.floor(at)
    weight = at - first
    index = first.astype(np.int64)
    return [(index, 1 - weight), (index + 1, weight)]


class Mix:
    """New pixels as mixtures of old ones: y[s] = Σ_k weights[k][s] pixels[taken[k][s]] (+ fill).

    Parameters
    ----------
    at : for each axis, where the new pixels look, float arrays of one shape
    sizes : the axes' sizes
    base : where in the flattened pixels the image of each new pixel begins
    """

    def __init__(
        self,
        at: Sequence[np.ndarray],
        sizes: Sequence[int],
        base: np.ndarray | int,
        interpolation: str,
        fill_mode: str,
        who: str,
    ) -> None:
        place = lookup("fill_mode", fill_mode, FILL_MODES, who)
        lookup("interpolation", interpolation, INTERPOLATIONS, who)
        self.taken: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        around = [_neighbours(np.asarray(a, np.float64), interpolation) for a in at]
        for corner in itertools.product(*around):
            index: Any = 0
            weight = np.ones(())
            for (i, share), size in zip(corner, sizes, strict=True):
                index = index * size + place(i, size)
                weight = weight * share
                if fill_mode == "constant":
                    weight = weight * ((i >= 0) & (i < size))
            self.taken.append((base + index).reshape(-1))
            self.weights.append(weight.reshape(-1, 1))

    def of(self, pixels: np.ndarray, fill_value: float) -> np.ndarray:
        """Return the new pixels (S, C) of old ones (P, C); whole numbers rounded."""
        whole = pixels.dtype.kind != "f"
        kind = np.dtype(np.float64) if whole else pixels.dtype
        weights = [weight.astype(kind) for weight in self.weights]
        y = sum(weight * pixels[at] for at, weight in zip(self.taken, weights, strict=True))
        if fill_value:  # the weights of what lies beyond the rim are 0 only for a constant
            y = y + kind.type(fill_value) * (1 - sum(weights))
        return np.trunc(y + np.copysign(0.5, y)).astype(pixels.dtype) if whole else y

    def back(self, g: np.ndarray, count: int) -> np.ndarray:
        """Return the gradient (P, C) of the old pixels from that of the new ones, (S, C)."""
        shares = np.concatenate([weight.astype(g.dtype) * g for weight in self.weights])
        return add_rows(shares, np.concatenate(self.taken), count)


def _coordinates_like(torch, inputs, coordinates, *, order, fill_mode="constant", fill_value=0):
    H, W = inputs.shape
    rows, columns = coordinates.flatten(1)
    grid = torch.stack([2 * columns / (W - 1) - 1, 2 * rows / (H - 1) - 1], -1)[None, None]
    mode = "bilinear" if order else "nearest"
    y = torch.nn.functional.grid_sample(
        inputs[None, None], grid, mode, "border", align_corners=True
    )
    return y.reshape(coordinates.shape[1:])


def _inside(order):
    def sample(rng):
        whole = rng.integers(0, 3, (2, 2, 3))
        return rng.normal(size=(4, 5)), whole + rng.uniform(0.1, 0.4, (2, 2, 3)), {"order": order}

    return sample


@op(sample=[_inside(1), _inside(0)], like=_coordinates_like, keeps=("coordinates",))
def map_coordinates(inputs, coordinates, *, order, fill_mode="constant", fill_value=0):
    """Look entries up between places: y[s] = x at (coordinates[0, s], coordinates[1, s], ..).

    Parameters
    ----------
    inputs : array, any shape, of n axes
    coordinates : array of floats, (n, ..), where to look along each axis
    order : 0 for the nearest entry, 1 for a mix of those around
    fill_mode : what lies beyond the rim of a b c d: "constant" fill_value; "nearest" d d d;
        "wrap" a b c; "reflect" d c b; "mirror" c b a
    fill_value : float

    Returns
    -------
    array, the shape of coordinates without the first axis, the type of inputs

    Gradient
    --------
    of inputs: g to the entries mixed, by their weights; of coordinates: g times the slope between
    the entries, 0 for order 0

    Raises
    ------
    ShapeError : coordinates have not one row for each axis; UnknownNameError : another fill_mode;
    ArgumentError : another order

    Source
    ------
    SciPy, ``scipy.ndimage.map_coordinates``.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.map_coordinates(np.array([1.0, 2.0, 4.0]), np.array([[0.5, 1.5]]), 1)
    array([1.5, 3. ])
    """
    who = "map_coordinates"
    if order not in (0, 1):
        raise ArgumentError(who, "no such order", expected="0 or 1", received={"order": order})
    if coordinates.ndim < 2 or len(coordinates) != inputs.ndim:
        raise ShapeError(
            who,
            "coordinates have not one row for each axis of inputs",
            expected=f"shape ({inputs.ndim}, ..)",
            received={"inputs.shape": inputs.shape, "coordinates.shape": coordinates.shape},
        )
    at = [np.asarray(row, np.float64) for row in coordinates]
    mix = Mix(at, inputs.shape, 0, "bilinear" if order else "nearest", fill_mode, who)
    fill = fill_value if fill_mode == "constant" else 0
    y = mix.of(inputs.reshape(-1, 1), fill).reshape(coordinates.shape[1:])

    def d_inputs(g):
        return mix.back(g.reshape(-1, 1), inputs.size).reshape(inputs.shape)

    def d_coordinates(g):
        d = np.zeros(coordinates.shape, g.dtype)
        for n in range(len(at) * order):  # the entry behind, minus the one before, on that axis
            ends = []
            for step in (0, 1):
                moved = [*at[:n], np.floor(at[n]) + step, *at[n + 1 :]]
                end = Mix(moved, inputs.shape, 0, "bilinear", fill_mode, who)
                ends.append(end.of(inputs.reshape(-1, 1), fill).reshape(g.shape))
            d[n] = g * (ends[1] - ends[0])
        return d

    return y, (d_inputs, d_coordinates)
