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
    Drawer,
    Results,
    dataset_of,
    is_whole,
    last,
    percent,
    spelled,
    time_of,
)
from melpy.experiments.training import data

__all__ = ["comparison", "explained", "in_short"]

Blocks = Iterator[Any]
SLOW = 1.5
LIBRARIES = {
    "melpy": "melpy",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-jax": "Keras on JAX",
    "keras-torch": "Keras on PyTorch",
}


def comparison(results: Results, drawn: Drawer, is_quick: bool) -> Blocks:
    """Yield the section on table 4: times and accuracies beside Keras's."""
    yield Heading("Table 4: beside Keras")
    if not any(results.trainings(model, "keras-tensorflow") for model in paper.SELECTED):
        yield Text(
            "No run of Keras is here, so its times, and figures 16 to 19, are left out; `melpy "
            f"reproduce table4 --keras{' --quick' * is_quick}`, with the same --out, adds them."
        )
        return
    yield Text(
        "Whole runs, from the same initial weights, with the same images in the same order. Keras "
        "runs on TensorFlow, as in the paper; begun together, the two libraries take turns, "
        "network by network and seed by seed."
    )
    yield in_short(results)
    yield Text(
        "Accuracies are those after the last epoch, on test images: mean and, of several seeds, "
        "standard deviation; so are the differences, taken seed by seed before rounding. Times are "
        "medians of the seeds."
    )
    rows = []
    medians: dict[str, list[float]] = {}
    for library, title in LIBRARIES.items():
        cells = [title]
        for model in paper.SELECTED:
            found = results.trainings(model, library)
            seconds = [s for one in found for s in one["seconds"][1:]]  # the first one compiles
            if not seconds:
                cells += ["-", "-", "0"]
                continue
            medians.setdefault(library, []).append(float(np.median(seconds)))
            cells += [
                time_of(medians[library][-1]),
                f"{time_of(min(seconds))} to {time_of(max(seconds))}",
                f"{len(seconds)} ({sum(s > SLOW * min(seconds) for s in seconds)})",
            ]
        rows.append(cells)
    yield Text(
        "The time of one epoch's training alone, without validation: the median over all epochs "
        "that ran, but for the first one of each run, which compiles; the fastest and the slowest; "
        f"and how many there are, in brackets those that took over {SLOW} times the fastest's time."
    )
    header = [f"{title}{what}" for title in map(spelled, paper.SELECTED)
              for what in ("", ", fastest to slowest", ", epochs")]  # fmt: skip
    yield Table(["", *header], rows)
    ours, theirs = (medians.get(library, []) for library in ("melpy", "keras-tensorflow"))
    if len(ours) == len(theirs) == len(paper.SELECTED):
        ratios = [f"{b / a:.2f}" for a, b in zip(ours, theirs, strict=True)]
        yield Text(
            f"By these medians Keras on TensorFlow takes {' and '.join(ratios)} times as long as "
            "melpy; whole runs depend on how many epochs are slow."
        )
    for model, (loss, accuracy) in (("mnist-3", ("16", "17")), ("cifar-7", ("18", "19"))):
        pair = dict(zip(("melpy", "Keras"), results.pairs(model), strict=True))
        if not all(pair.values()):
            continue
        for name, number in (("loss", loss), ("accuracy", accuracy)):
            papers = paper.FIGURE_19 if number == "19" and is_whole(pair["melpy"][0]) else None
            yield drawn(
                f"figure-{number}", plots.compared(pair, name, spelled(model), papers),
                f"Figure {number}: {name} by epoch of {spelled(model)}, one line per seed; "
                "melpy's are drawn thick and pale, under Keras's."
                + (" Circles and squares are read off the paper's figure; its library's are means "
                   "during an epoch." if papers else ""),
            )  # fmt: skip


