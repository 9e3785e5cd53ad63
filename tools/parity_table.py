"""Write docs/keras.md: every public name of Keras beside what Melpy has at the same place.

    python tools/parity_table.py          # write the table
    python tools/parity_table.py --check  # exit with 1 where the table is another

A name is *same* where the arguments (names, order, defaults) and a class's public methods and
properties are Keras's, *partly* where something differs, *absent* where we lack it. What differs is
computed in `parity_compare`; why it does is said in `parity_differences`. A difference without a
reason, and a reason without a difference, are errors.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import parity_differences as reasons  # noqa: E402
from parity_compare import compare  # noqa: E402

TABLE = ROOT / "docs" / "keras.md"

# One section a family: its title, and Keras's modules.
FAMILIES = {
    "Models": ["", "models"],
    "Layers": ["layers"],
    "Activations": ["activations"],
    "Losses": ["losses"],
    "Optimizers": ["optimizers"],
    "Schedules": ["optimizers.schedules"],
    "Metrics": ["metrics"],
    "Callbacks": ["callbacks"],
    "Initializers": ["initializers"],
    "Regularizers": ["regularizers"],
    "Constraints": ["constraints"],
    "Ops": ["ops", "ops.numpy", "ops.nn", "ops.linalg", "ops.image"],
    "Random numbers": ["random"],
    "Datasets": [
        f"datasets.{name}"
        for name in ("mnist", "fashion_mnist", "cifar10", "cifar100", "boston_housing",
                     "california_housing", "imdb", "reuters")
    ],
    "Preprocessing": ["preprocessing", "preprocessing.image", "preprocessing.sequence"],
    "Saving": ["saving"],
    "Distillation": ["distillation"],
    "Wrappers": ["wrappers"],
    "Distribution": ["distribution"],
    "Utilities": ["utils", "config", "backend"],
}  # fmt: skip


EXAMPLES_SAY = (
    "`tools/docstring_examples.py` runs the examples of Keras's docstrings on both libraries. They "
    "give the same, but for those that use a name above that is absent, and these:"
)


@dataclass
class Row:
    """What became of one name of Keras's."""

    module: str
    name: str
    absent: str = ""  # why
    differs: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        return "absent" if self.absent else "partly" if self.differs else "same"


class UnexplainedError(Exception):
    """Differences without a reason, or reasons without a difference."""


def names(module: ModuleType) -> list[str]:
    """Return the public names of a module that are no modules."""
    public = [name for name in dir(module) if not name.startswith("_")]
    return [name for name in public if not isinstance(getattr(module, name), ModuleType)]


def theirs_at(place: str) -> Any:
    value: Any = keras
    for part in filter(None, place.split(".")):
        value = getattr(value, part)
    return value


def ours_at(place: str) -> Any:
    """Return what Melpy has at a dotted place; None where that is nothing."""
    room, _, name = place.rpartition(".")
    with contextlib.suppress(ModuleNotFoundError):
        found = getattr(importlib.import_module(f"melpy.{room}".rstrip(".")), name, None)
        return None if isinstance(found, ModuleType) else found
    return None


def both_at(one: Row) -> tuple[Any, Any]:
    place = f"{one.module}.{one.name}".strip(".")
    return ours_at(place), theirs_at(place)


class Explainer:
    """Finds reasons, and remembers which were needed."""

    def __init__(self) -> None:
        self.used: set[Any] = set()
        self.missing: list[str] = []

    def of_difference(self, key: str, part: str) -> str:
        for place in ((key, part), ("*", part)):
            if place in reasons.DIFFERENCES:
                self.used.add(place)
                return reasons.DIFFERENCES[place]
        self.missing.append(f"({key!r}, {part!r})")
        return ""

    def of_absence(self, place: str) -> str:
        for pattern, reason in reasons.ABSENT.items():
            if any(fnmatchcase(place, one) for one in pattern.split()):
                self.used.add(pattern)
                return reason
        self.missing.append(f"absent: {place}")
        return "?"

    def behaviour(self, key: str) -> list[str]:
        found = [pattern for pattern in reasons.BEHAVIOUR if fnmatchcase(key, pattern)]
        self.used.update(found)
        return [reasons.BEHAVIOUR[pattern] for pattern in found]

    def settle(self) -> None:
        """Refuse to make a table in which something is not explained, or explained in vain."""
        everything = {*reasons.DIFFERENCES, *reasons.ABSENT, *reasons.BEHAVIOUR}
        idle = [f"needless: {one}" for one in sorted(everything - self.used, key=str)]
        if self.missing or idle:
            raise UnexplainedError("\n".join([*dict.fromkeys(self.missing), *idle]))


def row(module: str, name: str, explain: Explainer) -> Row:
    place = f"{module}.{name}".strip(".")
    made, ours, theirs = Row(module, name), ours_at(place), theirs_at(place)
    if ours is None:
        made.absent = explain.of_absence(place)
        return made
    # An alias, Convolution2D, is explained with what it stands for.
    key = f"{module.split('.')[0] or 'models'}.{getattr(theirs, '__name__', name)}"
    by_reason: dict[str, list[str]] = defaultdict(list)
    for part, what in compare(ours, theirs):
        by_reason[explain.of_difference(key, part)].append(what)
    made.differs = [f"{listed(whats)} ({why})" for why, whats in by_reason.items()]
    made.differs += explain.behaviour(key)
    return made


