"""Callback: what happens around epochs and batches while a model trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from melpy.configurable import is_ours
from melpy.errors import refuse_unknown

__all__ = ["Callback", "History", "LambdaCallback"]

Logs = Mapping[str, Any]


BATCH_EVENTS = (
    "on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
    "on_test_batch_begin", "on_test_batch_end",
)  # fmt: skip


class Callback:
    """Methods that ``fit`` calls; override those you need.

    ``self.model`` is the model, ``self.params`` holds ``epochs``, ``steps`` and ``verbose``. Set
    ``self.model.stop_training = True`` to stop after the batch at hand. A subclass that counts, or
    keeps a best value, names such attributes in ``remembers``: a backup keeps them, and a training
    that goes on has them again after ``on_train_begin``.

    Examples
    --------
    >>> class Count(Callback):
    ...     remembers = ("epochs",)
    ...     epochs = 0
    ...
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.epochs += 1
    >>> Count().get_state()
    {'epochs': 0}
    """

    model: Any = None
    params: Mapping[str, Any] = {}
    remembers: tuple[str, ...] = ()
    misses_batches = False  # whether its own looks at batches may be fewer: one after several
    comes_last = False  # after all others, so that it sees what they did
    is_for_one = False  # whether it writes or shows: of several processes, the first one has it

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        refuse_unknown(cls, kwargs)
        return super().__new__(cls)

    def __init__(self) -> None:
        """Take nothing."""

    def set_model(self, model: Any) -> None:
        """Learn which model is trained."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Learn epochs, steps an epoch, and verbosity."""
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """Return what a backup is to keep: numbers, texts, arrays, generators, and lists, tuples,
        sets, deques and dicts of them, which come back as they are.
        """
        return {name: getattr(self, name) for name in self.remembers if hasattr(self, name)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take what `get_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch ``epoch``, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; ``logs`` holds its loss and metrics."""

    @property
    def needs_each_batch(self) -> bool:
        """Whether it looks at single batches: then training and measuring stop at each."""
        return any(self._looks_by(event) for event in BATCH_EVENTS)

    def _looks_by(self, event: str) -> bool:
        handler = getattr(type(self), event)
        if event in vars(self):
            return True
        is_plain = handler is getattr(Callback, event)
        return not (is_plain or (self.misses_batches and is_ours(handler)))

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step, under its older name."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step, under its older name."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; ``logs`` holds the means since the epoch began."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before a validation or an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After a validation or an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of it."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of it."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before the first batch of predict."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After its last batch."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of predict."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of predict; ``logs["outputs"]`` holds its outputs."""


class History(Callback):
    """Remembers: ``history`` maps each name to its values by epoch, ``epoch`` lists the epochs."""

    remembers = ("history", "epoch")

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the epoch's numbers."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def _repr_html_(self) -> str:
        from melpy.viz.notebook import of_history  # when a notebook shows it

        return of_history(self.history, self.epoch)


class LambdaCallback(Callback):
    """Calls functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin,
    on_train_batch_end : functions with the arguments of the method of that name, or None
    others : functions for any other method of `Callback`
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **others: Callable,
    ) -> None:
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        } | others
        for name, function in functions.items():
            if function is not None:
                setattr(self, name, function)
