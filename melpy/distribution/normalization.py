"""Batch normalization over a batch of which this process has a part."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import part, tape
from melpy.distribution.exchange import added_up
from melpy.kernels import dispatch as kernels
from melpy.kernels import threads
from melpy.vjps import joint

__all__ = ["shared_batch_norm"]


def shared_batch_norm(
    x: Any, gamma: Any, beta: Any, epsilon: float, activation: str
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return what `ops.batch_norm` returns for the whole batch: this process's part of y.

    Parameters
    ----------
    x : tensor (..., C), the part's samples
    gamma, beta : tensors or arrays (C,), of x's type
    epsilon : float > 0
    activation : "linear" or "relu"
    """
    rows = x.array.reshape(-1, x.shape[-1])  # (...,C) -> (M,C)
    scale, offset = tape.plain(gamma), tape.plain(beta)
    count = len(rows) if part.weight() > 0 else 0  # or it has a sample in the place of none
    y, mean, variance, sums = kernels.shared_batch_norm(
        rows, scale, offset, epsilon, activation, count, _exchanged
    )

    def back(g: np.ndarray) -> Any:
        d_x, d_gamma, d_beta = kernels.shared_batch_norm_d_x(
            g.reshape(rows.shape), rows, y, mean, variance, sums, scale, epsilon, activation,
            _exchanged,
        )  # fmt: skip
        if not count:  # the whole batch does not hang on what stands in
            d_x = np.zeros_like(d_x)
        return d_x.reshape(x.shape), d_gamma, d_beta

    made = tape.record(
        "shared_batch_norm", y.reshape(x.shape), [x, gamma, beta], joint(back, 3), {}
    )
    return made, mean, variance


def _exchanged(values: np.ndarray) -> np.ndarray:
    """Return the sum over the parts; a program adds up anew what then stands in ``values``."""
    made = added_up(values)
    threads.again(lambda: made.__setitem__(..., added_up(values)))
    return made
