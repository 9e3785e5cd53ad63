"""What `fit`, `evaluate` and `predict` do where several processes share each batch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from melpy import __version__, random, tape, tree
from melpy.callbacks import CallbackList, Standing
from melpy.data.source import ArraySource, Own, Piece, Source, taken, unpacked
from melpy.distribution import DataParallel, distribution
from melpy.distribution.meeting import Meeting, in_order
from melpy.errors import ArgumentError, DataError, MelpyError
from melpy.layers.parts import sources_of
from melpy.part import Part, working_on

__all__ = ["Shared", "read_own", "shared_by"]

LOOKED_AT = 1 << 24  # bytes of an array whose sum is compared between processes


class Shared:
    """The processes that share a model's batches.

    Parameters
    ----------
    among : DataParallel
    """

    def __init__(self, among: DataParallel) -> None:
        self.among, self.processes = among, among.processes

    def cut(self, batch: Any) -> list[tuple[Part, Any]]:
        """Return this process's parts of a batch, each with its samples: one where it has none."""
        if isinstance(batch, Own):
            return [(batch.part, batch.batch)]
        rows = len(batch) if isinstance(batch, Piece) else _length(batch)
        if not self.among.auto_shard_dataset and not isinstance(batch, Piece):
            counts = self.processes.gather(rows)
            return [(Part(sum(counts[: self.among.rank]), rows, sum(counts)), batch)]
        return [(own, _taken(batch, own)) for own in self.among.parts_of(rows)]

    def reads(self, *sources: Source | None) -> None:
        """Have each source read this process's part of the batches only, where it can."""
        for source in sources if self.among.auto_shard_dataset else ():
            if source is not None and not self.among.deterministic:
                source.share(self.among.rank, self.among.size)

    def run(self, programs: Any, batch: Any, are_checked: bool) -> dict[str, Any]:
        """Make a step on this process's parts of a batch."""
        parts = self.cut(batch)
        if self.among.deterministic:
            whole = [(own, taken(samples)) for own, samples in parts]
            return InTurns(self, programs.model, whole).run(programs.step)
        ((own, samples),) = parts
        with working_on(own):
            if own.total >= self.among.size:
                return programs.run_here([samples], are_checked)
            # Who has no sample makes the step of one that stands in: the others wait for its sums.
            variables = [v for metric in programs.model.metrics for v in metric.variables]
            before = [v.array for v in variables]
            made = programs.step(taken(samples))
            for variable, value in zip(variables, before, strict=True) if not own.rows else ():
                tape.overwrite(variable, value)
            return made

    def watching(self, all_of_them: CallbackList) -> None:
        """Leave what writes or shows to the first process."""
        if self.among.rank:
            all_of_them.callbacks = [
                one for one in all_of_them.callbacks if not getattr(one, "is_for_one", False)
            ]

    def begin(self, standing: Standing, source: Source) -> None:
        """Make all processes stand where the first one does, if they train the same.

        Raises
        ------
        DataError : a process has another version, model or data
        """
        size = getattr(source, "batch_size", self.among.size)
        if size < self.among.size:
            raise ArgumentError(
                "fit",
                "a batch has fewer samples than there are processes, some of which would have none",
                expected=f"batch_size >= {self.among.size}",
                received={"batch_size": size},
                mend="batch_size is that of the whole batch, which the processes share.",
            )
        model = standing.model
        own = {
            "the version of melpy": __version__,
            "the script": _digest_of_script(),
            "the model": _digest_of_model(model),
            "the data": _digest_of_data(source),
        }
        all_own = self.processes.gather(own)
        for what, first in all_own[0].items():
            others = [n for n, told in enumerate(all_own) if told[what] != first]
            if others:
                raise DataError(
                    "fit",
                    f"the processes do not train the same: {what} differs",
                    expected=f"as process 0 has it, {first}",
                    received={f"process {others[0]}": all_own[others[0]][what]},
                    mend="All processes run the same script on the same files.",
                )
        if not model.optimizer.built and model.trainable_weights:
            model.optimizer.build(model.trainable_weights)
        plain, arrays = self.processes.broadcast(
            standing.whole() if not self.among.rank else (None, None)
        )
        if self.among.rank:
            standing.restore(plain, arrays, "fit")

    def agree(self, flag: bool) -> bool:
        """Return whether any process says so."""
        said = np.array([float(flag)])
        self.processes.sum_in_place(said)
        return bool(said[0])

    def results(self, model: Any) -> dict[str, Any]:
        """Return the means of all processes' samples.

        What metrics keep are sums; those of all processes, added up, make the results of all.
        """
        variables = _of_metrics(model)
        seats = [{id(v): v.array for v in variables}]
        if self.among.deterministic:
            own = vars(model).get("_seats", {})
            seats = [seats[0] | own[n] for n in sorted(own)]
        flats = [_flat([seat[id(v)] for v in variables]) for seat in seats]
        parts = [one for of_rank in self.processes.gather(flats) for one in of_rank]
        flat = _joined(variables, parts)
        with tape.undone():
            at = 0
            for variable in variables:
                value, size = variable.array, variable.array.size
                whole = flat[at : at + size].reshape(value.shape).astype(value.dtype)
                tape.overwrite(variable, whole)
                at += size
            return model.get_metrics_result()

    def predicted(self, batch: Any, predict: Callable[[Any], Any]) -> Any:
        """Return the outputs for a whole batch, of which each process computes some."""
        made = [
            tree.map_structure(lambda y, own=own: y[: own.rows], predict(one), none_is_leaf=False)
            for own, one in self.cut(batch)
        ]
        parts = [one for of_rank in self.processes.gather(made) for one in of_rank]
        return tree.map_structure(lambda *ys: np.concatenate(ys), *parts, none_is_leaf=False)


