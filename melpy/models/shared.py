"""What `fit`, `evaluate` and `predict` do where several processes share each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from melpy.layers.parts import sources_of
from melpy.models.agreement import require_alike, training_of
from melpy.part import Part, working_on

__all__ = ["Shared", "read_own", "shared_by"]

T = TypeVar("T")


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
        size = getattr(source, "batch_size", self.among.size)
        if size < self.among.size:
            raise ArgumentError(
                "fit",
                "a batch has fewer samples than there are processes, some of which would have none",
                expected=f"batch_size >= {self.among.size}",
                received={"batch_size": size},
                mend="batch_size is that of the whole batch, which the processes share.",
            )
        own = training_of(model, source, standing.validation, settings)
        require_alike(self.processes.gather(own))
        if not model.optimizer.built and model.trainable_weights:
            model.optimizer.build(model.trainable_weights)
        plain, arrays = self.processes.broadcast(
            standing.whole() if not self.among.rank else (None, None)
        )
        if self.among.rank:
            standing.restore(plain, arrays, "fit")

    def in_step(self, model: Any, batches: Iterable[T]) -> Iterator[T]:
        """Yield batches until a process is to stop after one, or all have come to their data's end.

        Of several processes whose loss is not finite, the first one says so.

        Raises
        ------
        DataError : the data of one process has more batches than that of another
        """
        coming, is_first = iter(batches), True
        while True:
            batch = next(coming, None)
            said = np.zeros(2 + self.among.size)
            said[0], said[1] = model.stop_training and not is_first, batch is None
            said[2 + self.among.rank] = bool(model._watch.waits)
            self.processes.sum_in_place(said)
            stops, ended = map(int, said[:2])
            if said[2:].any():
                model._watch.speak(is_speaker=said[2:].argmax() == self.among.rank)
            if stops:
                model.stop_training = True
                return
            if 0 < ended < self.among.size:
                raise DataError(
                    "fit",
                    "the data of some processes has ended before that of the others",
                    expected="as many batches in each process",
                    received={"processes without a batch": ended, "processes": self.among.size},
                    mend="With auto_shard_dataset=False each process gives as many batches as the "
                    "others, however long they are.",
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

        What metrics keep are sums; those of all processes, added up, make the results of all.

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
        require_alike([told for told, _ in gathered])
        flat = _joined(variables, [one for _, of_rank in gathered for one in of_rank])
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
    if among is None:
        tell_of_the_others()
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
