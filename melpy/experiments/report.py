"""The report of a reproduction: the paper's numbers and ours side by side, from the results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from melpy.experiments import paper, plots
from melpy.experiments.architectures import ARCHITECTURES, Architecture, Conv
from melpy.experiments.evidence import convolution, softmax
from melpy.experiments.findings import comparison, explained
from melpy.experiments.page import Heading, Table, Text, html, markdown
from melpy.experiments.results import (
    TITLES,
    Drawer,
    Results,
    epoch_s,
    is_whole,
    ratio,
    spelled,
    time_of,
)
from melpy.experiments.search import FILTERS, KERNELS, UNITS
from melpy.experiments.why import NAMES, of, summary
from melpy.saving.files import write_atomically

__all__ = ["write"]

Blocks = Iterator[Any]
MEASURED = {
    "products": "table 1", "convolutions": "table 1's convolutions",
    "search": "the search for layers", "gradient": "the convolution's gradient",
}  # fmt: skip


def write(folder: Path, is_quick: bool) -> Path:
    """Draw the figures and write report.html and report.md; return the former's path."""
    results = Results(folder)
    drawn = Drawer(folder)
    blocks = [
        *_beginning(results, is_quick),
        *summary(results, drawn),
        *_loops(results),
        *_selection(results, drawn, "mnist", "2", "13"),
        *_selection(results, drawn, "cifar", "3", "15"),
        *comparison(results, drawn, is_quick),
        *convolution(results, drawn),
        *softmax(results, is_quick),
        *explained(results, drawn),
    ]
    write_atomically(folder / "report.md", markdown(blocks, folder).encode())
    path = folder / "report.html"
    write_atomically(path, html(blocks).encode())
    return path


# The sections.


def _beginning(results: Results, is_quick: bool) -> Blocks:
    yield Heading("The paper, reproduced", 1)
    yield Text(
        'Lenny Malard\'s paper "Implémentation de CNNs avec NumPy" builds convolutional networks '
        "from NumPy alone and trains them on MNIST and CIFAR-10. Here is every table and figure of "
        "it, made anew with this library, beside the paper's numbers where it gives some. Its "
        "networks are named by their numbers in its tables 2 and 3: MNIST 3 is the third of table "
        "2. The paper measured on an Intel i5-12600K. `melpy reproduce` made this page."
    )
    if is_quick:
        yield Text(
            "**This is a quick run**, on 6,000 images for two epochs: it shows that everything "
            "works. Its accuracies and times compare to nothing; the first epoch of a network may "
            "compile its kernels."
        )
    missing = [spelled(name) for name in paper.TIMES if not results.training(name)]
    causes = [cause for cause in NAMES if cause != "exact"]
    missing += [f"CIFAR-10 7, {NAMES[cause]}" for cause in causes if not of(results, cause)]
    missing += [what for name, what in MEASURED.items() if not results.rows(name)]
    if missing:
        yield Text(
            f"**Not all has run yet**: no results of {'; '.join(missing)}. `melpy reproduce"
            f"{' --quick' * is_quick}`, with the same --out, goes on with them."
        )
    used: dict[str, set[str]] = {}  # by machine: what ran on it
    for one in results.all.values():
        found = one["machine"]
        name = f"{found['processor']}, {found['usable_cpus']} CPUs, {found['system']}"
        versions = found["versions"] | one.get("versions", {})
        used.setdefault(name, set()).update(f"{n} {version}" for n, version in versions.items())
    for name, programs in used.items():
        yield Text(f"Measured on: {name}; {', '.join(sorted(programs))}.")