def listed(whats: list[str]) -> str:
    """Return differences as one phrase: "lacks `a`, `b`"."""
    groups: dict[str, list[str]] = defaultdict(list)
    for what in whats:
        verb, _, rest = what.partition(" ")
        groups[verb if verb in ("lacks", "adds") else what].append(rest)
    return "; ".join(
        f"{verb} {', '.join(rests)}" if verb in ("lacks", "adds") else verb
        for verb, rests in groups.items()
    )


def other_rooms() -> dict[str, int]:
    """Return the modules that no family has, with the numbers of their names."""
    known = {module.split(".")[0] for modules in FAMILIES.values() for module in modules}
    found = {}

    def count(module: ModuleType) -> int:
        inside = [
            value
            for name, value in vars(module).items()
            if isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{name}"
        ]
        return len(names(module)) + sum(map(count, inside))

    for name, value in vars(keras).items():
        if isinstance(value, ModuleType) and name not in known | {"src"} and name[0] != "_":
            found[name] = count(value)
    return dict(sorted(found.items()))


def rows() -> tuple[dict[str, list[Row]], dict[str, tuple[int, str]]]:
    """Return each family's rows, and of each other room how many names it has and why not here."""
    explain = Explainer()
    families: dict[str, list[Row]] = {}
    for family, modules in FAMILIES.items():
        found = [row(m, name, explain) for m in modules for name in names(theirs_at(m))]
        # ops.numpy.abs is ops.abs again: what a family has twice counts once
        first: dict[Any, Row] = {}
        for one in found:
            first.setdefault((one.name, one.state, *map(id, both_at(one))), one)
        families[family] = list(first.values())
    rooms = {name: (n, explain.of_absence(f"{name}.*")) for name, n in other_rooms().items()}
    explain.settle()
    return families, rooms


def spelled(one: Row) -> str:
    """Return a name as its section writes it: with its module where that is not the family's."""
    inside = one.module.split(".")[1:] if one.module != "optimizers.schedules" else []
    return f"`{'.'.join([*inside, one.name])}`"


def ticked(words: str) -> str:
    return " ".join(f"`{word}`" for word in words.split())


def paragraph(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def section(family: str, found: list[Row]) -> Iterator[str]:
    yield f"\n## {family}\n"
    same = [spelled(one) for one in found if one.state == "same"]
    if same:
        yield paragraph(f"Same ({len(same)}): {', '.join(same)}.")
    groups: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.state == "partly":
            groups["; ".join(one.differs)].append(spelled(one))
    if groups:
        yield "\n| partly | what differs |\n|---|---|"
        for what, which in groups.items():
            yield f"| {' '.join(which)} | {what.replace('|', '&#124;')} |"
    lacking: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.state == "absent":
            lacking[one.absent].append(spelled(one))
    if lacking:
        yield "\n| absent | why |\n|---|---|"
        for why, which in lacking.items():
            yield f"| {' '.join(which)} | {why} |"


def table() -> str:
    """Return the whole page."""
    families, rooms = rows()
    total = Counter(one.state for found in families.values() for one in found)
    lines = [
        "# Keras's names, one by one\n",
        f"Written by `tools/parity_table.py` beside Keras {keras.__version__}; do not edit.\n",
        paragraph(reasons.PREFACE) + "\n",
        "| family | same | partly | absent |\n|---|---|---|---|",
    ]
    for family, found in families.items():
        states = Counter(one.state for one in found)
        lines.append(f"| {family} | {states['same']} | {states['partly']} | {states['absent']} |")
    lines.append("| **all** | **{same}** | **{partly}** | **{absent}** |".format_map(total))
    for family, found in families.items():
        lines += section(family, found)
    lines.append("\n## Methods and properties that are not compared\n\n| which | why |\n|---|---|")
    lines += [f"| {ticked(which)} | {why} |" for why, which in reasons.MACHINERY.items()]
    lines.append("\n## Keras's own examples\n")
    lines.append(paragraph(EXAMPLES_SAY) + "\n\n| example of | what differs |\n|---|---|")
    lines += [f"| `{place}` | {why} |" for place, why in sorted(reasons.EXAMPLES.items())]
    lines.append("\n## Rooms that are not here\n\n| room | names | why |\n|---|---|---|")
    lines += [f"| `keras.{name}` | {count} | {why} |" for name, (count, why) in rooms.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what is old")
    check = parser.parse_args().check
    try:
        text = table()
    except UnexplainedError as error:
        print(f"Say why in tools/parity_differences.py, or mend it:\n{error}", file=sys.stderr)
        return 1
    if not check:
        TABLE.write_text(text)
    elif TABLE.read_text() != text:
        print("docs/keras.md is old: run python tools/parity_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
