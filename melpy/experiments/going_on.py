"""What a run needs to go on after it was stopped: its settings, and the same data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, DataError, MissingFileError
from melpy.experiments.opened import run_of
from melpy.experiments.prepared import WHO, Prepared
from melpy.experiments.settings import Settings

__all__ = ["PLACES", "require_same_data", "settings_of"]

# The settings that may be paths, and how another place is said beside --resume.
PLACES = {"dataset": "DATA", "validation": "--validation PATH", "model": "--model FILE"}


def settings_of(folder: str | Path, moved: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a run that was stopped, to go on with.

    Parameters
    ----------
    folder : the run's
    moved : by the settings' names, where files lie now that are not where the run had them

    Raises
    ------
    ArgumentError : the folder holds no run, or one that came to its end; or what did not move is
        said to have
    MissingFileError : files that the run was begun with are not there
    """
    with run_of(folder, WHO, f"--resume {folder}") as report:
        arguments, is_finished = report["arguments"], not report["interrupted"]
        settings = Settings(**arguments | {"out": str(folder)})
        paths = {
            name: path for name in PLACES if Path(path := arguments.get(name, "")).is_absolute()
        }
        gone = {name: path for name, path in paths.items() if not Path(path).exists()}
        if not gone:
            settings.complete()  # what is wrong now is so in the file
    if is_finished:
        raise ArgumentError(
            WHO,
            f"--resume {folder}: this run came to its end",
            expected="a run that was stopped",
            mend="Begin another one without --resume.",
        )
    for name, now in (moved or {}).items():
        if name not in gone:
            raise ArgumentError(
                WHO,
                f"--resume {folder}: a run goes on as it was begun",
                expected=f"no other {name} than {getattr(settings, name)}",
                received={name: now},
            )
    lost = next((name for name in gone if name not in (moved or {})), None)
    if lost is not None:
        raise MissingFileError(
            WHO,
            f"--resume {folder}: its {lost} is not there any more: {gone[lost]}",
            expected="the files that the run was begun with",
            mend=f"Say where they are now: melpy train --resume {folder} {PLACES[lost]}.",
        )
    return replace(settings, **(moved or {})).complete()


def require_same_data(folder: Path, ready: Prepared) -> None:
    """Refuse to go on with data that is not what the run was begun with."""
    with run_of(folder, WHO, str(folder)) as report:
        before = report.get("data", "")
    if before != ready.digest:
        raise DataError(
            WHO, f"the data of {folder} has changed since the run was begun",
            expected="the same files", mend="Begin another run without --resume.",
        )  # fmt: skip
