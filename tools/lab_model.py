"""Trains the small LeNet that `melpy lab` opens with, and writes it where the wheel takes it from.

    python tools/lab_model.py           # writes melpy/lab/lenet.keras
    python tools/lab_model.py --out F   # elsewhere

It learns from the 1,438 training digits that come with melpy, moved, turned and zoomed a little at
each step, since digits that are drawn in the Lab stand elsewhere than the writers' did. Each step
of it is a layer of its own, so that each has a row in the Lab. The same machine makes the same
file's numbers again: all is seeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import melpy
from melpy import datasets, layers, saving

OUT = Path(melpy.__file__).parent / "lab" / "lenet.keras"
EPOCHS, BATCH, SEED = 100, 32, 0
LEAST_ACCURACY = 0.97
WHITE = 16.0


def rows() -> list[layers.Layer]:
    """Return the layers, 2,618 weights."""
    return [
        layers.Rescaling(1 / WHITE, name="pixels"),
        layers.Conv2D(6, 3, padding="same", name="conv1"),
        layers.ReLU(name="relu1"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Conv2D(12, 3, padding="same", name="conv2"),
        layers.ReLU(name="relu2"),
        layers.MaxPooling2D(2, name="pool2"),
        layers.Flatten(name="flatten"),
        layers.Dense(32, name="dense1"),
        layers.ReLU(name="relu3"),
        layers.Dense(10, name="logits"),
        layers.Softmax(name="softmax"),
    ]


def augmentation() -> list[layers.Layer]:
    """Return what changes the images while it learns."""
    return [
        layers.RandomRotation(0.02, fill_mode="constant"),
        layers.RandomTranslation(0.05, 0.05, fill_mode="constant"),
        layers.RandomZoom(0.08, fill_mode="constant"),
    ]


def trained() -> melpy.Model:
    """Return the trained network, without what changed the images."""
    melpy.random.set_seed(SEED)
    (x, y), test = datasets.load("digits")
    x, x_test = (one[..., np.newaxis].astype(np.float32) for one in (x, test[0]))
    own = rows()
    learner = melpy.Sequential([melpy.Input((8, 8, 1)), *augmentation(), *own], name="lenet")
    steps = EPOCHS * -(-len(x) // BATCH)
    rate = melpy.schedules.CosineDecay(3e-3, steps, alpha=0.01)
    loss = "sparse_categorical_crossentropy"
    learner.compile(melpy.optimizers.Adam(rate), loss, metrics=["accuracy"])
    learner.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    model = melpy.Sequential([melpy.Input((8, 8, 1)), *own], name="lenet")
    model.compile(melpy.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    _keep_memory(learner.optimizer, model)
    measured = model.evaluate(x_test, test[1], verbose=0, return_dict=True)
    print(f"{model.count_params():,} weights, {measured['accuracy']:.2%} of {len(x_test)} test "
          f"images right, loss {measured['loss']:.4f}")  # fmt: skip
    if measured["accuracy"] < LEAST_ACCURACY:
        sys.exit(f"That is below {LEAST_ACCURACY:.0%}: nothing is written.")
    return model


def _keep_memory(learned: melpy.optimizers.Optimizer, model: melpy.Model) -> None:
    """Give the model's optimizer the moments and the step that training came to.

    So that the Lab's first step is the one that would have followed.
    """
    optimizer = model.optimizer
    optimizer.build(model.trainable_weights)
    state = [np.array(v.value) for v in learned.variables]
    slots = state[len(state) - 2 * len(model.trainable_weights) :]
    optimizer.set_weights([state[0], np.array(optimizer.learning_rate.value), *slots])


def main() -> None:
    """Train, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    model = trained()
    saving.note(
        model, task="classification", class_names=list("0123456789"),
        image={"high": WHITE, "exact": False},
    )  # fmt: skip
    model.save(out)
    print(f"{out} is written, {out.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
