"""The paper's gradient of a convolution's input, and where it goes wrong.

The paper derives d_x = g * rot180(w), its equation 29: each pixel of x gathers from the gradients
of the outputs that it was part of. Its code turns the filters too, but then adds up with col2im,
which scatters from each output to the pixels of its window: this already is the turn.

    exact       d_x = col2im(W^T G)
    the paper   d_x = col2im(rot180(W)^T G)

So every window gets its filter upside down. The gradient of the filters is right, and so is the
last layer's; what the layers below learn from is not.

Source: L. Malard, Implémentation de CNNs avec NumPy, equation 29, sections 3.1, 3.2 and 4.2.3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from melpy import tape
from melpy.kernels import dispatch as kernels
from melpy.kernels.spec import conv_loops
from melpy.kernels.spec.conv_im2col import col2im, im2col
from melpy.layers import Conv2D
from melpy.models import Input, Sequential
from melpy.ops.spatial import pads

__all__ = ["Errors", "PapersConv2D", "d_x_by_columns", "errors", "pooled_d_x", "tie",
           "with_the_papers_gradient"]  # fmt: skip

SEEDS = 10


def d_x_by_columns(
    g: np.ndarray, w: np.ndarray, x_shape: tuple[int, ...], turned: bool
) -> np.ndarray:
    """Return the gradient of a convolution's input as the paper's code computes it.

    Parameters
    ----------
    g : array (N,D,oH,oW), the gradient of the output
    w : array (D,C,K,K), the filters
    x_shape : (N,C,H,W), of the input, padded; stride 1
    turned : bool, whether the filters are turned by 180 degrees first, as in the paper
    """
    filters = w[:, :, ::-1, ::-1] if turned else w
    flat_g = g.transpose(1, 0, 2, 3).reshape(len(w), -1)  # (N,D,oH,oW) -> (D, N*oH*oW)
    return col2im(filters.reshape(len(w), -1).T @ flat_g, x_shape, w.shape[2:], 1)


class Errors(NamedTuple):
    """How far a gradient of shape (1,3,32,32) is from the exact one, and that one's mean size."""

    kernel_size: int
    turned: bool
    mean: float
    total: float
    exact_mean: float


def errors(seeds: int = SEEDS) -> list[Errors]:
    """Measure the paper's formula with filters turned and not, for 2x2 and 3x3 kernels.

    g is drawn from the unit normal distribution, the 8 filters as He et al. initialize them, with
    variance 2 / (3 K²); the error is proportional to the size of both. The exact gradient is the
    one that the nested loops give. Means over ``seeds`` draws.
    """
    rows = []
    for K in (2, 3):
        sizes: list[float] = []
        off: dict[bool, list[np.ndarray]] = {True: [], False: []}
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            size = 33 - K  # of the output of a "valid" convolution of a 32x32 image
            g = rng.normal(size=(1, 8, size, size))
            w = rng.normal(0.0, math.sqrt(2 / (3 * K * K)), (8, 3, K, K))
            exact = conv_loops.conv2d_d_x(
                g.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), (1, 32, 32, 3),
                (1, 1), ((0, 0), (0, 0)), (1, 1), 1,
            )  # fmt: skip
            sizes.append(np.abs(exact).mean())
            for turned, errors_of in off.items():
                theirs = d_x_by_columns(g, w, (1, 3, 32, 32), turned)
                errors_of.append(np.abs(theirs - exact.transpose(0, 3, 1, 2)))
        for turned, found in off.items():
            mean, total = float(np.mean(found)), float(np.sum(found) / seeds)
            rows.append(Errors(K, turned, mean, total, float(np.mean(sizes))))
    return rows


class PapersConv2D(Conv2D):
    """Conv2D, stride 1, whose input's gradient is the paper's."""

    def call(self, inputs: Any) -> Any:
        """Convolve; remember the turned filters for the way back."""
        y = _papers_conv(inputs, self.kernel, self.padding)
        return self.activation(y if self.bias is None else y + self.bias)


def _papers_conv(inputs: Any, kernel: Any, padding: str) -> Any:
    x, w = inputs.array, kernel.array
    around = pads(padding, x.shape[1:3], w.shape[:2], (1, 1), "PapersConv2D")
    geometry = (1, 1), around, (1, 1), 1
    turned = np.ascontiguousarray(w[::-1, ::-1])

    def d_x(g: np.ndarray) -> np.ndarray:
        return kernels.conv2d_d_x(g, turned, x.shape, *geometry)  # exact for the wrong filters

    def d_w(g: np.ndarray) -> np.ndarray:
        return kernels.conv2d_d_w(g, x, w.shape, *geometry)

    y = kernels.conv2d(x, w, *geometry)
    return tape.record("papers_conv", y, (inputs, kernel), (d_x, d_w), {})


def with_the_papers_gradient(model: Any) -> Sequential:
    """Return a Sequential with the same weights, whose convolutions have the paper's gradient."""
    rows = [
        (PapersConv2D if type(layer) is Conv2D else type(layer)).from_config(layer.get_config())
        for layer in model.layers
    ]
    copy = Sequential([Input(model.input_shape[1:]), *rows])
    copy.set_weights(model.get_weights())
    return copy


def pooled_d_x(g: np.ndarray, x: np.ndarray, pool: int) -> np.ndarray:
    """Return the gradient of a max pooling's input as the paper computes it, NCHW.

    Every cell that equals its window's largest value gets the window's whole gradient.
    """
    N, C = g.shape[:2]
    windows = im2col(x.reshape(N * C, 1, *x.shape[2:]), (pool, pool), pool)  # (pool², N*C*oH*oW)
    hits = windows == windows.max(axis=0)
    columns = hits * g.reshape(1, -1)
    return col2im(columns, (N * C, 1, *x.shape[2:]), (pool, pool), pool).reshape(x.shape)


def tie() -> dict[str, np.ndarray]:
    """Return a window with a tie, and both gradients of it for g = 1: the paper's and melpy's."""
    x = np.array([[3.0, 3.0], [1.0, 3.0]])
    g = np.ones((1, 1, 1, 1))
    exact = kernels.max_pool2d_d_x(
        g, x[None, ..., None], np.full((1, 1, 1, 1), 3.0), (2, 2), (2, 2), ((0, 0), (0, 0))
    )
    return {"x": x, "paper": pooled_d_x(g, x[None, None], 2)[0, 0], "melpy": exact[0, ..., 0]}
