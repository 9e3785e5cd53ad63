"""What a process shares and draws from: the library's stream, NumPy's and Python's generators."""

from __future__ import annotations

import random as python_random
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import random

__all__ = ["process_state", "restore_process"]


def process_state() -> dict[str, Any]:
    """Return where all that a process shares stands, in plain values.

    NumPy's and Python's generators are for functions of the user's own, who sets them by
    `utils.set_random_seed`.
    """
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    version, words, gauss = python_random.getstate()
    return {
        "stream": random.stream_state(),
        "numpy": {**numpy, "state": {k: np.asarray(v).tolist() for k, v in numpy["state"].items()}},
        "python": [version, list(words), gauss],
    }


def restore_process(state: Mapping[str, Any]) -> None:
    """Put all that a process shares where it stood."""
    random.restore_stream(state["stream"])
    np.random.set_state(dict(state["numpy"]))  # noqa: NPY002
    version, words, gauss = state["python"]
    python_random.setstate((version, tuple(words), gauss))
