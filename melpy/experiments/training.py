"""One training of the reproduction, in a process of its own: melpy's, or Keras's on a backend.

    python -m melpy.experiments.training SPECIFICATION OUT [PARENT]

SPECIFICATION is a `Training` as JSON; the result goes to the file OUT, whole or not at all. Both
libraries run the same lines: the same network from the same initial weights, the same images in
the same order, validation after each epoch.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config, datasets
from melpy.experiments.architectures import ARCHITECTURES, build
from melpy.experiments.causes import changed
from melpy.experiments.images import Pixels
from melpy.experiments.machine import machine
from melpy.preprocessing import to_categorical
from melpy.saving.files import write_atomically

__all__ = ["Training", "data", "keep", "run"]

EVALUATION_BATCH = 256
CLASSES = 10


@dataclass(frozen=True)
class Training:
    """What is trained: a network of the paper's, by which library, how long.

    ``library`` is "melpy", or "keras-" and a backend. ``gradient`` is "exact", or what of the
    original library takes its place: a key of `causes.CAUSES`. ``images`` is how many training
    images are used, None for all; a sixth as many are tested on.
    """

    model: str
    library: str = "melpy"
    seed: int = 0
    epochs: int = 1
    images: int | None = None
    gradient: str = "exact"

    @property
    def name(self) -> str:
        """The name of its file."""
        gradient = "" if self.gradient == "exact" else f"-{self.gradient}"
        return f"{self.model}-{self.library}{gradient}-seed{self.seed}"


def data(dataset: str, images: int | None = None) -> tuple[Any, Any, Pixels]:
    """Return (x, y) for training, (x, y) for testing, scaled as in the paper, and the scaling."""
    (x, y), (x_test, y_test) = datasets.load(dataset)
    pixels = Pixels.fit(x)
    if images is not None:
        x, y, x_test, y_test = (a[: images if n < 2 else images // 6] for n, a in enumerate(
            (x, y, x_test, y_test)
        ))  # fmt: skip
    one_hot = [to_categorical(labels.reshape(-1), CLASSES) for labels in (y, y_test)]
    return (pixels.transform(x), one_hot[0]), (pixels.transform(x_test), one_hot[1]), pixels


def run(training: Training, parent: int | None = None) -> tuple[Any, dict[str, Any]]:
    """Train; return the model, and history, seconds and what they depend on as plain values.

    Where ``parent`` is the process that began this one, the training ends with it.
    """
    paper = ARCHITECTURES[training.model]
    (x, y), test, _ = data(paper.dataset, training.images)
    ours = build(training.model, x.shape[1:], CLASSES, training.seed)
    model, loss, fixed_order = changed(ours, training.gradient, training.seed)
    api = importlib.import_module(training.library.partition("-")[0])
    if api.__name__ == "keras":
        model = build(training.model, x.shape[1:], CLASSES, api=api)
        model.set_weights([w.numpy() for w in ours.weights])
    model.compile(
        api.optimizers.Adam(learning_rate=paper.learning_rate),
        loss=loss,
        metrics=["accuracy"],
    )
    history: dict[str, list[float]] = {}
    seconds: list[float] = []
    begun_s = time.perf_counter()
    for epoch in range(training.epochs):
        if parent not in (None, os.getppid()):
            raise SystemExit("The process that began this training has ended.")
        draws = np.random.default_rng([training.seed, epoch])
        order = np.arange(len(x)) if fixed_order else draws.permutation(len(x))
        x_now, y_now = x[order], y[order]
        started_s = time.perf_counter()
        logs = model.fit(x_now, y_now, paper.batch_size, epochs=1, shuffle=False, verbose=0).history
        seconds.append(time.perf_counter() - started_s)
        test_loss, accuracy = model.evaluate(*test, EVALUATION_BATCH, verbose=0)
        logs |= {"val_loss": [test_loss], "val_accuracy": [accuracy]}
        for name, values in logs.items():
            history.setdefault(name, []).append(float(values[0]))
        print(
            f"  epoch {epoch + 1}/{training.epochs}: {seconds[-1]:.1f} s, "
            f"test accuracy {accuracy:.2%}", flush=True,
        )  # fmt: skip
    return model, {
        "training": asdict(training),
        "parameters": ours.count_params(),
        "history": history,
        "seconds": seconds,
        "total_s": time.perf_counter() - begun_s,
        "threads": config.threads(),
        "machine": machine(),
        "versions": _versions(training.library),
    }


def _versions(library: str) -> dict[str, str]:
    names = [] if library == "melpy" else ["keras", library.removeprefix("keras-")]
    return {name: importlib.metadata.version(name) for name in names}


def keep(path: Path, result: Any) -> None:
    """Leave a result in a file, whole or not at all."""
    write_atomically(path, json.dumps(result, indent=1).encode() + b"\n")


def main() -> None:
    """Run what the first argument says, and leave the result in the second."""
    training = Training(**json.loads(sys.argv[1]))
    if training.library != "melpy":
        os.environ["KERAS_BACKEND"] = training.library.removeprefix("keras-")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own greetings
    model, result = run(training, *map(int, sys.argv[3:]))
    if training == Training("mnist-3", epochs=training.epochs, images=training.images):
        first = model.layers[0].get_weights()  # for figure 2
        result["first_layer"] = [weight.tolist() for weight in first]
    keep(Path(sys.argv[2]), result)


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):  # who reads may stop, as head does: that ends it without a word
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
