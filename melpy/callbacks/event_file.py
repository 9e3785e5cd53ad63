"""A file of TensorBoard's events."""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

from melpy.errors import install, needing
from melpy.files import writing

__all__ = ["EventFile"]

WHO = "TensorBoard"
NUMBER = itertools.count()  # of this process's files: several may begin in one second


class EventFile:
    """A new file in a folder, which is made; each event is in it at once, for whoever reads it.

    TensorBoard's own writer has a thread, whose errors come late and beside the training.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    DependencyError : the package ``tensorboard`` is not installed
    FileError : the file cannot be written
    """

    def __init__(self, folder: Path) -> None:
        with needing(WHO, "the package tensorboard is not installed", install("tensorboard")):
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.summary.writer.record_writer import RecordWriter
        began = f"{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{next(NUMBER)}"
        self.path = folder / f"events.out.tfevents.{began}"
        self.event, self.records = Event, RecordWriter
        with writing(folder, WHO):
            folder.mkdir(parents=True, exist_ok=True)
        self.add(0, file_version="brain.Event:2")

    def add(self, step: int, **what: Any) -> None:
        """Write an event: a summary, a graph."""
        event = self.event(wall_time=time.time(), step=step, **what)
        with writing(self.path, WHO), open(self.path, "ab") as file:
            self.records(file).write(event.SerializeToString())
