"""Run the original library: python original_script.py SPECIFICATION IMAGES RESULT.

It imports nothing of this library, since both are named melpy: the original is on the path.
SPECIFICATION is JSON with the network's ``channels``, ``kernel_size``, ``use_bias``, ``pooled``
(after which convolutions a pooling stands) and ``units``, ``batch_size``, ``learning_rate``,
``epochs``, and ``softmax``: "as it is", "watched" or "mended". IMAGES is an .npz file of x, y,
x_test and y_test; RESULT will be one, of what was found.
"""

import importlib
import inspect
import itertools
import json
import sys
import time
from typing import Any

import numpy as np


def watched(theirs, kept):
    """Return the original's way back of Softmax, which also keeps what came in and went back.

    Into arrays made beforehand: new ones would change what lies in free memory.
    """
    steps = itertools.count()

    def backward(self, g):
        back = theirs(self, g)
        step = next(steps)
        kept["g"][step], kept["p"][step], kept["back"][step] = g, self.outputs, back
        return back

    return backward


def network(original, asked, train, test):
    """Build the network with the original's layers."""
    # The later version takes the activation in the layer, the earlier one beside it.
    inside = "activation" in inspect.signature(original.Dense).parameters
    model = original.Sequential(*train, *test)

    def add(kind, *arguments, activation=original.LeakyReLU, **options):
        if inside:
            model.add(kind(*arguments, activation=activation(), **options))
        else:
            model.add(kind(*arguments, **options), activation())

    options = {"padding": "same", "use_bias": asked["use_bias"]}
    for number, (before, count) in enumerate(itertools.pairwise(asked["channels"])):
        add(original.Convolution2D, before, count, asked["kernel_size"], **options)
        if number in asked["pooled"]:
            model.add(original.Pooling2D(2, 2))
    model.add(original.Flatten())
    for before, count in itertools.pairwise([model.get_flatten_length(), *asked["units"]]):
        add(original.Dense, before, count)
    add(original.Dense, asked["units"][-1], train[1].shape[1], activation=original.Softmax)
    return model


def main():
    """Train."""
    import matplotlib

    matplotlib.use("Agg")  # the original opens windows
    original = importlib.import_module("melpy.NeuralNetworks")
    Softmax = original.Softmax
    asked = json.loads(sys.argv[1])
    images = np.load(sys.argv[2])
    x, y, x_test, y_test = (images[n].astype(np.float64) for n in ("x", "y", "x_test", "y_test"))
    batch_size = asked["batch_size"]
    kept: dict[str, Any] = {}
    if asked["softmax"] == "watched":
        shape = (len(y) // batch_size, batch_size, y.shape[1])
        kept = {name: np.zeros(shape) for name in ("g", "p", "back")}
        Softmax.backward = watched(Softmax.backward, kept)
    elif asked["softmax"] == "mended":
        Softmax.backward = lambda self, g: g  # of the logits already, in its last version
    np.random.seed(0)  # noqa: NPY002  the original draws from there
    model = network(original, asked, (x, y), (x_test, y_test))
    model.compile(
        cost_function=original.CategoricalCrossEntropy(),
        optimizer=original.Adam(learning_rate=asked["learning_rate"]),
    )
    started_s = time.perf_counter()
    model.fit(asked["epochs"], batch_size, 0)
    seconds = time.perf_counter() - started_s
    answers = [model.predict(x_test[n : n + 100]) for n in range(0, len(x_test), 100)]
    right = np.argmax(np.concatenate(answers), axis=1) == np.argmax(y_test, axis=1)
    kept |= {"seconds": seconds, "accuracy": model.train_accuracy, "test_accuracy": right.mean()}
    kept["accuracy_history"] = model.train_accuracy_history
    kept["val_accuracy_history"] = model.val_accuracy_history
    np.savez(sys.argv[3], **kept)


if __name__ == "__main__":
    main()
