"""A session's answers as files, from which the page plays without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from melpy.lab.session import Session
from melpy.saving.files import write_atomically, writing

__all__ = ["Recorder"]

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


class Recorder:
    """Keeps what a session is asked and what it answers, from when it is made.

    Parameters
    ----------
    session : Session, whose answers are kept from now on

    Examples
    --------
    A page that plays one sample, and the first filter of one convolution:

        recorder = Recorder(session)
        told = session.trace({"sample": 0})
        session.convolution({"trace": told["trace"], "path": "conv1", "filter": 0})
        recorder.write("recorded")
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.heard: dict[str, tuple[str, dict[str, Any], dict[str, Any], bytes | None]] = {}
        for name in ("trace", "convolution", "pooling"):
            setattr(session, name, self.noting(f"/api/{name}", getattr(session, name)))

    def noting(self, path: str, answer: Answer) -> Answer:
        """Return a function that answers as another does, and keeps what it answers."""

        def noted(asked: Mapping[str, Any]) -> dict[str, Any]:
            told = answer(asked)
            key = json.dumps([path, asked], sort_keys=True)
            body = self.session.arrays(told["id"]) if "id" in told else None
            self.heard.setdefault(key, (path, dict(asked), dict(told), body))
            return told

        return noted

    def write(self, folder: str | Path) -> Path:
        """Write all answers into a folder, which is made; return it.

        ``lab.json`` is the answer of /api/lab with, under "recorded", which file answers which
        question: a name, to which ".json" and ".bin" are added.
        """
        folder = Path(folder)
        with writing(folder, "Recorder"):
            folder.mkdir(parents=True, exist_ok=True)
        names: dict[str, str] = {}  # of traces, by their ids
        counts: dict[str, int] = {}
        index: list[dict[str, Any]] = []
        for path, asked, told, body in self.heard.values():
            kind = path.rsplit("/", 1)[-1]
            counts[kind] = counts.get(kind, -1) + 1
            name = f"{kind}-{counts[kind]}"
            if kind == "trace":
                names[told["id"]] = name
            named = {key: name for key in ("id", "trace") if key in told}
            question = {**asked, "trace": names[asked["trace"]]} if "trace" in asked else asked
            _write(folder / f"{name}.json", {**told, **named})
            if body is not None:
                write_atomically(folder / f"{name}.bin", body, "Recorder")
            index.append({"path": path, "body": question, "file": name})
        _write(folder / "lab.json", {**self.session.lab(), "is_recorded": True, "recorded": index})
        return folder


def _write(path: Path, value: Any) -> None:
    content = json.dumps(value, allow_nan=False) + "\n"
    write_atomically(path, content.encode(), "Recorder")
