"""Networks from their number of parameters: what the paper's tables leave out.

Of most of its trainings the paper gives the number of parameters, of convolutions and of dense
layers, and whether there are biases. The search goes through usual sizes and keeps every network
that has exactly that number. Convolutions are "same", so that only poolings shrink an image;
before or after which convolution one stands, the number does not tell.

    parameters = Σ K² C_in C_out (+ C_out) + (F + 1) d_1 + Σ (d_i + 1) d_(i+1) + (d_n + 1) classes

with F = (H / 2^pools) (W / 2^pools) C, the numbers that the last convolution leaves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "FILTERS",
    "KERNELS",
    "QUESTIONS",
    "UNITS",
    "Candidate",
    "Question",
    "answers",
    "parameters",
    "wider",
]

FILTERS = (4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)
KERNELS = (2, 3, 4, 5)
UNITS = (10, 16, 20, 32, 50, 64, 84, 100, 120, 128, 200, 256, 500, 512)
CLASSES = 10


class Candidate(NamedTuple):
    """A network of "same" convolutions, 2x2 poolings and hidden dense layers."""

    filters: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    pools: int
    units: tuple[int, ...]


class Question(NamedTuple):
    """What the paper says of a network."""

    parameters: int
    convolutions: int
    hidden: int  # dense layers before the outputs
    use_bias: bool  # of the convolutions
    shape: tuple[int, int, int]


MNIST, CIFAR = (28, 28, 1), (32, 32, 3)
QUESTIONS = {
    "mnist-1": Question(15_840, 1, 1, True, MNIST),
    "mnist-2": Question(201_226, 1, 1, True, MNIST),
    "mnist-3": Question(806_394, 2, 1, True, MNIST),
    "mnist-4": Question(1_624_842, 2, 3, True, MNIST),
    "mnist-5": Question(1_615_466, 2, 1, True, MNIST),
    "cifar-1": Question(1_056_376, 4, 1, False, CIFAR),
    "cifar-2": Question(2_107_146, 2, 1, False, CIFAR),  # and 3 and 4
    "cifar-5": Question(2_117_866, 2, 1, False, CIFAR),
    "cifar-6": Question(8_398_698, 2, 1, True, CIFAR),
    "cifar-7": Question(544_122, 2, 4, True, CIFAR),
    "cifar-8": Question(8_408_442, 2, 4, True, CIFAR),
}


def parameters(made: Candidate, use_bias: bool, shape: tuple[int, int, int]) -> int:
    """Return the number of parameters.

    Examples
    --------
    >>> parameters(Candidate((16, 32), (2, 2), 1, (128,)), True, (28, 28, 1))
    806394
    """
    H, W, channels = shape
    features = (H >> made.pools) * (W >> made.pools) * made.filters[-1]
    convolutions = _convolutions(channels, made.filters, made.kernel_sizes, use_bias)
    return convolutions + _dense(features, made.units)


def answers(question: Question) -> list[Candidate]:
    """Return every network of usual sizes that has exactly the number of parameters.

    Filters do not get fewer from one convolution to the next, all kernels are alike, hidden
    layers halve.
    """
    return _found(question, [(size,) * question.convolutions for size in KERNELS])


def wider(question: Question) -> list[Candidate]:
    """Return what `answers` does, of networks whose kernels may differ from each other."""
    return _found(question, list(itertools.product(KERNELS, repeat=question.convolutions)))


def _found(question: Question, kernels: Sequence[tuple[int, ...]]) -> list[Candidate]:
    chains: Sequence[tuple[int, ...]] = [
        tuple(units >> n for n in range(question.hidden))
        for units in UNITS
        if units >> (question.hidden - 1) >= 8
    ]
    (H, W, channels), found = question.shape, []
    ends: dict[tuple[int, int], list[tuple[int, tuple[int, ...]]]] = {}  # by last filters, count
    for last, pools, units in itertools.product(FILTERS, range(question.convolutions + 1), chains):
        count = _dense((H >> pools) * (W >> pools) * last, units)
        ends.setdefault((last, count), []).append((pools, units))
    rows = itertools.combinations_with_replacement(FILTERS, question.convolutions)
    for filters, sizes in itertools.product(rows, kernels):
        count = _convolutions(channels, filters, sizes, question.use_bias)
        for pools, units in ends.get((filters[-1], question.parameters - count), ()):
            found.append(Candidate(filters, sizes, pools, units))
    return found


def _convolutions(
    channels: int, filters: Sequence[int], sizes: Sequence[int], use_bias: bool
) -> int:
    before = (channels, *filters[:-1])
    weights = sum(k * k * a * b for k, a, b in zip(sizes, before, filters, strict=True))
    return weights + use_bias * sum(filters)


def _dense(features: int, units: Sequence[int]) -> int:
    widths = (features, *units, CLASSES)
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))
