"""Finds the command that was typed, runs it, and answers what goes wrong in one sentence."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from melpy import __version__, job
from melpy.cli.interruption import never_lost, number_of
from melpy.cli.output import speaking
from melpy.errors import DependencyError, MelpyError

__all__ = ["main", "parser", "sentence"]

# In the order of a day's work. A command's room says what it takes (parser), and does it (run).
COMMANDS = (
    "train", "sweep", "predict", "evaluate", "summary", "plot", "lab", "export", "convert", "bench",
    "datasets", "doctor", "warm_up", "completion", "reproduce",
)  # fmt: skip
SHARED = ("melpy.cli.train", "melpy.cli.sweep")  # by all processes that a launcher began


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 2 after bad input, which is answered in one sentence.

    0 is a command that came to its end, 1 one whose reader went away, or a doctor's that found
    something to mend; 130 and 143 are those that Ctrl-C and SIGTERM stopped, as shells count them.
    """
    for stream in (sys.stdout, sys.stderr):  # an encoding without our lines must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    made = parser()
    arguments = _parsed(made, argv)
    if "run" not in arguments:
        made.print_help(sys.stderr)
        return 2
    if job.rank() and arguments.run.__module__ not in SHARED:
        return 0  # the first process of a job does what is done once
    try:
        with never_lost(), speaking(arguments) as out:
            code = arguments.run(arguments, out)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # nobody reads on, as in `melpy datasets | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
    except (MelpyError, OSError) as error:
        _end_the_others(arguments, error)
        if job.is_first_of_its_host() or not isinstance(error, DependencyError):
            print(f"melpy: {sentence(error)}", file=sys.stderr)
    except KeyboardInterrupt as error:
        print("\nmelpy: stopped.", file=sys.stderr)
        return 128 + number_of(error)  # as shells count it
    return 2


def _end_the_others(arguments: argparse.Namespace, error: Exception) -> None:
    """End a job whose processes do a command together: one of them says what is wrong for all."""
    if job.is_launched() and arguments.run.__module__ in SHARED:
        from melpy.distribution import ending_together

        with contextlib.suppress(type(error)), ending_together(is_command=True):
            raise error


def _parsed(made: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed. Of a job's processes, which read the same, one says what is wrong."""
    with contextlib.ExitStack() as quiet:
        if job.rank():
            nowhere = quiet.enter_context(open(os.devnull, "w"))
            quiet.enter_context(contextlib.redirect_stdout(nowhere))
            quiet.enter_context(contextlib.redirect_stderr(nowhere))
        return made.parse_args(argv)


def sentence(error: MelpyError | OSError) -> str:
    """Return what is wrong, in one sentence or two."""
    if isinstance(error, MelpyError):
        return str(error)
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(
        prog="melpy",
        description="Deep learning on NumPy with nothing hidden.",
        epilog="melpy COMMAND --help shows what a command takes, with examples.",
    )
    made.add_argument("--version", action="version", version=f"melpy {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"melpy.cli.{name}").parser(commands)
    return made
