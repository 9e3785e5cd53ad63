"""What `fit`, `evaluate` and `predict` do where several processes share each batch."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import numpy as np

from melpy import random, tape, tree
from melpy.callbacks import CallbackList, Standing
from melpy.data.source import Own, Piece, Source, taken, unpacked
from melpy.distribution import DataParallel, distribution
from melpy.distribution.data_parallel import tell_of_the_others
from melpy.distribution.meeting import Meeting, in_order
from melpy.errors import ArgumentError, DataError
from melpy.layers.drawing import sources_of
from melpy.models.agreement import measuring_of, require_alike, training_of
from melpy.part import Part, working_on

__all__ = ["Shared", "calling", "compare", "read_own", "shared_by"]

T = TypeVar("T")

# What makes one value of those that parts of the samples have; others are added up.
JOINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda of_parts: of_parts.mean(axis=0),
    "max": lambda of_parts: of_parts.max(axis=0),
    "min": lambda of_parts: of_parts.min(axis=0),
    "only_first_replica": lambda of_parts: of_parts[0],
}


class Shared:
    """The processes that share a model's batches.

    Parameters
    ----------
    among : DataParallel
    """

    def __init__(self, among: DataParallel) -> None:
        self.among, self.processes = among, among.processes
        self.are_alike = True  # the processes' batches at work, of one shape beside their lengths

    def cut(self, batch: Any) -> list[tuple[Part, Any]]:
        """Return this process's parts of a batch, each with its samples: one where it has none."""
        if isinstance(batch, Own):
            return [(batch.part, batch.batch)]
        rows = len(batch) if isinstance(batch, Piece) else _length(batch)
        if not self.among.auto_shard_dataset:
            return [(self._beside_the_others(batch, rows), batch)]
        return [(own, _taken(batch, own)) for own in self.among.parts_of(rows)]

    def _beside_the_others(self, batch: Any, rows: int) -> Part:
        """Return the part that a batch of this process's own data is of all processes' batches."""
        shapes = _shapes(batch)
        everybody = self.processes.gather((rows, shapes))
        counts = [count for count, _ in everybody]
        if not all(counts):
            raise DataError(
                self.processes.at,
                "a process has a batch without samples",
                expected="auto_shard_dataset=False: at least one sample in each process's batch",
                received={"samples of the processes": counts},
            )
        self.are_alike = all(other == shapes for _, other in everybody)
        return Part(sum(counts[: self.among.rank]), rows, sum(counts))

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
            if not self.are_alike:  # else all of them have a program of this step, or none
                return programs.step(taken(samples))
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

    def begin(self, standing: Standing, settings: Mapping[str, Any]) -> None:
        """Make all processes stand where the first one does, if they train the same.

        Parameters
        ----------
        standing : of this process
        settings : what `fit` was asked for, by the arguments' names

        Raises
        ------
        DataError : a process has another version, model, data or setting
        """
        model, source = standing.model, standing.source
        is_whole = self.among.auto_shard_dataset
        size = getattr(source, "batch_size", self.among.size)
        if is_whole and size < self.among.size:
            raise ArgumentError(
                "fit",
                "a batch has fewer samples than there are processes, some of which would have none",
                expected=f"batch_size >= {self.among.size}",
                received={"batch_size": size},
                mend="batch_size is that of the whole batch, which the processes share.",
            )
        own = training_of(model, source, standing.validation, settings, is_whole)
        require_alike(self.processes.gather(own))
        optimizer = model.optimizer
        if optimizer is not None and not optimizer.built and model.trainable_weights:
            optimizer.build(model.trainable_weights)
        plain, arrays = self.processes.broadcast(
            standing.whole() if not self.among.rank else (None, None)
        )
        if self.among.rank:
            standing.restore(plain, arrays, "fit")

    def in_step(
        self, model: Any, batches: Iterable[T], flag: str, programs: Any = None
    ) -> Iterator[T]:
        """Yield batches until a process is to stop after one, or all have come to their data's end.

        Of several processes whose loss is not finite, the first one says so.

        Parameters
        ----------
        model : the model
        batches : this process's
        flag : the model's attribute that says that it is to stop
        programs : what tells how many batches come next; in all processes as many

        Raises
        ------
        DataError : the data of one process has more batches than that of another, or it is in
            another call
        """
        coming, is_first, watch = iter(batches), True, model._watch
        call = zlib.crc32(self.processes.at.encode())
        while True:
            batch = next(coming, None)
            said, count = np.zeros(4 + self.among.size), 1 if programs is None else programs.count
            said[:4] = getattr(model, flag) and not is_first, batch is None, call, count
            said[4 + self.among.rank] = watch is not None and bool(watch.waits)
            self.processes.sum_in_place(said)
            if said[2] != call * self.among.size:
                self.processes.gather(None)  # refuses, and names the calls
            stops, ended = map(int, said[:2])
            if programs is not None:
                programs.count_of_all = int(said[3]) // self.among.size
            if said[4:].any():
                watch.speak(is_speaker=said[4:].argmax() == self.among.rank)
            if stops:
                setattr(model, flag, True)
                return
            if 0 < ended < self.among.size:
                raise DataError(
                    self.processes.who,
                    "the data of some processes has ended before that of the others",
                    expected="as many batches in each process",
                    received={"processes without a batch": ended, "processes": self.among.size},
                    mend="Each process gives as many batches as the others; with "
                    "auto_shard_dataset=False, however long they are.",
                )
            if batch is None:
                return
            is_first = False
            yield batch

    def agree(self, flag: bool) -> bool:
        """Return whether any process says so."""
        said = np.array([float(flag)])
        self.processes.sum_in_place(said)
        return bool(said[0])

    def trained(self, model: Any) -> dict[str, Any]:
        """Return the results of an epoch, where callbacks left all processes the same rate."""
        rate = getattr(model.optimizer, "learning_rate", None)
        return self.results(model, **{"the learning rate": rate and f"{float(rate):.8g}"})

    def results(self, model: Any, **common: Any) -> dict[str, Any]:
        """Return the means of all processes' samples.

        What metrics keep are sums, unless they say otherwise by ``aggregation``; those of all
        processes, added up, make the results of all.

        Parameters
        ----------
        common : what is to be the same in all processes
        """
        variables = _of_metrics(model)
        seats = [{id(v): v.array for v in variables}]
        if self.among.deterministic:
            own = vars(model).get("_seats", {})
            seats = [seats[0] | own[n] for n in sorted(own)]
        flats = [_flat([seat[id(v)] for v in variables]) for seat in seats]
        common["the metrics"] = [f"{v.name} {v.array.shape}" for v in variables]
        gathered = self.processes.gather((common, flats))
        require_alike([told for told, _ in gathered], self.processes.who)
        flat = _joined(variables, [one for _, of_rank in gathered for one in of_rank])
        with tape.undone():
            at = 0
            for variable in variables:
                value, size = variable.array, variable.array.size
                whole = flat[at : at + size].reshape(value.shape).astype(value.dtype)
                tape.overwrite(variable, whole)
                at += size
            # What a result is may be a variable itself, which holds the sums here alone.
            return tree.map_structure(_number, model.get_metrics_result())

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
    if among is None:
        tell_of_the_others()
    return Shared(among) if among is not None and among.parts > 1 else None


