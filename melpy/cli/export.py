"""melpy export: a model as an ONNX file, for other runtimes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command, model_argument
from melpy.errors import ArgumentError

__all__ = ["ending_of", "parser", "require_new", "run"]

EXAMPLES = (
    ("melpy export runs/photos-cnn", "model.onnx, beside the run's model.keras"),
    ("melpy export model.keras --opset 21 --out out.onnx", "of another opset"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "export", run,
        help="write a model as ONNX",
        description="Write a model as an ONNX file, which ONNX Runtime, OpenVINO and others run. "
        "What ONNX cannot say is told, all at once, and nothing is written.",
        examples=EXAMPLES,
    )  # fmt: skip
    model_argument(made)
    made.add_argument("--out", metavar="FILE", help="(the model's name, with .onnx)")
    made.add_argument("--opset", type=int, metavar="N", help="ONNX's version (the exporter's own)")
    made.add_argument("--force", action="store_true", help="replace a file that is there")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Export."""
    from melpy.experiments.columns import require_numbers
    from melpy.experiments.opened import opened

    found = opened(arguments.model, "export")
    path = Path(arguments.out or found.path.with_suffix(".onnx"))
    if ending_of(path) != ".onnx":
        raise ArgumentError(
            "export", f"{path} is no name for an ONNX file", expected="one that ends in .onnx",
            mend="`melpy convert` writes other kinds of files.",
        )  # fmt: skip
    require_new(path, arguments.force, "export")
    require_numbers(found.columns, "export")
    options = {} if arguments.opset is None else {"opset_version": arguments.opset}
    found.model.export(str(path), verbose=False, **options)
    if out.is_json:
        out.json({"file": path, "bytes": path.stat().st_size})
    else:
        out.say(f"{path} is written, {path.stat().st_size:,} bytes.")
    return 0


def ending_of(path: Path) -> str:
    """Return what a file's name ends in, of weights with both parts: ".weights.h5"."""
    name = path.name.lower()
    return next(
        (e for e in (".weights.h5", ".weights.json") if name.endswith(e)), path.suffix.lower()
    )


def require_new(path: Path, force: bool, who: str) -> None:
    """Refuse to replace a file that is there, unless that is asked for."""
    if path.exists() and not force:
        raise ArgumentError(
            who, f"{path} is there already", expected="a new name", mend="Replace it by --force."
        )
