"""The report's answer to one question: why did the original library trail Keras?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy.experiments import figures, gradient, paper, plots
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.causes import BEFORE, CAUSES, READS
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import (
    TITLES,
    Drawer,
    Results,
    epoch_s,
    original_epoch,
    spelled,
    time_of,
)

__all__ = ["NAMES", "convolution", "of", "softmax", "summary"]

Blocks = Iterator[Any]
SOURCE = "github.com/lennymalard/melpy-project"
NAMES = {
    "exact": "exact",
    "paper": "only the filters rotated, as in the paper",
    "softmax-15": "only Softmax, reading as on 15 December",
    "softmax-22": "only Softmax, reading as on 22 December",
    "others": "all as in the original, but for Softmax",
    "original-15": "all as in the original, 15 December",
    "original-22": "all as in the original, 22 December",
}
EPOCH_STEPS = 782  # of 64 images of 50,000
MEANINGS = {
    "g": "the gradient that it was given; in the earlier version (1e-5 - t) / (p + 1e-5) / N, "
    "which is the right one to multiply with J; in the later one (p - t) / N, which is the "
    "logits' gradient already and should go back as it is",
    "N g": "what g was before its division by N: in the earlier version as good as g, in the later "
    "one p - t, whose product with J is the gradient of a squared error",
    "p - t": "its product with J is the gradient of a squared error",
    "-t": "its product with J is the gradient of minus the right class's probability, which is "
    "small where the network is most wrong",
    "p": "its product with J makes all classes alike",
    BEFORE: "the gradient of other images: noise",
    "other": "none of these",
}


def summary(results: Results, drawn: Drawer) -> Blocks:
    """Yield the answer; the sections further down show each point."""
    yield Heading("Why the original library trailed Keras")
    yield Text(" ".join(_of_softmax(results)))
    yield Text(" ".join(_of_the_rest(results)))
    yield Text(" ".join(_of_the_convolution(results)))
    yield from _costs(results, drawn)
    yield from _times(results)


def _of_softmax(results: Results) -> Iterator[str]:
    yield (
        "**Its Softmax ignored the gradient that it was given.** On the way back it multiplied "
        "its Jacobian with an array of np.empty_like that nothing fills: with the numbers that "
        "some earlier array had left in that memory. Which array, the allocator decides and not "
        "the program."
    )
    reads = results.rows("cifar-7-original-reads")
    if reads:
        told = "; ".join(
            f"its version of {row['version']} read {_shares(row['read'], row['steps'])}"
            for row in reads
        )
        yield (
            f"In the first {reads[0]['steps']} steps of CIFAR-10 7, run here once, with p the "
            "probabilities of N images, t their targets and g the gradient that it was given, "
            f"{told}."
        )
    ends = [_last(results, cause) for cause in ("softmax-15", "softmax-22", "exact")]
    if all(ends):
        yield (
            "Trained with such a Softmax and all else exact, CIFAR-10 7 ends at "
            f"{ends[0]:.1%} and {ends[1]:.1%} of the test images, against {ends[2]:.1%} with the "
            "exact gradient."
        )


def _shares(read: Mapping[str, int], steps: int) -> str:
    most = sorted(read.items(), key=lambda kind: -kind[1])
    named = (("something else" if kind == "other" else kind, count) for kind, count in most)
    return ", ".join(f"{kind} in {count / steps:.0%}" for kind, count in named)


def _of_the_rest(results: Results) -> Iterator[str]:
    yield (
        "**What it did otherwise costs too**: its initial weights (biases of dense layers are "
        "drawn from 0 to 1), its leaky ReLU's slope, and images in the same order in each epoch."
    )
    others = of(results, "others")
    if others and _last(results, "others"):
        accuracy = others["history"]["val_accuracy"]
        yield (
            f"With all this and an exact Softmax it ends at {accuracy[-1]:.1%}, having passed "
            f"{max(accuracy):.1%}, and at {others['history']['accuracy'][-1]:.1%} of the training "
            "images: it learns them by heart."
        )
    for cause, day in (("original-22", "22 December"), ("original-15", "15 December")):
        one = of(results, cause)
        if not one or not _is_whole(one):
            continue
        accuracy = one["history"]["val_accuracy"]
        best = max(accuracy)
        yield f"With its Softmax of {day} as well it ends at {accuracy[-1]:.1%}" + (
            f", after {best:.1%} in epoch {accuracy.index(best) + 1}: the g of the batch before "
            "grows to 1e5 / N where a probability nears 0, and then drowns what is right."
            if cause == "original-15" and best - accuracy[-1] > 0.1
            else "."
        )
    yield (
        "What Softmax read when figure 19 was drawn is lost with that run's memory. The library's "
        "history holds two versions of the figure: in that of 22 December 2024 its curve ends at "
        "about 65%, as the paper's text says; in that of 23 December, which the paper prints, at "
        "59%, and Keras's there at 66%."
    )


def _of_the_convolution(results: Results) -> Iterator[str]:
    yield (
        "**Its convolution sent back wrong gradients, which is what the paper saw and blamed.** It "
        "rotated the filters by 180 degrees, but col2im already sends each product back to the "
        "pixel that it came from: the rotation is one too many. Only convolutions before the last "
        "learn from these gradients, in CIFAR-10 7 the first."
    )
    exact, turned = (_last(results, one) for one in ("exact", "paper"))
    if exact and turned:
        yield (
            f"With them, and nothing else wrong, it ends at {turned:.1%} of the test images, "
            f"against {exact:.1%}"
            + (": this is not what figure 19 shows." if turned > exact - 0.01 else ".")
        )


def _last(results: Results, cause: str) -> float | None:
    """Return the accuracy on test images at the end, where the training ran to the paper's."""
    one = of(results, cause)
    return one["history"]["val_accuracy"][-1] if one and _is_whole(one) else None


