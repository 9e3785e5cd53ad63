"""Table 1: what leaving Python's loops saves, for a matrix product and for a convolution."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy.experiments.paper import PRODUCTS
from melpy.kernels import dispatch
from melpy.kernels.spec import conv_im2col, conv_loops
from melpy.kernels.spec.windows import Pads

__all__ = ["convolutions", "products"]

LEAST_S = 0.05  # a time is the median of calls that take at least so long together
SAME: Pads = ((0, 1), (0, 1))
# (N,H,W,C) and (K,K,C,D): the convolutions of MNIST 3 and of CIFAR-10 7, for one image.
CONVOLUTIONS = (
    ((1, 28, 28, 1), (2, 2, 1, 16)),
    ((1, 14, 14, 16), (2, 2, 16, 32)),
    ((1, 32, 32, 3), (2, 2, 3, 32)),
    ((1, 16, 16, 32), (2, 2, 32, 64)),
)


def with_loops(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    """Multiply matrices as the paper's naive method does: three loops over lists.

    Examples
    --------
    >>> with_loops([[1.0, 2.0]], [[3.0], [4.0]])
    [[11.0]]
    """
    P, K, Q = len(a), len(b), len(b[0])
    y = [[0.0] * Q for _ in range(P)]
    for p in range(P):
        for q in range(Q):
            for k in range(K):
                y[p][q] += a[p][k] * b[k][q]
    return y


def seconds(run: Callable[[], Any]) -> float:
    """Return the median seconds of a call; of one call, where it takes long."""
    taken: list[float] = []
    while sum(taken) < LEAST_S or (len(taken) < 3 and taken[0] < 1):
        started_s = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started_s)
    return statistics.median(taken)


def products(largest: int) -> list[dict[str, Any]]:
    """Time the matrix products of table 1: loops, NumPy, compiled; rows up to ``largest`` size."""
    rows = []
    for product in PRODUCTS[:largest]:
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(product.P, product.K)), rng.normal(size=(product.K, product.Q))
        lists = a.tolist(), b.tolist()
        rows.append(
            {
                "shape": [product.P, product.K, product.Q],
                "loops_s": seconds(lambda: with_loops(*lists)),  # noqa: B023  called at once
                "numpy_s": seconds(lambda: a @ b),  # noqa: B023
                "compiled_s": _compiled("matmul", a, b),
                "paper_loops_s": product.loops_s,
                "paper_numpy_s": product.numpy_s,
            }
        )
    return rows


def convolutions() -> list[dict[str, Any]]:
    """Time a forward convolution three ways: loops, im2col as in the paper, compiled."""
    rows = []
    for x_shape, w_shape in CONVOLUTIONS:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=x_shape), rng.normal(size=w_shape)
        geometry = (1, 1), SAME, (1, 1), 1
        rows.append(
            {
                "x": x_shape,
                "w": w_shape,
                "loops_s": seconds(lambda: conv_loops.conv2d(x, w, *geometry)),  # noqa: B023
                "im2col_s": seconds(lambda: conv_im2col.conv2d(x, w, *geometry)),  # noqa: B023
                "compiled_s": _compiled("conv2d", x, w, *geometry),
            }
        )
    return rows


def _compiled(name: str, *arguments: Any) -> float | None:
    """Time a compiled kernel; None without Numba."""
    kernel = dispatch.find(name)
    if ".compiled." not in kernel.__module__:
        return None
    kernel(*arguments)  # compile
    return seconds(lambda: kernel(*arguments))
