"""Models, histories and traces as notebooks show them: HTML without scripts, and not too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from melpy import heatmap, tree
from melpy.viz.diagram import Picture, Shown, drawing

__all__ = ["of_history", "of_model", "of_trace"]

MOST_BOXES, MOST_CHARTS, MOST_POINTS, MOST_ROWS = 60, 8, 400, 60
TRAINING, VALIDATION = "#33658a", "#d1603d"
W, H = 300, 164  # of a chart, in pixels
TOP, BOTTOM = 36, 20  # above and below the curves
SIGN_PX = 7.5  # a digit's width, about, and more than the usual fonts'
LONGEST = 38  # signs of a name above a chart


def of_model(model: Any, summary: str) -> str:
    """Return a model's picture, its layers as boxes with their shapes; a large one's summary.

    Parameters
    ----------
    model : model
    summary : str, the table of its layers, for what is too large to be drawn
    """
    boxes, arrows = drawing(model, Shown(shapes=True, names=True))
    if len(boxes) > MOST_BOXES or not boxes:
        lines = summary.splitlines()
        cut = [*lines[: 2 * MOST_ROWS], "..."] if len(lines) > 2 * MOST_ROWS else lines
        shown = f'<pre style="font-size:12px">{escape(chr(10).join(cut))}</pre>'
    else:
        told = f"{model.name}: {', '.join(box.title for box in boxes)}"
        shown = heatmap.drawing(Picture(boxes, arrows).svg(), told)
    return f'<div style="overflow:auto;max-height:640px">{shown}</div>'


def of_history(history: Mapping[str, Sequence[float]], epochs: Sequence[int]) -> str:
    """Return curves by epoch, each number of the training beside its validation."""
    names = sorted((name for name in history if not name.startswith("val_")),
                   key=lambda name: name != "loss")  # fmt: skip
    charts = [
        _chart(name, history[name], history.get(f"val_{name}", ()), epochs)
        for name in names[:MOST_CHARTS]
        if all(np.ndim(value) == 0 for value in history[name])
    ]
    more = f"<div>and {len(names) - MOST_CHARTS} more</div>" if len(names) > MOST_CHARTS else ""
    return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(charts)}{more}</div>'


def _chart(name: str, own: Sequence[float], held: Sequence[float], epochs: Sequence[int]) -> str:
    """Return one number's curves as SVG."""
    lines = [np.asarray(values, np.float64) for values in (own, held)]
    known = np.concatenate([x[np.isfinite(x)] for x in lines])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    last = max((len(x) for x in lines), default=1) - 1
    ends = heatmap.digits(low), heatmap.digits(high)
    left = 8 + SIGN_PX * max(map(len, ends))  # room for the numbers beside the curves

    def place(n: float, value: float) -> str:
        x = left + (W - left - 8) * (n / last if last else 0.5)
        y = H - BOTTOM - (H - BOTTOM - TOP) * ((value - low) / (high - low) if high > low else 0.5)
        return f"{x:.1f},{y:.1f}"

    parts, told = [], []
    for values, color, what in zip(lines, (TRAINING, VALIDATION), ("training", "validation"),
                                   strict=True):  # fmt: skip
        if not len(values):
            continue
        step = max(1, len(values) // MOST_POINTS)
        every = (last + 1) / len(values)  # epochs a value, as validation_freq has it
        shown = [n for n in range(0, len(values), step) if np.isfinite(values[n])]
        dash = "" if what == "training" else ' stroke-dasharray="5 3"'
        points = " ".join(place(every * (n + 1) - 1, values[n]) for n in shown)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}"{dash}/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2" fill="{color}"/>'
                  for x, y in (place(every * (n + 1) - 1, values[n]).split(",")
                           for n in shown[-1:])]  # fmt: skip
        told.append(f'<tspan fill="{color}">{what} {heatmap.digits(values[-1])}</tspan>')
    first, end = (epochs[0] + 1, epochs[-1] + 1) if len(epochs) else (1, last + 1)
    shown_name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    label = f"{name} by epoch: {ends[0]} to {ends[1]}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{W}" height="{H}" viewBox="0 0 {W} {H}" '
        f'font-family="sans-serif" font-size="11" style="background:#fff">'
        f'<text x="4" y="13" fill="#1b2a38" font-weight="bold">{escape(shown_name)}</text>'
        f'<text x="4" y="28">{"  ".join(told)}</text>'
        f'<path d="M{left:.1f},{TOP}V{H - BOTTOM}H{W - 8}" fill="none" stroke="#6b7780"/>'
        f'<g fill="#6b7780"><text x="{left - 4:.1f}" y="{TOP + 8}" text-anchor="end">{ends[1]}'
        f'</text><text x="{left - 4:.1f}" y="{H - BOTTOM}" text-anchor="end">{ends[0]}</text>'
        f'<text x="{left:.1f}" y="{H - 6}">epoch {first}</text>'
        f'<text x="{W - 8}" y="{H - 6}" text-anchor="end">{end}</text></g>'
        f"{''.join(parts)}</svg>"
    )
    return heatmap.drawing(svg, label)


def of_trace(title: str, columns: Sequence[str], rows: Sequence[tuple[Any, Sequence[str]]]) -> str:
    """Return a trace as a table, with each layer's maps and their gradients for the first sample.

    Parameters
    ----------
    title : str
    columns : titles of the table's columns
    rows : pairs of a `LayerTrace` and the texts of its row
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in (*columns, "y", "dL/dy"))
    body = []
    for row, cells in rows[:MOST_ROWS]:
        sides = ["left" if n < 2 else "right" for n in range(len(cells))]
        shown = "".join(
            f'<td style="text-align:{side};white-space:pre">{escape(text)}</td>'
            for side, text in zip(sides, cells, strict=True)
        )
        maps = "".join(
            f"<td>{_map(value, row.name, what)}</td>"
            for value, what in ((row.output, "output"), (row.d_output, "gradient"))
        )
        body.append(f"<tr>{shown}{maps}</tr>")
    more = f"<div>and {len(rows) - MOST_ROWS} more layers</div>" if len(rows) > MOST_ROWS else ""
    return (
        f'<div style="overflow:auto;max-height:640px"><b>{escape(title)}</b>'
        f'<table style="{heatmap.FONT}"><tr>{head}</tr>{"".join(body)}</table>{more}</div>'
    )


def _map(value: Any, name: str, what: str) -> str:
    """Return a picture of the first sample of what may be an array, or several."""
    arrays = [np.asarray(x) for x in tree.flatten(value) if x is not None]
    if not arrays or arrays[0].dtype.kind not in "biuf" or not arrays[0].ndim:
        return ""
    of = "gradients" if what == "gradient" else "values"
    return heatmap.image(arrays[0][:1], f"{name}, {what}", wide_px=200, of=of)
