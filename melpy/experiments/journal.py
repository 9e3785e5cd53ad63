"""The log of a run: a line of JSON for each thing that happens, kept as it happens."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

from melpy.callbacks import Callback
from melpy.saving.files import writing

__all__ = ["Journal", "as_json", "plain"]


class Journal(Callback):
    """Adds lines to a file: each has "time", in UTC, "event", and what belongs to it.

    Parameters
    ----------
    path : of the file; what is in it stays
    clock : Clock, which knows how long an epoch took
    """

    def __init__(self, path: Path, clock: Any) -> None:
        self.path, self.clock = path, clock

    def tell(self, event: str, **values: Any) -> None:
        """Add a line."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps(plain({"time": now, "event": event, **values}), allow_nan=False)
        with writing(self.path, "train"), open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the epoch's line: its number from 1, its seconds, loss and metrics."""
        seconds = self.clock.seconds[-1] if self.clock.seconds else None
        self.tell("epoch", epoch=epoch + 1, seconds=seconds, **(logs or {}))


def as_json(report: Any) -> bytes:
    """Return a run.json; null stands for a number that is not finite, which JSON does not know."""
    return json.dumps(plain(report), indent=2, allow_nan=False).encode() + b"\n"


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: NumPy's numbers as Python's, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
