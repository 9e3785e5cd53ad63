"""melpy sweep: one training with many settings, and a table of what came of each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from melpy.cli.output import FORMATS, Output
from melpy.cli.parsing import add_command, hinted
from melpy.cli.train import DATASETS, MODELS
from melpy.errors import ArgumentError, whole_numbers

__all__ = ["parser", "run"]

# What may have several values, and of which kind these are.
SWEPT = {"model": str, "epochs": int, "batch_size": int, "learning_rate": float, "seed": int,
         "image_size": str}  # fmt: skip
FIXED = ("validation", "augment", "channels", "skip_damaged", "target", "task", "ignore")

EXAMPLES = (
    ("melpy sweep mnist --model mnist-1,mnist-2,mnist-3,mnist-4,mnist-5",
     "the trainings of the paper's table 2"),
    ("melpy sweep --learning-rate 1e-2,1e-3 --batch-size 16,64 --seed 0,1 --epochs 10",
     "eight trainings of LeNet-5 on the digits"),
    ("melpy sweep houses.csv --learning-rate 1e-4..1e-1 --optuna 30 --jobs 4",
     "30 as Optuna suggests them, four at once"),
)  # fmt: skip


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "sweep", run,
        help="train with many settings, and compare",
        description="Train once with each of several settings, each training in a folder of its "
        "own as melpy train leaves it, and write a table of them, the best first, which lies in "
        "sweep.csv too. Values stand between commas. The same command goes on with a sweep that "
        "was stopped. As mpiexec -n 5 melpy sweep ..., the first process hands the trainings out "
        "to the four others, on any number of machines with one file system.",
        examples=EXAMPLES,
    )  # fmt: skip
    add = made.add_argument
    hinted(add("dataset", nargs="?", default="digits", metavar="DATA",
               help="as for melpy train (digits)"), DATASETS)  # fmt: skip
    hinted(add("--model", metavar="NAMES", help="networks, as for melpy train"), MODELS)
    add("--epochs", metavar="NUMBERS", help="how often to go through the training data")
    add("--batch-size", metavar="NUMBERS", help="samples a step")
    add("--learning-rate", metavar="NUMBERS", help="Adam's step sizes")
    add("--seed", metavar="NUMBERS", help="of weights, batch order and what is held back (0)")
    add("--image-size", metavar="SIZES", help="of a folder's images")
    add("--optuna", type=int, metavar="N", help="try N settings, as Optuna suggests them: values "
        "between commas, or of a range, LOW..HIGH")  # fmt: skip
    add("--jobs", type=int, default=1, metavar="N", help="trainings at once, which share the CPUs "
        "(1)")  # fmt: skip
    for name, more in (
        ("--validation", {"metavar": "SHARE|PATH"}),
        ("--augment", {"action": "store_true"}),
        ("--channels", {"type": int, "choices": (1, 3)}),
        ("--skip-damaged", {"action": "store_true"}),
        ("--target", {"metavar": "COLUMN"}),
        ("--task", {"choices": ("classification", "regression")}),
        ("--ignore", {"metavar": "COLUMNS"}),
    ):
        add(name, help="as for melpy train", **more)
    add("--out", metavar="DIR", help="the folder of the sweep (sweeps/DATA)")
    add("--format", choices=FORMATS, default="table", help="of the results (table)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Sweep."""
    from melpy.experiments import sweep as sweeps
    from melpy.experiments.searches import Grid, Range, Suggestions
    from melpy.experiments.settings import Settings

    whole_numbers("sweep", 1, jobs=arguments.jobs, optuna=arguments.optuna)
    choices = {name: _values(arguments, name, Range.read) for name in SWEPT}
    choices = {name: values for name, values in choices.items() if values}
    given = {name: getattr(arguments, name) for name in FIXED if getattr(arguments, name)}
    fixed = {"dataset": arguments.dataset} | given
    if arguments.optuna is None:
        for values in _all_of(Grid(choices)):
            Settings(**fixed | values).complete()  # what is wrong is refused before the work
        search: Any = Grid(choices)
    else:
        Settings(**fixed).complete()
        search = Suggestions(choices, arguments.optuna, 0)
    folder = Path(arguments.out or f"sweeps/{Path(arguments.dataset).stem}")
    rows, is_first = sweeps.sweep(fixed, search, folder, arguments.jobs, out.say)
    if is_first:
        out.say("")
        names = sweeps.columns_of(rows)
        out.rows(names, [[row.get(name) for name in names] for row in rows], "trials",
                 folder=str(folder))  # fmt: skip
        out.say(f"\nThe table lies in {folder / sweeps.TABLE}.")
    return 0


def _all_of(search: Any) -> Any:
    while (values := search.next()) is not None:
        yield values


def _values(arguments: argparse.Namespace, name: str, range_of: Any) -> list[Any]:
    """Return the values of an option, those between commas; or the one range."""
    text, kind = getattr(arguments, name), SWEPT[name]
    try:
        found = range_of(text, kind) if text and kind is not str else None
        words = text.split(",") if text else []
        return [found] if found is not None else [kind(word.strip()) for word in words]
    except ValueError as error:
        raise ArgumentError(
            "sweep", f"--{name.replace('_', '-')} is no list of numbers",
            expected="numbers between commas, or LOW..HIGH with --optuna",
            received={name: text},
        ) from error  # fmt: skip
