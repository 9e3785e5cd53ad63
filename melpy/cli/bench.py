"""melpy bench: how long a model takes, here and in ONNX Runtime."""

from __future__ import annotations

import argparse
from typing import Any

from melpy import config
from melpy.cli.output import FORMATS, Output
from melpy.cli.parsing import add_command, model_argument
from melpy.errors import whole_numbers

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy bench runs/digits-lenet5", "one sample, and 32 at a time"),
    ("melpy bench model.keras --samples 1 8 64 --threads 1", "other numbers, on one thread"),
    ("melpy bench model.onnx --format csv > times.csv", "for a spreadsheet"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "bench", run,
        help="measure how long a model takes, beside ONNX Runtime",
        description="Measure how long a model takes for drawn samples: the median of some rounds, "
        "and the quarters below and above it. Where ONNX Runtime is installed, it takes turns with "
        "melpy, on as many threads.",
        examples=EXAMPLES,
    )  # fmt: skip
    model_argument(made)
    made.add_argument("--samples", type=int, nargs="+", default=[1, 32], metavar="N",
                      help="at a time (1 32)")  # fmt: skip
    made.add_argument("--rounds", type=int, default=15, metavar="N", help="(15)")
    made.add_argument("--threads", type=int, metavar="N", help="(every usable CPU)")
    made.add_argument("--format", choices=FORMATS, default="table", help="of the results (table)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Measure."""
    from melpy.experiments.latency import measured
    from melpy.experiments.machine import machine
    from melpy.experiments.opened import opened

    whole_numbers("bench", 1, rounds=arguments.rounds)
    for samples in arguments.samples:
        whole_numbers("bench", 1, samples=samples)
    if arguments.threads is not None:
        config.set_threads(arguments.threads)
    found = opened(arguments.model, "bench")
    rows = measured(found, arguments.samples, arguments.rounds, out.say)
    about = {
        "model": found.path, "threads": config.threads(), "kernels": config.kernels(),
        "rounds": arguments.rounds,
    }  # fmt: skip
    out.rows(
        list(rows[0]), [list(row.values()) for row in rows], "times",
        **about, **({"machine": machine()} if out.is_json else {}),
    )  # fmt: skip
    return 0
