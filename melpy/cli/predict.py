"""melpy predict: what a model tells of images, tables and arrays."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from melpy.cli.output import FORMATS, Output
from melpy.cli.parsing import STOPPED, add_command, model_argument
from melpy.errors import ArgumentError, MelpyError

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy predict runs/photos-cnn new/", "all images in a folder, by a run's model"),
    ("melpy predict model.keras a.jpg b.png --top 1", "images, the likeliest class alone"),
    ("melpy predict model.keras houses.csv --format csv > prices.csv", "rows of a table"),
    ("melpy predict model.keras samples.npy --json", "an array of samples, for a program"),
    ("melpy predict keras.keras a.jpg --scale 0.00392", "a model that takes pixels of 0 to 1"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "predict", run,
        help="say what a model sees on images, or tells of a table's rows",
        description="Say what a model tells of inputs: images (jpg, png, gif, bmp, webp, tif, "
        "ppm), folders of them, .csv and .tsv files with the columns of the training, .npy files "
        "of samples as the model takes them. Images are turned as their camera says, and scaled to "
        "the model's size unless it was trained on images of one size; grey and colours, 16 bits, "
        "palettes, CMYK and transparency are brought to what it takes.",
        examples=EXAMPLES,
        codes=f"0 at the end, 2 after bad input (other inputs are answered), {STOPPED}",
    )  # fmt: skip
    model_argument(made)
    made.add_argument("inputs", metavar="INPUT", nargs="+", help="files and folders")
    made.add_argument("--format", choices=FORMATS, default="table", help="of the results (table)")
    made.add_argument("--top", type=int, default=3, metavar="K", help="classes to tell of (3)")
    made.add_argument("--resize", action="store_true", help="scale images of another size, where "
                      "the model was trained on images of one size")  # fmt: skip
    made.add_argument("--invert", action="store_true", help="for dark ink on paper: MNIST's is "
                      "light on dark")  # fmt: skip
    made.add_argument("--scale", type=float, default=1.0, metavar="X", help="multiply pixels, "
                      "which are 0 to 255 unless the model's file says otherwise")  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Predict."""
    from melpy.experiments import answers
    from melpy.experiments.inputs import Reader, outputs_of
    from melpy.experiments.opened import opened

    if arguments.top < 1:
        raise ArgumentError(
            "predict", "--top is out of range", expected="a whole number of at least 1",
            received={"top": arguments.top},
        )  # fmt: skip
    found = opened(arguments.model, "predict")
    reader = Reader(found, arguments.resize, arguments.invert, arguments.scale)
    parts: list[Any] = []  # names and outputs: all of them tell what the outputs are
    failures = 0

    def failed(error: MelpyError) -> None:
        nonlocal failures
        failures += 1
        print(f"melpy: {error}", file=sys.stderr)

    for path in arguments.inputs:
        try:
            for names, x in reader.batches(path, failed):
                parts.append((names, outputs_of(found.model, x)))
        except MelpyError as error:  # the other inputs still get their answer
            failed(error)
    header, rows = answers.told(found.model, found.task, parts, arguments.top)
    if rows or out.is_json:
        out.rows(header, rows, "predictions", model=found.path)
    return 2 if failures else 0
