"""What the original library does otherwise, one thing at a time and all together.

The paper blames its convolution for the gap of its figures 18 and 19. Its library's source has
more that differs, above all this: the way back of its Softmax never reads the gradient that it is
given. It multiplies the softmax's Jacobian J with an array made by np.empty_like, so with what an
earlier array has left in that memory. `original` runs the library and looks. Two of the things
that lie there have a loss of their own, which can be trained on exactly:

    found    sent back    which is the gradient of
    p - t    J (p - t)    0.5 * sum((p - t)²), a squared error
    -t       J (-t)       -sum(t * p), the probability of the right class

with p the probabilities, t the one-hot targets, (N, 10).

Source: the original library, github.com/lennymalard/melpy-project, layers.py, losses.py,
NeuralNetworks.py and optimizers.py of 15 to 22 December 2024, when the paper was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import initializers, layers, ops
from melpy.errors import lookup
from melpy.experiments.gradient import PapersConv2D, with_the_papers_gradient
from melpy.models import Input, Sequential

__all__ = ["CAUSES", "changed"]

SLOPE = 0.01  # of the original's leaky ReLU; Keras's activation has 0.2
CROSS_ENTROPY = "categorical_crossentropy"


def squared_error(targets: Any, probabilities: Any) -> Any:
    """Return 0.5 * sum((p - t)²) of each row."""
    return 0.5 * ops.sum(ops.square(probabilities - targets), axis=-1)


def wrong_probability(targets: Any, probabilities: Any) -> Any:
    """Return -sum(t * p) of each row."""
    return -ops.sum(targets * probabilities, axis=-1)


def as_the_original(model: Any) -> Sequential:
    """Return a network of the same shape with the original's convolution, weights and slope.

    Its filters and weights are drawn from He's uniform distribution, its dense layers' biases from
    0 to 1. Left out are what its Adam does, which counts a step for every layer with weights and so
    takes larger steps in the first epochs, and its pooling's gradient where values are equal.
    """
    rows: list[Any] = []
    for layer in model.layers:
        config = layer.get_config()
        if "kernel_initializer" not in config:
            rows.append(type(layer).from_config(config))
            continue
        dense = type(layer) is layers.Dense
        config["kernel_initializer"] = initializers.HeUniform()
        config["bias_initializer"] = initializers.RandomUniform(0.0, 1.0) if dense else "zeros"
        leaky = config["activation"] == "leaky_relu"
        if leaky:
            config["activation"] = None
        rows.append((layers.Dense if dense else PapersConv2D).from_config(config))
        if leaky:
            rows.append(layers.LeakyReLU(negative_slope=SLOPE))
    return Sequential([Input(model.input_shape[1:]), *rows])


def _same(model: Any) -> Any:
    return model


# The change of the network, the loss, and whether the images come in the same order every time.
CAUSES: dict[str, tuple[Callable[[Any], Any], Any, bool]] = {
    "exact": (_same, CROSS_ENTROPY, False),
    "paper": (with_the_papers_gradient, CROSS_ENTROPY, False),
    "squared": (_same, squared_error, False),
    "targets": (_same, wrong_probability, False),
    "others": (as_the_original, CROSS_ENTROPY, True),
    "original": (as_the_original, wrong_probability, True),
}


def changed(model: Any, gradient: str) -> tuple[Any, Any, bool]:
    """Return the network, its loss, and whether the order of the images is fixed."""
    network, loss, fixed_order = lookup("gradient", gradient, CAUSES, "reproduce")
    return network(model), loss, fixed_order
