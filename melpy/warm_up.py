"""Compiling ahead: every kernel once, on tiny networks, so that no training waits for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpy import config, layers, metrics, optimizers
from melpy.errors import FileError
from melpy.kernels import dispatch
from melpy.models import Input, Model, Sequential

__all__ = ["warm_up"]

Say = Callable[[str], None]


def warm_up(say: Say) -> None:
    """Compile what `fit`, `evaluate` and `predict` use in `config.floatx`, saying what it does.

    Parameters
    ----------
    say : function of a line of text

    Raises
    ------
    FileError : there is no place to keep what is compiled
    """
    if config.kernels() != "compiled" or ".compiled." not in dispatch.find("matmul").__module__:
        say(f"Nothing to compile: the kernels are {config.kernels()!r}, or Numba is not installed.")
        return
    if dispatch.what_is_compiled() != dispatch.COMPILING:
        raise FileError(
            "warm-up",
            "no folder for compiled kernels can be written, so that nothing would be kept",
            expected="a folder beside the package, the user's own for caches, or NUMBA_CACHE_DIR",
            received={"NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR")},
            mend="Set NUMBA_CACHE_DIR to a folder that can be written.",
        )
    say(dispatch.COMPILING)
    begun_s = time.perf_counter()
    for name, build, shape in _networks():
        started_s = time.perf_counter()
        model = build()
        x = np.zeros((16, *shape), config.floatx())
        y = np.eye(4, dtype=config.floatx())[np.arange(16) % 4]
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        # A last batch of few samples too; the first steps are made one by one, the others together.
        model.fit(x, y, batch_size=13, epochs=6, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        for _ in range(2):  # the second time by a plan
            model.predict(x[:1], verbose=0)
        say(f"  {name:<40} {time.perf_counter() - started_s:5.1f} s")
    started_s = time.perf_counter()
    for units, loss, watched in _losses():
        model = Sequential([Input((2,)), layers.Dense(units, "sigmoid")])
        model.compile("sgd", loss, metrics=watched, weighted_metrics=watched)
        x, y, weight = np.zeros((26, 2), config.floatx()), np.arange(26) % 2, np.ones(26)
        model.fit(x, y, batch_size=13, epochs=3, verbose=0, sample_weight=weight)
    say(f"  {'losses and metrics':<40} {time.perf_counter() - started_s:5.1f} s")
    started_s = time.perf_counter()
    for rule in _rules():
        model = Sequential([Input((2,)), layers.Dense(4)])
        model.compile(rule, "mse")
        for _ in range(2):
            model.train_on_batch(np.zeros((2, 2)), np.zeros((2, 4)))
    say(f"  {'optimizers':<40} {time.perf_counter() - started_s:5.1f} s")
    say(f"Ready after {time.perf_counter() - begun_s:.1f} s.")


def _rules() -> list[Any]:
    names = ["SGD", "RMSprop", "Adam", "Nadam", "Adamax", "Adagrad", "Adadelta", "Lion", "Ftrl"]
    return [
        *(getattr(optimizers, name)() for name in names),
        optimizers.SGD(momentum=0.9), optimizers.Adam(amsgrad=True),
        optimizers.RMSprop(momentum=0.9), optimizers.SGD(clipnorm=1.0),
        optimizers.SGD(clipvalue=1.0, weight_decay=0.1), optimizers.SGD(use_ema=True),
        optimizers.SGD(gradient_accumulation_steps=2),
    ]  # fmt: skip


def _losses() -> list[tuple[int, str, list[Any]]]:
    top = metrics.SparseTopKCategoricalAccuracy(k=2)
    return [
        (4, "sparse_categorical_crossentropy", ["accuracy", top]),
        (1, "binary_crossentropy", ["accuracy"]), (1, "mse", ["mae"]), (1, "huber", []),
    ]  # fmt: skip


def _networks() -> Iterator[tuple[str, Callable[[], Any], tuple[int, ...]]]:
    L = layers
    same: dict[str, Any] = {"padding": "same"}

    def row(*parts: Any, shape: tuple[int, ...]) -> Callable[[], Any]:
        end = L.Dense(4, activation="softmax")
        return lambda: Sequential([Input(shape), *parts, end])

    image = (8, 8, 16)
    yield (
        "convolution, pooling, dense",
        row(
            L.Conv2D(16, 2, activation="leaky_relu", **same), L.MaxPooling2D(),
            L.Conv2D(16, 2, **same), L.Activation("gelu"), L.MaxPooling2D((1, 2)),
            L.Conv2D(20, 3, activation="relu", strides=2, **same),
            L.AveragePooling2D(2, **same), L.Flatten(), L.Dense(32, "tanh"), L.Dropout(0.5),
            shape=image,
        ),
        image,
    )  # fmt: skip
    yield (
        "Winograd, normalization, depthwise",
        row(
            L.Conv2D(32, 3, use_bias=False, **same), L.BatchNormalization(), L.Activation("relu"),
            L.Conv2D(32, 3, **same), L.BatchNormalization(), L.MaxPooling2D(3, 2, **same),
            L.Conv2D(32, 3, **same), L.Activation("silu"), L.MaxPooling2D((1, 2)),
            L.DepthwiseConv2D(3, **same), L.Conv2DTranspose(16, 2, 2), L.LeakyReLU(),
            L.GaussianNoise(0.1),
            L.GlobalAveragePooling2D(), L.LayerNormalization(),
            shape=image,
        ),
        image,
    )  # fmt: skip
    steps = (6, 16)
    yield (
        "recurrent",
        row(L.LSTM(16, return_sequences=True), L.GRU(16), shape=steps),
        steps,
    )

    def attention() -> Any:
        x = Input((32, 16))
        y = L.Add()([x, L.MultiHeadAttention(2, 16)(x, x)])
        y = L.Dense(16, activation="gelu")(L.LayerNormalization()(y))
        return Model(x, L.Dense(4, activation="softmax")(L.GlobalAveragePooling1D()(y)))

    yield "attention", attention, (32, 16)

    def large() -> Any:
        x = Input((32, 32, 8))
        y = L.Flatten()(L.Add()([x, L.Conv2D(8, 3, padding="same")(x)]))
        return Model(x, L.Dense(4, activation="softmax")(L.Dense(64, activation="relu")(y)))

    yield "arrays that are worth sharing", large, (32, 32, 8)
