"""Pictures of a training run, drawn with Matplotlib's figures alone: no window, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import tape
from melpy.errors import ArgumentError
from melpy.files import writable, writing
from melpy.layers import Conv2D

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["against", "confusion", "confusion_counts", "curves", "feature_maps", "samples", "save"]

# Blue and orange: told apart by readers who do not see red and green as two.
TRAIN, TEST, RIGHT, WRONG = "#33658a", "#d1603d", "#33658a", "#c2410c"
INK = "#1b2a38"
LONGEST = 13  # signs of a class's name below a small image
MOST_MAPS = 16  # feature maps a layer shown in a row


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, of no window; notebooks show it as it is."""
    from melpy.viz.shown_figure import ShownFigure

    return ShownFigure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file."""
    with writing(path, "viz.save"):
        figure.savefig(writable(path, "viz.save"), dpi=120)


def curves(
    history: Mapping[str, Sequence[float]],
    epochs: Sequence[int],
    title: str,
    held_out: str = "test",
    names: Sequence[str] = ("loss", "accuracy", "mae"),
) -> Figure:
    """Draw loss and accuracy, or the mean absolute error, by epoch, on training and test data.

    Parameters
    ----------
    history : names ("loss", "val_loss", "accuracy", "val_accuracy", "mae") to values by epoch, NaN
        where an epoch has none
    epochs : the epochs' numbers, from 0
    title : str
    held_out : str, what the data is called that "val_" stands for
    names : which numbers to draw; what the history does not have is passed over
    """
    names = [name for name in names if name in history]
    figure = new_figure(5.2 * max(1, len(names)), 3.8)
    figure.suptitle(title)
    x = np.asarray(epochs) + 1
    places = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
    for axes, name in zip(places, names, strict=False):
        axes.plot(
            x, history[name], color=TRAIN, label="training", marker="." if len(x) < 30 else ""
        )
        if f"val_{name}" in history:
            values = np.asarray(history[f"val_{name}"])
            there = np.isfinite(values)  # a validation now and then leaves gaps
            marker = "." if len(x) < 30 else ""
            axes.plot(x[there], values[there], color=TEST, label=held_out, marker=marker)
            if name in ("loss", "accuracy", "mae") and there.any():
                mark_the_best(axes, x[there], values[there], name, held_out)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(x) == 1:  # no two whole numbers are in sight
            axes.set_xticks(x)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def mark_the_best(axes: Any, x: np.ndarray, values: np.ndarray, name: str, held_out: str) -> None:
    """Put a ring around the best of values: the most of accuracies, the least of errors."""
    up = name == "accuracy"
    best = int(values.argmax() if up else values.argmin())
    form = ".1%" if up else ".3f" if values[best] < 1000 else ".4g"
    text = f"{values[best]:{form}}"
    axes.plot(
        x[best], values[best], "o", color=TEST, markerfacecolor="none", markersize=9,
        linestyle="none", label=f"best {held_out} {text}",  # told where no curve runs through it
    )  # fmt: skip


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts[t, p]: how many samples of class t were taken for p.

    Examples
    --------
    >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1, 0],
           [1, 1]])
    """
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def confusion(
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    what: str = "test images",
) -> Figure:
    """Draw which class was taken for which; a cell's colour is its share of the true class.

    Parameters
    ----------
    labels, predicted : arrays (N,) of classes' numbers
    class_names : one name a class
    what : str, what the samples are called
    """
    C = len(class_names)
    counts = confusion_counts(labels, predicted, C)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = min(0.5 * C, 12.0)  # of the matrix; a title and names need room beside a small one
    figure = new_figure(max(5.0, side + 2.8), max(3.6, side + 1.9))
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, format="{x:.0%}", label="share of the true class", shrink=0.85)
    small = min(8.0, 50 * side / C)  # points: 0.7 of a row
    if C <= 20:
        for t, p in np.argwhere(counts > 0):
            shade = "white" if shares[t, p] > 0.5 else INK
            axes.text(p, t, f"{counts[t, p]:,}", ha="center", va="center", color=shade, fontsize=8)
    long = max(map(len, class_names)) > 2
    turned: dict[str, Any] = {"rotation": 45, "ha": "right"}
    if C > 20:
        turned = {"rotation": 90}
    axes.set_xticks(range(C), class_names, **turned if long else {}, fontsize=small)
    axes.set_yticks(range(C), class_names, fontsize=small)
    right = int(np.trace(counts))
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(f"{right:,} of {len(labels):,} {what} right\n({right / len(labels):.2%})",
                   fontsize=10)  # fmt: skip
    return figure


