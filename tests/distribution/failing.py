"""What goes wrong in one process of a job, or in all: the tests look at how the job ends.

As ``mpiexec -n 2 python tests/distribution/failing.py CASE FOLDER``.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

import numpy as np

import melpy
from melpy import callbacks, distribution, layers

name, folder = sys.argv[1], Path(sys.argv[2])
shared = distribution.DataParallel()
distribution.set_distribution(shared)
melpy.utils.set_random_seed(1)
x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")


class AtEpochTwo(callbacks.Callback):
    """Does something in process 1 as the second epoch begins."""

    def __init__(self, do):
        self.do = do

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and shared.rank == shared.size - 1:
            self.do()


def fail():
    raise RuntimeError("out of luck")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


model = melpy.Sequential([melpy.Input((3,)), layers.Dropout(0.2), layers.Dense(1)])
model.compile("adam", "mse")
y = x.sum(axis=1)
watching, epochs, batch_size, more = [], 4, 8, {}
if name == "raises":
    watching = [AtEpochTwo(fail)]
elif name == "killed":
    watching = [callbacks.BackupAndRestore(folder / "backup"), AtEpochTwo(kill)]
elif name == "resumed":
    watching = [callbacks.BackupAndRestore(folder / "backup")]
elif name == "other data":
    x = x + shared.rank
elif name == "other model":
    units = 1 + shared.rank
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(units), layers.Dense(1)])
    model.compile("adam", "mse")
elif name == "small batch":
    batch_size = 1
elif name == "bad input":
    x = np.full_like(x, np.nan)
elif name == "longer data":
    rows = [slice(8 * n, 8 * n + 8) for n in range(4 + shared.rank)]
    x = iter([(x[one], y[one]) for one in rows])
elif name == "not finite in one":
    batch_size, epochs = 64, 1
    x[40:] = 1e30  # the samples of process 1
elif name == "leaves":
    watching = [AtEpochTwo(sys.exit)]
elif name == "measures alone":
    if not shared.rank:
        model.evaluate(x, y)
elif name == "catches":
    with contextlib.suppress(RuntimeError):
        model.fit(x, y, epochs=4, verbose=0, callbacks=[AtEpochTwo(fail)])
elif name == "stopped by one":
    watching = [AtEpochTwo(lambda: setattr(model, "stop_training", True))]
elif name == "differences":

    def compiled(optimizer="adam", **more):
        model.compile(optimizer, "mse", **more)

    def decay(rate):
        return melpy.optimizers.Adam(melpy.optimizers.schedules.ExponentialDecay(0.1, 10, rate))

    def shards(rank):
        np.save(folder / f"{rank}.npy", x)
        return melpy.data.Loader(melpy.data.Shards([folder / f"{rank}.npy"]), y, batch_size=8)

    arrays, n = {"x": x, "y": y}, shared.rank
    for what, given in {
        "epochs": arrays | {"epochs": 1 + n},
        "initial_epoch": arrays | {"initial_epoch": n},
        "steps_per_epoch": arrays | {"steps_per_epoch": 3 + n},
        "batch_size": arrays | {"batch_size": 8 + n},
        "shuffle": arrays | {"shuffle": bool(n)},
        "validation_data": arrays | ({"validation_data": (x, y)} if n else {}),
        "validation_data's y": arrays | {"validation_data": (x, y + n)},
        "validation_freq": arrays | {"validation_data": (x, y), "validation_freq": 1 + n},
        "validation_steps": arrays | {"validation_data": (x, y), "validation_steps": 1 + n},
        "class_weight": arrays | {"class_weight": {0: 1.0 + n}},
        "y": arrays | {"y": y + n},
        "x": {"x": shards(n)},
        "compile's metrics": lambda: compiled(metrics=["mae", "mape"][: 1 + n]),
        "compile's loss": lambda: model.compile("adam", ["mse", "mae"][n]),
        "the optimizer": lambda: compiled(["adam", "sgd"][n]),
        "the optimizer's learning_rate": lambda: compiled(decay(0.9 - 0.1 * n)),
        "the learning rate": arrays
        | {"callbacks": [callbacks.LearningRateScheduler(lambda epoch, rate: rate / (1 + n))]},
    }.items():
        compiled()
        if callable(given):
            given()
            given = arrays
        try:
            model.fit(**given, verbose=0)
            said = "nothing was said"
        except melpy.errors.DataError as error:
            said = str(error)
        if not n:
            print(f"{what}: {said}")
    sys.exit()
if isinstance(x, np.ndarray):
    more |= {"y": y, "batch_size": batch_size}
history = model.fit(x, epochs=epochs, verbose=0, callbacks=watching, **more)
if shared.rank == 0:
    print("epochs", history.epoch, [float(w) for w in model.get_weights()[0].ravel()])
