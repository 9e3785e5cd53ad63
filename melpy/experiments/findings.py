"""The report's sections on the comparison with Keras, and the figures that explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from melpy import datasets, viz
from melpy.experiments import figures, paper, plots
from melpy.experiments.architectures import build
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import (
    TITLES,
    Drawer,
    Results,
    last,
    percent,
    time_of,
)
from melpy.experiments.training import data

__all__ = ["comparison", "explained", "in_short"]

Blocks = Iterator[Any]


def comparison(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on table 4: times and accuracies beside Keras's."""
    yield Heading("Table 4: beside Keras")
    if not any(results.trainings(model, "keras-tensorflow") for model in TITLES):
        yield Text("No run of Keras is here: `melpy reproduce table4 --keras` sets it beside.")
        return
    yield Text(
        "Whole runs, from the same initial weights, with the same images in the same order. Keras "
        "runs on TensorFlow, as in the paper; so that a machine's moods strike both, the two "
        "libraries' runs of a network and a seed follow on each other."
    )
    yield in_short(results)
    yield Text(
        "Accuracies are those after the last epoch, on test images; where there are several seeds, "
        "their mean and standard deviation, and of times the median."
    )
    rows = []
    for model, title in TITLES.items():
        cells = [title]
        for library in ("melpy", "keras-tensorflow", "keras-jax", "keras-torch"):
            found = results.trainings(model, library)
            seconds = [s for one in found for s in one["seconds"][1:]]  # the first one compiles
            cells.append(
                f"{time_of(float(np.median(seconds)))} ({min(seconds):.3g} to {max(seconds):.3g})"
                if seconds
                else "-"
            )
        rows.append(cells)
    yield Text(
        "The time of one epoch's training alone, in all seeds: the median over the epochs but the "
        "first of each, which compiles, and in brackets the fastest and the slowest."
    )
    yield Table(["", "melpy", "Keras, TensorFlow", "Keras, JAX", "Keras, PyTorch"], rows)
    for model, (loss, accuracy) in (("mnist-3", ("16", "17")), ("cifar-7", ("18", "19"))):
        pair = dict(zip(("melpy", "Keras"), results.pairs(model), strict=True))
        if not all(pair.values()):
            continue
        for name, number in (("loss", loss), ("accuracy", accuracy)):
            yield drawn(
                f"figure-{number}", plots.compared(pair, name, TITLES[model]),
                f"Figure {number}: {name} by epoch on {TITLES[model]}, training and test, "
                "a line a seed.",
            )  # fmt: skip


def in_short(results: Results) -> Table:
    """Return the table of what the paper's two networks reach, beside Keras and the original."""
    columns = {model: _column(results, model) for model in TITLES}
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return Table(
        ["", *(f"{title}, network {model[-1]}" for model, title in TITLES.items())],
        [[name, *(column.get(name, "-") for column in columns.values())] for name in names],
    )


def _column(results: Results, model: str) -> dict[str, str]:
    """Return the rows of a network in `in_short`, those that have been measured."""
    ours, theirs = results.pairs(model)
    column = {"seeds": str(len(ours))}
    seconds = [
        float(np.median([one["total_s"] for one in many])) if many else None
        for many in (ours, theirs)
    ]
    for name, many in (("melpy", ours), ("Keras, TensorFlow", theirs)):
        column[f"test accuracy, {name}"] = percent(last(many))
    if ours and theirs:
        off = round(100 * float(np.mean(last(ours)) - np.mean(last(theirs))), 2)
        column["melpy less Keras"] = f"{off + 0.0:+.2f} points"  # never -0
    for name, taken in zip(("melpy", "Keras, TensorFlow"), seconds, strict=True):
        column[f"whole run, {name}"] = time_of(taken)
    if seconds[0] and seconds[1]:
        column["Keras's time by melpy's"] = f"{seconds[1] / seconds[0]:.2f}"
    paper_ours, paper_keras = paper.TOTALS[model]
    column["whole run, the paper's library"] = time_of(paper_ours)
    column["whole run, the paper's Keras"] = time_of(paper_keras)
    column["the same in the paper"] = f"{paper_keras / paper_ours:.2f}"
    return column


def explained(results: Results, drawn: Drawer) -> Blocks:
    """Yield the figures that need no long training."""
    yield Heading("The other figures")
    lenet = build("lenet5", (28, 28, 1), 10)
    yield drawn("figure-1", figures.architecture(lenet, "LeNet-5"), "Figure 1: LeNet-5.")
    trained = results.training("mnist-3")
    if trained and "first_layer" in trained and datasets.status("mnist").here:
        model = build("mnist-3", (28, 28, 1), 10)
        model.layers[0].set_weights([np.float32(weight) for weight in trained["first_layer"]])
        (_, _), (x, y), pixels = data("mnist")
        some = [int(np.flatnonzero(y[:, c])[0]) for c in range(6)]
        raw = x[some] * pixels.std[0] + pixels.mean[0]
        yield drawn(
            "figure-2", viz.feature_maps(model, x[some], raw),
            "Figure 2: what the first convolution's filters answer to digits, MNIST 3 trained.",
        )  # fmt: skip
    yield drawn("figure-3", figures.pooling_forward(), "Figure 3: max pooling, forward.")
    cifar = _raw("cifar-10")
    if cifar:
        image = cifar[0][1]
        yield drawn("figure-4", figures.pooling_of_an_image(image), "Figure 4: on an image.")
    yield drawn("figure-5", figures.pooling_back(), "Figure 5: max pooling, backward.")
    for number, count in (("6", 1), ("7", 2)):
        some_images = "one RGB image" if count == 1 else f"{count} RGB images"
        yield drawn(
            f"figure-{number}", figures.columns_of_images(count),
            f"Figure {number}: {some_images} as columns, windows of 2x2, stride 1.",
        )  # fmt: skip
    yield drawn("figure-8", figures.indices(), "Figure 8: the indices i, j of each entry.")
    yield drawn("figure-9", figures.col2im_adds(), "Figure 9: col2im adds where windows overlap.")
    for number, name in (("10", "mnist"), ("11", "cifar-10")):
        found = _raw(name)
        if found:
            yield drawn(f"figure-{number}", figures.images_of(*found), f"Figure {number}: {name}.")
    for number, model in (("12", "mnist-3"), ("14", "cifar-7")):
        shape = (28, 28, 1) if model == "mnist-3" else (32, 32, 3)
        title = f"{TITLES[model]}, network {model[-1]}"
        yield drawn(
            f"figure-{number}", figures.architecture(build(model, shape, 10), title),
            f"Figure {number}: the network that the paper selects for {TITLES[model]}.",
        )  # fmt: skip


def _raw(name: str) -> tuple[Any, Any, Sequence[str]] | None:
    """Return images, labels and names of a data set, where it is on this machine."""
    if not datasets.status(name).here:
        return None
    (x, y), _ = datasets.load(name)
    return x[:2000], y[:2000].reshape(-1), datasets.DATASETS[name].CLASS_NAMES