def _is_whole(one: dict[str, Any]) -> bool:
    return one["training"]["epochs"] == ARCHITECTURES["cifar-7"].epochs


def of(results: Results, cause: str) -> dict[str, Any] | None:
    """Return the result of the training with a cause."""
    return results.training("cifar-7", "melpy" if cause == "exact" else f"melpy-{cause}")


def _costs(results: Results, drawn: Drawer) -> Blocks:
    """Yield the table of trainings with one cause each, and with all."""
    found = {cause: one for cause in CAUSES if (one := of(results, cause))}
    if "exact" not in found or len(found) < 2:
        return
    epochs, is_whole = len(found["exact"]["seconds"]), _is_whole(found["exact"])
    yield Text(
        "All train CIFAR-10 7 here with one seed: the same initial weights and order of images, "
        'but in the rows "as in the original", which have its own. For each batch what Softmax '
        "reads is drawn, with the shares counted in a whole first epoch: "
        + "; ".join(f"{day}, {_shares(read, sum(read.values()))}" for day, read in READS.items())
        + ". Left out are the original's Adam, which counts a step for every layer with weights "
        "and so takes larger steps in the first epochs, and its pooling where values are equal."
        + " The paper's numbers are read off its figure 19; it gives too little to tell why its "
        "Keras ends lower than Keras does here." * is_whole
    )
    marks = [mark for mark in paper.FIGURE_19 if mark <= epochs]
    last = found["exact"]["history"]["val_accuracy"][-1]
    rows = []
    for cause, one in found.items():
        values = one["history"]["val_accuracy"]
        less = "" if cause == "exact" else f"{100 * (values[-1] - last):+.1f}"
        rows.append(
            [
                NAMES[cause],
                *(f"{values[mark - 1]:.1%}" for mark in marks),
                f"{max(values):.1%}", less, f"{one['history']['accuracy'][-1]:.1%}",
            ]
        )  # fmt: skip
    for number, name in enumerate(("the paper's library", "the paper's Keras") * is_whole):
        values = (paper.FIGURE_19[mark][number] for mark in marks)
        rows.append([name, *(f"{value:.0%}" for value in values), "", "", ""])
    header = ["", *(f"test, epoch {mark}" for mark in marks), "best", "points against exact",
              f"training, epoch {epochs}"]  # fmt: skip
    yield Table(header, rows)
    yield drawn(
        "causes",
        plots.compared(
            {NAMES[cause]: [one] for cause, one in found.items()}, "accuracy", "CIFAR-10 7",
            paper.FIGURE_19 if is_whole else None,
        ),
        "Accuracy by epoch with one thing of the original's at a time, and with all.",
    )  # fmt: skip


