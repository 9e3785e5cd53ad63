"""Curves of trainings: the paper's figures 13 and 15 to 19."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy.viz.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compared", "losses"]

COLORS = ("#33658a", "#d1603d", "#2f7d4f", "#8a4f9e", "#b58900", "#1b2a38", "#c0392b", "#5aa9a3")


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
        axes.plot(np.arange(len(values)) + 1, values, color=color, label=name)
    axes.set(ylabel="loss", title=title)
    axes.legend(frameon=False)
    return figure


def compared(many: Mapping[str, Sequence[dict[str, Any]]], name: str, title: str) -> Figure:
    """Draw loss or accuracy of several kinds of trainings, on training and on test data."""
    figure, axes = _axes(10, 4.0, 2)
    figure.suptitle(title)
    for one, (key, data) in zip(axes, ((name, "training"), (f"val_{name}", "test")), strict=True):
        # Every second kind is dashed: where curves lie over each other, both are seen.
        kinds = zip(many.items(), COLORS, itertools.cycle(("-", "--")), strict=False)
        for (label, trainings), color, style in kinds:
            for number, training in enumerate(trainings):
                values = training["history"][key]
                one.plot(
                    np.arange(len(values)) + 1, values, color=color, alpha=0.8,
                    linestyle=style, linewidth=1.2, label=label if number == 0 else None,
                )  # fmt: skip
        one.set(ylabel=name, title=f"{data} images")
    lines, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        lines, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False
    )
    return figure
