"""The report's sections that show what the answer rests on: the convolution, and the Softmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from melpy.experiments import figures, gradient, paper
from melpy.experiments.causes import BEFORE, LATER, SOURCE, VERSIONS
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import Drawer, Results
from melpy.experiments.why import whole

__all__ = ["convolution", "softmax"]

Blocks = Iterator[Any]
MEANINGS = {
    "g": "the gradient that it was given; in the earlier version (1e-5 - t) / (p + 1e-5) / N, "
    "cross-entropy's and the right one to multiply with J; in the later one (p - t) / N, which is "
    "the logits' gradient already and should go back as it is",
    "N g": "what g was before its division by N; in the later version p - t, whose product with J "
    "is the gradient of a squared error",
    "-t": "its product with J is the gradient of minus the right class's probability, which is "
    "small for an image about which the network is most wrong",
    "p": "its product with J pushes all probabilities towards 1/10",
    BEFORE: "the gradient of other images: noise",
    "other": "none of these",
}


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
        "normalization. The error scales with the gradients and filters that go in, which the "
        "paper does not give: its size cannot be reproduced, only its cause. From the paper's own "
        "formulas, for unit normal gradients and 8 filters as He et al. initialize them, against "
        f"nested loops; means of {gradient.SEEDS} draws:"
    )
    yield Table(
        ["kernel", "filters", "mean error per value", "mean size of the exact gradient",
         "error in sum"],
        [
            [
                f"{row['kernel_size']}x{row['kernel_size']}",
                "rotated, as in the paper" if row["turned"] else "not rotated",
                f"{row['mean']:.2g}", f"{row['exact_mean']:.2g}", f"{row['total']:,.4g}",
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
        "A smaller difference, which has an effect only where values are equal: the paper's "
        "pooling gives the gradient of a window to every largest value. For the window "
        f"{shown['x'].tolist()} and a gradient of 1 it sends back {shown['paper'].tolist()}, this "
        f"library (as Keras and PyTorch) {shown['melpy'].tolist()}."
    )


def softmax(results: Results, is_quick: bool) -> Blocks:
    """Yield the section on what the original library's Softmax reads."""
    yield Heading("What the original's Softmax reads")
    rows = results.rows("cifar-7-original-reads")
    if not rows:
        yield Text(
            "What it reads has not been measured; `melpy reproduce gradient --original CLONE"
            f"{' --quick' * is_quick}`, with the same --out and a clone of {SOURCE}, does it."
        )
        return
    yield Text(
        f"The library itself ({SOURCE}), as it was on two days of the weeks in which the paper was "
        f"written, trains CIFAR-10 7 for {rows[0]['steps']} steps, in one process each. What it "
        "sends back is compared with the product of the softmax's Jacobian, J = diag(p) - p pᵀ of "
        "each image, and each of these, for N images with probabilities p and one-hot targets t:"
    )
    kinds = [kind for kind in MEANINGS if kind == "g" or any(kind in row["read"] for row in rows)]
    yield Table(["read", "what it is"], [[kind, MEANINGS[kind]] for kind in kinds])
    yield Text("In how many steps it read which, and the accuracy on test images after them:")
    yield Table(
        ["version", *kinds, "test accuracy"],
        [
            [
                f"{row['version']} ({VERSIONS[row['version']].commit})",
                *(str(row["read"].get(kind, 0)) for kind in kinds),
                f"{row['test_accuracy']:.1%}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    firsts = [
        one["history"]["val_accuracy"][0]
        for cause in ("original-15", "original-22")
        if (one := whole(results, cause))
    ]
    if len(firsts) == 2:
        yield Text(
            "The trainings above as the original, which draw what they read, end their first epoch "
            f"at {firsts[0]:.1%} and {firsts[1]:.1%}: they approximate it."
        )
    epochs = [
        (name, found)
        for name, unit in (
            ("as it is", "original"),
            ("sends back what it is given", "original-mended"),
        )
        if (found := results.original(f"cifar-7-{unit}"))
    ]
    if len(epochs) == 2:
        watched = {row["version"]: row["test_accuracy"] for row in rows}
        yield Text(
            f"The first epoch of the library of {LATER}, as it is, and with the gradient of the "
            "logits sent back as it is given; from the same weights, run once each. The run that "
            f"was watched gave {watched[LATER]:.1%}, so two runs differ by as much as "
            f"{100 * abs(watched[LATER] - epochs[0][1]['test_accuracy']):.1f} points. On training "
            "images it is the mean during the epoch:"
        )
        yield Table(
            ["its Softmax", "training images", "test images"],
            [
                [name, f"{one['accuracy']:.1%}", f"{one['test_accuracy']:.1%}"]
                for name, one in epochs
            ],
        )
