"""Spectral normalization: a layer whose matrix stretches no vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, initializers
from melpy.errors import ArgumentError
from melpy.layers.base import Layer, Shape
from melpy.layers.checks import positive
from melpy.layers.input_spec import InputSpec
from melpy.layers.wrappers import Wrapper

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """Divide a layer's matrix by its largest singular value at each training step: W / (v W u^T).

    Parameters
    ----------
    layer : Layer with a ``kernel``, as `Dense` or `Conv2D`, or ``embeddings``
    power_iterations : int > 0, how often u and v are improved a step

    Notes
    -----
    Input of the shape that the wrapped layer takes, output of the shape that it gives. W is the
    kernel as (all but the outputs, outputs); v = u W^T / |u W^T|, then u = v W / |v W|. Weights:
    vector_u (1, outputs), beside the layer's own. The kernel is overwritten while training, so it
    is then the optimizer that moves the normalized one; a kernel of zeros stays.

    Raises
    ------
    ArgumentError : a layer without kernel or embeddings; power_iterations that is no number > 0

    Source
    ------
    T. Miyato et al. 2018, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import Dense
    >>> layer = SpectralNormalization(Dense(2, kernel_initializer="ones"), power_iterations=3)
    >>> _ = layer(np.ones((1, 2)), training=True)
    >>> np.round(layer.layer.kernel.numpy(), 3)
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = positive(power_iterations, "power_iterations", type(self).__name__)

    def build(self, input_shape: Shape) -> None:
        """Build the layer inside, and make vector_u."""
        super().build(input_shape)
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if kernel is None:
            raise ArgumentError(
                "build",
                "the layer inside has no matrix to normalize",
                expected="a layer with a kernel or embeddings",
                received={"layer": type(self.layer).__name__},
            )
        if len(input_shape) > 1 and hasattr(self.layer, "kernel"):
            self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the layer's output, after a step of the normalization while training."""
        if training and self.kernel.array.any():
            u, kernel = self.normalized_weights()
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the next vector_u, and the kernel divided by its largest singular value."""
        W, u = self.kernel.array, self.vector_u.array
        matrix = W.reshape(-1, W.shape[-1])
        for _ in range(self.power_iterations):
            v = _of_length_one(u @ matrix.T)
            u = _of_length_one(v @ matrix)
        return u, W / (v @ matrix @ u.T).item()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the layer's output."""
        return self.layer.compute_output_shape(input_shape)


def _of_length_one(x: np.ndarray) -> np.ndarray:
    return x / max(np.linalg.norm(x), config.epsilon())
