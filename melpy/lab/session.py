"""One model in the Lab: its samples, and what was asked of it so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config, random, tape
from melpy.errors import MelpyError, ShapeError
from melpy.experiments.answers import probabilities, task_of
from melpy.experiments.opened import Opened
from melpy.lab import convolution, pooling
from melpy.lab.asked import WHO, NotHereError, flag, numbers, refused, text, whole
from melpy.lab.compiled import Compiled
from melpy.lab.layers import described, kind_of, layer_of, layers_by_path
from melpy.lab.pack import Kept, Pack
from melpy.lab.said import SaidError, sentence
from melpy.lab.samples import Samples
from melpy.lab.traces import Traced, as_answer, fingerprint
from melpy.lab.training import (
    classes_of,
    labels_for,
    loss_name,
    optimizer_for,
    readied,
    shares_of,
    threshold_of,
)
from melpy.lab.ways import picture
from melpy.models.trace import trace

__all__ = ["KERNELS", "Session"]

KERNELS = "im2col"  # what is shown is what these compute
MOST_TRACES, MOST_BODIES, MOST_BYTES = 16, 64, 2**28  # that are kept
MOST_LABELS = 200  # that the page is told at once
MOST_SEED = 2**31 - 1
LOOKED_THROUGH, MOST_WORK = 100, 10**9  # samples; their numbers times the model's
UNSURE = 0.65  # the probability of a sample to begin with


@dataclass(frozen=True)
class About:
    """What the page is told beside the model.

    Parameters
    ----------
    lang : "en" or "fr"
    is_default : bool, whether the model is the one that comes with melpy
    outputs : names of the outputs of the model that was opened, of which the first is shown; empty
        where it is the only one
    """

    lang: str = "en"
    is_default: bool = False
    outputs: tuple[str, ...] = ()


class Session:
    """A model, its samples and its traces; answers what the page asks. For several threads.

    Parameters
    ----------
    found : Opened, the model
    samples : Samples
    about : About

    Attributes
    ----------
    model, data, loss : the model, its samples, its loss as ``compile`` takes it
    lock : held while the model is in use
    live : what trains beside it, once there is something; has ``close()``

    Raises
    ------
    ShapeError : the samples are of more classes than the model has outputs
    """

    def __init__(self, found: Opened, samples: Samples, about: About | None = None) -> None:
        self.found, self.model, self.data = found, found.model, samples
        self.about = about or About()
        self.lock = threading.RLock()
        self.live: Any = None
        readied(self.model)
        self.loss = self.model.loss
        self._require_classes()
        self._traces = Kept(MOST_TRACES, MOST_BYTES)
        self._bodies = Kept(MOST_BODIES, MOST_BYTES)
        self._count = 0
        self._compiled = Compiled(self.model)
        self.layers = layers_by_path(self.model)
        # A batch of one has no statistics worth the name: those that were kept are shown.
        self._trains = not any(map(_is_of_batches, self.model.layers_inside))
        self._first = self._traced(self.data.shown_x[:1], int(self.data.shown_y[0]), sample=0)
        self._start = self._of_interest()

    def _require_classes(self) -> None:
        count, most = classes_of(self.model), int(self.data.y.max(initial=0))
        if most >= count:
            raise ShapeError(
                WHO, f"the model has fewer classes than {self.data.name}",
                expected=f"{most + 1} or more", received={"classes": count},
            )  # fmt: skip

    def _of_interest(self) -> int:
        """Return the number of a sample to begin with: one that is told, but not too surely.

        There the gradients are no mere dust.
        """
        x, y = self.data.shown_x[:LOOKED_THROUGH], self.data.shown_y[:LOOKED_THROUGH]
        if self._first.probabilities is None or x.size * self.model.count_params() > MOST_WORK:
            return 0
        try:
            with config.using_kernels(KERNELS), tape.no_grad():
                outputs = np.asarray(self.model(x, training=False))
                told = shares_of(self.model, outputs)
                outputs = outputs if told is None else told
        except MelpyError:  # another sample is none for this model: who asks for it is told
            return 0
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            return 0
        shares = outputs[np.arange(len(y)), np.minimum(y, outputs.shape[1] - 1)]
        right = outputs.argmax(axis=1) == y
        return int(np.where(right, np.abs(shares - UNSURE), np.inf).argmin())

    # What the page asks.

    def lab(self) -> dict[str, Any]:
        """Return what the page begins with."""
        model, data = self.model, self.data
        rows = self._first.rows
        return {
            "lang": self.about.lang,
            "is_recorded": False,
            "default": self.about.is_default,
            "model": {
                "name": model.name,
                "class_name": type(model).__name__,
                "parameters": model.count_params(),
                "layers": [described(row, layer_of(self.layers, row.name)) for row in rows],
                "picture": picture(model, rows),
            },
            "loss": loss_name(model),
            "optimizer": type(model.optimizer).__name__,
            "data": {
                "name": data.name,
                "count": len(data.shown_x),
                "shape": data.shape,
                "classes": data.classes,
                "labels": data.shown_y[:MOST_LABELS].tolist(),
                "start": self._start,
                "high": data.high,
                "is_made_up": data.is_made_up,
            },
            "left_out": self._left_out(),
        }

    def _left_out(self) -> list[dict[str, Any]]:
        """Return a sentence for each thing that the rooms cannot show of this model."""
        kinds = {kind_of(row) for row in self._first.rows}
        said = []
        if self.about.outputs:
            shown, *others = self.about.outputs
            named = {"shown": shown, "others": ", ".join(others)}
            said.append(sentence("left.outputs", count=len(others) + 1, **named))
        if self.data.is_made_up:
            said.append(sentence("left.data"))
        if not self._trains:
            said.append(sentence("left.statistics"))
        if "conv" not in kinds:
            said.append(sentence("left.convolution"))
        if "pool" not in kinds:
            said.append(sentence("left.pooling"))
        return said + as_answer(self._first, self.model.name)[0]["left_out"]

    def trace(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return one sample's way through the model and back, and the optimizer's step."""
        x, label, sample = self._sample(asked)
        classes = max(self.model.outputs[0].shape[-1] or 1, 2)
        given = asked.get("label")
        label = label if given is None else whole(asked, "label", 0, classes - 1)
        name = None if asked.get("optimizer") is None else text(asked, "optimizer")
        traced = self._traced(
            x, label, sample, whole(asked, "seed", 0, MOST_SEED, 0),
            flag(asked, "training", self._trains), optimizer_for(self.model, name),
        )  # fmt: skip
        answer, pack = as_answer(traced, self.model.name)
        traced.trace.update = None  # it is packed, and large
        key = self._kept("t", pack)
        with self.lock:
            self._traces.put(key, traced, traced.size)
        compiled, is_ready = self._compiled.beside(traced, self.lock)
        told = {"trace": key, "compiled": compiled, "compiled_ready": is_ready}
        return {"id": key, **told, **answer, "is_label_guessed": label is None}

    def compiled(self, key: str) -> dict[str, Any]:
        """Return how far the compiled kernels' outputs lie from those of a trace."""
        self._compiled.begin()  # not before what is drawn first: it takes the processor
        compiled, is_ready = self._compiled.beside(self._trace_of(key), self.lock)
        return {"compiled": compiled, "ready": is_ready, "why": self._compiled.why}

    def convolution(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a convolution of a trace, taken apart."""
        row = self._row(asked)
        if row.inside.convolution is None:
            raise self._no_such_layer(row.name, "convolution that can be laid out", "conv")
        layer = layer_of(self.layers, row.name)
        return self._answer("c", *convolution.taken_apart(layer, row.inside.convolution, asked))

    def pooling(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a pooling of a trace, taken apart."""
        row = self._row(asked)
        inside = row.inside.pooling
        if inside is None:
            raise self._no_such_layer(row.name, "pooling", "pool")
        g = row.d_output
        if g is not None:
            g = layer_of(self.layers, row.name).channels_last(g)
            g = g if g.ndim == 4 else g.reshape(len(g), *inside.winners.shape[1:])
        return self._answer("p", *pooling.taken_apart(inside, g, asked))

    def arrays(self, key: str) -> bytes:
        """Return the arrays of an answer."""
        with self.lock:
            pack = self._bodies.get(key)
        if pack is None:
            raise _forgotten(key)
        return pack.body()

    def batch_of(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of a trace, as the model and its loss take them."""
        traced = self._trace_of(key)
        return traced.x, traced.y

    def mode_of(self, key: str) -> tuple[bool, int]:
        """Return whether the layers of a trace behaved as in training, and its seed."""
        traced = self._trace_of(key)
        return traced.is_training, traced.seed

    # How it is answered.

    def _sample(self, asked: Mapping[str, Any]) -> tuple[np.ndarray, int | None, int | None]:
        """Return a batch of one, its label, and its number; None for what was drawn."""
        data = self.data
        if asked.get("pixels") is None:
            number = whole(asked, "sample", 0, len(data.shown_x) - 1, 0)
            return data.shown_x[number : number + 1], int(data.shown_y[number]), number
        shape, is_first = data.shape, False
        if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
            shape, is_first = (shape[1], shape[2], shape[0]), True
        if len(shape) != 3:
            raise SaidError(
                "error.noImages", WHO, "this model takes no images, so nothing can be drawn for it",
                expected="a sample's number", received={"shape": data.shape},
            )  # fmt: skip
        H, W, C = shape
        pixels = numbers(asked, "pixels", lambda given: given == (H, W), f"{H}x{W} of them")
        x = np.repeat(np.asarray(pixels)[np.newaxis, :, :, np.newaxis], C, axis=3)
        x = (np.clip(x, 0, 1) * data.high).astype(np.float32)  # (H,W) -> (1,H,W,C)
        return (x.transpose(0, 3, 1, 2) if is_first else x), None, None

    def _traced(
        self, x: np.ndarray, label: int | None, sample: int | None, seed: int = 0,
        is_training: bool | None = None, optimizer: Any = None,
    ) -> Traced:  # fmt: skip
        """Run a batch of one through the model, by the kernels that are shown."""
        is_training = self._trains if is_training is None else is_training
        with self.lock, config.using_kernels(KERNELS), random.stream(seed):
            if label is None:  # the likeliest one
                with tape.no_grad():
                    output = np.asarray(self.model(x, training=False)).reshape(-1)
                bound = threshold_of(self.loss)
                label = int(output.argmax()) if len(output) > 1 else int(output[0] > bound)
            y, mark = labels_for(self.model, np.array([label])), fingerprint(self.model)
            made = trace(self.model, x, y, training=is_training, inside=True, optimizer=optimizer)
        outputs = np.asarray(made.output)
        shares = shares_of(self.model, outputs)
        task = task_of(self.model, self.found.task, outputs) if shares is None else None
        if task is not None and task.is_of_classes:
            shares = probabilities(outputs, task)
        told = None
        if shares is not None:
            told = [float(p) if np.isfinite(p) else 0.0 for p in shares.reshape(-1)]
        return Traced(made, x, y, sample, label, seed, is_training, told, mark)

    def _kept(self, kind: str, pack: Pack) -> str:
        """Keep an answer's arrays, and return their key."""
        with self.lock:
            self._count += 1
            key = f"{kind}{self._count}"
            self._bodies.put(key, pack, pack.size)
        return key

    def _answer(self, kind: str, answer: dict[str, Any], pack: Pack) -> dict[str, Any]:
        return {"id": self._kept(kind, pack), **answer}

    def _trace_of(self, key: str) -> Traced:
        with self.lock:
            traced = self._traces.get(key)
        if traced is None:
            raise _forgotten(key)
        return traced

    def _row(self, asked: Mapping[str, Any]) -> Any:
        """Return the row of a trace that a question names."""
        traced, path = self._trace_of(text(asked, "trace")), text(asked, "path")
        row = next((row for row in traced.rows if row.name == path), None)
        if row is None:
            names = ", ".join(row.name for row in traced.rows[:20])
            raise NotHereError(
                "error.noLayer", WHO, f"there is no layer {path[:60]!r}",
                expected=f"one of {names}", values={"layer": path[:60]},
            )  # fmt: skip
        return row

    def _no_such_layer(self, name: str, what: str, kind: str) -> SaidError:
        names = [row.name for row in self._first.rows if kind_of(row) == kind]
        expected = f"one of {', '.join(names[:20]) or 'none here'}"
        return refused("path", name, f"{name} is no {what}", expected)


def _is_of_batches(layer: Any) -> bool:
    """Return whether a layer in training depends on the other samples of its batch."""
    return type(layer).__name__ == "BatchNormalization"


def _forgotten(key: str) -> NotHereError:
    return NotHereError(
        "error.forgotten", WHO, f"{key[:20]!r} is no longer kept", mend="Ask for the sample again."
    )
