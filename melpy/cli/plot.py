"""melpy plot: a model as a picture, or how a run's numbers went."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command, model_argument
from melpy.errors import ArgumentError, install, needing

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy plot runs/digits-lenet5 --out lenet5.svg", "the model's layers, as boxes and arrows"),
    ("melpy plot model.keras --shapes --out model.png", "with the shapes that go in and out"),
    ("melpy plot runs/digits-lenet5 --curves", "loss and accuracy by epoch, also amid a training"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "plot", run,
        help="draw a model, or the curves of a run",
        description="Draw a model's layers into an .svg, .png or .pdf file, or loss and accuracy "
        "of a run by epoch, also of one that is still at work.",
        examples=EXAMPLES,
    )  # fmt: skip
    model_argument(made)
    made.add_argument("--out", metavar="FILE", help="(model.svg, or curves.png)")
    made.add_argument("--curves", action="store_true", help="of a run: loss and accuracy by epoch")
    made.add_argument("--shapes", action="store_true", help="show the shapes of inputs and outputs")
    made.add_argument("--nested", action="store_true", help="draw the layers of models inside")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Draw."""
    from melpy import viz

    path = arguments.out or ("curves.png" if arguments.curves else "model.svg")
    if arguments.curves:
        folder = Path(arguments.model)
        history = _history(folder)
        _require_matplotlib()
        epochs = range(len(history["loss"]))
        viz.save(viz.curves(history, epochs, folder.name), path)
    else:
        from melpy.experiments.opened import opened

        model = opened(arguments.model, "plot").model
        viz.plot_model(
            model, path, show_shapes=arguments.shapes, show_layer_names=True,
            expand_nested=arguments.nested,
        )  # fmt: skip
    if out.is_json:
        out.json({"file": path})
    else:
        out.say(f"{path} is drawn.")
    return 0


def _history(folder: Path) -> dict[str, list[float]]:
    """Return the numbers of a run's history.csv."""
    from melpy.files import reading

    path = folder / "history.csv"
    if not path.is_file():
        raise ArgumentError(
            "plot", f"{folder} holds no history.csv", expected="a folder that `melpy train` left"
        )
    with reading(path, "plot", "a history.csv that `melpy train` wrote"):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        history = {name: [float(row[name]) for row in rows] for name in rows[0] if name != "epoch"}
        _ = history["loss"]  # a KeyError says that it is another file
    return history


def _require_matplotlib() -> None:
    with needing("plot", "Matplotlib, which draws, is not installed", install("plots")):
        import matplotlib  # noqa: F401
