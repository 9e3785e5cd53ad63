"""The command line: ``melpy COMMAND ...``; each command is a room of its own."""

from melpy.cli.main import main

__all__ = ["main"]
