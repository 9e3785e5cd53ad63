"""The progress of fit, and of evaluate and predict where it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from melpy import config
from melpy.callbacks.base import Callback, Logs
from melpy.callbacks.progbar import Progbar, verbosity

__all__ = ["ProgbarLogger"]


class ProgbarLogger(Callback):
    """A bar on a terminal; where the output is none, and for verbose=2, one line an epoch.

    Examples
    --------
    >>> bar = ProgbarLogger()
    >>> bar.set_params({"verbose": 2, "epochs": 3, "steps": 1})
    >>> bar.on_epoch_begin(0)
    Epoch 1/3
    >>> bar.on_epoch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
    1/1 - ...s/step - loss: 0.5000
    """

    INTERVAL_S = 0.1
    is_fitting = False  # a validation is silent
    misses_batches = True  # some more between two looks are not seen
    is_for_one = True

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Learn epochs, steps and verbosity."""
        super().set_params(params)
        verbose = verbosity("ProgbarLogger", params.get("verbose", 1))
        live = getattr(sys.stdout, "isatty", lambda: False)()
        self.verbose = 2 if verbose and not live else verbose
        self.target = params.get("steps")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Leave validations to the epochs."""
        self.is_fitting = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Show evaluations again."""
        self.is_fitting = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Say which epoch it is, and begin its bar."""
        if self.verbose and self.params["epochs"] > 1:
            config.say(f"Epoch {epoch + 1}/{self.params['epochs']}")
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraw the bar, at most ten times a second."""
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leave one line."""
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Begin the bar of an evaluation."""
        if not self.is_fitting:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraw the bar of an evaluation."""
        if not self.is_fitting:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Leave one line of an evaluation."""
        if not self.is_fitting:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Begin the bar of a prediction."""
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraw the bar of a prediction."""
        self._update(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Leave one line of a prediction."""
        self._finish(None)

    def _begin(self) -> None:
        self.seen = 0
        self.bar = Progbar(
            self.target, verbose=self.verbose, interval=self.INTERVAL_S, stateless_metrics=()
        )

    def _update(self, batch: int, logs: Logs | None) -> None:
        self.seen = batch + 1
        if self.verbose == 1:
            self.bar.update(self.seen, (logs or {}).items(), finalize=False)

    def _finish(self, logs: Logs | None) -> None:
        if self.target is None:  # now it is known
            self.target = self.bar.target = self.seen
        is_left = self.is_fitting and self.model.stop_training and self.seen < self.target
        self.bar.update(self.seen if is_left else self.target, (logs or {}).items(), finalize=True)


def can_write(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding knows all signs of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
