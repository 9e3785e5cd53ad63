"""Where a training stands, and all that it needs to go on from there to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import clock
from melpy.data.process import process_state, restore_process
from melpy.errors import DataError, MelpyError, warn
from melpy.saving.seeds import stand, standing

__all__ = ["Standing"]

Arrays = dict[str, np.ndarray]
VERSION = 1


class Standing:
    """How far a training came, beside what it trains, what it reads and who looks on.

    Parameters
    ----------
    model : the model
    source : what gives it its batches, or None
    callbacks : those of the training
    see : function that shows the model its first batch, so that its metrics have their variables
    validation : what it is measured on, or None

    Attributes
    ----------
    epoch : int, how many epochs are made
    batch : int, how many batches of the next one are
    is_cut : bool, whether it was stopped amidst an epoch
    ends : bool, whether it had come to its end, by a callback, when the backup was written
    """

    def __init__(
        self,
        model: Any,
        source: Any = None,
        callbacks: Iterable[Any] = (),
        see: Callable[[], Any] = lambda: None,
        validation: Any = None,
    ) -> None:
        self.model, self.source, self.validation = model, source, validation
        self.callbacks, self.see = list(callbacks), see
        self.epoch = self.batch = 0
        self.is_cut = self.ends = False
        self._amidst: tuple[Mapping[str, Any], Arrays, str] | None = None  # of an epoch, a state

    @contextmanager
    def of(self, model: Any) -> Iterator[None]:
        """Be where a model stands, meanwhile."""
        model._standing = self
        try:
            yield
        finally:
            model._standing = model._watch = None

    def finish_epoch(self, is_cut: bool) -> None:
        """Count an epoch, unless it was left before its end."""
        self.is_cut = is_cut
        if not is_cut:
            self.epoch, self.batch = self.epoch + 1, 0

    # A state is made of plain values, which JSON can hold, and of arrays by name.

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Return the state: plain values, and arrays by name."""
        arrays: Arrays = {}
        for name, variables in self._variables().items():
            arrays |= {f"{name}/{n}": v.array for n, v in enumerate(variables)}
        plain = {
            "version": VERSION,
            "epoch": self.epoch,
            "batch": self.batch,
            "generators": standing(self.model),
            "process": process_state(),
            "source": _kept(_position(self.source), "source", arrays),
            "validation": _kept(_position(self.validation), "validation", arrays),
            "ends": bool(self.model.stop_training and not self.batch),
            "optimizer": type(self.model.optimizer).__name__,
            "callbacks": {
                name: _kept(dict(callback.get_state()), f"callbacks/{name}", arrays)
                for name, callback in self._named()
            },
            "carried": _kept([layer.states for layer in self._carriers()], "carried", arrays),
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
            self.epoch, self.batch, self._amidst = epoch, 0, None
        begin()
        if self._amidst is not None:
            self.source.begin_epoch()
            self.restore(*self._amidst, is_begun=True)

    def _restore(self, plain: Mapping[str, Any], arrays: Arrays, who: str, is_begun: bool) -> None:
        optimizer = type(self.model.optimizer).__name__
        if plain.get("optimizer", optimizer) != optimizer:
            raise DataError(
                who,
                "the backup is of another optimizer",
                expected=plain["optimizer"],
                received={"optimizer": optimizer},
            )
        self.model.optimizer.build(self.model.trainable_weights)
        self.epoch, self.batch = int(plain["epoch"]), int(plain["batch"])
        self.ends = bool(plain.get("ends"))
        if self.batch and len(self._variables()["metrics"]) < _count(arrays, "metrics"):
            self.see()
        variables = self._variables()
        if not self.batch:
            del variables["metrics"]  # an epoch begins with none
        pairs: list[tuple[Any, np.ndarray]] = []
        for name, own in variables.items():
            kept = [arrays[f"{name}/{n}"] for n in range(_count(arrays, name))]
            if [tuple(v.shape) for v in own] == [a.shape for a in kept]:
                pairs += zip(own, kept, strict=True)
            elif name == "metrics":
                warn(f"{who}: the backup has other metrics; these see the epoch's rest alone.")
            else:
                raise _of_another(own, kept, name, who)
        for variable, array in pairs:  # all of them or none
            variable.assign(array)
        clock.values_changed()
        stand(self.model, plain["generators"], who)
        kept = plain.get("callbacks", {})
        for name, callback in self._named():
            if name in kept:
                callback.set_state(_found(kept[name], arrays))
        states = _found(plain.get("carried", []), arrays)
        for layer, carried in zip(self._carriers(), states, strict=False):
            layer.states = carried
        process, position = plain.get("process"), _found(plain.get("source"), arrays)
        if self.batch and not is_begun:
            return  # what draws is put where it stood once the epoch is begun
        if position is not None and self.source is not None:
            process = self.source.go_to(position, process, within_epoch=is_begun)
        measured = _found(plain.get("validation"), arrays)
        if measured is not None and self.validation is not None:
            self.validation.catch_up(measured)
        if process is not None:
            restore_process(process)

    def _variables(self) -> dict[str, list[Any]]:
        """Return all variables, by what they belong to."""
        seen = {id(v): v for metric in self.model.metrics for v in metric.variables}
        return {
            "weights": self.model.weights,
            "optimizer": self.model.optimizer.variables,
            "metrics": list(seen.values()),
        }

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


def _count(arrays: Arrays, name: str) -> int:
    return sum(key.startswith(f"{name}/") for key in arrays)


def _position(source: Any) -> dict[str, Any] | None:
    return None if source is None else source.position()


def _of_another(own: list[Any], kept: list[np.ndarray], name: str, who: str) -> DataError:
    return DataError(
        who,
        f"the backup is of another model: the shapes of the {name} are others",
        expected=f"{[tuple(v.shape) for v in own]}",
        received={"shapes": [a.shape for a in kept]},
        mend="Give each training a folder of its own, or delete this one to begin anew.",
    )


def _kept(value: Any, name: str, arrays: Arrays) -> Any:
    """Return a value as plain as JSON is; arrays in it go among the others, by a name.

    What JSON does not know is a dict of one key: what it is, and what it holds.
    """
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__"):
        arrays[name] = np.asarray(value)
        return {"array": name}
    if isinstance(value, dict):
        pairs = enumerate(value.items())
        return {"dict": [[_kept(k, f"{name}/{n} key", arrays), _kept(v, f"{name}/{n}", arrays)]
                         for n, (k, v) in pairs]}  # fmt: skip
    if isinstance(value, list | tuple | set | frozenset):
        rows = [_kept(v, f"{name}/{n}", arrays) for n, v in enumerate(value)]
        return rows if isinstance(value, list) else {type(value).__name__: rows}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DataError(
        "BackupAndRestore",
        f"{name} is what a backup cannot keep",
        expected="numbers, texts, bytes, arrays, and lists, tuples, sets and dicts of them",
        received={"type": type(value).__name__},
    )


MADE: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple, "set": set, "frozenset": frozenset, "bytes": bytes.fromhex,
}  # fmt: skip


def _found(value: Any, arrays: Arrays) -> Any:
    """Return what `_kept` was given."""
    if isinstance(value, list):
        return [_found(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return arrays[held]
    if kind == "dict":
        return {_found(k, arrays): _found(v, arrays) for k, v in held}
    return MADE[kind](_found(held, arrays))
