"""Dense layers, compiled: the bias starts the sums, and a tile activates what it stores."""

from __future__ import annotations

import numpy as np

from melpy.kernels import threads
from melpy.kernels.compiled.activation import activating
from melpy.kernels.compiled.bias_activation import (
    CODES,
    bias_activation_d_x,
    sum_rows,
)
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.matmul import fits, matmul, multiplication
from melpy.kernels.compiled.tile import IN_TILE, LINEAR
from melpy.kernels.spec import dense as spec
from melpy.kernels.threads import Region


def dense(x: np.ndarray, w: np.ndarray, b: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x W + b); see `melpy.kernels.spec.dense.dense`."""
    arrays = contiguous(x, w, b)
    if arrays is None or name not in CODES or not fits(x, w):
        return spec.dense(x, w, b, name, slope)
    x, w, b = arrays
    y, regions = _layer(x, w, b, name, slope)
    threads.run(regions)
    return y


def _layer(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, name: str, slope: float
) -> tuple[np.ndarray, list[Region]]:
    """Return y, and what fills it."""
    y, regions = multiplication(x, w, b, IN_TILE.get(name, LINEAR), slope)
    if name not in IN_TILE:
        flat = y.reshape(-1)
        regions.append(activating(flat, flat, CODES[name], slope))
    return y, regions


def dense_back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    name: str,
    slope: float,
    wanted: tuple[bool, bool, bool],
) -> list[np.ndarray | None]:
    """Return d_x, d_W and d_b; see `melpy.kernels.spec.dense.dense_back`."""
    arrays = contiguous(g, x, w, y)
    if arrays is None:
        return spec.dense_back(g, x, w, y, name, slope, wanted)
    g, x, w, y = arrays
    d_u = g if name == "linear" else bias_activation_d_x(g, y, name, slope)
    return [
        matmul(d_u, w.T) if wanted[0] else None,
        matmul(x.T, d_u) if wanted[1] else None,
        sum_rows(d_u) if wanted[2] else None,
    ]
