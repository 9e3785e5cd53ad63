"""melpy evaluate: how good a model is on data whose answers are known."""

from __future__ import annotations

import argparse
from typing import Any

from melpy.cli.output import Output, table
from melpy.cli.parsing import add_command, hinted, model_argument
from melpy.cli.train import DATASETS

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy evaluate runs/photos-cnn photos-of-today", "a run's model on other images"),
    ("melpy evaluate runs/digits-lenet5 digits", "on a data set's test images"),
    ("melpy evaluate model.keras houses.csv --json", "on a table, for a program"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "evaluate", run,
        help="measure a model on data whose answers are known",
        description="Measure a model on a data set's test images, on a folder of images with a "
        "folder for each class, or on a table that has the target's column: loss, accuracy, and "
        "each class's precision and recall; or the mean absolute error, the root of the mean "
        "squared one, and R2.",
        examples=EXAMPLES,
    )  # fmt: skip
    model_argument(made)
    hinted(made.add_argument(
        "data", metavar="DATA", help=f"{', '.join(DATASETS)}, a folder of images, or a CSV file",
    ), DATASETS)  # fmt: skip
    made.add_argument("--target", metavar="COLUMN", help="of a table (the training's)")
    made.add_argument("--scale", type=float, metavar="X", help="multiply pixels, "
                      "which are 0 to 255 unless the model's file says otherwise")  # fmt: skip
    made.add_argument("--skip-damaged", action="store_true", help="leave out images that cannot "
                      "be read")  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Measure."""
    from melpy.experiments.evaluating import evaluated

    told = evaluated(
        arguments.model, arguments.data, arguments.target, arguments.scale, arguments.skip_damaged
    )
    if out.is_json:
        out.json(told)
        return 0
    classes = told.pop("classes", None)
    told.pop("confusion", None)
    out.values(told)
    if classes:
        out.write("")
        out.write(table(list(classes[0]), [list(one.values()) for one in classes]))
    return 0
