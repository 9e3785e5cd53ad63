"""What the processes of a job do: trainings whose results the tests compare with one process's.

    mpiexec -n N python tests/distribution/job.py CASE [deterministic]

The first process prints its results as one line of JSON.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import melpy
from melpy import callbacks, distribution, layers, losses, metrics


def digest(arrays):
    told = hashlib.sha256()
    for array in arrays:
        told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()[:16]


def dense(rng):
    """Dropout by the sample's place, an uneven last batch, a validation, a rate that falls."""
    x, y = rng.normal(size=(70, 6)).astype("float32"), rng.integers(0, 3, 70)
    model = melpy.Sequential([
        layers.Dense(8, "relu", kernel_regularizer="l2", activity_regularizer="l2"),
        layers.Dropout(0.3),
        layers.Dense(3, "softmax"),
    ])  # fmt: skip
    model.compile(
        melpy.optimizers.Adam(0.02, global_clipnorm=1.0), "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )  # fmt: skip
    more = {"callbacks": [callbacks.ReduceLROnPlateau("loss", patience=1)]}
    return model, x, y, more | {"validation_split": 0.2, "class_weight": {0: 2.0}}


def conv(rng):
    """The whole batch's moments, forwards and backwards; flips; sums over confusion matrices."""
    x, y = rng.normal(size=(70, 8, 8, 2)).astype("float32"), rng.integers(0, 2, 70)
    model = melpy.Sequential([
        melpy.Input((8, 8, 2)),
        layers.RandomFlip(),
        layers.Conv2D(4, 3, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.BatchNormalization(axis=1),
        layers.Flatten(),
        layers.GaussianNoise(0.1),
        layers.Dense(1, "sigmoid"),
    ])  # fmt: skip
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", metrics.AUC()])
    return model, x, y.astype("float32"), {"sample_weight": rng.uniform(size=70)}


def masked(rng):
    """Means over what a mask leaves; a last batch with fewer samples than processes."""
    x, y = rng.integers(0, 5, (33, 7)), rng.integers(0, 5, (33, 7))
    model = melpy.Sequential([
        layers.Embedding(5, 4, mask_zero=True),
        layers.LSTM(6, return_sequences=True, dropout=0.2),
        layers.Dense(5),
    ])  # fmt: skip
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("rmsprop", loss, metrics=["accuracy"])
    return model, x, y, {}


def sums(rng):
    """A loss that is a sum, one that weighs, two outputs, batches from a generator."""
    x = rng.normal(size=(40, 5)).astype("float32")
    y = {"a": rng.normal(size=(40, 2)), "b": rng.normal(size=(40, 1))}
    weight = {"a": rng.uniform(size=40), "b": rng.uniform(size=40)}
    inputs = melpy.Input((5,))
    hidden = layers.Dense(6, "tanh")(inputs)
    outputs = {"a": layers.Dense(2, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)}
    model = melpy.Model(inputs, outputs)
    of = {"a": losses.MeanSquaredError("sum"),
          "b": losses.MeanAbsoluteError("mean_with_sample_weight")}  # fmt: skip
    model.compile(
        melpy.optimizers.SGD(0.01),
        of,
        weighted_metrics={"a": ["mae", metrics.R2Score()], "b": ["mse"]},
    )

    def batches():
        while True:
            for first in range(0, 40, 16):
                rows = slice(first, first + 16)
                yield tuple(
                    {key: value[rows] for key, value in part.items()}
                    if isinstance(part, dict) else part[rows]
                    for part in (x, y, weight)
                )  # fmt: skip

    return model, batches(), None, {"steps_per_epoch": 3, "evaluated": (x, y)}


def shards(rng):
    """Rows of many files, of which each process reads its own."""
    folder = Path(tempfile.gettempdir()) / f"melpy-shards-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    x, y = rng.normal(size=(70, 5)).astype("float32"), rng.integers(0, 2, 70)
    for n, rows in enumerate(np.array_split(np.arange(70), 4)):
        with tempfile.NamedTemporaryFile(delete=False) as part:
            np.savez(part, x=x[rows], y=y[rows])
        os.replace(part.name, folder / f"{n}.npz")  # whole, whoever of the processes is first
    data = melpy.data.Loader(
        melpy.data.Shards(folder, "x"), melpy.data.Shards(folder, "y"), batch_size=16, workers=2
    )
    model = melpy.Sequential([layers.Dense(4, "relu"), layers.Dropout(0.1), layers.Dense(2)])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model, data, None, {"evaluated": (x, y)}


def main():
    name, *more = sys.argv[1:]
    shared = distribution.DataParallel(deterministic="deterministic" in more)
    distribution.set_distribution(shared)
    melpy.utils.set_random_seed(1)
    cases = {case.__name__: case for case in (dense, conv, masked, sums, shards)}
    model, x, y, arguments = cases[name](np.random.default_rng(0))
    seen = arguments.pop("evaluated", (x, y))
    sizes = {"batch_size": 16} if y is not None else {}
    history = model.fit(x, y, epochs=4, verbose=0, **sizes, **arguments)
    weights = model.get_weights()
    predicted = melpy.tree.flatten(model.predict(seen[0], batch_size=16))
    told = {
        "history": history.history,
        "evaluated": model.evaluate(*seen, batch_size=16, return_dict=True),
        "weights": [w.ravel()[:5].tolist() for w in weights],
        "predicted": [p.ravel()[:9].tolist() for p in predicted],
        "bits": digest([*weights, *predicted]),
    }
    every = shared.processes.gather(told)
    if shared.rank == 0:
        told["alike"] = all(json.dumps(one) == json.dumps(told) for one in every)
        print(json.dumps(told))


if __name__ == "__main__":
    main()
