"""The reference: a page a room, or a page a file of a large room, written before pages are read.

Which names are public each room says itself, by its ``__all__``; so no list here can fall behind.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import docstrings

# Room and what it is; each name has its entry in the first of the rooms that have it.
ROOMS = {
    "melpy.tensor": "Tensors and gradients",
    "melpy.models": "Models",
    "melpy.models.trace": "The trace of a batch",
    "melpy.layers": "Layers",
    "melpy.activations": "Activations",
    "melpy.losses": "Losses",
    "melpy.metrics": "Metrics",
    "melpy.optimizers": "Optimizers",
    "melpy.schedules": "Schedules of the learning rate",
    "melpy.callbacks": "Callbacks",
    "melpy.initializers": "Initializers",
    "melpy.regularizers": "Regularizers",
    "melpy.constraints": "Constraints",
    "melpy.ops": "Ops",
    "melpy.random": "Random numbers",
    "melpy.kernels.spec.conv_im2col": "The paper's im2col",
    "melpy.data": "Batches of data",
    "melpy.datasets": "Data sets",
    "melpy.preprocessing": "Preprocessing",
    "melpy.saving": "Files",
    "melpy.distribution": "Several processes",
    "melpy.distillation": "Distillation",
    "melpy.wrappers": "scikit-learn's estimators",
    "melpy.viz": "Pictures",
    "melpy.testing": "Checks for ops and layers",
    "melpy.config": "Settings",
    "melpy.errors": "Errors",
    "melpy.tree": "Nested structures",
    "melpy.utils": "Utilities",
}
MANY = 60  # names, from which on a room has a page a file
# A class that is one of these says in its own docstring what its methods do.
KINDS = (
    "Layer", "Loss", "Metric", "Optimizer", "Callback", "Initializer", "Regularizer", "Constraint",
    "LearningRateSchedule",
)  # fmt: skip


def names_of(room: str) -> dict[str, Any]:
    """Return the public names of a room and what they stand for."""
    module = importlib.import_module(room)
    names = getattr(module, "__all__", None)
    if names is None:  # melpy.ops takes over all names of its files
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        ]
    found = {name: getattr(module, name) for name in sorted(names, key=str.lower)}
    return {name: value for name, value in found.items() if is_listed(name, value)}


def is_listed(name: str, value: Any) -> bool:
    """Return whether a name is a class or a function that is meant for users."""
    return not name.startswith("_") and (inspect.isclass(value) or callable(value))


def entries() -> tuple[dict[str, dict[str, Any]], dict[int, str]]:
    """Return, by room, the names with an entry there; and the full name of each thing by its id."""
    places: dict[int, str] = {}
    rooms: dict[str, dict[str, Any]] = {}
    for room in ROOMS:
        rooms[room] = {}
        own_name_first = sorted(
            names_of(room).items(), key=lambda item: getattr(item[1], "__name__", "") != item[0]
        )
        for name, value in own_name_first:
            if id(value) in places:
                rooms[room][name] = places[id(value)]  # it is elsewhere already
            else:
                places[id(value)] = f"{room}.{name}"
                rooms[room][name] = value
        rooms[room] = dict(sorted(rooms[room].items(), key=lambda item: item[0].lower()))
    return rooms, places


def file_of(room: str, value: Any) -> str:
    """Return the file of a room that something is written in."""
    module = str(getattr(value, "__module__", room))
    return (
        module.removeprefix(f"{room}.").split(".")[0] if module.startswith(f"{room}.") else "more"
    )


def entry(room: str, name: str, value: Any) -> list[str]:
    """Return the lines of one name."""
    if isinstance(value, str):
        return [f".. py:data:: {room}.{name}", "", f"   Another name of :py:obj:`{value}`.", ""]
    if not inspect.isclass(value):
        return [f".. autofunction:: {room}.{name}", ""]
    if value.__name__ != name:  # autodoc would call it an alias of a name that is not public
        said = docstrings.to_rst((inspect.getdoc(value) or "").split("\n"))
        return [f".. py:class:: {room}.{name}{inspect.signature(value)}", "",
                *docstrings.indented(said), ""]  # fmt: skip
    lines = [f".. autoclass:: {room}.{name}"]
    if shows_methods(value):
        lines.append("   :members:")
    return [*lines, ""]


def shows_methods(kind: type) -> bool:
    """Return whether a class's methods are listed: not of one kind of layer, loss and so on."""
    return not {base.__name__ for base in kind.__mro__[1:]} & set(KINDS)


