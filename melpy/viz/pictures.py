"""Pictures of a training run, drawn with Matplotlib's figures alone: no window, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import tape
from melpy.errors import ArgumentError
from melpy.layers import Conv2D

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion", "confusion_counts", "curves", "feature_maps", "samples", "save"]

TRAIN, TEST, RIGHT, WRONG = "#33658a", "#d1603d", "#2f7d4f", "#c0392b"
MOST_MAPS = 16  # feature maps a layer shown in a row


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, of no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file."""
    figure.savefig(path, dpi=120)


def curves(history: Mapping[str, Sequence[float]], epochs: Sequence[int], title: str) -> Figure:
    """Draw loss and accuracy by epoch, for the training and the test data.

    Parameters
    ----------
    history : names ("loss", "val_loss", "accuracy", "val_accuracy") to values by epoch
    epochs : the epochs' numbers, from 0
    title : str
    """
    names = [name for name in ("loss", "accuracy") if name in history]
    figure = new_figure(5.2 * len(names), 3.8)
    figure.suptitle(title)
    x = np.asarray(epochs) + 1
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        axes.plot(
            x, history[name], color=TRAIN, label="training", marker="." if len(x) < 30 else ""
        )
        if f"val_{name}" in history:
            values = np.asarray(history[f"val_{name}"])
            axes.plot(x, values, color=TEST, label="test", marker="." if len(x) < 30 else "")
            best = int(values.argmax() if name == "accuracy" else values.argmin())
            text = f"{values[best]:.1%}" if name == "accuracy" else f"{values[best]:.3f}"
            axes.plot(x[best], values[best], "o", color=TEST, markerfacecolor="none", markersize=9)
            up = name == "accuracy"
            axes.annotate(
                f"best test {text}",
                (x[best], values[best]),
                xytext=(0, -16 if up else 12),
                textcoords="offset points",
                ha="right" if best > len(x) / 2 else "left",
                color=TEST,
            )
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(x) == 1:  # no two whole numbers are in sight
            axes.set_xticks(x)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts[t, p]: how many samples of class t were taken for p.

    Examples
    --------
    >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1, 0],
           [1, 1]])
    """
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def confusion(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draw which class was taken for which; a cell's colour is its share of the true class."""
    C = len(class_names)
    counts = confusion_counts(labels, predicted, C)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = 2.2 + 0.5 * C
    figure = new_figure(size, size - 0.3)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if C <= 20:
        for t, p in np.argwhere(counts > 0):
            shade = "white" if shares[t, p] > 0.5 else "#1b2a38"
            axes.text(p, t, f"{counts[t, p]:,}", ha="center", va="center", color=shade, fontsize=8)
    long = max(map(len, class_names)) > 2
    axes.set_xticks(
        range(C), class_names, rotation=45 if long else 0, ha="right" if long else "center"
    )
    axes.set_yticks(range(C), class_names)
    right = int(np.trace(counts))
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{right:,} of {len(labels):,} test images right ({right / len(labels):.2%})",
    )
    return figure


def samples(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    columns: int = 10,
    rows: int = 4,
) -> Figure:
    """Draw test images with their predictions: the first ones, then mistakes, where there are any.

    Parameters
    ----------
    images : array (N, H, W) or (N, H, W, C)
    labels : array (N,), the true classes
    probabilities : array (N, classes)
    class_names : one name a class
    columns, rows : int, the grid; its lower half shows mistakes
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)[: columns * (rows // 2)]
    first = np.arange(min(len(images), columns * rows - len(wrong)))
    shown = np.concatenate([np.setdiff1d(first, wrong), wrong])
    used = -(-len(shown) // columns)
    figure = new_figure(1.05 * columns, 1.4 * used + 0.5)
    figure.suptitle("Test images and what the network takes them for; mistakes in red, true in ()")
    for axes in np.atleast_1d(figure.subplots(used, columns)).reshape(-1):
        axes.axis("off")
    for axes, n in zip(figure.axes, shown, strict=False):
        axes.imshow(np.squeeze(images[n]), cmap="gray")
        hit = predicted[n] == labels[n]
        text = f"{class_names[predicted[n]]}  {probabilities[n].max():.0%}"
        axes.set_title(
            text if hit else f"{text}\n({class_names[labels[n]]})",
            color=RIGHT if hit else WRONG,
            fontsize=8,
        )
    return figure


def feature_maps(model: Any, x: np.ndarray, images: np.ndarray) -> Figure:
    """Draw how each filter of the first convolution responds to some images: the paper's figure 2.

    Parameters
    ----------
    model : Sequential, with a Conv2D layer
    x : array (N, H, W, C), the images as the model takes them
    images : array (N, H, W) or (N, H, W, C), the same, to show in the first column
    """
    place = next((n for n, layer in enumerate(model.layers) if isinstance(layer, Conv2D)), None)
    if place is None:
        raise ArgumentError(
            "feature_maps", "the model has no convolution", expected="a model with a Conv2D layer"
        )
    with tape.no_grad():
        maps: Any = x
        for layer in model.layers[: place + 1]:
            maps = layer(maps)
    maps = np.asarray(maps)[..., :MOST_MAPS]
    count = maps.shape[-1]
    figure = new_figure(0.9 * (count + 1), 0.95 * len(x) + 0.6)
    filters = model.layers[place].filters
    figure.suptitle(
        f"How {'the' if filters == count else f'{count} of the {filters}'} filters of the first "
        "convolution respond to each image\n(bright: strongly; each filter by its own scale)",
        fontsize=10,
    )
    grid = figure.subplots(len(x), count + 1, squeeze=False)
    for n, row in enumerate(grid):
        row[0].imshow(np.squeeze(images[n]), cmap="gray")
        for c in range(count):
            low, high = maps[..., c].min(), maps[..., c].max()
            row[c + 1].imshow(maps[n, :, :, c], cmap="magma", vmin=low, vmax=high)
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
    grid[0][0].set_title("image", fontsize=8)
    for c in range(count):
        grid[0][c + 1].set_title(str(c + 1), fontsize=8)
    return figure