def _loops(results: Results) -> Blocks:
    rows = results.rows("products")
    if not rows:
        return
    yield Heading("Table 1: loops and NumPy")
    yield Text(
        "A matrix product in float64 with three Python loops over lists, with NumPy, which calls "
        "BLAS, and with this library's compiled kernel, which gives the same bits at any number "
        "of threads."
    )
    yield Table(
        ["A, B", "loops", "NumPy", "compiled", "loops, paper", "NumPy, paper",
         "loops / NumPy", "loops / NumPy, paper", "loops / compiled"],
        [
            [
                "({0}, {1}) ({1}, {2})".format(*row["shape"]),
                *(time_of(row[f"{way}_s"]) for way in (
                    "loops", "numpy", "compiled", "paper_loops", "paper_numpy"
                )),
                ratio(row["loops_s"], row["numpy_s"]),
                ratio(row["paper_loops_s"], row["paper_numpy_s"]),
                ratio(row["loops_s"], row["compiled_s"]),
            ]
            for row in rows
        ],
    )  # fmt: skip
    if not results.rows("convolutions"):
        return
    yield Text(
        "The same for the forward pass of one image x, (N, H, W, C), in float64, through filters "
        "w, (H, W, C, filters): the two convolutions of MNIST 3 and the two of CIFAR-10 7."
    )
    yield Table(
        ["x, w", "loops", "im2col", "compiled", "loops / im2col", "im2col / compiled"],
        [
            [
                f"{tuple(row['x'])}, {tuple(row['w'])}",
                time_of(row["loops_s"]), time_of(row["im2col_s"]), time_of(row["compiled_s"]),
                ratio(row["loops_s"], row["im2col_s"]), ratio(row["im2col_s"], row["compiled_s"]),
            ]
            for row in results.rows("convolutions")
        ],
    )  # fmt: skip


def _selection(results: Results, drawn: Drawer, prefix: str, table: str, figure: str) -> Blocks:
    dataset = TITLES[prefix]
    models = [name for name in paper.TIMES if name.startswith(prefix)]
    trained = {name: one for name in models if (one := results.training(name))}
    if not trained:
        return
    yield Heading(f"Table {table}: the trainings on {dataset}")
    yield Text(
        f"{'Whole' if all(map(is_whole, trained.values())) else 'Short'} runs, seed 0; times "
        "include validation on all test images after each epoch, and in the paper on a few before "
        "each step. The best accuracy is the best of all epochs on the test images themselves. The "
        "paper writes a learning rate of 5e-5 as 5^-5. * The layers are inferred: the paper gives "
        "how many there are, which of them have biases, and the number of parameters."
    )
    yield Table(
        ["network", "parameters", "epochs", "batch", "learning rate", "per epoch",
         "per epoch, paper", "in all", "in all, paper", "test, last (best)"],
        [_selection_row(name, trained.get(name)) for name in models],
    )  # fmt: skip
    yield from _derived(results, prefix)
    yield from _placed(results, prefix)
    yield drawn(
        f"figure-{figure}", plots.losses(trained, f"{dataset}: loss on training images"),
        f"Figure {figure}: the loss on training images by epoch, of each network; logarithmic.",
    )  # fmt: skip
    if len(trained) < len(models):
        return
    ends = sorted((one["history"]["loss"][-1], name) for name, one in trained.items())
    best = [f"{prefix}-{number}" for number in paper.BEST[prefix]]
    yield Text(
        f"The paper finds {_all_of(map(spelled, best))} the best by this loss. Here, each after "
        "its number of epochs, the lowest are "
        + _all_of(f"{spelled(name)} ({loss:.3f})" for loss, name in ends[: len(best)])
        + "."
    )


def _selection_row(name: str, one: dict[str, Any] | None) -> list[str]:
    network, times = ARCHITECTURES[name], paper.TIMES[name]
    row = [
        name.split("-")[1] + ("*" if network.derived else ""), f"{network.parameters:,}",
        str(one["training"]["epochs"] if one else network.epochs), str(network.batch_size),
        f"{network.learning_rate:.0e}".replace("e-0", "e-"),
    ]  # fmt: skip
    if one is None:
        return [*row, "-", time_of(times.epoch_s), "-", time_of(times.total_s), "-"]
    accuracy = one["history"]["val_accuracy"]
    return [
        *row, time_of(epoch_s(one)), time_of(times.epoch_s),
        time_of(one["total_s"]), time_of(times.total_s),
        f"{accuracy[-1]:.2%} ({max(accuracy):.2%})",
    ]  # fmt: skip


