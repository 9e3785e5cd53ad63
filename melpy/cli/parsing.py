"""What the commands' parsers share: how --help looks, and the options that all have."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["BAD_INPUT", "STOPPED", "add_command", "hinted", "model_argument"]

WIDTH = 88
STOPPED = "130 after Ctrl-C, 143 after SIGTERM"  # of every command
BAD_INPUT = f"0 at the end, 2 after bad input, {STOPPED}"
Example = tuple[str, str]  # a command as it is typed, and what it does


def add_command(
    commands: Any,
    name: str,
    run: Callable[..., int],
    *,
    help: str,
    description: str,
    examples: Sequence[Example],
    codes: str = BAD_INPUT,
) -> argparse.ArgumentParser:
    """Add a command, with examples and exit codes in its --help, and --json and --quiet.

    Parameters
    ----------
    commands : what ``add_subparsers`` returned
    run : function of the arguments and an `Output` that returns the exit code
    help, description : str, in a line and in full
    examples : pairs of a command, as it is typed, and what it does
    codes : str, the exit codes
    """
    lines = [f"  {typed}\n      {does}" for typed, does in examples]
    epilog = "examples:\n" + "\n".join(lines) + "\n\n"
    epilog += "\n".join(textwrap.wrap(f"exit codes: {codes}", WIDTH))
    made = commands.add_parser(
        name,
        help=help,
        description="\n".join(textwrap.wrap(description, WIDTH)),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--json", action="store_true", help="results as JSON; all else goes to standard error"
    )
    made.add_argument("--quiet", action="store_true", help="nothing but results and errors")
    made.set_defaults(run=run, examples=[typed for typed, _ in examples])
    return made


def hinted(action: argparse.Action, words: Sequence[str]) -> argparse.Action:
    """Let the shell offer words for an argument that takes others, such as paths, too."""
    action.hints = list(words)  # type: ignore[attr-defined]
    return action


def model_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a model."""
    parser.add_argument(
        "model", metavar="MODEL",
        help="a .keras, .h5 or .onnx file, or a folder that melpy train left",
    )  # fmt: skip
