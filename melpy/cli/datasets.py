"""melpy datasets: those that melpy knows, and which are on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from melpy import config
from melpy.cli.output import Output
from melpy.cli.parsing import add_command, hinted
from melpy.errors import ArgumentError

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy datasets", "which there are, and which are on this machine"),
    ("melpy datasets get mnist", "download one, and check it"),
    ("melpy datasets --json", "the list, for a program"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "datasets", run,
        help="list the data sets, or get one",
        description="List the data sets of images that melpy train knows by name, or download one "
        "into $MELPY_HOME/datasets (~/.cache/melpy/datasets) and check it.",
        examples=EXAMPLES,
    )  # fmt: skip
    hinted(made.add_argument("action", nargs="?", metavar="get", help="download NAME"), ["get"])
    names = ["digits", "mnist", "fashion-mnist", "cifar-10", "cifar-100"]
    hinted(made.add_argument("name", nargs="?", metavar="NAME", help=", ".join(names)), names)


def run(arguments: argparse.Namespace, out: Output) -> int:
    """List the data sets, or get one."""
    from melpy import datasets

    if arguments.action is None:
        rows = [
            [name, datasets.status(name).here, module.DESCRIPTION]
            for name, module in datasets.DATASETS.items()
        ]
        if not out.is_json:
            rows = [[name, "here" if here else "not here", text] for name, here, text in rows]
        folder = config.home() / "datasets"
        out.rows(["name", "here", "what"], rows, "datasets", folder=folder)
        out.say(f"\nFolder: {folder}")
        return 0
    if arguments.action != "get" or arguments.name is None:
        raise ArgumentError(
            "datasets",
            "this is nothing to do with data sets",
            expected="nothing, or: get NAME",
            received={"action": arguments.action, "name": arguments.name},
        )
    (x_train, _), (x_test, _) = datasets.load(arguments.name)
    if out.is_json:
        out.json({"name": arguments.name, "training": len(x_train), "test": len(x_test)})
    else:
        out.write(
            f"{arguments.name} is here: {len(x_train):,} training and {len(x_test):,} test images."
        )
    return 0
