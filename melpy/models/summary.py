"""The table of a model's layers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from melpy import config, tree
from melpy.callbacks.progress import can_write
from melpy.errors import ArgumentError

__all__ = ["print_table", "summary_table"]

Row = tuple[str, str, int | None, list[str], bool]


def print_table(table: str) -> None:
    """Print a table; where the output's encoding knows no lines, by dashes."""
    config.say(table if can_write(sys.stdout, "─") else table.replace("─", "-"))


def summary_table(
    model: Any,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
    line_length: int | None = None,
) -> str:
    """Return a model's layers as a table of text.

    Parameters
    ----------
    model : model
    expand_nested : bool, whether to show the layers of models inside
    show_trainable : bool, whether to show which layers are trained
    layer_range : patterns that the names of the first and of the last layer to show begin with
    line_length : int, the most characters of a line
    """
    header = ["Layer (type)", "Output shape", "Parameters"]
    rows = [
        row
        for layer in _within(model.layers, layer_range)
        for row in _rows(layer, model, expand_nested)
    ]
    branches = any(len(row[3]) > 1 for row in rows)
    if branches:
        header.append("Input from")
    if show_trainable:
        header.append("Trained")
    cells = [header]
    for label, shape, count, sources, trained in rows:
        cells.append(
            [label, shape, "unbuilt" if count is None else f"{count:,}"]
            + ([", ".join(sources)] if branches else [])
            + (["yes" if trained else "no"] if show_trainable else [])
        )
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    if line_length is not None:
        cells = _cut(cells, widths, line_length)
    total = sum(w.size for w in model.weights)
    trainable = sum(w.size for w in model.trainable_weights)
    rule = "  " + "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join(
        [
            f"{type(model).__name__} {model.name!r}",
            rule,
            _line(header, widths),
            rule,
            *(_line(row, widths) for row in cells[1:]),
            rule,
            f"  {total:,} parameters, {trainable:,} of them trainable",
        ]
    )


def _cut(cells: list[list[str]], widths: list[int], line_length: int) -> list[list[str]]:
    """Return the cells, the labels cut so that no line is longer, and set their column's width."""
    rest = sum(widths[1:]) + 2 * len(widths)
    widths[0] = max(8, min(widths[0], line_length - rest))
    return [
        [label if len(label) <= widths[0] else f"{label[: widths[0] - 1]}…", *others]
        for label, *others in cells
    ]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        f"{cell:>{width}}" if column == 2 else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return ("  " + "  ".join(padded)).rstrip()


def _within(layers: list[Any], layer_range: Any) -> list[Any]:
    """Return the layers from the first to the last whose names match two patterns."""
    if layer_range is None:
        return layers
    if not isinstance(layer_range, list | tuple) or len(layer_range) != 2:
        raise ArgumentError(
            "summary",
            "layer_range has another form",
            expected="two names or patterns of names, of the first and of the last layer",
            received={"layer_range": layer_range},
        )
    first = [n for n, layer in enumerate(layers) if re.match(layer_range[0], layer.name)]
    last = [n for n, layer in enumerate(layers) if re.match(layer_range[1], layer.name)]
    if not first or not last:
        raise ArgumentError(
            "summary",
            "layer_range names no layers",
            expected=f"some of {', '.join(layer.name for layer in layers)}",
            received={"layer_range": layer_range},
        )
    start, stop = sorted((min(first), max(last)))
    return layers[start : stop + 1]


def _rows(layer: Any, model: Any, expand: bool, indent: str = "") -> Iterator[Row]:
    """Yield a layer's label, output shape, parameters, sources, and whether it trains.

    The number of parameters is None where the layer is not built yet. The uses that count are those
    in the model's own graph.
    """
    graph = getattr(model, "_graph", None)
    uses = [call for call in layer._calls if graph is None or call in graph.uses]
    shape, sources = "?", []
    if uses:
        shape = ", ".join(str(x.shape) for x in tree.flatten(uses[-1].outputs))
        sources = [x.call.name if x.call else x.name for x in uses[0].inputs]
    label = f"{indent}{layer.name} ({type(layer).__name__})"
    count = layer.count_params() if layer.built else None
    yield label, shape, count, sources, bool(layer.trainable_weights)
    if expand and hasattr(layer, "layers"):
        for inner in layer.layers:
            yield from _rows(inner, layer, expand, indent + "  ")
