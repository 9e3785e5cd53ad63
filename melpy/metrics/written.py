"""How metrics take part where a model's step is written down as a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import tape
from melpy.kernels import program, threads
from melpy.tensor import Tensor

__all__ = ["as_ops_take", "exchanged", "is_one_a_sample"]


def as_ops_take(*arrays: Any) -> tuple[Any, ...]:
    """Return arrays as tensors where a step is written down: their difference is an op then."""
    return tuple(map(Tensor, arrays)) if threads.is_noted() else arrays


def is_one_a_sample(weight: Any, count: int) -> bool:
    """Return whether there is a weight for each of so many samples, as kernels take them."""
    return (
        isinstance(weight, np.ndarray)
        and weight.dtype in (np.float32, np.float64)
        and weight.shape in ((count,), (count, 1))
    )


@contextmanager
def exchanged(variables: Sequence[Tensor]) -> Iterator[np.ndarray]:
    """Let a kernel change variables, each of one number, in one array of float64."""

    def read() -> list[float]:
        return [float(variable.array) for variable in variables]

    def give(state: np.ndarray) -> None:
        for variable, number in zip(variables, state, strict=True):
            tape.overwrite(variable, np.asarray(number, variable.array.dtype))

    state = np.array(read(), np.float64)
    yield state
    give(state)
    program.exchange(state, read, give)
