"""The report's answer to one question: why did the original library trail Keras?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from melpy.experiments import figures, gradient, paper, plots
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.causes import CAUSES
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import Drawer, Results, percent, time_of

__all__ = ["convolution", "softmax", "summary", "together"]

Blocks = Iterator[Any]
SOURCE = "github.com/lennymalard/melpy-project"
NAMES = {
    "exact": "exact",
    "paper": "the filters turned, as in the paper",
    "squared": "Softmax reads p - t",
    "targets": "Softmax reads -t",
    "original": "as the original, Softmax reads -t",
}


def summary(results: Results) -> Blocks:
    """Yield the answer in three paragraphs; the sections further down show each point."""
    yield Heading("Why the original library trailed Keras")
    exact, turned = (_last(results, one) for one in ("exact", "paper"))
    costs = (
        f"; trained with it, CIFAR-10 7 ends at {turned:.1%} of the test images, against "
        f"{exact:.1%} with the exact gradient, so that figure 19's gap has another cause"
        if exact and turned and turned > exact - 0.01
        else f"; trained with it, CIFAR-10 7 ends at {turned:.1%} of the test images, against "
        f"{exact:.1%} with the exact gradient"
        if exact and turned
        else ""
    )
    yield Text(
        "**Its convolution sent wrong gradients to the layers before it**, as the paper reports: "
        "the filters were turned by 180 degrees although col2im, which adds each product where it "
        "came from, already does what the turn is for. Only the filters of the convolutions before "
        f"the last learn from these{costs}."
    )
    targets, together_ = (_last(results, one) for one in ("targets", "original"))
    yield Text(
        "**Its Softmax never read the gradient that it was given.** Its way back multiplies the "
        "Jacobian with an array that np.empty_like has made and nobody has filled: with the "
        "numbers that an earlier array left in that memory. Which ones is up to the allocator, so "
        "that two trainings of one network differ, and between machines too; the library's "
        "history holds three versions of figure 19, whose curves end at different heights."
        + (
            f" With -t, the targets, which it finds most often in the earlier version, CIFAR-10 7 "
            f"ends at {targets:.1%}, and at {together_:.1%} from the original's initial weights; "
            f"figure 19 has {paper.FIGURE_19[50][0]:.0%}."
            if targets and together_
            else ""
        )
    )
    times = []
    for model in ("mnist-3", "cifar-7"):
        theirs, ours = results.rows(f"{model}-original"), results.training(model)
        if theirs and ours and theirs[0]["steps"] is None:  # a whole epoch
            a, b = theirs[0]["seconds"], float(np.median(ours["seconds"]))
            times.append(f"{model} {time_of(a)} against {time_of(b)}, {a / b:.0f} times")
    yield Text(
        "**And it was slow**: it wrote im2col's matrix down, every pixel once for each window that "
        "it is part of, in double precision, and everything but the product itself ran as single "
        "steps of NumPy."
        + (
            " An epoch of it on this machine, against one of this library: "
            + "; ".join(times) + "."
            if times
            else ""
        )
    )  # fmt: skip


def _last(results: Results, cause: str) -> float | None:
    """Return the accuracy on test images at the end, where the training ran to the paper's."""
    one = results.training("cifar-7", _library(cause))
    is_whole = one and one["training"]["epochs"] == ARCHITECTURES["cifar-7"].epochs
    return one["history"]["val_accuracy"][-1] if one and is_whole else None


def _library(cause: str) -> str:
    return "melpy" if cause == "exact" else f"melpy-{cause}"


def convolution(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on the paper's gradient of a convolution, and of a pooling."""
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
    shown = gradient.tie()
    yield Text(
        "Smaller, and without effect where no two values are equal: the paper's pooling gives the "
        f"gradient of a window to every largest value. For the window {shown['x'].tolist()} and a "
        f"gradient of 1 it sends back {shown['paper'].tolist()}, this library (as Keras and "
        f"PyTorch) {shown['melpy'].tolist()}."
    )


def softmax(results: Results) -> Blocks:
    """Yield the section on what the original library's Softmax reads."""
    yield Heading("What the original's Softmax reads")
    rows = results.rows("cifar-7-original-reads")
    if not rows:
        yield Text(
            "The original library was left out of this run: `melpy reproduce --original CLONE`, "
            f"with a clone of {SOURCE}, runs it beside."
        )
        return
    kinds = sorted({kind for row in rows for kind in row["read"]})
    kinds = [*(kind for kind in kinds if kind != "other"), *({"other"} & {*kinds})]
    yield Text(
        f"The library itself ({SOURCE}), as it was on two days on which the paper was written, "
        f"trains CIFAR-10 7 for {rows[0]['steps']} steps. In how many of them its Softmax "
        "multiplied the Jacobian with: the gradient g of the loss, which it should read; the "
        "targets t, the probabilities p, or what came of them on the way; something else."
    )
    yield Table(
        ["version", "g", *(kind for kind in kinds if kind != "g")],
        [
            [
                row["version"], str(row["read"].get("g", 0)),
                *(str(row["read"].get(kind, 0)) for kind in kinds if kind != "g"),
            ]
            for row in rows
        ],
    )  # fmt: skip
    epochs = [
        (name, found[0])
        for name, unit in (("as it is", "original"), ("mended", "original-mended"))
        if (found := results.rows(f"cifar-7-{unit}"))
    ]
    if len(epochs) == 2 and all(one["steps"] is None for _, one in epochs):
        told = " and ".join(
            f"{one['accuracy']:.1%} on the training images and {one['test_accuracy']:.1%} on the "
            f"test images {name}"
            for name, one in epochs
        )
        yield Text(
            f"One epoch of the version of {epochs[0][1]['version']} ends with {told}: the same "
            "weights to begin with, and the gradient sent back in place of the product."
        )


def together(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on trainings with one cause each, and with all."""
    found = {
        cause: one for cause in CAUSES if (one := results.training("cifar-7", _library(cause)))
    }
    if len(found) < 2:
        return
    yield Heading("What each costs a training")
    yield Text(
        "CIFAR-10 7, from the same weights with the same images in the same order; seed 0. "
        "J(p - t) is the gradient of a squared error, J(-t) that of the wrong classes' "
        "probability, which learns little from an image that the network is wrong about. The last "
        "row takes from the original, besides, its turned filters, its initial weights (biases of "
        "dense layers are drawn from 0 to 1), its leaky ReLU's slope of 0.01 and its order of "
        "images, which is the same in each epoch."
    )
    epochs = len(found["exact"]["history"]["val_accuracy"]) if "exact" in found else 0
    marks = [mark for mark in paper.FIGURE_19 if mark <= epochs]
    rows = [
        [
            NAMES[cause],
            *(_at(one, mark) for mark in marks),
            percent([one["history"]["accuracy"][-1]]),
        ]
        for cause, one in found.items()
    ]
    for number, name in enumerate(("the paper's figure 19, its library", "its Keras")):
        rows.append([name, *(f"{100 * paper.FIGURE_19[mark][number]:.0f} %" for mark in marks), ""])
    yield Table(["", *(f"test, epoch {mark}" for mark in marks), "training, last"], rows)
    yield drawn(
        "causes",
        plots.compared({NAMES[c]: [one] for c, one in found.items()}, "accuracy", "CIFAR-10 7"),
        "Accuracy by epoch with each cause, and with all.",
    )


def _at(one: dict[str, Any], epoch: int) -> str:
    values = one["history"]["val_accuracy"]
    return percent(values[epoch - 1 : epoch])
