"""The report's answer to one question: why did the original library trail Keras?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy.experiments import paper, plots
from melpy.experiments.causes import CAUSES, VERSIONS
from melpy.experiments.page import Heading, Table, Text
from melpy.experiments.results import (
    TITLES,
    Drawer,
    Results,
    epoch_s,
    is_whole,
    last,
    original_epoch,
    spelled,
    time_of,
)

__all__ = ["NAMES", "of", "summary"]

Blocks = Iterator[Any]
NAMES = {
    "exact": "exact",
    "paper": "only the filters rotated, as in the paper",
    "softmax-15": "only Softmax, reading as on 15 December",
    "softmax-22": "only Softmax, reading as on 22 December",
    "others": "all as in the original, but for Softmax",
    "original-15": "all as in the original, 15 December",
    "original-22": "all as in the original, 22 December",
}
LAST_EPOCHS = 10
LITTLE = 0.7  # of the training images, at the end
ITSELF = "the original itself, 22 December"


def summary(results: Results, drawn: Drawer) -> Blocks:
    """Yield the answer; the sections further down show each point."""
    yield Heading("Why the original library trailed Keras")
    yield Text(" ".join(_of_softmax(results)))
    yield Text(" ".join(_of_the_rest(results)))
    yield Text(" ".join(_of_the_convolution(results)))
    yield Text(" ".join(_of_the_figure(results)))
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
        "**It did more otherwise**: its rotated filters (below), its initial weights (biases of "
        "dense layers are drawn from 0 to 1), its leaky ReLU's slope, and images in the same order "
        "in each epoch."
    )
    for cause, told in (
        ("others", "With all this and an exact Softmax"),
        ("original-22", "With its Softmax of 22 December as well"),
        ("original-15", "With that of 15 December"),
    ):
        one = of(results, cause)
        if one and is_whole(one):
            test, training = (one["history"][name][-1] for name in ("val_accuracy", "accuracy"))
            yield (
                f"{told} it ends at {test:.1%} of the test images and {training:.1%} of the "
                "training images."
            )


def _of_the_figure(results: Results) -> Iterator[str]:
    test, training = paper.FIGURE_19[50][0], paper.FIGURE_19_TRAINING[0]
    yield (
        "**Figure 19 is not explained to the point**: what Softmax read when it was drawn is lost "
        f"with that run's memory. Its curve ends at {test:.0%} of the test images and "
        f"{training:.0%} of the training images: it learned too little, not too much by heart."
    )
    little = [
        NAMES[cause]
        for cause in CAUSES
        if (one := of(results, cause)) and is_whole(one)
        and one["history"]["accuracy"][-1] < LITTLE
    ]  # fmt: skip
    if little:
        yield f"Of the trainings here, so little is learned by: {'; '.join(little)}."
    yield (
        "The library's history holds three versions of the figure: of 19 December 2024, with an "
        "accuracy that counted each of the ten numbers of a label; of 22 December, where its curve "
        "ends at 65%, as the paper's text says; and of 23 December, which the paper prints, at "
        "59%. Its gradient is that of 22 December from the 16th on."
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
    return one["history"]["val_accuracy"][-1] if one and is_whole(one) else None


def of(results: Results, cause: str) -> dict[str, Any] | None:
    """Return the result of the training with a cause."""
    return results.training("cifar-7", "melpy" if cause == "exact" else f"melpy-{cause}")


def _costs(results: Results, drawn: Drawer) -> Blocks:
    """Yield the table of trainings with one cause each, and with all."""
    found = {NAMES[cause]: one for cause in CAUSES if (one := of(results, cause))}
    exact = found.get(NAMES["exact"])
    if not exact or len(found) < 2:
        return
    whole, epochs = is_whole(exact), len(exact["seconds"])
    for itself in results.rows("cifar-7-original-epochs"):
        if itself["steps"] is None:
            found[ITSELF] = itself
    shares = "; ".join(
        f"{day}, {_shares(version.reads, sum(version.reads.values()))}"
        for day, version in VERSIONS.items()
    )
    yield Text(
        "All train CIFAR-10 7 with one seed: the same initial weights and order of images, "
        'but in the rows "as in the original", which have its own. What Softmax reads is drawn '
        "anew for each batch, with the shares that were counted over an epoch where this library "
        f"is made, leaving out what was none of these: {shares}. That the draws know no order, and "
        "that the shares of the first epoch are taken for all, makes such a run one possible run "
        "of the original and not the one. Left out are its Adam, which counts a step for every "
        "layer with weights and so takes larger steps in the first epochs, and its pooling where "
        "values are equal."
    )
    seeds = last(results.trainings("cifar-7", "melpy"))
    if len(seeds) > 1:
        yield Text(
            f"For the size of a difference: {len(seeds)} seeds of the exact training have a "
            f"standard deviation of {100 * np.std(seeds, ddof=1):.2f} points."
        )
    marks = [mark for mark in paper.FIGURE_19 if mark <= epochs]
    tail = min(epochs, LAST_EPOCHS)
    rows = []
    for name, one in found.items():
        values = one["history"]["val_accuracy"]
        rows.append(
            [
                name,
                *(f"{values[mark - 1]:.1%}" if mark <= len(values) else "" for mark in marks),
                *(
                    (f"{np.mean(values[-tail:]):.1%}", f"{one['history']['accuracy'][-1]:.1%}")
                    if len(values) == epochs
                    else ("", "")
                ),
            ]
        )
    for number, name in enumerate(("the paper's library", "the paper's Keras") * whole):
        values = (f"{paper.FIGURE_19[mark][number]:.0%}" for mark in marks)
        rows.append([name, *values, "", f"{paper.FIGURE_19_TRAINING[number]:.0%}"])
    tests = (f"test, epoch {mark}" for mark in marks)
    yield Table(["", *tests, f"test, mean of the last {tail}", f"training, epoch {epochs}"], rows)
    yield drawn(
        "causes",
        plots.compared(
            {name: [one] for name, one in found.items()}, "accuracy", "CIFAR-10 7",
            paper.FIGURE_19 if whole else None,
        ),
        "Accuracy by epoch with one thing of the original's at a time, and with all.",
    )  # fmt: skip
    if whole:
        yield Text(
            "The paper's numbers are read off its figure 19; its library's, and those of the "
            "original itself, are means during an epoch, on test images over a few of them before "
            "each step. The paper gives too little to tell why its Keras ends lower than here."
        )


def _times(results: Results) -> Blocks:
    """Yield the table of the time of an epoch of the original library, Keras and this one."""
    columns = []
    for model in TITLES:
        theirs = original_epoch(results, model)
        keras, ours = (
            [epoch_s(one) for one in results.trainings(model, library)]
            for library in ("keras-tensorflow", "melpy")
        )
        if theirs is None or not ours or not keras:
            return
        beside = float(np.median(keras)), float(np.median(ours))
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
