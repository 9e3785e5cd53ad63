"""Trainings that end before their end, as killed ones do: what tests of backups share."""

from melpy.callbacks import Callback


class StopError(Exception):
    """What ends a training that the tests cut."""


class CutBefore(Callback):
    """Ends a training before its n-th batch; it says nothing of itself, as a killed process."""

    def __init__(self, step):
        self.left = step

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise StopError


class CutAfter(Callback):
    """Ends a training after its n-th batch."""

    def __init__(self, step):
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise StopError