def _layers(network: Architecture) -> str:
    hidden = ", ".join(str(part) for part in network.parts if isinstance(part, int))
    images = [
        f"{part.kernel_size}x{part.kernel_size} conv {part.filters}"
        if isinstance(part, Conv) else str(part)
        for part in network.parts if not isinstance(part, int)
    ]  # fmt: skip
    return f"{', '.join(images)}, dense {hidden}"


def _all_of(names: Iterable[str]) -> str:
    *names, final = names
    return f"{', '.join(names)} and {final}"


def _derived(results: Results, prefix: str) -> Blocks:
    rows = [row for row in results.rows("search") if row["model"].startswith(prefix)]
    if not rows:
        return
    yield Text(
        "What the search over usual sizes finds for each number of parameters, by filters, "
        "kernel, number of 2x2 poolings and hidden dense layers; usual are "
        f"{', '.join(map(str, FILTERS))} filters, not fewer from one convolution to the next, "
        f"kernels of {', '.join(map(str, KERNELS))}, and {', '.join(map(str, UNITS))} units, half "
        "as many from one dense layer to the next. Where a pooling stands, the number does not "
        "tell."
    )
    yield Table(
        ["networks", "parameters", "trained here", "sizes that give exactly so many"],
        [
            [
                ", ".join(map(spelled, _alike(row["model"]))), f"{row['parameters']:,}",
                _layers(ARCHITECTURES[row["model"]]),
                "; ".join(map(_listed, row["answers"]))
                or "none with equal kernels; with unequal ones: "
                + "; ".join(map(_listed, row["wider"])),
            ]
            for row in rows
        ],
    )  # fmt: skip


def _placed(results: Results, prefix: str) -> Blocks:
    selected = next(name for name in paper.SELECTED if name.startswith(prefix))
    rows = results.rows(f"{selected}-original-places")
    if not rows:
        return
    drawn, *derived = rows
    yield Text(
        "The time may tell where a pooling stands. The original library itself, run here for "
        f"{drawn['steps']} steps of each network: its time per image with the pooling after the "
        "first convolution and after the second, as a multiple of that of "
        f"{spelled(drawn['model'])}, whose layers the paper gives; and the same multiple from the "
        "paper's times per epoch. The trainings of these networks here have it after the first."
    )
    cells = []
    for row in derived:
        ratios = [seconds / drawn["seconds"][0] for seconds in row["seconds"]]
        papers = paper.TIMES[row["model"]].epoch_s / paper.TIMES[drawn["model"]].epoch_s
        off = [abs(math.log(papers / ratio)) for ratio in ratios]
        nearer = ("the first", "the second")[off.index(min(off))]
        cells.append([spelled(row["model"]), *(f"{r:.2f}" for r in (*ratios, papers)), nearer])
    yield Table(
        ["network", "pooling after the first", "pooling after the second", "the paper's times",
         "nearer to"],
        cells,
    )  # fmt: skip
    alike = _alike(derived[0]["model"])
    if len(alike) > 1:
        times = [time_of(paper.TIMES[name].epoch_s) for name in alike]
        yield Text(
            "The paper's times, which outside processes may have affected, as it says, do not "
            f"decide here: {_all_of(map(spelled, alike))} are one network, and its epoch takes "
            f"{_all_of(times)} there. What was trained here may be another network than the "
            "paper's."
        )


def _alike(model: str) -> list[str]:
    """Return the networks of the same layers."""
    parts = ARCHITECTURES[model].parts
    return [name for name in paper.TIMES if ARCHITECTURES[name].parts == parts]


def _listed(made: dict[str, Any]) -> str:
    sizes = made["kernel_sizes"]
    kernels = "-".join(map(str, sizes[:1] if len(set(sizes)) == 1 else sizes))
    filters, units = ("-".join(map(str, made[name])) for name in ("filters", "units"))
    return f"conv {filters}, kernels {kernels}, {made['pools']} pool, hidden {units}"