def shared_by() -> Shared | None:
    """Return what shares batches now; None where this process has them alone, and whole."""
    among = distribution()
    return Shared(among) if among is not None and among.parts > 1 else None


def read_own(*sources: Source | None) -> None:
    """Have this process read only its part of each batch, where others have the rest."""
    shared = shared_by()
    if shared is not None:
        shared.reads(*sources)


class InTurns:
    """A step on several micro-batches, each of which finds the model as the step found it.

    What a step changes beside the weights, generators, moving averages, what metrics keep, is each
    micro-batch's own while it runs. After the step the model has the first one's.

    Parameters
    ----------
    shared : Shared
    model : the model
    parts : this process's parts of the batch, with their samples
    """

    def __init__(self, shared: Shared, model: Any, parts: list[tuple[Part, Any]]) -> None:
        self.shared, self.model, self.parts = shared, model, parts
        self.sources = sources_of(model)
        self.others = [w for w in model.weights if not w.requires_grad]
        self.seats: dict[int, dict[int, Any]] = vars(model).setdefault("_seats", {})
        stands, values = random.remembered(self.sources), [w.array for w in self.others]
        self.stands = [stands] * len(parts)
        self.values = [values] * len(parts)

    def run(self, step: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Make a step on each, in turns where they need each other's sums."""

        def work(own: Part, samples: Any) -> dict[str, Any]:
            with working_on(own):
                return step(samples)

        works = [partial(work, own, samples) for own, samples in self.parts]
        made = Meeting(self.shared.processes.gather, self._enter, self._leave).run(works)
        self._stand(0)
        return made[0]

    def _enter(self, number: int) -> None:
        self._stand(number)
        kept = self.seats.get(number, {})
        for variable in _of_metrics(self.model):
            tape.overwrite(variable, kept.get(id(variable), np.zeros_like(variable.array)))

    def _stand(self, number: int) -> None:
        self.stands[number]()
        for weight, value in zip(self.others, self.values[number], strict=True):
            tape.overwrite(weight, value)

    def _leave(self, number: int) -> None:
        self.stands[number] = random.remembered(self.sources)
        self.values[number] = [w.array for w in self.others]
        if self.parts[number][0].rows:
            self.seats[number] = {id(v): v.array for v in _of_metrics(self.model)}


def _of_metrics(model: Any) -> list[Any]:
    return list({id(v): v for m in model.metrics for v in m.variables}.values())


def _joined(variables: list[Any], parts: list[np.ndarray]) -> np.ndarray:
    """Return the sums of all parts; what is kept about a part's own mean, about that of all."""
    flat = in_order([part.copy() for part in parts])
    ends = np.cumsum([v.array.size for v in variables])
    place = {id(v): slice(e - v.array.size, e) for v, e in zip(variables, ends, strict=True)}
    for variable in variables:
        about = getattr(variable, "spread_about", None)
        if about is not None:
            total, count = (np.stack([part[place[id(v)]] for part in parts]) for v in about)
            mean = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1e-300)
            apart = total / np.maximum(count, 1e-300) - mean
            flat[place[id(variable)]] += (count * apart**2).sum(axis=0)
    return flat


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(a.reshape(-1) for a in arrays)])


def _taken(batch: Any, own: Part) -> Any:
    """Return a part of a batch; its first sample where that would be none."""
    if isinstance(batch, Piece):
        return Piece(batch.samples, own.of_rows(batch.rows))
    index = own.of_rows(slice(0, own.total))
    return tree.map_structure(lambda x: None if x is None else x[index], batch)


def _length(batch: Any) -> int:
    x, _, _ = unpacked(batch)
    return next(len(leaf) for leaf in tree.flatten(x) if leaf is not None)


def _digest_of_script() -> str:
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    found = path.read_bytes() if path is not None and path.is_file() else b""
    return hashlib.sha256(found).hexdigest()[:12]


def _digest_of_model(model: Any) -> str:
    """Return what tells a model, and how it is trained, from another."""
    told = [type(model).__name__, repr(model.optimizer.get_config())]
    told += [f"{w.path} {w.shape} {w.dtype} {w.requires_grad}" for w in model.weights]
    with contextlib.suppress(MelpyError, NotImplementedError):  # of a class that cannot be told
        told.append(json.dumps(model.get_config(), sort_keys=True, default=str))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def _digest_of_data(source: Source) -> str:
    """Return what tells the data of one process from another's, as far as it is there."""
    if not isinstance(source, ArraySource):
        data: Any = getattr(source, "data", None)
        return f"{type(data).__name__} of {source.size} batches"
    told = hashlib.sha256(str((source.batch_size, source.shuffle)).encode())
    samples = source.samples
    for array in tree.flatten((samples.x, samples.y, samples.weight)):
        if array is not None:
            step = max(1, array.nbytes // LOOKED_AT)
            told.update(str((array.shape, array.dtype)).encode())
            told.update(np.ascontiguousarray(array[::step]).tobytes())
    return told.hexdigest()[:12]
