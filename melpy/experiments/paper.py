"""What the paper reports: the numbers that the report sets beside ours.

Source: L. Malard, Implémentation de CNNs avec NumPy, tables 1 to 4 and section 4.2.3; measured by
its author on an Intel i5-12600K with 32 GB.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ACCURACIES", "BEST", "FIGURE_19", "GRADIENT_ERROR", "GRADIENT_ERROR_IN_SUM", "PRODUCTS",
    "SELECTED", "TIMES", "TOTALS", "Product", "Times",
]  # fmt: skip


class Product(NamedTuple):
    """A row of table 1: (P,K) times (K,Q), seconds with loops and with NumPy."""

    P: int
    K: int
    Q: int
    loops_s: float
    numpy_s: float


class Times(NamedTuple):
    """What table 2 or 3 says of a training: seconds an epoch, and in all."""

    epoch_s: int
    total_s: int


PRODUCTS = (
    Product(100, 10, 100, 0.029, 0.00046),
    Product(1000, 100, 1000, 10.65, 0.07),
    Product(1000, 1000, 1000, 124.64, 0.6),
)

TIMES = {
    "mnist-1": Times(32, 8 * 60 + 1),
    "mnist-2": Times(2 * 60 + 23, 35 * 60 + 58),
    "mnist-3": Times(60 + 53, 28 * 60 + 22),
    "mnist-4": Times(4 * 60 + 42, 47 * 60 + 3),
    "mnist-5": Times(4 * 60 + 40, 46 * 60 + 49),
    "cifar-1": Times(9 * 60 + 50, 3 * 3600 + 16 * 60 + 59),
    "cifar-2": Times(17 * 60 + 24, 5 * 3600 + 48 * 60 + 14),
    "cifar-3": Times(15 * 60 + 38, 9 * 3600 + 7 * 60 + 21),
    "cifar-4": Times(8 * 60 + 12, 6 * 3600 + 50 * 60 + 36),
    "cifar-5": Times(10 * 60 + 27, 17 * 3600 + 26 * 60),
    "cifar-6": Times(8 * 60 + 34, 7 * 3600 + 8 * 60 + 29),
    "cifar-7": Times(5 * 60 + 53, 4 * 3600 + 54 * 60 + 52),
    "cifar-8": Times(10 * 60 + 26, 8 * 3600 + 42 * 60 + 17),
}

# Table 4: seconds of whole trainings, the paper's library and Keras on TensorFlow.
TOTALS = {
    "mnist-3": (28 * 60 + 22, 60 + 15),
    "cifar-7": (4 * 3600 + 54 * 60 + 52, 10 * 60 + 43),
}
SELECTED = tuple(TOTALS)  # drawn in figures 12 and 14, and set beside Keras

# Section 4.2.2: the networks that do best, by their loss on training images (figures 13 and 15).
BEST = {"mnist": (3, 4, 5), "cifar": (3, 7, 8)}

# Section 4.2.3: the accuracy on test images, about, of its library and of Keras alike.
ACCURACIES = {"mnist-3": 0.98, "cifar-7": 0.65}

# Figure 19: accuracy on CIFAR-10 by epoch, the paper's library and Keras, as read off. Its
# library's are means during the epoch.
FIGURE_19 = {
    "training": {50: (0.61, 0.85)},
    "test": {10: (0.42, 0.62), 50: (0.59, 0.66)},
}

# Section 4.2.3: the mean difference a value from TensorFlow's gradient of the input, and the most
# that the differences sum up to over (1, 3, 32, 32).
GRADIENT_ERROR, GRADIENT_ERROR_IN_SUM = (0.4, 0.6), 1800.0
