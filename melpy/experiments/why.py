"""The report's answer to one question: why did the original library trail Keras?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from melpy.experiments import figures, gradient, paper, plots
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.causes import CAUSES
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import (
    TITLES,
    Drawer,
    Results,
    epoch_s,
    original_epoch,
    percent,
    time_of,
)

__all__ = ["convolution", "softmax", "summary", "together"]

Blocks = Iterator[Any]
SOURCE = "github.com/lennymalard/melpy-project"
NAMES = {
    "exact": "exact",
    "paper": "the filters turned, as in the paper",
    "squared": "Softmax reads p - t",
    "targets": "Softmax reads -t",
    "others": "as the original, but for Softmax",
    "original": "as the original, Softmax reads -t",
}


def summary(results: Results) -> Blocks:
    """Yield the answer in three paragraphs; the sections further down show each point."""
    yield Heading("Why the original library trailed Keras")
    yield Text(" ".join(_of_softmax(results)))
    yield Text(" ".join(_of_the_convolution(results)))
    yield Text(" ".join(_of_its_time(results)))


def _of_softmax(results: Results) -> Iterator[str]:
    yield (
        "**Its Softmax never read the gradient that it was given.** On the way back it multiplied "
        "the Jacobian with an array that np.empty_like had made and nobody had filled: with the "
        "numbers that some earlier array had left in that memory. Which ones, the allocator "
        "decides and not the program."
    )
    reads = results.rows("cifar-7-original-reads")
    if reads:
        told = []
        for row in reads:
            most = sorted(row["read"].items(), key=lambda kind: -kind[1])
            counts = ", ".join(f"{_spelled(kind)} in {count}" for kind, count in most)
            told.append(f"its version of {row['version']} read {counts}")
        yield (
            f"In {reads[0]['steps']} steps of CIFAR-10 7 run here, with p the probabilities, t the "
            f"targets and g the gradient of the loss, {'; '.join(told)}."
        )
    ends = {cause: _last(results, cause) for cause in ("exact", "squared", "targets")}
    if all(ends.values()):
        yield (
            f"With p - t alone CIFAR-10 7 ends at {ends['squared']:.1%} of the test images, with "
            f"-t alone at {ends['targets']:.1%}, with the exact gradient at {ends['exact']:.1%}."
        )
    others = _last(results, "others")
    if others:
        yield (
            "With an exact Softmax and all else as in the original, initial weights, slope, order "
            f"and filters, it ends at {others:.1%}."
        )
    yield (
        "What it read when figure 19 was drawn is lost. The library's history holds two versions "
        "of that figure: of 22 December 2024, where it ends at about 65%, which the paper's text "
        "says, and of 23 December, where it ends at 59%, which the paper prints."
    )


def _spelled(kind: str) -> str:
    return "something else" if kind == "other" else kind


def _of_the_convolution(results: Results) -> Iterator[str]:
    yield (
        "**Its convolution sent wrong gradients to the layers before it**, as the paper reports: "
        "the filters were turned by 180 degrees although col2im, which adds each product where it "
        "came from, already does what the turn is for. Only the filters of the convolutions before "
        "the last learn from these."
    )
    exact, turned = (_last(results, one) for one in ("exact", "paper"))
    if exact and turned:
        yield (
            f"With them, and nothing else wrong, CIFAR-10 7 ends at {turned:.1%} of the test "
            f"images, against {exact:.1%} with the exact gradient, with one seed"
            + (": they are not what figure 19 shows." if turned > exact - 0.01 else ".")
        )


def _of_its_time(results: Results) -> Iterator[str]:
    yield (
        "**And it was slow**: it wrote im2col's matrix down, every pixel once for each window that "
        "it is part of, in double precision, and everything but the product itself ran as single "
        "steps of NumPy."
    )
    times = []
    for model, title in TITLES.items():
        theirs, ours = original_epoch(results, model), results.training(model)
        if theirs and ours:
            seconds = epoch_s(ours)
            times.append(
                f"{title} {model[-1]} {time_of(theirs)} against {time_of(seconds)}, "
                f"{theirs / seconds:.0f} times as long"
            )
    if times:
        yield (
            "An epoch with its validation, on this machine, the original against this library: "
            + "; ".join(times) + "."
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
        "multiplied the Jacobian with: the gradient g that it was given; what came of the targets "
        "t and the probabilities p on the way to g; the g of another batch; something else. In the "
        "earlier version g is what the Jacobian should be multiplied with; in the later one it is "
        "p - t, by the number of images, and should go back as it is: the product with it is a "
        "squared error's gradient."
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
        "probability, which learns little from an image that the network is wrong about. As the "
        "original means: its turned filters, its initial weights (biases of dense layers are drawn "
        "from 0 to 1), its leaky ReLU's slope of 0.01, and its order of images, which is the same "
        "in each epoch. Left out are its Adam, which counts a step for every layer with weights "
        "and so takes larger steps in the first epochs, and its pooling where values are equal."
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
    if "original" in found and "exact" in found:
        yield from _jump(found["original"])


def _jump(one: dict[str, Any]) -> Blocks:
    """Tell of the curve's largest rise after its beginning, where it is sudden as figure 19's."""
    begun = 10
    rises = np.diff(one["history"]["val_accuracy"])[begun:]
    epoch, rise = paper.FIGURE_19_JUMP
    if len(rises) and rises.max() > rise / 2:
        yield Text(
            f"The curve trained as the original rises by {100 * rises.max():.1f} points in epoch "
            f"{int(rises.argmax()) + begun + 2} alone; figure 19's does so too, by about "
            f"{100 * rise:.0f} in epoch {epoch}."
        )


def _at(one: dict[str, Any], epoch: int) -> str:
    values = one["history"]["val_accuracy"]
    return percent(values[epoch - 1 : epoch])