def _times(results: Results) -> Blocks:
    """Yield the table of the time of an epoch of the original library, Keras and this one."""
    columns = []
    for model in TITLES:
        theirs, ours = original_epoch(results, model), results.training(model)
        keras = [epoch_s(one) for one in results.trainings(model, "keras-tensorflow")]
        if theirs is None or ours is None or not keras:
            return
        beside = float(np.median(keras)), epoch_s(ours)
        columns.append(
            [
                time_of(theirs), *map(time_of, beside),
                *(f"{a / b:.1f}" for a, b in (
                    *((theirs, seconds) for seconds in beside), paper.TOTALS[model]
                )),
            ]
        )  # fmt: skip
    yield Text(
        "**And it was slow**: it built im2col's matrix, which copies each pixel once per window, "
        "computed in float64, and ran everything but the matrix product as single steps of NumPy. "
        "This library computes in float32, as Keras does."
    )
    yield Table(
        ["an epoch with its validation", *map(spelled, TITLES)],
        [
            list(row)
            for row in zip(
                (
                    "the original, here", "Keras on TensorFlow, here", "melpy, here",
                    "the original's time / Keras's", "the original's time / melpy's",
                    "the first ratio in the paper, whole runs",
                ),
                *columns, strict=True,
            )
        ],
    )  # fmt: skip


def convolution(results: Results, drawn: Drawer) -> Blocks:
    """Yield the section on the paper's gradient of a convolution, and of a pooling."""
    rows = results.rows("gradient")
    if not rows:
        return
    low, high = paper.GRADIENT_ERROR
    yield Heading("The paper's gradient of a convolution")
    yield Text(
        f"The paper finds that its gradient of a convolution's input differs from TensorFlow's by "
        f"{low} to {high} per value, up to {paper.GRADIENT_ERROR_IN_SUM:,.0f} in sum over "
        "(1, 3, 32, 32), and puts it down to automatic differentiation's precision and to "
        "normalization. The size of the error is that of the gradients and filters, which the "
        "paper does not give. From the paper's own formulas, for unit normal gradients and 8 "
        "filters as He et al. initialize them, against nested loops; means of "
        f"{gradient.SEEDS} draws:"
    )
    yield Table(
        ["kernel", "filters", "mean error per value", "mean size of the exact gradient",
         "error in sum"],
        [
            [
                f"{row['kernel_size']}x{row['kernel_size']}",
                "rotated, as in the paper" if row["turned"] else "not rotated",
                f"{row['mean']:.2g}", f"{row['exact_mean']:.2g}", f"{row['total']:.4g}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    yield Text(
        "Rotated once too often, the filters are wrong in every window, and the error is larger "
        "than the gradient itself; not rotated, the formula is exact. Equation 29 is right: there "
        "each pixel gathers from the outputs around it, and the rotation finds the right one. "
        "col2im scatters instead."
    )
    yield drawn(
        "turned-filters", figures.turned_filters(),
        "The gradient of one output is 1, of all others 0. The exact gradient of the input, d_x, "
        "is then the filter at its place; the paper's is the filter rotated by 180 degrees.",
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
            "The original library was left out; the same command with `--original CLONE`, a clone "
            f"of {SOURCE}, adds it."
        )
        return
    yield Text(
        f"The library itself ({SOURCE}), as it was on two days of the weeks in which the paper was "
        f"written, trains CIFAR-10 7 for {rows[0]['steps']} steps, in one process each. What it "
        "sends back is compared with the product of the softmax's Jacobian J and each of these, "
        "for N images with probabilities p and one-hot targets t:"
    )
    kinds = [kind for kind in MEANINGS if kind == "g" or any(kind in row["read"] for row in rows)]
    yield Table(["read", "what it is"], [[kind, MEANINGS[kind]] for kind in kinds])
    yield Text(
        "In how many steps it read which, and the accuracy on test images after them. Figure 19's "
        f"library has {paper.FIGURE_19[1][0]:.0%} after its first epoch, of {EPOCH_STEPS} steps:"
    )
    yield Table(
        ["version", *kinds, "test accuracy"],
        [
            [
                row["version"], *(str(row["read"].get(kind, 0)) for kind in kinds),
                f"{row['test_accuracy']:.1%}",
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
        yield Text(
            f"The first epoch of the library of {epochs[0][1]['version']}, as it is, and with the "
            "gradient of the logits sent back as it is given; from the same weights, run once each:"
        )
        yield Table(
            ["its Softmax", "training images", "test images"],
            [
                [name, f"{one['accuracy']:.1%}", f"{one['test_accuracy']:.1%}"]
                for name, one in epochs
            ],
        )
