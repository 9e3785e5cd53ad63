"""Predict and train for long, and look whether memory, threads or open files grow.

    python tools/soak.py [--predictions 20000] [--steps 2000] [--out FILE]

What grows more than a little after the first tenth is a leak: the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import melpy
from melpy import layers

MOST_GROWTH_MB = 8.0


def resident_mb() -> float:
    """Return the memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def open_files() -> int:
    """Return how many files are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def model_of() -> Any:
    """Return a network with what keeps things: statistics, dropout, a recurrent sweep."""
    melpy.utils.set_random_seed(0)
    inputs = melpy.Input((8, 8, 1))
    x = layers.Conv2D(8, 3)(inputs)
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(layers.Reshape((6, 48))(x))
    model = melpy.Model(inputs, layers.Dense(3, activation="softmax")(layers.LSTM(8)(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def soaked(name: str, count: int, once: Callable[[int], Any]) -> dict[str, Any]:
    """Do something so often; return what it took after a tenth and at the end."""
    early: tuple[float, int, int] = (0.0, 0, 0)
    for number in range(count):
        once(number)
        if number == count // 10:
            gc.collect()
            early = resident_mb(), threading.active_count(), open_files()
    gc.collect()
    late = resident_mb(), threading.active_count(), open_files()
    row: dict[str, Any] = {"what": name, "times": count}
    row |= {"MB after a tenth": round(early[0], 1), "MB at the end": round(late[0], 1)}
    row |= {"threads": late[1], "open files": late[2]}
    row["grew"] = late[0] - early[0] > MOST_GROWTH_MB or early[1:] != late[1:]
    print(row, flush=True)
    return row


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--predictions", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--out", type=Path, help="a file for the result")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 8, 8, 1)).astype("float32"), rng.integers(3, size=64)
    model = model_of()
    rows = [
        soaked("predict, of 1 to 64 samples", arguments.predictions,
               lambda n: model.predict(x[: 1 + n % 64])),
        soaked("calls of one sample", arguments.predictions, lambda n: model(x[n % 64 :][:1])),
        soaked("train_on_batch", arguments.steps, lambda n: model.train_on_batch(x, y)),
        soaked("fit of two batches", arguments.steps // 4,
               lambda n: model.fit(x, y, batch_size=48, verbose=0)),
        soaked("a new model, trained", arguments.steps // 40, lambda n: renewed(x, y)),
    ]  # fmt: skip
    if arguments.out is not None:
        from melpy.experiments.machine import machine

        told = {"machine": machine(), "rows": rows}
        arguments.out.write_text(json.dumps(told, indent=1) + "\n")
    return int(any(row["grew"] for row in rows))


def renewed(x: np.ndarray, y: np.ndarray) -> None:
    """Make a model, train it, and let go of it."""
    model = model_of()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)


if __name__ == "__main__":
    sys.exit(main())
