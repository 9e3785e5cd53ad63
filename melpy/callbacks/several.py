"""CallbackList: several callbacks as one, for ``fit`` and for training loops of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melpy import tree
from melpy.callbacks.base import Callback, History
from melpy.callbacks.progress import ProgbarLogger
from melpy.errors import DtypeError

__all__ = ["CallbackList"]


class CallbackList(Callback):
    """Several callbacks, called in order: each method calls that method of all.

    Parameters
    ----------
    callbacks : callbacks, or lists of them; one that ``comes_last`` is called after all others
    add_history, add_progbar : bool, whether a `History` and a `ProgbarLogger` are added where there
        is none; `History` then is ``model.history``
    model : the model that is trained, or None
    params : what the callbacks shall find in ``params``: epochs, steps, verbose

    Examples
    --------
    >>> seen = CallbackList([], add_history=True)
    >>> seen.on_epoch_end(0, {"loss": 0.5})
    >>> seen.callbacks[0].history
    {'loss': [0.5]}
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = tree.flatten(callbacks) if callbacks else []
        for one in self.callbacks:
            if isinstance(one, type) or not hasattr(one, "set_model"):
                raise DtypeError(
                    "callbacks",
                    "this is no callback",
                    expected="objects of class Callback",
                    received={"callback": one},
                    mend=f"Make one: {one.__name__}()." if isinstance(one, type) else "",
                )
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(x, kind) for x in self.callbacks):
                self.callbacks.append(kind())
        self.callbacks.sort(key=lambda callback: getattr(callback, "comes_last", False))
        self.set_model(model)
        self.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tell all which model is trained."""
        self.model = model
        if model is None:
            return
        for callback in self.callbacks:
            callback.set_model(model)
            if isinstance(callback, History):
                model.history = callback

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Tell all epochs, steps an epoch, and verbosity."""
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    @property
    def needs_each_batch(self) -> bool:
        """Whether one of them does; a list of a class of its own may do anything."""
        return type(self) is not CallbackList or any(
            getattr(c, "needs_each_batch", True) for c in self.callbacks
        )

    def _call(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*args)


def _of_all(event: str) -> Any:
    """Return the method that calls ``event`` of each, with empty logs where there are none."""

    def of_epoch(self: CallbackList, epoch: int, logs: Any = None) -> None:
        self._call(event, epoch, {} if logs is None else logs)

    def of_batch(self: CallbackList, batch: int, logs: Any = None) -> None:
        self._call(event, batch, {} if logs is None else logs)

    def plain(self: CallbackList, logs: Any = None) -> None:
        self._call(event, {} if logs is None else logs)

    return of_epoch if "epoch" in event else of_batch if "batch" in event else plain


for _event in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _event, _of_all(_event))
