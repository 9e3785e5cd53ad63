"""The report's last sections: beside Keras, the paper's error, the figures that explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from melpy import datasets, viz
from melpy.experiments import figures, gradient, paper, plots
from melpy.experiments.architectures import build
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import TITLES, Drawer, Results, last, percent, time_of
from melpy.experiments.training import data

__all__ = ["comparison", "explained", "wrong_gradient"]

Blocks = Iterator[Any]


def comparison(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on table 4: times and accuracies beside Keras's."""
    yield Heading("Table 4: beside Keras")
    if not any(results.trainings(model, "keras-tensorflow") for model in TITLES):
        yield Text("Keras was left out of this run: `melpy reproduce --keras` sets it beside.")
        return
    yield Text(
        "Whole runs on one machine, from the same initial weights, with the same images in the "
        "same order, in turns. Keras runs on TensorFlow, as in the paper."
    )
    rows = []
    for model, title in TITLES.items():
        ours, theirs = (results.trainings(model, one) for one in ("melpy", "keras-tensorflow"))
        if not ours or not theirs:
            continue
        a, b = (float(np.median([one["total_s"] for one in many])) for many in (ours, theirs))
        paper_a, paper_b = paper.TOTALS[model]
        rows.append(
            [
                title, time_of(a), time_of(b), f"{b / a:.2f}", time_of(paper_a), time_of(paper_b),
                f"{paper_b / paper_a:.3f}", percent(last(ours)), percent(last(theirs)),
            ]
        )  # fmt: skip
    yield Table(
        ["", "melpy", "Keras", "Keras / melpy", "paper's library", "its Keras", "ratio",
         "test accuracy, melpy", "Keras"], rows,
    )  # fmt: skip
    yield Text(
        "Accuracies are those after the last epoch; where there are several seeds, their mean and "
        "standard deviation."
    )
    rows = []
    for model, title in TITLES.items():
        cells = [title]
        for library in ("melpy", "keras-tensorflow", "keras-jax", "keras-torch"):
            found = results.trainings(model, library)
            seconds = [s for one in found for s in one["seconds"][1:]]  # the first one compiles
            cells.append(time_of(float(np.median(seconds))) if seconds else "-")
        rows.append(cells)
    yield Text("Seconds of one epoch's training, the median over epochs but the first.")
    yield Table(["", "melpy", "Keras, TensorFlow", "Keras, JAX", "Keras, PyTorch"], rows)
    for model, (loss, accuracy) in (("mnist-3", ("16", "17")), ("cifar-7", ("18", "19"))):
        pair = {
            name: results.trainings(model, library)
            for name, library in (("melpy", "melpy"), ("Keras", "keras-tensorflow"))
        }
        if not all(pair.values()):
            continue
        for name, number in (("loss", loss), ("accuracy", accuracy)):
            yield drawn(
                f"figure-{number}", plots.compared(pair, name, TITLES[model]),
                f"Figure {number}: {name} by epoch on {TITLES[model]}, training and test, "
                "a line a seed.",
            )  # fmt: skip


def wrong_gradient(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on the paper's gradient, and what it does to a training."""
    rows = results.rows("gradient")
    if not rows:
        return
    low, high = paper.GRADIENT_ERROR
    yield Heading("The paper's error")
    yield Text(
        f"The paper finds that its gradient of a convolution's input differs from TensorFlow's by "
        f"{low} to {high} a value, up to {paper.GRADIENT_ERROR_IN_SUM:,.0f} in sum over "
        "(1, 3, 32, 32), and puts it down to automatic differentiation's precision and to "
        "normalization. From the paper's own formulas, for unit normal gradients and 8 filters "
        "as He et al. initialize them, against nested loops:"
    )
    yield Table(
        ["kernel", "filters", "mean error a value", "in sum"],
        [
            [
                f"{row['kernel_size']}x{row['kernel_size']}",
                "turned, as in the paper" if row["turned"] else "not turned",
                f"{row['mean']:.2g}", f"{row['total']:.4g}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    yield Text(
        "Turned once too often, the filters are wrong in every window; not turned, the formula is "
        "exact. Equation 29 is right: there each pixel gathers from the outputs around it, and the "
        "turn finds the right one. col2im scatters instead."
    )
    yield drawn(
        "turned-filters", figures.turned_filters(),
        "One output's gradient is 1. Exactly, its input gets the filter; with the paper's formula, "
        "the filter upside down.",
    )  # fmt: skip
    exact = results.training("cifar-7")
    papers = results.training("cifar-7", "melpy-paper")
    if exact and papers:
        a, b = (one["history"]["val_accuracy"][-1] for one in (exact, papers))
        pair = {"exact gradient": [exact], "the paper's gradient": [papers]}
        low, high = paper.GAP
        share = (a - b) / (high - low)
        said = (
            "accounts for it" if share > 0.5 else "accounts for some of it" if share > 0.1
            else "does not account for it"
        )  # fmt: skip
        yield Text(
            f"CIFAR-10 7, trained from the same weights with the same images in the same order: "
            f"{a:.1%} on test images with the exact gradient, {b:.1%} with the paper's, "
            f"{100 * (a - b):+.1f} points. The paper's figures 18 and 19 show about {low:.0%} for "
            f"its library and {high:.0%} for Keras: the turn {said}."
        )
        yield drawn(
            "papers-gradient", plots.compared(pair, "accuracy", "CIFAR-10 7"),
            "Accuracy by epoch with the exact gradient and with the paper's.",
        )  # fmt: skip
    shown = gradient.tie()
    yield Text(
        "Smaller, and without effect where no two values are equal: the paper's pooling gives the "
        f"gradient of a window to every largest value. For the window {shown['x'].tolist()} and a "
        f"gradient of 1 it sends back {shown['paper'].tolist()}, this library (as Keras and "
        f"PyTorch) {shown['melpy'].tolist()}."
    )


def explained(results: Results, drawn: Drawer) -> Blocks:
    """Yield the figures that need no long training."""
    yield Heading("The other figures")
    lenet = build("lenet5", (28, 28, 1), 10)
    yield drawn("figure-1", figures.architecture(lenet, "LeNet-5"), "Figure 1: LeNet-5.")
    weights = results.folder / "results" / "mnist-3-melpy-seed0.npz"
    if weights.exists():
        model = build("mnist-3", (28, 28, 1), 10)
        model.load_weights(weights)
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
