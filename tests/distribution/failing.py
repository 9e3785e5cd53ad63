"""What goes wrong in one process of a job, or in all: the tests look at how the job ends.

As ``mpiexec -n 2 python tests/distribution/failing.py CASE FOLDER``.
"""

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
watching, epochs, batch_size = [], 4, 8
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
elif name == "stopped by one":
    watching = [AtEpochTwo(lambda: setattr(model, "stop_training", True))]
history = model.fit(x, x.sum(axis=1), batch_size, epochs, verbose=0, callbacks=watching)
if shared.rank == 0:
    print("epochs", history.epoch, [float(w) for w in model.get_weights()[0].ravel()])