def headed(title: str, lines: list[str], sign: str = "=") -> list[str]:
    """Return lines below a heading."""
    return [title, sign * len(title), "", *lines]


def page_of(room: str, title: str, names: dict[str, Any]) -> list[str]:
    """Return a page: what the room says of itself, and its names."""
    module = importlib.import_module(room)
    said = docstrings.to_rst(inspect.getdoc(module).split("\n")) if module.__doc__ else []
    body = [line for name, value in names.items() for line in entry(room, name, value)]
    return headed(title, [f".. py:module:: {room}", "", *said, *body])


def pages() -> dict[str, str]:
    """Return each page's text by its path below reference/api."""
    rooms, _ = entries()
    made: dict[str, list[str]] = {}
    listed = []
    for room, title in ROOMS.items():
        short = room.removeprefix("melpy.").replace(".", "-")
        listed.append(f"   {short}")
        if len(rooms[room]) < MANY:
            made[short] = page_of(room, f"{title}: {room}", rooms[room])
            continue
        by_file: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, value in rooms[room].items():
            by_file[file_of(room, value)][name] = value
        parts = []
        for file, names in sorted(by_file.items()):
            body = [line for name, value in names.items() for line in entry(room, name, value)]
            said = first_line(f"{room}.{file}")
            made[f"{short}/{file}"] = headed(f"{room}: {file.replace('_', ' ')}", [*said, *body])
            parts.append(f"   {short}/{file}")
        made[short] = page_of(room, f"{title}: {room}", {})
        made[short] += [".. toctree::", "   :maxdepth: 1", "", *parts, ""]
    made["index"] = headed("Every public name", [
        "Each name has its entry in the room where it is written; others that have it refer to it.",
        "", ".. toctree::", "   :maxdepth: 1", "", *listed, "",
    ])  # fmt: skip
    return {path: "\n".join(lines) for path, lines in made.items()}


def first_line(module: str) -> list[str]:
    """Return what a file says of itself, in one line; nothing of names that have no file."""
    try:
        found: ModuleType = importlib.import_module(module)
    except ModuleNotFoundError:
        return []
    line = (found.__doc__ or "").strip().split("\n")[0]
    return [docstrings.escaped(line, lambda name: None), ""]


def write(app: Any) -> None:
    """Write the pages that have changed, and remove those that are no more."""
    folder = Path(app.srcdir, "reference", "api")
    texts = {folder / f"{path}.rst": text for path, text in pages().items()}
    for old in folder.rglob("*.rst"):
        if old not in texts:
            old.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def rewrite(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Make RST of a docstring."""
    room = name.rsplit(".", 1)[0]
    if lines:
        lines[:] = docstrings.to_rst(list(lines), lambda word: app.melpy_names.get((room, word)))


def signature(app: Any, what: str, name: str, thing: Any, *rest: Any) -> tuple[str, str] | None:
    """Return what a class is made with: its metaclass would hide it behind *args."""
    if what != "class" or "__init__" not in {n for base in thing.__mro__[:-1] for n in vars(base)}:
        return None
    try:
        found = inspect.signature(thing.__init__)
    except (TypeError, ValueError):
        return None
    plain = inspect.Parameter.empty
    _self, *others = found.parameters.values()
    shown = [parameter.replace(annotation=plain) for parameter in others]
    return str(found.replace(parameters=shown, return_annotation=plain)), ""


def start(app: Any) -> None:
    """Write the pages, and remember which names are known."""
    write(app)
    rooms, _ = entries()
    app.melpy_names = {
        (room, name): value if isinstance(value, str) else f"{room}.{name}"
        for room, names in rooms.items()
        for name, value in names.items()
    }


def setup(app: Any) -> dict[str, Any]:
    """Be called before pages are looked for, and for each docstring."""
    app.connect("builder-inited", start)
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