def in_short(results: Results) -> Table:
    """Return the table of what the paper's two networks reach, beside Keras and the original."""
    columns = {model: _column(results, model) for model in paper.SELECTED}
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return Table(
        ["", *map(spelled, columns)],
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
    for name, many in (("melpy", ours), ("Keras on TensorFlow", theirs)):
        column[f"test accuracy, {name}"] = percent(last(many))
    if ours and theirs:
        pairs = zip(last(ours), last(theirs), strict=True)
        column["melpy minus Keras, points"] = percent([a - b for a, b in pairs], "+").rstrip(" %")
    column["test accuracy, the paper's library and Keras"] = f"about {paper.ACCURACIES[model]:.0%}"
    for name, taken in zip(("melpy", "Keras on TensorFlow"), seconds, strict=True):
        column[f"whole run, {name}"] = time_of(taken)
    if seconds[0] and seconds[1]:
        column["Keras's time / melpy's"] = f"{seconds[1] / seconds[0]:.2f}"
    paper_ours, paper_keras = paper.TOTALS[model]
    column["whole run, the paper's library"] = time_of(paper_ours)
    column["whole run, the paper's Keras"] = time_of(paper_keras)
    column["the paper's Keras's time / its library's"] = f"{paper_keras / paper_ours:.3f}"
    return column


def explained(results: Results, drawn: Drawer) -> Blocks:
    """Yield the figures that need no long training."""
    yield Heading("The other figures")
    lenet = build("lenet5", (28, 28, 1), 10)
    yield drawn(
        "figure-1",
        figures.architecture(lenet, "LeNet-5"),
        "Figure 1: LeNet-5, for digits of 28x28 pixels; a stack has fewer sheets than maps.",
    )
    trained = results.training("mnist-3")
    if trained and "first_layer" in trained and datasets.status("mnist").here:
        model = build("mnist-3", (28, 28, 1), 10)
        model.layers[0].set_weights([np.float32(weight) for weight in trained["first_layer"]])
        (_, _), (x, y), pixels = data("mnist")
        some = [int(np.flatnonzero(y[:, c])[0]) for c in range(6)]
        raw = x[some] * pixels.std[0] + pixels.mean[0]
        yield drawn(
            "figure-2", viz.feature_maps(model, x[some], raw),
            "Figure 2: how the filters of MNIST 3's first convolution, trained, respond to digits; "
            "stripes at the right and below are the padding.",
        )  # fmt: skip
    yield drawn(
        "figure-3",
        figures.pooling_forward(),
        "Figure 3: max pooling 2x2, forward: each window's largest value.",
    )
    cifar = _raw("cifar-10")
    if cifar:
        image = cifar[0][1]
        yield drawn(
            "figure-4",
            figures.pooling_of_an_image(image),
            "Figure 4: max pooling 2x2 of an image of CIFAR-10, once and twice.",
        )
    yield drawn(
        "figure-5",
        figures.pooling_back(),
        "Figure 5: max pooling, backward: each gradient goes to where the largest value was.",
    )
    for number, count in (("6", 1), ("7", 2)):
        some_images = "one RGB image" if count == 1 else f"{count} RGB images"
        yield drawn(
            f"figure-{number}", figures.columns_of_images(count),
            f"Figure {number}: im2col of {some_images}, windows of 2x2, stride 1"
            + (", the second image behind the first." if count == 2 else "."),
        )  # fmt: skip
    yield drawn(
        "figure-8",
        figures.indices(),
        "Figure 8: im2col with indices: from which channel, row i and column j each entry comes.",
    )
    yield drawn("figure-9", figures.col2im_adds(), "Figure 9: col2im adds where windows overlap.")
    for number, name, title in (("10", "mnist", "MNIST"), ("11", "cifar-10", "CIFAR-10")):
        found = _raw(name)
        if found:
            yield drawn(
                f"figure-{number}",
                figures.images_of(*found),
                f"Figure {number}: four images of each class of {title}.",
            )
    for number, model in (("12", "mnist-3"), ("14", "cifar-7")):
        shape = (28, 28, 1) if model == "mnist-3" else (32, 32, 3)
        title = spelled(model)
        yield drawn(
            f"figure-{number}", figures.architecture(build(model, shape, 10), title),
            f"Figure {number}: the network that the paper selects for {dataset_of(model)}; a stack "
            "has fewer sheets than maps.",
        )  # fmt: skip


def _raw(name: str) -> tuple[Any, Any, Sequence[str]] | None:
    """Return images, labels and names of a data set, where it is on this machine."""
    if not datasets.status(name).here:
        return None
    (x, y), _ = datasets.load(name)
    return x[:2000], y[:2000].reshape(-1), datasets.DATASETS[name].CLASS_NAMES
