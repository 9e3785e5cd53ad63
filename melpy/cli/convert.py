"""melpy convert: from any kind of model's file to any other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melpy.cli.export import ending_of, require_new
from melpy.cli.output import Output
from melpy.cli.parsing import add_command
from melpy.errors import ArgumentError, MissingFileError

if TYPE_CHECKING:
    from melpy.experiments.opened import Opened

__all__ = ["parser", "run"]

WHOLE = (".keras", ".h5", ".hdf5", ".onnx")
WITH_NOTES = (".keras", ".onnx")
WEIGHTS = (".weights.h5", ".safetensors", ".npz")
IN_PARTS = ".weights.json"  # read, not written
READ = (*WEIGHTS, IN_PARTS)

EXAMPLES = (
    ("melpy convert model.h5 model.keras", "Keras 2's kind of file to Keras 3's"),
    ("melpy convert runs/photos-cnn photos.safetensors", "the weights alone, of a run's model"),
    ("melpy convert weights.npz model.keras --like old.keras", "weights into another model"),
    ("melpy convert model.onnx model.keras", "ONNX in"),
    ("melpy convert model.keras model.json", "the description, without weights"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "convert", run,
        help="write a model's file as one of another kind",
        description=f"Write a model as a file of another kind, which its name tells: whole models "
        f"{', '.join(WHOLE)}; weights alone {', '.join(WEIGHTS)}; .json for a description without "
        "weights. Names of classes and columns are kept in .keras and .onnx files.",
        examples=EXAMPLES,
    )  # fmt: skip
    made.add_argument("source", metavar="FROM", help="a model's file, a run, or a file of weights")
    made.add_argument("out", metavar="TO", help="the file to write")
    made.add_argument("--like", metavar="MODEL", help="for a file of weights: a model of the same "
                      "layers, or its .json description")  # fmt: skip
    made.add_argument("--force", action="store_true", help="replace a file that is there")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Convert."""
    from melpy.experiments.columns import require_numbers
    from melpy.saving import notes_of

    path, who = Path(arguments.out), "convert"
    ending = ending_of(path)
    _require_known(path, ending, who)
    require_new(path, arguments.force, who)
    found = _model(Path(arguments.source), arguments.like)
    model = found.model
    if ending == ".onnx":
        require_numbers(found.columns, who)
        model.export(str(path), verbose=False)
    elif ending == ".json":
        from melpy.saving.files import write_atomically

        write_atomically(path, model.to_json(indent=2).encode() + b"\n", who)
    elif ending in WEIGHTS:
        model.save_weights(path)
    else:
        model.save(path)
    if out.is_json:
        out.json({"file": path, "bytes": path.stat().st_size})
    else:
        out.say(f"{path} is written, {path.stat().st_size:,} bytes.")
    left = [] if ending in WITH_NOTES else [*notes_of(model)]
    if left:
        out.say(f"Not in it: {', '.join(left)}. A .keras or an .onnx file holds these too.")
    return 0


def _require_known(path: Path, ending: str, who: str) -> None:
    """Refuse a file's name that does not say which of the kinds it is."""
    mend = ""
    if ending == IN_PARTS:
        mend = "model.save_weights writes weights in several files, with max_shard_size."
    elif ending in (*WHOLE, *WEIGHTS) and not path.name.endswith(ending):
        mend = "Write the ending in small letters."
    elif ending in (*WHOLE, *WEIGHTS, ".json"):
        return
    raise ArgumentError(
        who, f"{path} is of no {'kind that convert writes' if mend else 'known kind'}",
        expected=f"a name that ends in {', '.join((*WHOLE, *WEIGHTS))}, or in .json for a "
        "description without weights",
        mend=mend,
    )  # fmt: skip


def _model(source: Path, like: str | None) -> Opened:
    """Return the model of a file; of weights alone, with the layers of another."""
    from melpy.experiments.opened import opened

    if ending_of(source) not in READ:
        if like is not None:
            raise ArgumentError(
                "convert", "--like is for weights, which are no model alone",
                expected=f"a file that ends in {', '.join(READ)}",
                received={"FROM": str(source)},
            )  # fmt: skip
        return opened(source, "convert")
    if like is None:
        raise ArgumentError(
            "convert", f"{source} holds weights alone, which are no model",
            expected="a model of the same layers beside it", mend="Name it: --like MODEL.",
        )  # fmt: skip
    if not source.is_file():
        raise MissingFileError("convert", f"there is no {source}", expected="a file of weights")
    found = _of_description(Path(like)) if like.endswith(".json") else opened(like, "convert")
    found.model.load_weights(source)
    return found


def _of_description(path: Path) -> Opened:
    from melpy import saving
    from melpy.experiments.opened import Opened
    from melpy.files import reading

    with reading(path, "convert", "a description that to_json made"):
        return Opened(saving.model_from_json(path.read_text(encoding="utf-8")), path)