def calling(who: str) -> AbstractContextManager[None]:
    """Return a context in which other processes know that this one is in a model's call."""
    shared = shared_by()
    return nullcontext() if shared is None else shared.processes.calling(who)


def compare(source: Source) -> None:
    """Refuse other data than the other processes have, in `evaluate` and `predict`."""
    shared = shared_by()
    if shared is not None and shared.among.auto_shard_dataset:
        processes = shared.processes
        who = processes.who
        require_alike(processes.gather(measuring_of(source)), who)


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
    """Return the sums of all parts, or what else a variable's ``aggregation`` says.

    What is kept about a part's own mean is joined about that of all.
    """
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
        join = JOINS.get(getattr(variable, "aggregation", "sum"))
        if join is not None:
            flat[place[id(variable)]] = join(
                np.stack([part[place[id(variable)]] for part in parts])
            )
    return flat


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(a.reshape(-1) for a in arrays)])


def _taken(batch: Any, own: Part) -> Any:
    """Return a part of a batch; its first sample where that would be none."""
    if isinstance(batch, Piece):
        return Piece(batch.samples, own.of_rows(batch.rows))
    index = own.of_rows(slice(0, own.total))
    return tree.map_structure(lambda x: None if x is None else x[index], batch)


def _number(result: Any) -> Any:
    return np.array(result.array) if isinstance(result, tape.Variable) else result


def _shapes(batch: Any) -> list[Any]:
    leaves = tree.flatten(taken(batch))
    return [None if x is None else (np.shape(x)[1:], str(np.asarray(x).dtype)) for x in leaves]


def _length(batch: Any) -> int:
    x, _, _ = unpacked(batch)
    return next(len(leaf) for leaf in tree.flatten(x) if leaf is not None)
