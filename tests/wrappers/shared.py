"""Small data, and models that several tests train."""

import numpy as np

import melpy
from melpy import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
CODES = np.argmax(X[:, :3], axis=1)
NAMES = np.array(["ant", "bee", "cat"])[CODES]
NUMBERS = 50 + 10 * X[:, 0]


def net(width, activation=None, loss=None, hidden=8):
    model = melpy.Sequential(
        [
            melpy.Input((4,)),
            layers.Dense(hidden, "relu"),
            layers.Dense(width, activation),
        ]
    )
    if loss is not None:
        model.compile(melpy.optimizers.Adam(0.02), loss)
    return model


def build(*, y, X, hidden=8, loss="categorical_crossentropy"):
    """Return a model as a script for Keras's wrappers makes it."""
    return net(y.shape[1], "softmax", loss, hidden)
