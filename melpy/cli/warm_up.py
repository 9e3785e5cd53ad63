"""melpy warm-up: the kernels compiled now, so that no training waits for them."""

from __future__ import annotations

import argparse
import time
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy warm-up", "compile all, in about 40 seconds"),
    ("NUMBA_CACHE_DIR=/cache melpy warm-up", "for an image of a container, say"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    add_command(
        commands, "warm-up", run,
        help="compile the kernels now, for all later runs",
        description="Compile the kernels once for this machine; later runs load them from Numba's "
        "cache, beside the package or in NUMBA_CACHE_DIR. Where no folder can be written, that is "
        "said, and nothing is compiled.",
        examples=EXAMPLES,
    )  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Compile."""
    from melpy.warm_up import warm_up

    begun_s = time.perf_counter()
    warm_up(out.say)
    if out.is_json:
        out.json({"seconds": time.perf_counter() - begun_s})
    return 0
