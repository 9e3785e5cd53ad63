"""What is timed: each network once for the libraries of Keras's API, and the shape of its data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

CIFAR = (32, 32, 3)


class Workload(NamedTuple):
    """A network to train: its builder, one sample's shape, the batch, how it is trained."""

    build: Callable[[Any], Any]
    shape: tuple[int, ...]
    batch: int
    optimizer: str = "adam"
    rate: float = 1e-3
    classes: int = 10


# Activations as layers of their own, which is how most scripts are written.
LAYERS: dict[str, Callable[[Any], Any]] = {
    "leaky-relu": lambda L: L.LeakyReLU(negative_slope=0.2),
    "elu": lambda L: L.ELU(),
    "gelu": lambda L: L.Activation("gelu"),
    "silu": lambda L: L.Activation("silu"),
}


def active(api: Any, own: str, layer: Callable[..., Any], *sizes: Any, **options: Any) -> list[Any]:
    """Return a layer with its activation: leaky ReLU as the argument, or the layer ``own``."""
    if not own:
        return [layer(*sizes, **options, activation="leaky_relu")]
    return [layer(*sizes, **options), LAYERS[own](api.layers)]


def mnist_3(api: Any, own: str = "") -> Any:
    """The paper's MNIST 3 (figure 12): conv 16, pool, conv 32, dense 128; leaky ReLU."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((28, 28, 1)),
            *active(api, own, L.Conv2D, 16, 2, padding="same"),
            L.MaxPooling2D(2),
            *active(api, own, L.Conv2D, 32, 2, padding="same"),
            L.Flatten(),
            *active(api, own, L.Dense, 128),
            L.Dense(10, activation="softmax"),
        ]
    )


def cifar_7(api: Any, own: str = "") -> Any:
    """The paper's CIFAR-10 7 (figure 14)."""
    L = api.layers
    rows = [layer for units in (128, 64, 32, 16) for layer in active(api, own, L.Dense, units)]
    return api.Sequential(
        [
            api.Input(CIFAR),
            *active(api, own, L.Conv2D, 32, 2, padding="same"),
            L.MaxPooling2D(2),
            *active(api, own, L.Conv2D, 64, 2, padding="same"),
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


def wide_mlp(api: Any) -> Any:
    """784-2048-2048-10, half of the units dropped after each of the two wide layers."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((784,)),
            L.Dense(2048, activation="relu"),
            L.Dropout(0.5),
            L.Dense(2048, activation="relu"),
            L.Dropout(0.5),
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


def iris_mlp(api: Any) -> Any:
    """4-16-16-3."""
    L = api.layers
    rows = [L.Dense(16, activation="relu"), L.Dense(16, activation="relu")]
    return api.Sequential([api.Input((4,)), *rows, L.Dense(3, activation="softmax")])


def digits_mlp(api: Any) -> Any:
    """64-64-10."""
    L = api.layers
    rows = [L.Dense(64, activation="relu"), L.Dense(10, activation="softmax")]
    return api.Sequential([api.Input((64,)), *rows])


def digits_cnn(api: Any) -> Any:
    """One convolution of 16 filters, a pool, a dense layer, over images of 8 by 8."""
    L = api.layers
    rows = [L.Conv2D(16, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten()]
    return api.Sequential([api.Input((8, 8, 1)), *rows, L.Dense(10, activation="softmax")])


def lenet_5(api: Any) -> Any:
    """LeNet-5 (LeCun et al. 1998, section II.B), its output a softmax."""
    L = api.layers
    return api.Sequential(
        [
            api.Input((28, 28, 1)),
            L.Conv2D(6, 5, padding="same", activation="tanh"),
            L.AveragePooling2D(2),
            L.Conv2D(16, 5, activation="tanh"),
            L.AveragePooling2D(2),
            L.Flatten(),
            L.Dense(120, activation="tanh"),
            L.Dense(84, activation="tanh"),
            L.Dense(10, activation="softmax"),
        ]
    )


def mnist_mlp(api: Any) -> Any:
    """784-128-10, a fifth of the 128 dropped."""
    L = api.layers
    rows = [L.Dense(128, activation="relu"), L.Dropout(0.2), L.Dense(10, activation="softmax")]
    return api.Sequential([api.Input((784,)), *rows])


def small_lstm(api: Any) -> Any:
    """An LSTM of 32 units over 20 steps of 16 numbers."""
    L = api.layers
    return api.Sequential([api.Input((20, 16)), L.LSTM(32), L.Dense(10, activation="softmax")])


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
    "wide-mlp": Workload(wide_mlp, (784,), 128),
}
INFERENCE = tuple(name for name in TRAINING if name != "wide-mlp")
OWN_LAYERS = {
    f"{name}-{own}": TRAINING[name]._replace(build=partial(TRAINING[name].build, own=own))
    for name in ("mnist-3", "cifar-7")
    for own in LAYERS
}
SMALL = {
    "iris-mlp": Workload(iris_mlp, (4,), 32, classes=3),
    "digits-mlp": Workload(digits_mlp, (64,), 32),
    "digits-cnn": Workload(digits_cnn, (8, 8, 1), 32),
    "lenet-5": Workload(lenet_5, (28, 28, 1), 32),
    "mnist-mlp": Workload(mnist_mlp, (784,), 32),
    "small-lstm": Workload(small_lstm, (20, 16), 32),
}
HIDDEN = {"iris-mlp": (16, 16), "digits-mlp": (64,), "mnist-mlp": (128,)}  # as scikit-learn asks
SMALL_STEPS = 100  # of an epoch of a small network
WORKLOADS = TRAINING | OWN_LAYERS | SMALL
PEAK_SIZE = 3072  # of the matrices whose product shows the machine's limit
MLP_WEIGHTS = 784 * 512 + 512 * 512 + 512 * 10 + 512 + 512 + 10

# Floating point operations of one training step: two a multiplication, the paper's networks' output
# and both gradients, less the gradient of the images.
FLOPS = {
    "mnist-3": 256 * 2 * (2 * 28 * 28 * 4 * 16 + 3 * (14 * 14 * 64 * 32 + 6272 * 128 + 1280)),
    "cifar-7": 64
    * 2
    * (2 * 32 * 32 * 12 * 32 + 3 * (16 * 16 * 128 * 64 + 4096 * 128 + 8192 + 2048 + 512 + 160)),
}

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


def data(shape: tuple[int, ...], count: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and one-hot labels, the same for all libraries."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, *shape), np.float32)
    return x, np.eye(classes, dtype=np.float32)[rng.integers(0, classes, count)]
