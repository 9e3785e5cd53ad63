"""CallbackList: several callbacks as one, for ``fit`` and for training loops of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from melpy.callbacks.base import Callback, History
from melpy.callbacks.progress import ProgbarLogger

__all__ = ["CallbackList"]


class CallbackList(Callback):
    """Several callbacks, called in order: each method calls that method of all.

    Parameters
    ----------
    callbacks : callbacks
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
        callbacks: Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = list(callbacks or ())
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(x, kind) for x in self.callbacks):
                self.callbacks.append(kind())
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
        for callback in self.callbacks:
            callback.set_params(params)

    def call(self, event: str, *args: Any) -> None:
        """Call the method ``event`` of each."""
        for callback in self.callbacks:
            getattr(callback, event)(*args)


def _of_all(event: str) -> Any:
    def method(self: CallbackList, *args: Any, **kwargs: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*args, **kwargs)

    return method


for _event in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _event, _of_all(_event))