def against(true: np.ndarray, predicted: np.ndarray, name: str, what: str = "test rows") -> Figure:
    """Draw predicted numbers over the true ones; on the line they are the same.

    Parameters
    ----------
    true, predicted : arrays (N,)
    name : str, what the numbers are
    what : str, what the samples are called
    """
    figure = new_figure(5.0, 4.6)
    axes = figure.subplots()
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    axes.plot(ends, ends, color=TEST, linewidth=1, label="the same")
    axes.plot(true, predicted, ".", color=TRAIN, alpha=0.6, label=what)
    error = float(np.abs(predicted - true).mean())
    axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    axes.locator_params(axis="x", nbins=5)  # long numbers need room
    axes.set_title(f"{len(true):,} {what}, off by {error:.4g} on average", fontsize=10)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def samples(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    columns: int = 10,
    rows: int = 4,
    what: str = "test images",
) -> Figure:
    """Draw test images with their predictions: the first ones, then mistakes, where there are any.

    Parameters
    ----------
    images : array (N, H, W) or (N, H, W, C)
    labels : array (N,), the true classes
    probabilities : array (N, classes)
    class_names : one name a class
    columns, rows : int, the grid; its lower half shows mistakes
    what : str, what the images are called
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)[: columns * (rows // 2)]
    first = np.arange(min(len(images), columns * rows - len(wrong)))
    shown = np.concatenate([np.setdiff1d(first, wrong), wrong])
    used = -(-len(shown) // columns)
    row = 0.4 + np.shape(images)[1] / max(np.shape(images)[1:3])
    figure = new_figure(1.05 * columns, row * used + 0.5)
    figure.suptitle(
        f"{what.capitalize()} and what the network takes them for; mistakes are orange, with ✗ and "
        "the true class in ()",
        fontsize=10,
    )
    axes = _grid(figure, 1.05 * columns - 0.05, row * used)
    for place, n in enumerate(shown):
        top, left = row * (place // columns) + 0.4, 1.05 * (place % columns)
        _show(axes, np.squeeze(images[n]), left, top, cmap="gray")
        hit = predicted[n] == labels[n]
        taken = _short(class_names[predicted[n]], LONGEST if hit else LONGEST - 3)
        true = _short(class_names[labels[n]], LONGEST)
        axes.text(
            left + 0.5, top - 0.04,
            f"{taken}\n{probabilities[n].max():.0%}" if hit
            else f"✗ {taken} {probabilities[n].max():.0%}\n({true})",
            color=RIGHT if hit else WRONG, fontsize=7, ha="center", va="bottom",
        )  # fmt: skip
    return figure


def _grid(figure: Figure, width: float, height: float) -> Axes:
    """Return axes in which many images are shown: with axes of its own each takes 30 ms more."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False, anchor="N")
    return axes


def _show(axes: Axes, image: np.ndarray, left: float, top: float, **looks: Any) -> None:
    """Show an image whose longer side is 1."""
    height, width = (length / max(image.shape[:2]) for length in image.shape[:2])
    left += (1 - width) / 2
    axes.imshow(image, extent=(left, left + width, top + height, top), **looks)


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


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
    pitch, row = 1.08, 0.08 + x.shape[1] / max(x.shape[1:3])
    figure = new_figure(0.9 * (count + 1), 0.88 * row * len(x) + 0.6)
    filters = model.layers[place].filters
    figure.suptitle(
        f"How {'the' if filters == count else f'{count} of the {filters}'} filters of the first "
        "convolution respond to each image\n(bright: strongly; each filter by its own scale)",
        fontsize=10,
    )
    axes = _grid(figure, pitch * count + 1, row * len(x) + 0.12)
    lows, highs = maps.min(axis=(0, 1, 2)), maps.max(axis=(0, 1, 2))
    for c in range(count + 1):
        left = pitch * c
        axes.text(left + 0.5, 0.15, str(c or "image"), fontsize=8, ha="center", va="bottom")
        for n in range(len(x)):
            top = row * n + 0.2
            if c:
                looks = {"cmap": "magma", "vmin": lows[c - 1], "vmax": highs[c - 1]}
                _show(axes, maps[n, :, :, c - 1], left, top, **looks)
            else:
                _show(axes, np.squeeze(images[n]), left, top, cmap="gray")
    return figure
