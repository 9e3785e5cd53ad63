"""The paper's architectures by number (its tables 2 and 3), and LeNet-5, its figure 1.

The paper draws MNIST 3 and CIFAR-10 7 (figures 12 and 14). Of the others it gives the number of
parameters and of layers only; those marked ``derived`` are the usual sizes that give exactly that
number. Where one pooling stands between two convolutions, the number does not tell before which:
here it stands after the first. No usual sizes with kernels of one size give CIFAR-10 1; of those
with kernels of several sizes, the one here has the most usual dense layer. `search` has them all.

Source: L. Malard, Implémentation de CNNs avec NumPy, section 4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from melpy import layers, models, random
from melpy.errors import lookup

__all__ = ["ARCHITECTURES", "Architecture", "Conv", "build", "rows_of"]

LEAKY = "leaky_relu"


@dataclass(frozen=True)
class Conv:
    """A "same" convolution with leaky ReLU."""

    filters: int
    kernel_size: int = 2
    use_bias: bool = True


@dataclass(frozen=True)
class Architecture:
    """A row of the paper's tables: the network and how it was trained.

    ``parts`` lists convolutions, "pool" for a 2x2 max pooling, and numbers of hidden units; the
    outputs with their softmax follow.
    """

    parts: Sequence[Conv | str | int]
    parameters: int
    epochs: int
    batch_size: int
    learning_rate: float
    dataset: str
    derived: bool = True
    layers: Callable[[tuple[int, ...], int, Any], list[Any]] | None = field(
        default=None, repr=False
    )


def _plain(filters: int, kernel_size: int = 2) -> Conv:
    return Conv(filters, kernel_size, use_bias=False)


def _mnist(parameters: int, epochs: int, *parts: Conv | str | int, derived: bool = True):
    return Architecture(parts, parameters, epochs, 256, 1e-4, "mnist", derived)


def _cifar(parameters: int, epochs: int, batch: int, rate: float, *parts, derived=True):
    return Architecture(parts, parameters, epochs, batch, rate, "cifar-10", derived)


def _lenet5(input_shape: tuple[int, ...], classes: int, layers: Any) -> list[Any]:
    """LeNet-5: Y. LeCun et al. 1998, section II.B, with a softmax at its end.

    Its 32x32 input frames a 28x28 digit, which "same" padding does here; images too small for the
    second convolution are padded there too.
    """
    second = "valid" if min(input_shape[:2]) >= 28 else "same"
    return [
        layers.Conv2D(6, 5, padding="same", activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, padding=second, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="tanh"),
        layers.Dense(84, activation="tanh"),
        layers.Dense(classes, activation="softmax"),
    ]


ARCHITECTURES: dict[str, Architecture] = {
    "lenet5": Architecture((), 61_706, 40, 32, 1e-3, "digits", False, _lenet5),
    # Table 2: MNIST, 28x28x1, batches of 256, Adam 1e-4.
    "mnist-1": _mnist(15_840, 15, Conv(8), "pool", 10),
    "mnist-2": _mnist(201_226, 15, Conv(32), "pool", 32),
    "mnist-3": _mnist(806_394, 15, Conv(16), "pool", Conv(32), 128, derived=False),
    "mnist-4": _mnist(1_624_842, 10, Conv(32), "pool", Conv(64), 128, 64, 32),
    "mnist-5": _mnist(1_615_466, 10, Conv(32), "pool", Conv(64), 128),
    # Table 3: CIFAR-10, 32x32x3, Adam.
    "cifar-1": _cifar(
        1_056_376, 20, 128, 5e-5,
        _plain(10, 3), _plain(12), "pool", _plain(32), _plain(32), 128,
    ),
    "cifar-2": _cifar(2_107_146, 20, 128, 1e-5, _plain(32), "pool", _plain(64), 128),
    "cifar-3": _cifar(2_107_146, 35, 128, 5e-5, _plain(32), "pool", _plain(64), 128),
    "cifar-4": _cifar(2_107_146, 50, 256, 5e-5, _plain(32), "pool", _plain(64), 128),
    "cifar-5": _cifar(2_117_866, 100, 128, 5e-5, _plain(32, 3), "pool", _plain(64, 3), 128),
    "cifar-6": _cifar(8_398_698, 50, 64, 5e-6, Conv(32), Conv(64), 128),
    "cifar-7": _cifar(
        544_122, 50, 64, 5e-5,
        Conv(32), "pool", Conv(64), "pool", 128, 64, 32, 16, derived=False,
    ),
    "cifar-8": _cifar(8_408_442, 50, 64, 5e-5, Conv(32), Conv(64), 128, 64, 32, 16),
}  # fmt: skip


def build(
    name: str,
    input_shape: tuple[int, ...],
    classes: int,
    seed: int | None = None,
    api: ModuleType | None = None,
) -> Any:
    """Return the network ``name``, with new weights, for images of ``input_shape``.

    Parameters
    ----------
    name : a key of `ARCHITECTURES`
    input_shape : (H, W, C)
    classes : int, number of outputs
    seed : int or None; restarts the process's stream of seeds, so that weights repeat
    api : keras, for a network of its; melpy by default

    Examples
    --------
    >>> build("mnist-3", (28, 28, 1), 10).count_params()
    806394
    """
    if seed is not None:
        random.set_seed(seed)
    rooms = api or models
    rows = rows_of(name, input_shape, classes, api)
    return rooms.Sequential([rooms.Input(input_shape), *rows], name=name)


def rows_of(
    name: str, input_shape: tuple[int, ...], classes: int, api: ModuleType | None = None
) -> list[Any]:
    """Return the layers of the network ``name``, without an input; see `build`."""
    architecture = lookup("model", name, ARCHITECTURES, "build")
    made = architecture.layers or (
        lambda shape, outputs, L: _layers(architecture.parts, outputs, L)
    )
    return made(input_shape, classes, layers if api is None else api.layers)


def _layers(parts: Sequence[Conv | str | int], classes: int, L: Any) -> list[Any]:
    images: list[Any] = []
    rows: list[Any] = [L.Flatten()]
    for part in parts:
        if isinstance(part, Conv):
            conv = L.Conv2D(
                part.filters,
                part.kernel_size,
                padding="same",
                activation=LEAKY,
                use_bias=part.use_bias,
            )
            images.append(conv)
        elif isinstance(part, int):
            rows.append(L.Dense(part, activation=LEAKY))
        else:
            images.append(L.MaxPooling2D(2))
    return [*images, *rows, L.Dense(classes, activation="softmax")]
