"""What is timed: each network once for the libraries of Keras's API, and the shape of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CIFAR = (32, 32, 3)


class Workload(NamedTuple):
    """A network to train: its builder, one sample's shape, the batch, the optimizer's name."""

    build: Callable[[Any], Any]
    shape: tuple[int, ...]
    batch: int
    optimizer: str = "adam"
    rate: float = 1e-3


def mnist_3(api: Any) -> Any:
    """The paper's MNIST 3 (figure 12): conv 16, pool, conv 32, dense 128; leaky ReLU."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((28, 28, 1)),
            L.Conv2D(16, 2, padding="same", activation="leaky_relu"),
            L.MaxPooling2D(2),
            L.Conv2D(32, 2, padding="same", activation="leaky_relu"),
            L.Flatten(),
            L.Dense(128, activation="leaky_relu"),
            L.Dense(10, activation="softmax"),
        ]
    )


def cifar_7(api: Any) -> Any:
    """The paper's CIFAR-10 7 (figure 14)."""
    L = api.layers
    rows = [L.Dense(units, activation="leaky_relu") for units in (128, 64, 32, 16)]
    return api.Sequential(
        [
            api.Input(CIFAR),
            L.Conv2D(32, 2, padding="same", activation="leaky_relu"),
            L.MaxPooling2D(2),
            L.Conv2D(64, 2, padding="same", activation="leaky_relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            *rows,
            L.Dense(10, activation="softmax"),
        ]
    )


def vgg(api: Any) -> Any:
    """A VGG-like net: 64-64-pool-128-128-pool-256-256-pool, each with normalization and ReLU."""
    L, rows = api.layers, []
    for filters in (64, 128, 256):
        for _ in range(2):
            rows += [
                L.Conv2D(filters, 3, padding="same", use_bias=False),
                L.BatchNormalization(),
                L.Activation("relu"),
            ]
        rows.append(L.MaxPooling2D(2))
    return api.Sequential(
        [
            api.Input(CIFAR),
            *rows,
            L.Flatten(),
            L.Dense(256, activation="relu"),
            L.Dense(10, activation="softmax"),
        ]
    )


def resnet_20(api: Any) -> Any:
    """ResNet-20 for CIFAR-10 (He et al. 2015, section 4.2), 1x1 convolutions as short cuts."""
    L = api.layers

    def conv(x: Any, filters: int, kernel: int, stride: int) -> Any:
        x = L.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
        return L.BatchNormalization()(x)

    inputs = api.Input(CIFAR)
    x = L.Activation("relu")(conv(inputs, 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = L.Activation("relu")(conv(x, filters, 3, stride))
            y = conv(y, filters, 3, 1)
            short = conv(x, filters, 1, stride) if stride > 1 else x
            x = L.Activation("relu")(L.Add()([y, short]))
    x = L.GlobalAveragePooling2D()(x)
    return api.Model(inputs, L.Dense(10, activation="softmax")(x))


def mlp(api: Any) -> Any:
    """784-512-512-10."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((784,)),
            L.Dense(512, activation="relu"),
            L.Dense(512, activation="relu"),
            L.Dense(10, activation="softmax"),
        ]
    )


MOBILE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1))


def mobilenet(api: Any) -> Any:
    """Depthwise and pointwise convolutions, each with normalization and ReLU."""
    L = api.layers
    rows = [
        L.Conv2D(32, 3, padding="same", use_bias=False),
        L.BatchNormalization(),
        L.Activation("relu"),
    ]
    for filters, stride in MOBILE:
        rows += [
            L.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
            L.Conv2D(filters, 1, use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
        ]
    return api.Sequential(
        [
            api.Input(CIFAR),
            *rows,
            L.GlobalAveragePooling2D(),
            L.Dense(10, activation="softmax"),
        ]
    )


def lstm(api: Any) -> Any:
    """An LSTM of 128 units over 100 steps of 64 numbers."""
    L = api.layers
    return api.Sequential([api.Input((100, 64)), L.LSTM(128), L.Dense(10, activation="softmax")])


def transformer(api: Any) -> Any:
    """Two blocks of an encoder: 4 heads of 32, 512 hidden units, 64 steps of 128 numbers."""
    L = api.layers
    inputs = x = api.Input((64, 128))
    for _ in range(2):
        y = L.MultiHeadAttention(4, 32)(x, x)
        x = L.LayerNormalization(epsilon=1e-5)(L.Add()([x, y]))
        y = L.Dense(128)(L.Dense(512, activation="gelu")(x))
        x = L.LayerNormalization(epsilon=1e-5)(L.Add()([x, y]))
    x = L.GlobalAveragePooling1D()(x)
    return api.Model(inputs, L.Dense(10, activation="softmax")(x))


def scaled(channels: int, api: Any) -> Any:
    """One 3x3 convolution of so many channels, for how time grows."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((None, None, 3)),
            L.Conv2D(channels, 3, padding="same", activation="relu"),
            L.Conv2D(channels, 3, padding="same", activation="relu"),
            L.GlobalAveragePooling2D(),
            L.Dense(10, activation="softmax"),
        ]
    )


TRAINING = {
    "mnist-3": Workload(mnist_3, (28, 28, 1), 256, rate=1e-4),
    "cifar-7": Workload(cifar_7, CIFAR, 64, rate=5e-5),
    "vgg": Workload(vgg, CIFAR, 128),
    "resnet-20": Workload(resnet_20, CIFAR, 128, "sgd", 0.1),
    "mlp": Workload(mlp, (784,), 128),
    "mobilenet": Workload(mobilenet, CIFAR, 64),
    "lstm": Workload(lstm, (100, 64), 64),
    "transformer": Workload(transformer, (64, 128), 64),
}
PEAK_SIZE = 3072  # of the matrices whose product shows the machine's limit

# Floating point operations of one training step: two a multiplication, the paper's networks' output
# and both gradients, less the gradient of the images.
FLOPS = {
    "mnist-3": 256 * 2 * (2 * 28 * 28 * 4 * 16 + 3 * (14 * 14 * 64 * 32 + 6272 * 128 + 1280)),
    "cifar-7": 64
    * 2
    * (2 * 32 * 32 * 12 * 32 + 3 * (16 * 16 * 128 * 64 + 4096 * 128 + 8192 + 2048 + 512 + 160)),
}
INFERENCE = ("mnist-3", "cifar-7", "vgg", "resnet-20")

# N, H, W, C, D, kernel height and width, stride: the design's grid, and others.
GRID = (
    (64, 32, 32, 3, 32, 2, 2, 1), (64, 16, 16, 32, 64, 2, 2, 1), (64, 32, 32, 16, 16, 3, 3, 1),
    (64, 32, 32, 64, 64, 3, 3, 1), (64, 16, 16, 128, 128, 3, 3, 1), (64, 8, 8, 256, 256, 3, 3, 1),
    (64, 32, 32, 3, 64, 3, 3, 1), (256, 28, 28, 1, 16, 2, 2, 1), (256, 14, 14, 16, 32, 2, 2, 1),
    (64, 32, 32, 64, 64, 3, 3, 2), (64, 32, 32, 64, 128, 1, 1, 1),
    (64, 28, 28, 24, 40, 5, 5, 1), (8, 112, 112, 3, 64, 7, 7, 2), (32, 56, 56, 64, 64, 3, 3, 1),
    (32, 14, 14, 256, 256, 3, 3, 1), (16, 7, 7, 512, 512, 3, 3, 1), (1, 32, 32, 64, 64, 3, 3, 1),
    (128, 8, 8, 64, 64, 3, 3, 1), (128, 16, 16, 32, 64, 3, 3, 2), (64, 16, 16, 64, 128, 1, 1, 2),
    (32, 1, 128, 64, 64, 1, 3, 1), (16, 33, 47, 20, 36, 3, 3, 1),
)  # fmt: skip


def data(shape: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and one-hot labels, the same for all libraries."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, *shape), np.float32)
    return x, np.eye(10, dtype=np.float32)[rng.integers(0, 10, count)]
