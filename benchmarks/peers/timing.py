"""How long: of calls, of steps, of whole epochs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

ROUND_S = 0.8  # about how long a figure is measured in one round
WARM_EPOCHS = 2  # of each `fit` of a small network, which are not timed
Timed = dict[str, Callable[[], float]]  # each returns milliseconds


def per_call(run: Callable[[], Any], round_s: float = ROUND_S) -> Callable[[], float]:
    """Return what measures the median milliseconds of calls that take about so long together."""
    for _ in range(3):
        start = time.perf_counter()
        run()
        once = time.perf_counter() - start
    count = max(3, min(2000, int(round_s / once)))

    def timed() -> float:
        taken = []
        for _ in range(count):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
        return statistics.median(taken) * 1e3

    return timed


def per_step(fit: Callable[[int], Any], most: int) -> Callable[[], float]:
    """Return what measures milliseconds a step of ``fit(steps)``, which takes ROUND_S."""
    fit(2)
    fit(4)
    start = time.perf_counter()
    fit(4)
    steps = max(4, min(most, int(ROUND_S / (time.perf_counter() - start) * 4)))

    def timed() -> float:
        start = time.perf_counter()
        fit(steps)
        return (time.perf_counter() - start) / steps * 1e3

    return timed


def per_step_of_epochs(fit: Callable[[int], list[float]], steps: int) -> Callable[[], float]:
    """Return what measures milliseconds a step over whole epochs of ``steps`` steps.

    ``fit(epochs)`` returns the moments at which its epochs ended; the first WARM_EPOCHS of each
    call, where libraries compile, trace or write down what they then repeat, are left out.
    """
    ends = fit(WARM_EPOCHS + 3)
    epochs = max(2, min(100, int(ROUND_S / (ends[-1] - ends[-2]))))

    def timed() -> float:
        ends = fit(WARM_EPOCHS + epochs)
        return (ends[-1] - ends[WARM_EPOCHS - 1]) / (epochs * steps) * 1e3

    return timed
