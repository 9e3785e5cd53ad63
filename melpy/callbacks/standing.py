"""Where a training stands, and all that it needs to go on from there to the same bits."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np

from melpy import clock
from melpy.callbacks.changes import Changes
from melpy.callbacks.plain import as_plain, from_plain
from melpy.callbacks.trained import Trained
from melpy.data.process import process_state, restore_process
from melpy.errors import DataError, MelpyError, warn
from melpy.layers.drawing import stand, standing

__all__ = ["Standing"]

Arrays = dict[str, np.ndarray]
VERSION = 1
PROCESS = secrets.token_hex(8)


class Standing:
    """How far a training came, beside what it trains, what it reads and who looks on.

    Parameters
    ----------
    model : the model
    source : what gives it its batches, or None
    callbacks : those of the training
    validation : what it is measured on, or None

    Attributes
    ----------
    epoch : int, how many epochs are made
    batch : int, how many batches of the next one are
    logs : dict, what the last of these left to the callbacks
    is_cut : bool, whether it was stopped amidst an epoch
    ends : bool, whether it had come to its end, by a callback, when the backup was written
    is_stopped : bool, whether it is stopped from outside, and goes on another time
    held : ExitStack of what is held until the training ends, in whatever way
    changes : dict of Changes of the model and of data since `note`
    """

    def __init__(
        self,
        model: Any,
        source: Any = None,
        callbacks: Iterable[Any] = (),
        validation: Any = None,
    ) -> None:
        self.model, self.source, self.validation = model, source, validation
        self.callbacks = list(callbacks)
        self.epoch = self.batch = 0
        self.logs: dict[str, Any] = {}
        self.is_cut = self.ends = self.is_stopped = False
        self.held = ExitStack()
        self.changes: dict[str, Changes] = {}
        self._amidst: tuple[Mapping[str, Any], Arrays, str] | None = None  # of an epoch, a state

    @contextmanager
    def of(self, model: Any) -> Iterator[None]:
        """Be where a model stands, meanwhile."""
        model._standing = self
        try:
            with self.held:
                yield
        finally:
            model._standing = model._watch = None

    def note(self) -> None:
        """From now on see what changes of the model and of data: it belongs to their state."""
        self.changes = {"model": self._changes()}
        for name, source in (("source", self.source), ("validation", self.validation)):
            if source is not None and source.own is not None:
                self.changes[name] = Changes(source.own, name, is_deep=False)

    def _changes(self) -> Changes:
        known = [v for own in self._variables(Trained(self.model)).values() for v in own]
        return Changes(self.model, "model", besides=known)

    def finish_epoch(self, is_cut: bool) -> None:
        """Count an epoch, unless it was left before its end."""
        self.is_cut = is_cut
        if not is_cut:
            self.epoch, self.batch, self.logs = self.epoch + 1, 0, {}

    # A state is made of plain values, which JSON can hold, and of arrays by name.

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Return the state: plain values, and arrays by name."""
        arrays: Arrays = {}
        trained = Trained(self.model)
        for name, variables in self._variables(trained).items():
            arrays |= {f"{name}/{n}": v.array for n, v in enumerate(variables)}
        plain = {
            "version": VERSION,
            "epoch": self.epoch,
            "batch": self.batch,
            "logs": as_plain(self.logs, "logs", arrays),
            "generators": standing(self.model),
            "process": process_state(),
            "source": as_plain(_position(self.source), "source", arrays),
            "validation": as_plain(_position(self.validation), "validation", arrays),
            "ends": bool(self.model.stop_training and not self.batch and not self.is_stopped),
            **trained.state(),
            "changes": {
                name: as_plain(changes.made(), f"changes/{name}", arrays)
                for name, changes in self.changes.items()
            },
            "made by": _this_process(),
            "callbacks": {
                name: as_plain(dict(callback.get_state()), f"callbacks/{name}", arrays)
                for name, callback in self._named()
            },
            "carried": as_plain(
                [vars(layer).get("states") for layer in self._carriers()], "carried", arrays
            ),
        }
        return plain, arrays

    def whole(self) -> tuple[Mapping[str, Any], Arrays]:
        """Return the state, also while one that was read is restored in part only."""
        return self._amidst[:2] if self._amidst is not None else self.state()

    def restore(
        self, plain: Mapping[str, Any], arrays: Arrays, who: str, is_begun: bool = False
    ) -> None:
        """Go on where another training of the same model stood.

        Of one that stood amidst an epoch, what draws is given back by `begin_epoch`: not before
        that epoch ``is_begun``.

        Raises
        ------
        DataError : it was a training of another model, or of other data
        """
        try:
            self._restore(plain, arrays, who, is_begun)
            self._amidst = (plain, arrays, who) if self.batch and not is_begun else None
        except MelpyError:
            raise
        except Exception as error:  # a backup that was written by hand
            raise DataError(
                who, f"the backup says what cannot be ({type(error).__name__}: {error})"
            ) from error

    def begin_epoch(self, epoch: int, begin: Callable[[], Any]) -> None:
        """Begin an epoch; of one that is begun already, undo what beginning it again changes.

        Parameters
        ----------
        epoch : int; one beyond the backup's begins with its first batch
        begin : function that tells everybody
        """
        if epoch != self.epoch:
            self.epoch, self.batch, self.logs, self._amidst = epoch, 0, {}, None
        begin()
        if self._amidst is not None:
            self.source.begin_epoch()
            self.restore(*self._amidst, is_begun=True)

    def _restore(self, plain: Mapping[str, Any], arrays: Arrays, who: str, is_begun: bool) -> None:
        position = from_plain(plain.get("source"), arrays)
        lacks_metrics = is_begun and len(self._of_metrics()) < _count(arrays, "metrics")
        lacks_weights = not all(layer.built for layer in self.model.layers_inside)
        if lacks_metrics or (lacks_weights and _count(arrays, "weights")):
            self._look(position)
        trained = Trained(self.model)
        rows, arrays = trained.as_of_now(plain, arrays)
        _pairs(self.model.weights, arrays, "weights", who)  # or it is another model
        trained.build(rows, who)
        self.epoch, self.batch = int(plain["epoch"]), int(plain["batch"])
        self.ends = bool(plain.get("ends"))
        variables = self._variables(trained)
        if not self.batch or not (is_begun or self.source is None):
            del variables["metrics"]  # an epoch begins with none; amidst one, once it is begun
        for path in trained.optimizers.keys() - rows.keys():
            del variables[path]
        pairs = [pair for name, own in variables.items() for pair in _pairs(own, arrays, name, who)]
        for variable, array in pairs:  # all of them or none
            variable.assign(array)
        trained.freeze(plain)
        clock.values_changed()
        if is_begun:
            kept = plain.get("logs")  # not of an earlier version
            self.logs = from_plain(kept, arrays) if kept else self.model.get_metrics_result()
        self._change("model", plain, arrays, who)
        stand(self.model, plain["generators"], who)
        kept = plain.get("callbacks", {})
        for name, callback in self._named():
            if name in kept:
                callback.set_state(from_plain(kept[name], arrays))
        states = from_plain(plain.get("carried", []), arrays)
        for layer, carried in zip(self._carriers(), states, strict=False):
            is_shown = isinstance(getattr(type(layer), "states", None), property)  # of its parts
            if not is_shown and (carried is not None or "states" in vars(layer)):
                layer.states = carried
        process = plain.get("process")
        if self.batch and not is_begun:
            return  # what draws is put where it stood once the epoch is begun
        self._change("source", plain, arrays, who)
        self._change("validation", plain, arrays, who)
        measured = from_plain(plain.get("validation"), arrays)
        if measured is not None and self.validation is not None:
            self.validation.catch_up(measured)
        if position is not None and self.source is not None:
            process = self.source.go_to(position, process, within_epoch=is_begun)
        if process is not None:
            restore_process(process)

    def _change(self, name: str, plain: Mapping[str, Any], arrays: Arrays, who: str) -> None:
        """Change what had changed where the state was made."""
        made = plain.get("changes", {}).get(name)  # none in an earlier version
        if made is not None:
            if not self.changes:
                self.note()
            is_same = plain["made by"] == _this_process()
            self.changes[name].make(from_plain(made, arrays), who, is_same)

    def _look(self, position: Any) -> None:
        """Make a step on the first batch, after which metrics and nets have their variables.

        All that it changes is put back after; where there can be none, the metrics are others.
        """
        if position is not None:
            self.source.follow(position["order"])  # what comes once begins as it did
        put_back = self._changes().undo()
        with suppress(Exception):
            self.model.train_step(self.source.peek())
        put_back()

    def _variables(self, trained: Trained) -> dict[str, list[Any]]:
        """Return all variables, by what they belong to."""
        return {
            "weights": self.model.weights,
            **{path: one.variables for path, one in trained.optimizers.items()},
            "metrics": self._of_metrics(),
        }

    def _of_metrics(self) -> list[Any]:
        seen = {id(v): v for metric in self.model.metrics for v in metric.variables}
        return list(seen.values())

    def _carriers(self) -> list[Any]:
        """Return the layers that carry states from batch to batch."""
        layers = (self.model, *self.model.layers_inside)
        return [layer for layer in layers if getattr(layer, "stateful", False)]

    def _named(self) -> list[tuple[str, Any]]:
        """Return the callbacks that have a state, by their class and their number in it."""
        counts: dict[str, int] = {}
        named = []
        for callback in self.callbacks:
            if hasattr(callback, "get_state"):
                name = type(callback).__name__
                number = counts[name] = counts.get(name, -1) + 1
                named.append((f"{name} {number}", callback))
        return named


def _this_process() -> str:
    return f"{PROCESS}-{os.getpid()}"  # a fork is another one


def _count(arrays: Arrays, name: str) -> int:
    return sum(key.startswith(f"{name}/") for key in arrays)


def _position(source: Any) -> dict[str, Any] | None:
    return None if source is None else source.position()


def _pairs(own: list[Any], arrays: Arrays, name: str, who: str) -> list[tuple[Any, np.ndarray]]:
    """Return variables with what was kept of them."""
    kept = [arrays[f"{name}/{n}"] for n in range(_count(arrays, name))]
    if [tuple(v.shape) for v in own] == [a.shape for a in kept]:
        return list(zip(own, kept, strict=True))
    if name == "metrics":
        warn(f"{who}: the backup has other metrics; these see the epoch's rest alone.")
        return []
    raise DataError(
        who,
        f"the backup is of another model: the shapes of the {name} are others",
        expected=f"{[tuple(v.shape) for v in own]}",
        received={"shapes": [a.shape for a in kept]},
        mend="Give each training a folder of its own, or delete this one to begin anew.",
    )
