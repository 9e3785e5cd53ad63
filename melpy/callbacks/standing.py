"""Where a training stands, and all that it needs to go on from there to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import clock, random
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

    Attributes
    ----------
    epoch : int, how many epochs are made
    batch : int, how many batches of the next one are
    is_cut : bool, whether it was stopped amidst an epoch
    """

    def __init__(
        self,
        model: Any,
        source: Any = None,
        callbacks: Iterable[Any] = (),
        see: Callable[[], Any] = lambda: None,
    ) -> None:
        self.model, self.source, self.callbacks, self.see = model, source, list(callbacks), see
        self.epoch = self.batch = 0
        self.is_cut = False

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
            arrays |= {f"{name}/{n}": v.value for n, v in enumerate(variables)}
        plain = {
            "version": VERSION,
            "epoch": self.epoch,
            "batch": self.batch,
            "generators": standing(self.model),
            "process": random.process_state(),
            "source": _kept(self._position(), "source", arrays),
            "callbacks": {
                name: _kept(callback.get_state(), f"callbacks/{name}", arrays)
                for name, callback in self._named()
            },
            "carried": _kept([layer.states for layer in self._carriers()], "carried", arrays),
        }
        return plain, arrays

    def restore(self, plain: Mapping[str, Any], arrays: Arrays, who: str) -> None:
        """Go on where another training of the same model stood.

        Raises
        ------
        DataError : it was a training of another model, or of other data
        """
        try:
            self._restore(plain, arrays, who)
        except MelpyError:
            raise
        except Exception as error:  # a backup that was written by hand
            raise DataError(
                who, f"the backup says what cannot be ({type(error).__name__}: {error})"
            ) from error

    def _restore(self, plain: Mapping[str, Any], arrays: Arrays, who: str) -> None:
        self.model.optimizer.build(self.model.trainable_weights)
        self.epoch, self.batch = int(plain["epoch"]), int(plain["batch"])
        if self.batch and len(self._variables()["metrics"]) < _count(arrays, "metrics"):
            self.see()
        variables = self._variables()
        if not self.batch:
            del variables["metrics"]  # an epoch begins with none
        for name, own in variables.items():
            kept = [arrays[f"{name}/{n}"] for n in range(_count(arrays, name))]
            if name == "metrics" and [v.shape for v in own] != [a.shape for a in kept]:
                warn(f"{who}: the backup has other metrics; these see the epoch's rest alone.")
                continue
            _fill(own, kept, name, who)
        clock.values_changed()
        stand(self.model, plain["generators"], who)
        process, position = plain.get("process"), _found(plain.get("source"), arrays)
        if position is not None and self.source is not None:
            process = self.source.go_to(position, process, within_epoch=self.batch > 0)
        if process is not None:
            random.restore_process(process)
        kept = plain.get("callbacks", {})
        for name, callback in self._named():
            if name in kept:
                callback.set_state(_found(kept[name], arrays))
        states = _found(plain.get("carried", []), arrays)
        for layer, carried in zip(self._carriers(), states, strict=False):
            layer.states = carried

    def _position(self) -> dict[str, Any] | None:
        return None if self.source is None else self.source.position()

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


def _fill(variables: list[Any], arrays: list[np.ndarray], name: str, who: str) -> None:
    """Give variables their values, all of them or none."""
    shapes, found = [tuple(v.shape) for v in variables], [a.shape for a in arrays]
    if shapes != found:
        raise DataError(
            who,
            f"the backup is of another model: the shapes of the {name} are others",
            expected=f"{shapes}",
            received={"shapes": found},
            mend="Give each training a folder of its own, or delete this one to begin anew.",
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _kept(value: Any, name: str, arrays: Arrays) -> Any:
    """Return a value as plain as JSON is; arrays in it go among the others, by a name."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__"):
        arrays[name] = np.asarray(value)
        return {"array": name}
    if isinstance(value, dict):
        return {"dict": {str(k): _kept(v, f"{name}/{k}", arrays) for k, v in value.items()}}
    if isinstance(value, list | tuple):
        return [_kept(v, f"{name}/{n}", arrays) for n, v in enumerate(value)]
    return value


def _found(value: Any, arrays: Arrays) -> Any:
    """Return what `_kept` was given, lists in the place of tuples."""
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _found(v, arrays) for key, v in value["dict"].items()}
    return [_found(v, arrays) for v in value] if isinstance(value, list) else value
