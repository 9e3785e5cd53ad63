"""What a script may do around its trainings: the tests compare several processes with one.

    mpiexec -n N python tests/distribution/calls.py

Each process prints one line of JSON; what is the last process's alone is done by the only one, too.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import melpy
from melpy import callbacks, distribution, layers, metrics

folder = Path(sys.argv[1])
shared = distribution.DataParallel()
distribution.set_distribution(shared)
is_last = shared.rank == shared.size - 1
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 3)).astype("float32")
y = rng.normal(size=(50, 1)).astype("float32")


def dense(model=melpy.Sequential, **more):
    melpy.utils.set_random_seed(1)
    made = model([melpy.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
    made.compile("adam", "mse", **more)
    return made


def after(model, history):
    return {
        "history": history.history,
        "weights": [w.ravel().tolist() for w in model.get_weights()],
        "measured": model.evaluate(x, y, batch_size=16),
    }


def again():
    """A second training of one model, whose steps are programs by then."""
    model = dense(metrics=["mae"])
    arguments = {"batch_size": 8, "epochs": 3, "verbose": 0, "validation_data": (x, y)}
    model.fit(x, y, **arguments)
    return after(model, model.fit(x, y, **arguments))


def another_model_in_one():
    """One process loses its programs amidst a training."""

    class Another(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if is_last and batch == 3:
                melpy.Sequential([melpy.Input((2,)), layers.Dense(1)])

    model = dense()
    return after(model, model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[Another()]))


def stopped_by_one():
    """One process ends a measuring, or a prediction."""

    class Stop(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = is_last and batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = is_last and batch == 1

    model, arguments = dense(), {"batch_size": 8, "callbacks": [Stop()]}
    return [model.evaluate(x, y, **arguments), model.predict(x, **arguments).shape]


def own_metrics():
    """A result that is a variable, a maximum, and a mean of what a step of one's own makes."""

    class Seen(metrics.Metric):
        def __init__(self):
            super().__init__(name="seen")
            self.seen = self.add_weight(name="seen")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign_add(len(y_pred))

        def result(self):
            return self.seen

    class Largest(metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.largest = self.add_variable((), "zeros", aggregation="max", name="largest")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.largest.assign(max(float(self.largest), float(np.max(np.abs(y_pred)))))

        def result(self):
            return self.largest

    class Own(melpy.Sequential):
        mean = metrics.Mean("mean")

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = melpy.ops.mean((self(x, training=True) - y) ** 2)
            loss.backward()
            weights = self.trainable_weights
            self.optimizer.apply([w.grad for w in weights], weights)
            self.mean.update_state(loss)
            return {"mean": self.mean.result()}

        @property
        def metrics(self):
            return [self.mean]

    own, model = dense(Own), dense(metrics=[Seen(), Largest()])
    made = own.fit(x, y, batch_size=10, epochs=2, verbose=0).history
    return after(model, model.fit(x, y, batch_size=16, epochs=2, verbose=0)) | made


def images():
    """Files that are read where they are asked for; a model and a loss that hold functions."""
    if not shared.rank:
        for n in range(10):
            path = folder / "ab"[n % 2] / f"{n}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (6, 6), dtype=np.uint8)).save(path)
    shared.processes.gather(None)  # until they are there
    data = melpy.utils.image_dataset_from_directory(
        folder, image_size=(6, 6), batch_size=4, color_mode="grayscale", seed=1, verbose=False
    )
    melpy.utils.set_random_seed(1)
    model = melpy.Sequential(
        [layers.Lambda(lambda x: x / 255), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )
    model.compile("sgd", lambda y, p: melpy.ops.mean((y - p) ** 2), metrics=["accuracy"])
    return model.fit(data, epochs=2, verbose=0, validation_data=data).history


def refused():
    """What differs in `evaluate` and `predict` is refused, in all processes."""
    told = []
    for call in (
        lambda: dense().evaluate(x[: 16 + shared.rank], y[: 16 + shared.rank]),
        lambda: dense().evaluate(x, y, batch_size=8 + 8 * shared.rank),
        lambda: dense().predict(x[: 16 + 16 * shared.rank], batch_size=8),
    ):
        try:
            call()
            told.append("done")
        except melpy.errors.DataError as error:
            told.append(str(error))
    return told


def own_data():
    """Samples of each process's own, as arrays, and in batches of several shapes."""
    if shared.size > 1:
        distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))
    rows = np.arange(48).reshape(-1, 8)  # of each batch: each process has some of them
    own = rows[:, shared.rank :: shared.size]
    model = dense()
    arrays = model.fit(
        x[own.ravel()], y[own.ravel()], batch_size=own.shape[1], shuffle=False, verbose=0
    ).history

    def batches():
        for n in range(12):
            length = 3 + n % 3 * (is_last + shared.size - 1)
            yield np.ones((4, length, 3), "float32"), np.ones((4, 1), "float32")

    of_any_length = melpy.Sequential([
        melpy.Input((None, 3)), layers.GlobalAveragePooling1D(), layers.Dense(1)
    ])  # fmt: skip
    of_any_length.compile("sgd", "mse")
    lengths = of_any_length.fit(batches(), verbose=0).history
    return {"arrays": arrays, "lengths": lengths, "predicted": len(model.predict(x[own[0]]))}


told = {
    case.__name__: case()
    for case in (
        again, another_model_in_one, stopped_by_one, own_metrics, images, refused, own_data
    )
}  # fmt: skip
print(json.dumps(told, default=float) + "\n", end="")
