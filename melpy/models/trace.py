"""model.trace: every layer's input, output and gradients for one batch, to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from melpy import tape, tree
from melpy.errors import lookup
from melpy.layers.base import Layer
from melpy.layers.unchanged import unchanged
from melpy.models.steps import assert_compiled
from melpy.tensor import Tensor, mask_of, set_mask

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
    """

    name: str
    class_name: str
    depth: int
    input: Any
    output: Any = None
    d_output: Any = None
    d_weights: dict[str, np.ndarray] = field(default_factory=dict)

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
    """

    def __init__(self, title: str, rows: list[LayerTrace]) -> None:
        self.title, self.rows = title, rows
        self.loss: float | None = None
        self.output: Any = None
        self.d_input: Any = None

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
    model: Any, x: Any, y: Any = None, sample_weight: Any = None, training: bool | None = None
) -> Trace:
    """Run one batch through a model and keep what each layer does; the model stays as it was.

    Parameters
    ----------
    model : model; with labels, a compiled one
    x, y, sample_weight : one batch, as ``train_on_batch`` takes it; without y there is a loss, and
        gradients, only where the model's layers bring their own (`add_loss`)
    training : bool, whether the layers train; None for True where there are gradients

    Returns
    -------
    Trace

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
    >>> traced = model.trace(np.array([[1.0, -3.0]]), np.array([[0.0]]))
    >>> traced.loss, traced["dense"].output.tolist(), traced["dense"].d_output.tolist()
    (1.0, [[1.0, 0.0]], [[2.0, 2.0]])
    >>> traced["dense_1"].d_weights["kernel"].tolist(), traced["dense"].statistics["dead"]
    ([[2.0], [0.0]], 0.5)
    """
    has_loss = y is not None or (model.compiled and model.loss is None)
    if has_loss:
        assert_compiled(model, "trace")
    training = has_loss if training is None else training
    if not all(part.built for part in (model, *model.layers_inside)):
        with tape.no_grad():
            model(x)
    with unchanged(model), nullcontext() if has_loss else tape.no_grad():
        x = tree.map_structure(lambda a: _leaf(a, model.dtype), x)
        watch = _Watch(model)
        with watch.watching():
            outputs = model(x, training=training)
        made = Trace(_title(model, x, training), watch.rows)
        made.output = _arrays(outputs)
        if has_loss:
            loss = model.compute_loss(x, y, outputs, sample_weight, training=training)
            made.loss = float(np.mean(np.asarray(loss)))
            if loss.requires_grad:
                made.d_input = watch.differentiate(loss, x)
            watch.settle(outputs, lambda y_pred: model.compute_loss(x, y, y_pred, sample_weight))
    return made


class _Watch:
    """Notes what goes through the layers of a model while it runs."""

    def __init__(self, model: Any) -> None:
        _ = model.layers  # a model of its own class names its layers when they are asked for
        self.layers = model.layers_inside
        self.rows: list[LayerTrace] = []
        self.called: list[tuple[Any, LayerTrace, Any]] = []  # layer, its row, its output tensors
        self.open: list[str] = []  # the names of the layers that are running
        self.found: dict[int, np.ndarray] = {}  # dL/dy by id of the tensor y

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Put a note-taking call in front of every layer's own, inside the ``with`` block."""
        for layer in self.layers:
            layer.call = self._noting(layer, layer.call)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.call

    def _noting(self, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            taken = {n: value for n, value in kwargs.items() if isinstance(value, Tensor)}
            given = {"inputs": args[0], **taken} if args and taken else (*args[:1], taken)[0]
            path = "/".join([*self.open, layer.name])
            uses = sum(row.name.rsplit(" (", 1)[0] == path for row in self.rows)
            name = f"{path} ({uses + 1})" if uses else path
            row = LayerTrace(name, type(layer).__name__, len(self.open), _arrays(given))
            self.rows.append(row)
            self.open.append(layer.name)
            try:
                y = call(*args, **kwargs)
            finally:
                self.open.pop()
            y = tree.map_structure(self._watched, y)
            row.output = _arrays(y)
            self.called.append((layer, row, y))
            return y

        return noting

    def _watched(self, y: Any) -> Any:
        """Return the same tensor, made to leave its gradient here when it is asked for."""
        if not (isinstance(y, Tensor) and y.dtype.kind == "f" and tape.is_recording()):
            return y
        if not y.requires_grad:
            mask, y = mask_of(y), Tensor(y.value, requires_grad=True)
            set_mask(y, mask)
        if y.node is not None:
            watch, key = self.found, id(y)
            at = next(n for n, x in enumerate(y.node.inputs) if x is not None)
            vjp = y.node.vjps[at]

            def noting(g: np.ndarray) -> np.ndarray:
                watch[key] = g
                return vjp(g)

            y.node.vjps = (*y.node.vjps[:at], noting, *y.node.vjps[at + 1 :])
        return y

    def differentiate(self, loss: Any, x: Any) -> Any:
        """Find all gradients, and return dL/dx."""
        starts = [t for t in tree.flatten(x) if isinstance(t, Tensor) and t.requires_grad]
        leaves = [
            y
            for _, _, made in self.called
            for y in tree.flatten(made)
            if isinstance(y, Tensor) and y.requires_grad and y.node is None
        ]
        weights = [w for layer, _, _ in self.called for w in layer.trainable_weights]
        sources = list({id(t): t for t in (*starts, *leaves, *weights)}.values())
        found = tape.gradients(loss, sources)
        self.found |= {id(t): g for t, g in zip(sources, found, strict=True)}
        rows = {id(layer) for layer, _, _ in self.called}
        for layer, row, _ in self.called:
            inside = {
                id(w) for part in layer.layers_inside if id(part) in rows for w in part.weights
            }
            for w in layer.trainable_weights:
                if id(w) not in inside:
                    name = w.name if w.name not in row.d_weights else w.path
                    row.d_weights[name] = self.found[id(w)]
        return tree.map_structure(lambda t: self.found.get(id(t)), x)

    def settle(self, outputs: Any, loss_of: Callable[[Any], Any]) -> None:
        """Write the gradients into the rows.

        A loss that goes around the model's last activation, as the cross-entropy of a softmax
        does, leaves no gradient there: it is found from the outputs alone.
        """
        alone = tree.map_structure(lambda y: _leaf(y, y.dtype), outputs)
        pairs = zip(tree.flatten(outputs), tree.flatten(alone), strict=True)
        missed = [(y, leaf) for y, leaf in pairs if id(y) not in self.found and leaf.requires_grad]
        loss = loss_of(alone) if missed else None
        if loss is not None and loss.requires_grad:
            gradients = tape.gradients(loss, [leaf for _, leaf in missed])
            self.found |= {id(y): g for (y, _), g in zip(missed, gradients, strict=True)}
        for _, row, made in self.called:
            gradients = tree.map_structure(lambda y: self.found.get(id(y)), made)
            if any(g is not None for g in tree.flatten(gradients)):
                row.d_output = gradients


def _leaf(x: Any, dtype: Any) -> Any:
    """Return a tensor, whose gradient can be asked for if it is a float; None as it is."""
    if x is None:
        return None
    array = np.asarray(x)
    is_float = array.dtype.kind == "f"
    return Tensor(array.astype(dtype) if is_float else array, requires_grad=is_float)


def _arrays(structure: Any) -> Any:
    return tree.map_structure(lambda x: x.value if isinstance(x, Tensor) else x, structure)


def _rms(arrays: Any) -> float | None:
    flat = [np.asarray(a, np.float64).reshape(-1) for a in arrays if a is not None]
    return float(np.sqrt(np.mean(np.concatenate(flat) ** 2))) if flat else None


def _title(model: Layer, x: Any, training: bool) -> str:
    rows = len(next(leaf for leaf in tree.flatten(x) if leaf is not None))
    samples = "1 sample" if rows == 1 else f"{rows} samples"
    mode = "training" if training else "inference"
    return f"{type(model).__name__} {model.name!r}: {samples}, {mode}"
