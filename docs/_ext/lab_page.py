"""The Lab within the site: its own page and modules, which play a recording instead of a server.

The recording is made by `python tools/lab_recording.py docs/_lab/recorded`. A site without one says
where the Lab is, and links to nothing.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import melpy

PAGE = Path(melpy.__file__).parent / "lab" / "static"
HERE = Path(__file__).parents[1] / "_lab" / "recorded"


def is_there() -> bool:
    """Return whether there is a page and a recording for it to play."""
    return (PAGE / "index.html").exists() and (HERE / "lab.json").exists()


def address(page: str, room: str, language: str) -> str | None:
    """Return where a room is played, seen from a page; None without a recording."""
    if not is_there():
        return None
    up = "../" * page.count("/")
    return f"{up}lab/index.html?recorded=recorded#room={room}&lang={language}"


def name_of(room: str, language: str) -> str:
    """Return what the Lab itself calls a room."""
    words: dict[str, str] = {}
    for path in sorted(PAGE.glob(f"locales/*{language}.json")):
        words |= json.loads(path.read_text(encoding="utf-8"))
    return words[f"room.{room}.name"]


def copy(app: Any, error: Exception | None) -> None:
    """Put page and recording into the site."""
    if error or app.builder.format != "html" or not is_there():
        return
    target = Path(app.outdir, "lab")
    shutil.copytree(PAGE, target, dirs_exist_ok=True)
    shutil.copytree(HERE, target / "recorded", dirs_exist_ok=True)


def setup(app: Any) -> dict[str, Any]:
    """Be called at the end."""
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
