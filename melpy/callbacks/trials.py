"""Callbacks for searches: a trial that does not look promising ends early."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.callbacks.base import Logs
from melpy.callbacks.monitor import MonitorCallback
from melpy.errors import DtypeError, needing

__all__ = ["OptunaPruning"]


class OptunaPruning(MonitorCallback):
    """Tells an Optuna trial a number after each epoch, and ends the training if it is to be pruned.

    Whether more is better or less is the study's ``direction``. An epoch without the number passes
    with a warning.

    Parameters
    ----------
    trial : optuna.trial.Trial, what the study's objective is given
    monitor : str, a name in the logs

    Raises
    ------
    optuna.TrialPruned : by ``fit``, where the study's pruner says so; the study catches it
    DtypeError : the trial is none
    DependencyError : the package ``optuna`` is not installed

    Source
    ------
    T. Akiba et al. 2019, Optuna: a next-generation hyperparameter optimization framework.

    Examples
    --------
    An objective builds a model, trains it, and returns what the study makes small:

    >>> def objective(trial):
    ...     model = build(units=trial.suggest_int("units", 8, 64))
    ...     prune = OptunaPruning(trial, "val_loss")
    ...     history = model.fit(x, y, validation_split=0.2, epochs=20, callbacks=[prune])
    ...     return history.history["val_loss"][-1]
    """

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        super().__init__(monitor)
        if not callable(getattr(trial, "report", None)) or not hasattr(trial, "should_prune"):
            raise DtypeError(
                "OptunaPruning",
                "this is no trial",
                expected="what study.optimize gives the objective",
                received={"trial": type(trial).__name__},
            )
        self.trial = trial

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Report the number, and end the training if the trial is to be pruned."""
        value = self.watched(logs)
        if value is None:
            return
        self.trial.report(float(np.asarray(value)), step=epoch)
        if not self.trial.should_prune():
            return
        what, mend = "the package optuna is not installed", "Install it with pip install optuna."
        with needing("OptunaPruning", what, mend):  # a trial of another library's
            from optuna import TrialPruned
        raise TrialPruned(f"{self.monitor} was {float(np.asarray(value)):.6g} in epoch {epoch + 1}")
