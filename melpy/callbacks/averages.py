"""Measuring a model with the running means of its weights."""

from __future__ import annotations

from typing import Any

from melpy.callbacks.base import Callback, Logs
from melpy.errors import ArgumentError

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Puts the optimizer's running means in the weights' place while a model is measured.

    The optimizer keeps them where it was made with use_ema=True. During validations, evaluations
    and predictions the model has the means; afterwards it has its weights again.

    Parameters
    ----------
    swap_on_epoch : bool, whether the means stay in place from the end of an epoch to the
        beginning of the next, so that a `ModelCheckpoint` that follows saves them

    Raises
    ------
    ArgumentError : the optimizer keeps no means

    Source
    ------
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    Examples
    --------
    >>> import melpy, numpy as np
    >>> model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(1)])
    >>> model.compile(melpy.optimizers.SGD(use_ema=True), "mse")
    >>> x, y = np.ones((4, 2)), np.ones((4, 1))
    >>> history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[SwapEMAWeights()])
    """

    remembers = ("are_in_place",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch, self.are_in_place = swap_on_epoch, False

    def _swap(self, into_place: bool) -> None:
        """Exchange weights and means, unless the means are where they shall be."""
        if self.are_in_place is into_place:
            return
        optimizer: Any = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ArgumentError(
                "SwapEMAWeights",
                "the optimizer keeps no running means of the weights",
                expected="an optimizer with use_ema=True",
                received={"optimizer": optimizer},
            )
        optimizer.swap_averages()
        self.are_in_place = into_place

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Let training go on with the weights."""
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the means in place, for good after the last epoch."""
        if not self.swap_on_epoch:
            return
        self._swap(True)
        if self.model.stop_training or epoch == self.params["epochs"] - 1:
            self.model.optimizer.forget_averages()  # which would become the weights once more

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Measure with the means."""
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Go back to the weights."""
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Predict with the means."""
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Go back to the weights."""
        self._swap(False)
