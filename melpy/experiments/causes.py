"""What the original library does otherwise, one thing at a time and all together.

The paper blames its convolution for the gap of its figures 18 and 19. Its library's source has
more that differs, above all this: the way back of its Softmax never reads the gradient g that it is
given. It multiplies the softmax's Jacobian J with an array m made by np.empty_like, so with what an
earlier array has left in that memory. `original` runs the library and counts what that was. Here a
training gets the same: for each batch m is drawn anew, with those shares.

    exact        d_z = J g, with g the gradient of cross-entropy, so (p - t) / N
    the original d_z = J m, with m one of N g, -t, p, the g of the batch before

with p the probabilities and t the one-hot targets, (N, 10), and J = diag(p) - p pᵀ of each row.
Here d_z is a mean over the batch and so smaller by N, of which Adam takes no notice.

Source: the original library, github.com/lennymalard/melpy-project, layers.py, losses.py,
NeuralNetworks.py and optimizers.py of 15 to 22 December 2024, when the paper was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from melpy import initializers, layers, tape
from melpy.errors import lookup
from melpy.experiments.gradient import PapersConv2D, with_the_papers_gradient
from melpy.models import Input, Sequential

__all__ = [
    "BEFORE", "CAUSES", "LATER", "SLOPE", "SOURCE", "VERSIONS", "ReadFromMemory", "changed",
    "leftovers", "through_softmax",
]  # fmt: skip

SOURCE = "github.com/lennymalard/melpy-project"
SLOPE = 0.01  # of the original's leaky ReLU; Keras's activation has 0.2
CROSS_ENTROPY = "categorical_crossentropy"
BEFORE = "g of the batch before"


class Version(NamedTuple):
    """A day's state of the original library, from its history.

    ``given`` is the gradient that it gives to its Softmax, of p and t. ``reads`` is in how many of
    781 steps of CIFAR-10 7 its Softmax read what, as `original.reads` counted on two cores
    (docs/reproduction/results/cifar-7-original-reads.json), but for those that read none of these.
    """

    commit: str
    given: Callable[[np.ndarray, np.ndarray], np.ndarray]
    reads: dict[str, int]


EARLIER, LATER = "15 December 2024", "22 December 2024"
VERSIONS = {
    EARLIER: Version(
        "c492c8d",
        lambda p, t: (1e-5 - t) / (p + 1e-5) / len(p),
        {BEFORE: 392, "-t": 239, "N g": 62, "p": 46},
    ),
    LATER: Version("a6d8fda", lambda p, t: (p - t) / len(p), {"N g": 591, BEFORE: 145}),
}


def through_softmax(p: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Return J m, with J = diag(p) - p pᵀ, the softmax's Jacobian, for each row."""
    return p * m - p * (p * m).sum(axis=1, keepdims=True)


def leftovers(
    p: np.ndarray, t: np.ndarray, g: np.ndarray, before: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return by name what may lie in memory: what g is made of, and the g of the batch before."""
    found = {"g": g, "N g": len(g) * g, "-t": -t, "p": p}
    return found if before is None else found | {BEFORE: before}


class ReadFromMemory:
    """Cross-entropy whose gradient is never read: in its place comes what lay in memory.

    y = -log(p_t), (N,); d_p = m, (N, C), with m drawn for each batch. The softmax before it
    multiplies m with its Jacobian.

    Parameters
    ----------
    version : a `Version`
    seed : int, of the draws
    """

    def __init__(self, version: Version, seed: int = 0) -> None:
        self.given = version.given
        self.kinds = list(version.reads)
        counts = np.array(list(version.reads.values()))
        self.shares = counts / counts.sum()
        self.draws = np.random.default_rng(seed)
        self.before = np.zeros(1, np.float32)  # there was no batch yet

    def __call__(self, targets: Any, probabilities: Any) -> Any:
        t, p = np.asarray(targets), np.asarray(probabilities)
        y = -np.log(np.maximum((t * p).sum(axis=1), np.float32(1e-7)))

        def d_p(g_y: np.ndarray) -> np.ndarray:
            g = self.given(p, t)
            before = np.resize(self.before, g.shape)  # an epoch's last batch is smaller: repeated
            found = leftovers(p, t, g, before)
            self.before = g
            return g_y[:, None] * found[self.draws.choice(self.kinds, p=self.shares)]

        return tape.record("read_from_memory", y, (probabilities,), (d_p,), {})


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


class Cause(NamedTuple):
    """What is otherwise: the network, whose version's Softmax it has, the order of the images."""

    network: Callable[[Any], Any] = lambda model: model
    softmax: str | None = None
    fixed_order: bool = False


CAUSES = {
    "exact": Cause(),
    "paper": Cause(with_the_papers_gradient),
    "softmax-15": Cause(softmax=EARLIER),
    "softmax-22": Cause(softmax=LATER),
    "others": Cause(as_the_original, None, True),
    "original-15": Cause(as_the_original, EARLIER, True),
    "original-22": Cause(as_the_original, LATER, True),
}


def changed(model: Any, gradient: str, seed: int) -> tuple[Any, Any, bool]:
    """Return the network, its loss, and whether the order of the images is fixed."""
    network, day, fixed_order = lookup("gradient", gradient, CAUSES, "reproduce")
    return (
        network(model),
        ReadFromMemory(VERSIONS[day], seed) if day else CROSS_ENTROPY,
        fixed_order,
    )
