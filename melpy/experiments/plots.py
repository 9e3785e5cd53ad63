"""Curves of trainings: the paper's figures 13 and 15 to 19."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy.experiments.results import spelled
from melpy.viz.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compared", "losses"]

INK = "#1b2a38"
COLORS = ("#33658a", "#d1603d", "#2f7d4f", "#8a4f9e", "#b58900", "#7f7f7f", "#e377c2", "#17a2b8")


def _axes(width: float, height: float, count: int = 1) -> tuple[Figure, Any]:
    figure = new_figure(width, height)
    axes = np.atleast_1d(figure.subplots(1, count))
    for one in axes:
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
        one.set_xlabel("epoch")
        one.xaxis.get_major_locator().set_params(integer=True)
    return figure, axes


def losses(trained: Mapping[str, dict[str, Any]], title: str) -> Figure:
    """Draw the training loss of each network by epoch."""
    figure, (axes,) = _axes(7.2, 4.0)
    for (name, one), color in zip(trained.items(), COLORS, strict=False):
        values = one["history"]["loss"]
        axes.plot(np.arange(len(values)) + 1, values, color=color, label=spelled(name))
    axes.set(ylabel="loss", title=title, yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(frameon=False)
    return figure


def compared(
    many: Mapping[str, Sequence[dict[str, Any]]],
    name: str,
    title: str,
    papers: Mapping[str, Mapping[int, Sequence[float]]] | None = None,
) -> Figure:
    """Draw loss or accuracy of several kinds of trainings, on training and on test data.

    ``papers`` are what the paper's curves have on training and on test images, by epoch: its
    library's and Keras's.
    """
    figure, axes = _axes(10, 4.2, 2)
    figure.suptitle(title)
    for one, (key, data) in zip(axes, ((name, "training"), (f"val_{name}", "test")), strict=True):
        # The first kind is thick and pale: where another lies over it, both are seen.
        for kind, ((label, trainings), color) in enumerate(zip(many.items(), COLORS, strict=False)):
            for number, training in enumerate(trainings):
                values = training["history"][key]
                one.plot(
                    np.arange(len(values)) + 1, values, color=color,
                    alpha=0.45 if kind == 0 else 1, linewidth=3.5 if kind == 0 else 1.1,
                    label=label if number == 0 else None,
                )  # fmt: skip
        one.set(ylabel=name, title=f"{data} images")
        if name == "accuracy":
            one.yaxis.set_major_formatter("{x:.0%}")
        if papers:
            points = papers[data]
            for n, (marker, label) in enumerate(
                (("o", "the paper's library"), ("s", "the paper's Keras"))
            ):
                one.plot(
                    list(points), [pair[n] for pair in points.values()], marker, color=INK,
                    fillstyle="none", label=label, zorder=3,
                )  # fmt: skip
    lines, labels = axes[1].get_legend_handles_labels()
    columns = max(1, 120 // (10 + max(map(len, labels))))  # as many as fit on the figure
    figure.legend(
        lines, labels, loc="outside lower center", ncols=min(len(labels), columns), frameon=False
    )
    return figure
