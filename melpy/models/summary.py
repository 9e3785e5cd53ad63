"""The table of a model's layers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from melpy import tree
from melpy.callbacks.progress import can_write

__all__ = ["print_table", "summary_table"]

Row = tuple[str, str, int | None, list[str], bool]


def print_table(table: str) -> None:
    """Print a table; where the output's encoding knows no lines, by dashes."""
    print(table if can_write(sys.stdout, "─") else table.replace("─", "-"))


def summary_table(model: Any, expand_nested: bool = False, show_trainable: bool = False) -> str:
    """Return a model's layers as a table of text.

    Parameters
    ----------
    model : model
    expand_nested : bool, whether to show the layers of models inside
    show_trainable : bool, whether to show which layers are trained
    """
    header = ["Layer (type)", "Output shape", "Parameters"]
    rows = list(_rows(model, expand_nested))
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


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        f"{cell:>{width}}" if column == 2 else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return ("  " + "  ".join(padded)).rstrip()


def _rows(model: Any, expand: bool, indent: str = "") -> Iterator[Row]:
    """Yield each layer's label, output shape, parameters, sources, and whether it trains.

    The number of parameters is None where the layer is not built yet.
    """
    for layer in model.layers:
        uses = layer._calls
        shape, sources = "?", []
        if uses:
            shapes = [str(x.shape) for x in tree.flatten(uses[-1].outputs)]
            shape = ", ".join(shapes)
            sources = [x.call.name if x.call else x.name for x in uses[0].inputs]
        label = f"{indent}{layer.name} ({type(layer).__name__})"
        count = layer.count_params() if layer.built else None
        yield label, shape, count, sources, bool(layer.trainable_weights)
        if expand and hasattr(layer, "layers"):
            yield from _rows(layer, expand, indent + "  ")
