"""model.trace: every layer's input, output and gradients for one batch, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from melpy import tape, tree
from melpy.errors import lookup
from melpy.layers.base import Layer
from melpy.layers.unchanged import unchanged
from melpy.models.steps import assert_compiled
from melpy.models.trace_inside import Inside
from melpy.models.trace_update import Update, update_of
from melpy.models.trace_watch import Watch, arrays_of, leaf

__all__ = ["LayerTrace", "Trace", "trace"]

TITLES = ["Layer (type)", "Output shape", "mean", "std", "zeros", "dead", "max", "dL/dy", "dL/dw"]
LEGEND = (
    "zeros: share of values that are 0. dead: share of units, along the last axis, that are 0\n"
    "  in the whole batch. max: of |y|. dL/dy, dL/dw: root mean square of a gradient."
)


@dataclass
class LayerTrace:
    """One call of a layer: what went in, what came out, and the gradients.

    Attributes
    ----------
    name : str, the layer's, after those of the layers that it is inside of: "block/dense"; with
        a number from the second call of the same layer on: "dense (2)"
    class_name : str
    depth : int, how many layers it is inside of
    input, output : arrays, or lists, tuples or dicts of them
    d_output : dL/doutput, in the nesting of the outputs; None where there is no loss or no float
    d_weights : dict of a weight's name to dL/dweight, over all calls of the layer; of the trained
        weights that belong to no traced layer inside
    d_input : dL/dinput through this call alone, in the nesting of the inputs; only where the
        insides were asked for, as the next one
    inside : Inside, what happened between input and output
    """

    name: str
    class_name: str
    depth: int
    input: Any
    output: Any = None
    d_output: Any = None
    d_weights: dict[str, np.ndarray] = field(default_factory=dict)
    d_input: Any = None
    inside: Inside | None = None

    @property
    def statistics(self) -> dict[str, float | None]:
        """What the table shows by column, of all outputs together; None where nothing is known."""
        leaves = [np.asarray(y) for y in tree.flatten(self.output) if y is not None]
        y = np.concatenate([np.zeros(0), *(leaf.reshape(-1) for leaf in leaves)])
        found: dict[str, float | None] = dict.fromkeys(TITLES[2:])
        if y.size:
            found |= {"mean": y.mean(), "std": y.std(), "zeros": (y == 0).mean()}
            found["max"] = np.abs(y).max()
        if len(leaves) == 1 and leaves[0].ndim > 1 and y.size:
            units = leaves[0].reshape(-1, leaves[0].shape[-1])
            found["dead"] = (units == 0).all(axis=0).mean()
        found["dL/dy"] = _rms(tree.flatten(self.d_output))
        found["dL/dw"] = _rms(self.d_weights.values())
        return {name: None if value is None else float(value) for name, value in found.items()}

    def _cells(self) -> list[str]:
        shapes = [str(np.shape(y)) for y in tree.flatten(self.output)]
        own = self.name.rsplit("/", 1)[-1]
        label = f"{'  ' * self.depth}{own} ({self.class_name})"
        shown = [
            "-"
            if value is None
            else f"{value:.1%}"
            if name in ("zeros", "dead")
            else f"{value:.3g}"
            for name, value in self.statistics.items()
        ]
        return [label, ", ".join(shapes), *shown]


class Trace(Sequence[LayerTrace]):
    """The layers' traces in the order of their calls; by number, or by a layer's name.

    Attributes
    ----------
    title : str, what was traced
    loss : float, or None without labels
    output : the model's output
    d_input : dL/dx of the model's input; None without a loss or for inputs that are no floats
    update : Update, the optimizer's step; only where the insides were asked for
    """

    def __init__(self, title: str, rows: list[LayerTrace]) -> None:
        self.title, self.rows = title, rows
        self.loss: float | None = None
        self.output: Any = None
        self.d_input: Any = None
        self.update: Update | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LayerTrace]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.rows[key]
        inside: dict[str, list[LayerTrace]] = {}
        for row in self.rows:
            inside.setdefault(row.name.rsplit("/", 1)[-1], []).append(row)
        alone = {name: rows[0] for name, rows in inside.items() if len(rows) == 1}
        return lookup("layer", key, alone | {row.name: row for row in self.rows}, "trace")

    def _repr_html_(self) -> str:
        from melpy.viz.notebook import of_trace  # when a notebook shows it

        loss = "" if self.loss is None else f", loss {self.loss:.4g}"
        return of_trace(self.title + loss, TITLES, [(row, row._cells()) for row in self.rows])

    def __repr__(self) -> str:
        cells = [TITLES, *(row._cells() for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(TITLES))]
        lines = [
            "  ".join(
                f"{cell:<{width}}" if n < 2 else f"{cell:>{width}}"
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        loss = "" if self.loss is None else f", loss {self.loss:.4g}"
        return "\n  ".join([self.title + loss, *lines, LEGEND])


def trace(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    training: bool | None = None,
    inside: bool = False,
    optimizer: Any = None,
) -> Trace:
    """Run one batch through a model and keep what each layer does; the model stays as it was.

    Parameters
    ----------
    model : model; with labels, a compiled one
    x, y, sample_weight : one batch, as ``train_on_batch`` takes it; without y there is a loss, and
        gradients, only where the model's layers bring their own (`add_loss`)
    training : bool, whether the layers train; None for True where there are gradients
    inside : bool, whether to look inside the layers too, and at the optimizer's step: each row has
        its ``d_input`` and its ``inside``, the trace its ``update``
    optimizer : optimizer that makes this step; None for the model's own

    Returns
    -------
    Trace

    Notes
    -----
    Layers compute by the kernels that are set. Under ``config.using_kernels("im2col")`` each
    number is to the last bit what ``train_on_batch`` would make with these.

    Examples
    --------
    >>> import melpy, numpy as np
    >>> from melpy import layers
    >>> model = melpy.Sequential([
    ...     melpy.Input((2,)),
    ...     layers.Dense(2, "relu", kernel_initializer="identity"),
    ...     layers.Dense(1, kernel_initializer="ones"),
    ... ])
    >>> model.compile("sgd", "mse")
    >>> traced = model.trace(np.array([[1.0, -3.0]]), np.array([[0.0]]), inside=True)
    >>> traced.loss, traced["dense"].output.tolist(), traced["dense"].d_output.tolist()
    (1.0, [[1.0, 0.0]], [[2.0, 2.0]])
    >>> traced["dense_1"].d_weights["kernel"].tolist(), traced["dense"].statistics["dead"]
    ([[2.0], [0.0]], 0.5)
    >>> traced["dense"].inside.pre.tolist(), traced["dense"].d_input.tolist()
    ([[1.0, -3.0]], [[2.0, 0.0]])
    """
    has_loss = y is not None or (model.compiled and model.loss is None)
    if has_loss:
        assert_compiled(model, "trace")
    training = has_loss if training is None else training
    if not all(part.built for part in (model, *model.layers_inside)):
        with tape.no_grad():
            model(x)
    with unchanged(model), nullcontext() if has_loss else tape.no_grad():
        x = tree.map_structure(lambda a: leaf(a, model.dtype), x)
        watch = Watch(model, LayerTrace, inside)
        with watch.watching():
            outputs = model(x, training=training)
        made = Trace(_title(model, x, training), watch.rows)
        made.output = arrays_of(outputs)
        if has_loss:
            loss = model.compute_loss(x, y, outputs, sample_weight, training=training)
            made.loss = float(np.mean(np.asarray(loss)))
            weights = model.trainable_weights
            if loss.requires_grad:
                made.d_input = watch.differentiate(loss, x, weights)
            watch.settle(outputs, lambda y_pred: model.compute_loss(x, y, y_pred, sample_weight))
            if inside and loss.requires_grad and weights:
                gradients = [watch.found[id(w)] for w in weights]
                made.update = update_of(optimizer or model.optimizer, weights, gradients)
        if inside:
            watch.look_inside()
    return made


def _rms(arrays: Any) -> float | None:
    flat = [np.asarray(a, np.float64).reshape(-1) for a in arrays if a is not None]
    return float(np.sqrt(np.mean(np.concatenate(flat) ** 2))) if flat else None


def _title(model: Layer, x: Any, training: bool) -> str:
    rows = len(next(leaf for leaf in tree.flatten(x) if leaf is not None))
    samples = "1 sample" if rows == 1 else f"{rows} samples"
    mode = "training" if training else "inference"
    return f"{type(model).__name__} {model.name!r}: {samples}, {mode}"
