"""A model that is on disk, of whatever kind, and what its file says of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from melpy import budget, saving
from melpy.errors import ArgumentError, DataError, MissingFileError
from melpy.experiments.columns import Column
from melpy.experiments.networks import ENDINGS
from melpy.experiments.stopping import hint
from melpy.experiments.task import Task
from melpy.saving.files import reading

__all__ = ["ENDINGS", "MODEL", "Opened", "opened", "run_of"]

MODEL = "model.keras"  # in a run's folder


@dataclass(frozen=True)
class Opened:
    """A model and how it is used.

    Parameters
    ----------
    model : the model
    path : Path, its file
    task : Task, what its outputs mean; None where the file does not say
    high : float, the value of a white pixel
    is_exact : bool, whether an image of another size is refused unless it is asked to be scaled
    columns : of a table
    """

    model: Any
    path: Path
    task: Task | None = None
    high: float = 255.0
    is_exact: bool = False
    columns: list[Column] = field(default_factory=list)


def opened(path: str | Path, who: str) -> Opened:
    """Return the model of a file, or of the folder that `melpy train` left.

    Parameters
    ----------
    path : a ".keras", ".h5" or ".onnx" file, a folder that ``save(zipped=False)`` wrote, or a run
    who : the command, in messages

    Raises
    ------
    ArgumentError : a run that has no model yet, or a file of weights alone
    MissingFileError, FileError, DataError : the file is not there, cannot be read, or is damaged
    """
    path = Path(path)
    if path.is_dir() and not (path / "config.json").exists():
        path = _of_run(path, who)
    if not path.exists():
        raise MissingFileError(
            who, f"there is no {path}", expected="a model's file, or a folder that train left"
        )
    name = path.name.lower()
    if not path.is_dir() and (not name.endswith(ENDINGS) or name.endswith(".weights.h5")):
        raise ArgumentError(
            who,
            f"{path} is no whole model",
            expected=f"a file that ends in {', '.join(ENDINGS)}, or a folder that train left",
            mend="Weights alone become a model by `melpy convert WEIGHTS MODEL --like MODEL`.",
        )
    read = saving.load_onnx if path.suffix.lower() == ".onnx" else saving.load_model
    model = read(path)
    with reading(path, who, "notes that `melpy train` wrote"):
        return _described(model, path, saving.notes_of(model))


def _described(model: Any, path: Path, notes: Mapping[str, Any]) -> Opened:
    task, image = Task.of_notes(notes), notes.get("image") or {}
    high = float(image.get("high", 255.0))
    if not 0 < high <= 1e6:
        raise ValueError("a white pixel has no such value")
    columns = [Column.of_notes(one) for one in notes.get("columns") or []]
    if task and task.is_of_classes and len(task.class_names) != model.output_shape[-1]:
        raise ValueError(f"it names {len(task.class_names)} classes, of other outputs")
    return Opened(model, path, task, high, bool(image.get("exact")), columns)


def _of_run(folder: Path, who: str) -> Path:
    """Return a run's model."""
    with run_of(folder, who, str(folder)) as report:
        if report["interrupted"] and report["results"] is None:
            raise ArgumentError(
                who,
                f"{folder} holds a run that was stopped before it had a model to keep",
                expected="a run that came to its end, or was stopped by Ctrl-C",
                mend=hint(folder),
            )
    if not (folder / MODEL).is_file():
        raise MissingFileError(
            who,
            f"{folder} has lost its {MODEL}",
            expected="a folder as `melpy train` left it",
            mend="Train it again, or name a model's file.",
        )
    return folder / MODEL


@contextmanager
def run_of(folder: str | Path, who: str, named: str) -> Iterator[Any]:
    """Give a run's run.json; what is wrong with it is said of the file.

    Parameters
    ----------
    named : str, the folder in messages
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise ArgumentError(
            who,
            f"{named} holds no run",
            expected=f"a folder that `melpy train` left, with run.json and {MODEL}",
        )
    with reading(path, who, "a run.json that `melpy train` wrote"):
        report = budget.read_json(path.read_bytes(), who)
        if not isinstance(report, dict) or not isinstance(report["arguments"], dict):
            raise DataError(who, "run.json holds no run", expected="what `melpy train` wrote")
        _ = report["interrupted"], report["results"]  # a KeyError says that it is damaged
        yield report
