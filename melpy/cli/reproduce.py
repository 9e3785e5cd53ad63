"""melpy reproduce: the paper's experiments, and a report of them."""

from __future__ import annotations

import argparse
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command, hinted

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy reproduce --quick", "everything, on a slice, in a few minutes"),
    ("melpy reproduce table4 --keras", "melpy and Keras beside each other"),
)
PARTS = ("all", "table1", "table2", "table3", "table4", "gradient", "figures")


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "reproduce", run,
        help="run the paper's experiments and write a report",
        description="Run the paper's experiments, those that OUT does not hold yet, and write "
        "report.html and report.md. The whole takes hours and goes on where it was stopped.",
        examples=EXAMPLES,
    )  # fmt: skip
    add = made.add_argument
    hinted(add(
        "part", nargs="?", default="all", metavar="PART",
        help="all (default); table1, loops and NumPy; table2, table3, the trainings on MNIST and "
        "on CIFAR-10; table4, beside Keras; gradient, the paper's error; figures, 1 to 14",
    ), PARTS)  # fmt: skip
    add("--quick", action="store_true", help="on a slice, in a few minutes")
    add("--keras", action="store_true", help="Keras in table4 (extra [reproduce])")
    add("--original", metavar="CLONE", help="the original library in gradient, table2 and table3; "
        "from a clone of it with its history")  # fmt: skip
    add("--out", metavar="DIR", help="a folder (runs/reproduction, or with --quick "
        "runs/reproduction-quick)")  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Run what is missing, and write the report."""
    from melpy.experiments.reproduce import Plan, reproduce

    folder = arguments.out
    if folder is None:
        folder = "runs/reproduction" + ("-quick" if arguments.quick else "")
    plan = Plan(arguments.part, arguments.quick, arguments.keras, folder, arguments.original)
    try:
        reproduce(plan, out.say)
    except KeyboardInterrupt:
        out.say(f"\nWhat is finished lies in {folder}; the same command goes on with the rest.")
        raise
    if out.is_json:
        out.json({"folder": folder})
    return 0
