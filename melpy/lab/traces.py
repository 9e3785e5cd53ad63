"""One sample's batch, forward and backward and one step, as JSON and raw arrays."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import tree
from melpy.lab.layers import kind_of
from melpy.lab.pack import Pack
from melpy.lab.said import sentence
from melpy.lab.ways import finished
from melpy.models.trace import LayerTrace, Trace
from melpy.models.trace_update import Update

__all__ = ["Traced", "as_answer", "differences", "fingerprint"]

MOMENTS = {"m": "momentum", "v": "velocity"}


@dataclass(frozen=True, eq=False)
class Traced:
    """A trace, and what it is of.

    Parameters
    ----------
    trace : Trace, with its insides, of a batch of one
    x, y : arrays of that batch, as the model and its loss take them
    sample : int, or None for pixels that were drawn
    label : int
    seed : int, of what is drawn while it runs
    is_training : bool
    probabilities : list of float, or None
    fingerprint : int, of the weights
    """

    trace: Trace
    x: np.ndarray
    y: np.ndarray
    sample: int | None
    label: int
    seed: int
    is_training: bool
    probabilities: list[float] | None
    fingerprint: int

    @property
    def rows(self) -> list[LayerTrace]:
        """The rows that are shown, as they end: an input layer does nothing."""
        return finished(row for row in self.trace if row.class_name != "InputLayer")

    @property
    def size(self) -> int:
        """How many bytes it keeps, about."""
        insides = [row.inside for row in self.trace if row.inside is not None]
        weights = [w for inside in insides for w in inside.weights.values()]
        outputs = [y for row in self.trace for y in tree.flatten(row.output) if y is not None]
        return sum(2 * w.nbytes for w in weights) + sum(8 * np.asarray(y).nbytes for y in outputs)


def as_answer(traced: Traced, model_name: str) -> tuple[dict[str, Any], Pack]:
    """Return what a page is told of a trace, and its arrays, which have no axis of samples.

    Where there is no room for all, what comes first stays: the way forward, the way back, the
    weights, the optimizer's step.
    """
    pack = Pack(shares=True)
    rows = [_signals(pack, row) for row in traced.rows]
    for told, row in zip(rows, traced.rows, strict=True):
        path, inside = row.name, row.inside
        for name, w in (inside.weights if inside is not None else {}).items():
            told["weights"][name] = pack.add(f"{path}/{name}", w)
        for name, g in row.d_weights.items():
            told["d_weights"][name] = pack.add(f"{path}/{name}/gradient", g)
    logits, d_logits = _logits(list(traced.trace))  # of the layer called last, inside of others
    trace = traced.trace
    made = {
        "title": trace.title,
        "training": traced.is_training,
        "sample": traced.sample,
        "label": traced.label,
        "loss": _finite(trace.loss),
        "probabilities": traced.probabilities,
        "target": pack.add("target", _one(traced.y)),
        "input": pack.add("input", _one(traced.x)),
        "d_input": pack.add("d_input", _one(trace.d_input)),
        "logits": pack.add("logits", logits),
        "d_logits": pack.add("d_logits", d_logits),
        "rows": rows,
        "update": None if trace.update is None else _update(pack, trace.update, model_name),
    }
    return made | {"arrays": pack.directory, "left_out": _summed_up(pack.left_out)}, pack


def _signals(pack: Pack, row: LayerTrace) -> dict[str, Any]:
    """Add what goes through a layer, both ways."""
    path, inside = row.name, row.inside
    pooling = None if inside is None else inside.pooling
    is_max = pooling is not None and pooling.kind == "max"
    winners = pooling.winners[0] if pooling is not None and is_max else None
    made: dict[str, Any] = {
        "path": path,
        "name": path.rsplit("/", 1)[-1],
        "class_name": row.class_name,
        "kind": kind_of(row),
        "depth": row.depth,
        "input": pack.add(f"{path}/input", _one(row.input)),
        "output": pack.add(f"{path}/output", _one(row.output)),
        "d_output": pack.add(f"{path}/d_output", _one(row.d_output)),
        "d_input": pack.add(f"{path}/d_input", _one(row.d_input)),
        "pre": None,
        "d_pre": None,
        "weights": {},
        "d_weights": {},
        "marks": {"kinks": None, "winners": pack.add(f"{path}/winners", winners)},
    }
    if inside is not None:
        made["pre"] = pack.add(f"{path}/pre", _one(inside.pre))
        made["d_pre"] = pack.add(f"{path}/d_pre", _one(inside.d_pre))
        made["marks"]["kinks"] = pack.add(f"{path}/kinks", _one(inside.kinks))
    return made


def _one(batch: Any) -> np.ndarray | None:
    """Return the only sample of a batch; None where it is no single array of numbers."""
    if batch is None or tree.is_nested(batch):
        return None
    array = np.asarray(batch)
    return array[0] if array.ndim and array.dtype.kind in "fiub" and len(array) else None


def _logits(rows: list[LayerTrace]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return what the last activation was made of, and the gradient there."""
    if not rows:
        return None, None
    last = next((row for row in reversed(rows) if row.class_name != "Identity"), rows[-1])
    if kind_of(last) == "activation":
        return _one(last.input), _one(last.d_input)
    if last.inside is not None and last.inside.pre is not None:
        return _one(last.inside.pre), _one(last.inside.d_pre)
    return _one(last.output), _one(last.d_output)


def _update(pack: Pack, update: Update, model_name: str) -> dict[str, Any]:
    """Add the optimizer's step, weight by weight."""
    steps = {}
    for path, step in update.items():
        own = path.removeprefix(f"{model_name}/")
        arrays: dict[str, Any] = {"before": step.before, "gradient": step.gradient}
        for letter, slot in MOMENTS.items():
            arrays[f"{letter}_before"] = step.slots_before.get(slot)
            arrays[letter] = step.slots.get(slot)
            arrays[f"{letter}_hat"] = step.corrected.get(slot)
        arrays |= {"step": step.step, "after": step.after}
        steps[own] = {
            name: pack.add(f"update/{own}/{name}", array) for name, array in arrays.items()
        }
    return {
        "optimizer": update.optimizer,
        "learning_rate": update.learning_rate,
        "iteration": update.t,
        "numbers": update.settings,
        "per_weight": steps,
    }


def _summed_up(sentences: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first sentences, and how many more there are."""
    more = len(sentences) - 8
    return sentences if more <= 0 else [*sentences[:8], sentence("left.more", count=more)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def differences(one: Trace, other: Trace) -> dict[str, float | None]:
    """Return the largest difference between two traces' outputs, by row; None where it is infinite.

    A difference is told where both are numbers.
    """
    made: dict[str, float | None] = {}
    for row, twin in zip(one, other, strict=True):
        mine, theirs = _one(row.output), _one(twin.output)
        if row.class_name == "InputLayer" or mine is None or theirs is None:
            continue
        if mine.shape == theirs.shape and mine.size:
            with np.errstate(invalid="ignore", over="ignore"):
                gap = np.abs(mine.astype(np.float64) - theirs)
            made[row.name] = _finite(float(np.where(mine == theirs, 0.0, gap).max()))
    return made


def fingerprint(model: Any) -> int:
    """Return a number that changes when a weight does."""
    mark = 0
    for weight in model.weights:
        mark = zlib.crc32(np.ascontiguousarray(weight.array).tobytes(), mark)
    return mark
